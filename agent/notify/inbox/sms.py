"""The inbox's telephone: Twilio's Messages resource, a plain SMS gateway, and a webhook that takes Alertmanager's JSON.

Source of fields, codes and the numbers that always fail: Twilio's API reference and its page on test credentials.
"""

from __future__ import annotations

import base64
import re
from collections import OrderedDict
from typing import Any, Final

import msgspec
from aiohttp import web

from agent.notify.inbox.desk import Desk, break_connection
from agent.notify.inbox.faults import Fault, FaultKind

_E164: Final = re.compile(r"\+[1-9][0-9]{6,14}")
_LONGEST_BODY: Final = 1600
_KEPT: Final = 1000

FAILING_RECIPIENTS: Final = {
    "+15005550001": (21211, "The 'To' number is not a valid phone number."),
    "+15005550002": (21612, "The 'To' number is not currently reachable via SMS."),
    "+15005550003": (21408, "Permission to send an SMS has not been enabled for the region."),
    "+15005550004": (21610, "Attempt to send to unsubscribed recipient."),
    "+15005550009": (21614, "The 'To' number is not a valid mobile number."),
}
FAILING_SENDERS: Final = {
    "+15005550001": (21212, "The 'From' number is not a valid phone number."),
    "+15005550007": (21606, "The 'From' number is not a valid SMS-capable number of this account."),
    "+15005550008": (21611, "This 'From' number has exceeded its queue."),
}


class Phone:
    """Takes text messages by the ways that Burnline sends them."""

    def __init__(self, desk: Desk, account: str, token: str, gateway_token: str) -> None:
        self._desk = desk
        self._account = account
        self._token = token
        self._gateway_token = gateway_token
        self.statuses: OrderedDict[str, str] = OrderedDict()
        """What Twilio answers on a message's fate, by sid; tests set `undelivered` here."""

    def routes(self) -> list[web.RouteDef]:
        """Return the paths of Twilio, the gateway and the webhook."""
        resource = "/twilio/2010-04-01/Accounts/{account}/Messages"
        return [
            web.post(resource + ".json", self._create),
            web.get(resource + "/{sid}.json", self._fetch),
            web.post("/sms", self._gateway),
            web.post("/webhook", self._webhook),
        ]

    async def _create(self, request: web.Request) -> web.Response:
        fault = self._desk.faults.next("twilio")
        answer = _faulty_twilio(request, fault)
        if answer is not None:
            return answer
        await self._desk.dawdle(fault)
        if not self._known(request):
            return _twilio_error(401, 20003, "Authenticate")
        form = {name: str(value) for name, value in (await request.post()).items()}
        wrong = _refusal(form)
        if wrong is not None:
            return _twilio_error(429 if wrong[0] == 21611 else 400, *wrong)
        sid = f"SM{self._desk.arrivals.last_id + 1:032x}"
        self.statuses[sid] = "delivered"
        while len(self.statuses) > _KEPT:
            self.statuses.popitem(last=False)
        await self._take(
            form["To"], form["Body"], form.get("From") or form.get("MessagingServiceSid", ""), sid, "twilio"
        )
        if fault is not None and fault.kind is FaultKind.DROP_AFTER:
            return break_connection(request)
        said = {"sid": sid, "status": "queued", "to": form["To"], "body": form["Body"], "num_segments": "1"}
        return web.json_response(said | {"error_code": None, "price": None}, status=201)

    async def _fetch(self, request: web.Request) -> web.Response:
        if not self._known(request):
            return _twilio_error(401, 20003, "Authenticate")
        sid = request.match_info["sid"]
        if sid not in self.statuses:
            return _twilio_error(404, 20404, f"The requested resource {sid} was not found")
        return web.json_response({"sid": sid, "status": self.statuses[sid], "error_code": None})

    async def _gateway(self, request: web.Request) -> web.Response:
        fault = self._desk.faults.next("gateway")
        answer = _faulty_plain(request, fault)
        if answer is not None:
            return answer
        await self._desk.dawdle(fault)
        if self._gateway_token and request.headers.get("Authorization") != f"Bearer {self._gateway_token}":
            return web.json_response({"error": "unauthorized"}, status=401)
        fields = await _fields(request)
        to, text = fields.get("to", ""), fields.get("text", "")
        if not _E164.fullmatch(to) or not text:
            return web.json_response({"error": '"to" (E.164) and "text" are needed'}, status=400)
        provider_id = f"gw-{self._desk.arrivals.last_id + 1}"
        await self._take(to, text, "gateway", provider_id, "gateway")
        if fault is not None and fault.kind is FaultKind.DROP_AFTER:
            return break_connection(request)
        return web.json_response({"id": provider_id})

    async def _webhook(self, request: web.Request) -> web.Response:
        fault = self._desk.faults.next("webhook")
        answer = _faulty_plain(request, fault)
        if answer is not None:
            return answer
        await self._desk.dawdle(fault)
        body = await request.text()
        try:
            said = msgspec.json.decode(body)
        except msgspec.DecodeError:
            return web.json_response({"error": "not JSON"}, status=400)
        labels = said.get("commonLabels", {}) if isinstance(said, dict) else {}
        await self._desk.take(
            "webhook",
            "/webhook",
            body,
            status=str(said.get("status", "")) if isinstance(said, dict) else "",
            severity=str(labels.get("severity", "")),
            alert=str(labels.get("alertname", "")),
            key=request.headers.get("Idempotency-Key", ""),
            method="webhook",
        )
        if fault is not None and fault.kind is FaultKind.DROP_AFTER:
            return break_connection(request)
        return web.json_response({"ok": True})

    async def _take(self, to: str, text: str, sender: str, provider_id: str, method: str) -> None:
        word = text.removeprefix("TEST ").split(" ", 1)[0]
        status = "resolved" if word == "OK" else "firing"
        severity = {"CRIT": "critical", "WARN": "warning", "INFO": "info"}.get(word, "")
        more = {"sender": sender, "provider_id": provider_id, "method": method, "status": status, "severity": severity}
        await self._desk.take("sms", to, text, **more)

    def _known(self, request: web.Request) -> bool:
        wanted = base64.b64encode(f"{self._account}:{self._token}".encode()).decode()
        right = request.headers.get("Authorization") == f"Basic {wanted}"
        return right and request.match_info["account"] == self._account


