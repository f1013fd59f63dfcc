"""The inbox's telephone: Twilio's account, messages, their fates, its callbacks, and people who text back.

It signs what it sends as Twilio does, by code of its own, and sends it nowhere but to this machine. Source of fields, codes and
the numbers that always fail: Twilio's API reference and its page on test credentials; the numbers that lose a message are ours.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import re
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import aiohttp
from aiohttp import web

from agent.notify.inbox.desk import Desk, break_connection
from agent.notify.inbox.faults import Fault, FaultKind
from agent.notify.messages.segments import segments

_E164: Final = re.compile(r"\+[1-9][0-9]{6,14}")
_LONGEST_BODY: Final = 1600
_KEPT: Final = 1000
OPTED_OUT: Final = (21610, "Attempt to send to unsubscribed recipient.")

FAILING_RECIPIENTS: Final = {
    "+15005550001": (21211, "The 'To' number is not a valid phone number."),
    "+15005550002": (21612, "The 'To' number is not currently reachable via SMS."),
    "+15005550003": (21408, "Permission to send an SMS has not been enabled for the region."),
    "+15005550004": OPTED_OUT,
    "+15005550009": (21614, "The 'To' number is not a valid mobile number."),
}
FAILING_SENDERS: Final = {
    "+15005550001": (21212, "The 'From' number is not a valid phone number."),
    "+15005550007": (21606, "The 'From' number is not a valid SMS-capable number of this account."),
    "+15005550008": (21611, "This 'From' number has exceeded its queue."),
}


LOST: Final = {
    "+15005550020": ("undelivered", 30003),
    "+15005550021": ("undelivered", 30005),
    "+15005550022": ("undelivered", 30007),
    "+15005550023": ("failed", 30008),
}
"""Numbers to which a message is accepted and does not arrive, and the error that is given."""
_TWIML_TEXT: Final = re.compile(r"<Message>(.*?)</Message>", re.DOTALL)


@dataclass(slots=True)
class Sms:
    """One message that Twilio took: its record, what it will say of it when asked, in order, and where to say it."""

    sid: str
    form: dict[str, str]
    created_ms: int
    fates: list[tuple[str, int]]
    """The last one stays."""
    callback: str = ""
    told: list[str] = field(default_factory=list)

    @property
    def status(self) -> tuple[str, int]:
        """What it says now."""
        return self.fates[0]

    def as_json(self) -> dict[str, Any]:
        """Return Twilio's record of it."""
        status, code = self.status
        return {
            "sid": self.sid,
            "status": status,
            "to": self.form["To"],
            "body": self.form["Body"],
            "num_segments": str(segments(self.form["Body"])),
            "error_code": code or None,
            "price": None,
            "direction": "outbound-api",
            "date_created": format_datetime(datetime.fromtimestamp(self.created_ms / 1000, UTC)),
            "date_sent": None,
        }


