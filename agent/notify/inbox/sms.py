"""The inbox's plain SMS gateway, and a webhook that takes Alertmanager's JSON."""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec
from aiohttp import web

from agent.notify.inbox.desk import Desk, break_connection
from agent.notify.inbox.faults import Fault, FaultKind
from agent.notify.inbox.twilio import take_text

_E164: Final = re.compile(r"\+[1-9][0-9]{6,14}")


class Gateway:
    """Takes text messages and webhooks by HTTP, as JSON, as a form or in the query."""

    def __init__(self, desk: Desk, token: str) -> None:
        self._desk = desk
        self._gateway_token = token

    def routes(self) -> list[web.RouteDef]:
        """Return the paths of the gateway and the webhook."""
        return [
            web.post("/sms", self._gateway),
            web.get("/sms", self._gateway, allow_head=False),
            web.post("/webhook", self._webhook),
        ]

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
        await take_text(self._desk, to, text, sender="gateway", provider_id=provider_id, method="gateway")
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


async def _fields(request: web.Request) -> dict[str, str]:
    if "to" in request.query:
        return dict(request.query)
    if request.content_type == "application/json":
        try:
            given: Any = msgspec.json.decode(await request.read())
        except msgspec.DecodeError:
            given = {}
        return {str(name): str(value) for name, value in given.items()} if isinstance(given, dict) else {}
    return {name: str(value) for name, value in (await request.post()).items()}


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