def _refusal(form: dict[str, str]) -> tuple[int, str] | None:
    to, body, sender = form.get("To", ""), form.get("Body", ""), form.get("From", "")
    if not to:
        return 21604, "A 'To' phone number is required."
    if not body:
        return 21602, "Message body is required."
    if not sender and not form.get("MessagingServiceSid"):
        return 21603, "A 'From' phone number is required."
    if len(body) > _LONGEST_BODY:
        return 21617, "The concatenated message body exceeds the 1600 character limit."
    if not _E164.fullmatch(to):
        return 21211, f"The 'To' number {to} is not a valid phone number."
    return FAILING_RECIPIENTS.get(to) or FAILING_SENDERS.get(sender)


async def _fields(request: web.Request) -> dict[str, str]:
    if request.content_type == "application/json":
        try:
            given: Any = msgspec.json.decode(await request.read())
        except msgspec.DecodeError:
            given = {}
        return {str(name): str(value) for name, value in given.items()} if isinstance(given, dict) else {}
    return {name: str(value) for name, value in (await request.post()).items()}


def _twilio_error(status: int, code: int, message: str, **headers: str) -> web.Response:
    more = f"https://www.twilio.com/docs/errors/{code}"
    body = {"code": code, "message": message, "more_info": more, "status": status}
    return web.json_response(body, status=status, headers=headers)


def _faulty_twilio(request: web.Request, fault: Fault | None) -> web.Response | None:
    if fault is None:
        return None
    match fault.kind:
        case FaultKind.RATE_LIMITED:
            return _twilio_error(429, 20429, "Too Many Requests", **{"Retry-After": str(fault.retry_after_s)})
        case FaultKind.SERVER_ERROR:
            return _twilio_error(500, 20500, "Internal Server Error")
        case FaultKind.INVALID_TOKEN:
            return _twilio_error(401, 20003, "Authenticate")
        case FaultKind.REFUSED_RECIPIENT:
            return _twilio_error(400, *FAILING_RECIPIENTS["+15005550001"])
        case FaultKind.DROP:
            return break_connection(request)
        case FaultKind.ERROR:
            return _twilio_error(400, int(fault.error or 30008), "An error on demand")
    return None


def _faulty_plain(request: web.Request, fault: Fault | None) -> web.Response | None:
    if fault is None:
        return None
    match fault.kind:
        case FaultKind.RATE_LIMITED:
            wait = {"Retry-After": str(fault.retry_after_s)}
            return web.json_response({"error": "too many requests"}, status=429, headers=wait)
        case FaultKind.SERVER_ERROR:
            return web.Response(status=503, text="unavailable")
        case FaultKind.INVALID_TOKEN:
            return web.json_response({"error": "unauthorized"}, status=401)
        case FaultKind.REFUSED_RECIPIENT | FaultKind.ERROR:
            return web.json_response({"error": fault.error or "unknown recipient"}, status=400)
        case FaultKind.DROP:
            return break_connection(request)
    return None