class TwilioAccount:
    """One account with its messages. Callbacks and replies leave only where `callback_base` says, or to a loopback address."""

    def __init__(self, desk: Desk, account: str, token: str) -> None:
        self._desk = desk
        self._account = account
        self._token = token
        self._messages: OrderedDict[str, Sms] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()
        self.callback_base = ""
        """Where the agent really is: requests signed for its public address are sent here."""
        self.public_base = ""
        """The public address, learnt from the first message's StatusCallback."""
        self.account_status = "active"
        self.keys: dict[str, str] = {}
        """API keys (SK…) and their secrets, which do as well as the account's token."""
        self.reply_url = ""
        """What the number's page says replies go to."""
        self.opted_out: set[str] = set()
        self.answers: list[tuple[str, int]] = []
        """Each callback's status and what the agent answered to it."""

    def routes(self) -> list[web.RouteDef]:
        """Return the paths of Twilio's API."""
        account = "/twilio/2010-04-01/Accounts/{account}"
        return [
            web.post(account + "/Messages.json", self._create),
            web.get(account + "/Messages.json", self._list),
            web.get(account + "/Messages/{sid}.json", self._fetch),
            web.get(account + "/IncomingPhoneNumbers.json", self._numbers),
            web.get(account + ".json", self._show),
        ]

    def decide(self, sid: str, status: str, code: int = 0) -> None:
        """Let a message end like this."""
        self._messages[sid].fates = [(status, code)]

    async def text_back(self, phone: str, text: str, *, sid: str = "", signature: str = "") -> tuple[int, str]:
        """Let somebody text the sender's number; return the agent's status and what it texts back.

        `sid` and `signature` replace those of a new, genuine message.
        """
        word = text.strip().upper()
        if word in ("STOP", "START"):
            (self.opted_out.add if word == "STOP" else self.opted_out.discard)(phone)
        await self._desk.take("reply", phone, text)
        sid = sid or f"SM{self._desk.arrivals.last_id:032x}"
        form = {"From": phone, "Body": text, "MessageSid": sid, "AccountSid": self._account, "NumMedia": "0"}
        status, body = await self._post("/api/v1/twilio/reply", form, signature)
        found = _TWIML_TEXT.search(body)
        said = found[1].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") if found else ""
        if said and status == 200:
            await take_text(self._desk, phone, said, sender="", provider_id="", method="twiml")
        return status, said

    async def deliver_callbacks(self) -> None:
        """Wait until the callbacks that are under way have been answered."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    async def close(self) -> None:
        """Give up the callbacks that are under way."""
        for task in set(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _create(self, request: web.Request) -> web.Response:
        fault = self._desk.faults.next("twilio")
        answer = _faulty_twilio(request, fault)
        if answer is not None:
            return answer
        await self._desk.dawdle(fault)
        if not self._known(request):
            return _twilio_error(401, 20003, "Authenticate")
        form = {name: str(value) for name, value in (await request.post()).items()}
        wrong = _refusal(form) or (OPTED_OUT if form["To"] in self.opted_out else None)
        if wrong is not None:
            return _twilio_error(429 if wrong[0] == 21611 else 400, *wrong)
        made = self._accept(form)
        sender = form.get("From") or form.get("MessagingServiceSid", "")
        await take_text(self._desk, form["To"], form["Body"], sender=sender, provider_id=made.sid, method="twilio")
        self._tell(made)
        if fault is not None and fault.kind is FaultKind.DROP_AFTER:
            return break_connection(request)
        return web.json_response(made.as_json() | {"status": "queued", "error_code": None}, status=201)

    def _accept(self, form: dict[str, str]) -> Sms:
        sid = f"SM{self._desk.arrivals.last_id + 1:032x}"
        fate = LOST.get(form["To"], ("delivered", 0))
        callback = form.get("StatusCallback", "")
        made = Sms(sid, form, self._desk.now_ms(), [("sent", 0), fate], callback)
        if callback:
            self.public_base = callback.removesuffix("/api/v1/twilio/status")
        self._messages[sid] = made
        while len(self._messages) > _KEPT:
            self._messages.popitem(last=False)
        return made

    def _tell(self, made: Sms) -> None:
        """Begin to call back, where the message says where and that is on this machine."""
        if not made.callback or not (self.callback_base or _here(made.callback)):
            return
        task = asyncio.get_running_loop().create_task(self._call_back(made))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _call_back(self, made: Sms) -> None:
        for status, code in (("sent", 0), made.fates[-1]):
            form = {"MessageSid": made.sid, "MessageStatus": status, "To": made.form["To"], "AccountSid": self._account}
            if code:
                form["ErrorCode"] = str(code)
            answered, _ = await self._post("/api/v1/twilio/status", form)
            self.answers.append((status, answered))

    async def _post(self, path: str, form: dict[str, str], signature: str = "") -> tuple[int, str]:
        """Send a form as Twilio does: signed for the public address. Status 0 where nobody is there."""
        public = self.public_base or self.callback_base
        target = (self.callback_base or public) + path
        if not _here(target):
            return 0, ""
        headers = {
            "X-Twilio-Signature": signature or self._signed(public + path, form),
            "Content-Type": "application/x-www-form-urlencoded",
        }
        timeout = aiohttp.ClientTimeout(total=10)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.post(target, data=urlencode(form).encode(), headers=headers, allow_redirects=False) as response,
            ):
                return response.status, await response.text()
        except (aiohttp.ClientError, TimeoutError):
            return 0, ""

    def _signed(self, url: str, form: dict[str, str]) -> str:
        text = url
        for name in sorted(form):
            text += name + form[name]
        return base64.b64encode(hmac.digest(self._token.encode(), text.encode(), hashlib.sha1)).decode()

    async def _fetch(self, request: web.Request) -> web.Response:
        if not self._known(request):
            return _twilio_error(401, 20003, "Authenticate")
        found = self._messages.get(request.match_info["sid"])
        if found is None:
            return _twilio_error(404, 20404, f"The requested resource {request.match_info['sid']} was not found")
        said = found.as_json()
        if len(found.fates) > 1:
            found.fates.pop(0)
        return web.json_response(said)

    async def _list(self, request: web.Request) -> web.Response:
        if not self._known(request):
            return _twilio_error(401, 20003, "Authenticate")
        to, size = request.query.get("To", ""), int(request.query.get("PageSize", "50"))
        newest_first = [each.as_json() for each in reversed(self._messages.values()) if to in ("", each.form["To"])]
        return web.json_response({"messages": newest_first[:size]})

    async def _numbers(self, request: web.Request) -> web.Response:
        if not self._known(request):
            return _twilio_error(401, 20003, "Authenticate")
        number = {"phone_number": request.query.get("PhoneNumber", ""), "sms_url": self.reply_url}
        return web.json_response({"incoming_phone_numbers": [number]})

    async def _show(self, request: web.Request) -> web.Response:
        if not self._known(request):
            return _twilio_error(401, 20003, "Authenticate")
        return web.json_response({"sid": self._account, "status": self.account_status, "type": "Full"})

    def _known(self, request: web.Request) -> bool:
        pairs = {self._account: self._token, **self.keys}
        right = {f"Basic {base64.b64encode(f'{user}:{secret}'.encode()).decode()}" for user, secret in pairs.items()}
        return request.headers.get("Authorization") in right and request.match_info["account"] == self._account


async def take_text(desk: Desk, to: str, text: str, *, sender: str, provider_id: str, method: str) -> None:
    """Put a text message among the arrivals; its first word says what it is about."""
    word = text.removeprefix("TEST ").split(" ", 1)[0]
    severity = {"CRIT": "critical", "WARN": "warning", "INFO": "info"}.get(word, "")
    status = "resolved" if word == "OK" else "firing"
    more = {"sender": sender, "provider_id": provider_id, "method": method, "severity": severity}
    await desk.take("sms", to, text, status="" if method == "twiml" else status, **more)


def _here(url: str) -> bool:
    return urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")


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
