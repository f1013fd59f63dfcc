"""The inbox's Slack: the Web API methods that the receiver uses and an incoming webhook, with Slack's limits and errors.

Messages are kept by channel and ts, as Slack keeps them. Source of limits and codes: docs.slack.dev, chat.postMessage and
chat.update; `msg_blocks_too_long` above about 13,200 characters of blocks is undocumented.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from aiohttp import web

from agent.notify.inbox.desk import Desk, break_connection
from agent.notify.inbox.faults import Fault, FaultKind

_FEWEST_KEPT: Final = 500
_LONGEST_TEXT: Final = 40_000
_LONGEST_BLOCKS: Final = 13_200
_LARGEST_METADATA: Final = 8_192


@dataclass(slots=True)
class SlackMessage:
    """One message of a channel as it looks now."""

    channel: str
    channel_name: str
    ts: str
    text: str
    attachments: list[dict[str, Any]]
    at_ms: int
    thread_ts: str = ""
    broadcast: bool = False
    edited: int = 0
    replies: list[SlackMessage] = field(default_factory=list)


class SlackWorkspace:
    """The channels and what stands in them; answers as Slack's Web API does."""

    def __init__(self, desk: Desk, token: str, webhook_path: str, capacity: int = 0) -> None:
        self._kept = max(_FEWEST_KEPT, capacity)
        self._desk = desk
        self._token = token
        self._webhook_path = webhook_path
        self.messages: OrderedDict[tuple[str, str], SlackMessage] = OrderedDict()
        self.archived: set[str] = set()
        self._names: dict[str, str] = {}
        self._last_ts = 0

    def routes(self) -> list[web.RouteDef]:
        """Return the Web API's and the webhook's paths."""
        return [
            web.post("/slack/api/{method}", self._api),
            web.post("/services/{tail:.+}", self._webhook),
        ]

    def channels(self) -> dict[str, list[SlackMessage]]:
        """Return the top-level messages of each channel by name, oldest first."""
        shown: dict[str, list[SlackMessage]] = {}
        for message in self.messages.values():
            if not message.thread_ts:
                shown.setdefault(message.channel_name, []).append(message)
        return shown

    async def _api(self, request: web.Request) -> web.Response:
        asks = (
            request.match_info["method"] == "auth.test"
        )  # a probe must not take the fault that is meant for a message
        fault = self._desk.faults.next("slack", FaultKind.INVALID_TOKEN if asks else None)
        answer = _faulty(request, fault)
        if answer is not None:
            return answer
        await self._desk.dawdle(fault)
        given, arguments = await _arguments(request)
        if not given:
            return _no("not_authed")
        if given != self._token:
            return _no("invalid_auth")
        method = request.match_info["method"]
        verbs = {"chat.postMessage": self._post, "chat.update": self._update, "auth.test": self._test}
        if method not in verbs:
            return _no("unknown_method")
        said = await verbs[method](arguments)
        if fault is not None and fault.kind is FaultKind.DROP_AFTER:
            return break_connection(request)
        return web.json_response(said)

    async def _test(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        del arguments
        return {"ok": True, "team": "Burnline inbox", "user": "burnline", "user_id": "U0INBOX", "bot_id": "B0INBOX"}

    async def _post(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        name = str(arguments.get("channel") or "")
        if not name:
            return {"ok": False, "error": "channel_not_found"}
        channel = self._channel_id(name)
        if channel in self.archived:
            return {"ok": False, "error": "is_archived"}
        wrong = check(arguments)
        if wrong:
            return {"ok": False, "error": wrong}
        thread = str(arguments.get("thread_ts") or "")
        parent = self.messages.get((channel, thread))
        if thread and parent is None:
            return {"ok": False, "error": "thread_not_found"}
        made = self._keep(channel, arguments, thread)
        if parent is not None:
            parent.replies.append(made)
        await self._record("chat.postMessage", made, arguments)
        return {"ok": True, "channel": channel, "ts": made.ts, "message": {"text": made.text, "ts": made.ts}}

    async def _update(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        channel, ts = str(arguments.get("channel") or ""), str(arguments.get("ts") or "")
        if channel not in self._names:  # chat.update wants the id; a name is not found
            return {"ok": False, "error": "channel_not_found"}
        if channel in self.archived:
            return {"ok": False, "error": "is_archived"}
        found = self.messages.get((channel, ts))
        if found is None:
            return {"ok": False, "error": "message_not_found"}
        wrong = check(arguments)
        if wrong:
            return {"ok": False, "error": wrong}
        found.text = str(arguments.get("text") or "")
        if "attachments" in arguments:  # what is left out stays
            found.attachments = _objects(arguments["attachments"])
        found.edited += 1
        await self._record("chat.update", found, arguments)
        return {"ok": True, "channel": channel, "ts": ts, "text": found.text}

    async def _webhook(self, request: web.Request) -> web.Response:
        fault = self._desk.faults.next("slack_webhook")
        answer = _faulty_webhook(request, fault)
        if answer is not None:
            return answer
        await self._desk.dawdle(fault)
        if request.path != self._webhook_path:
            return web.Response(status=404, text="no_service")
        try:
            arguments = msgspec.json.decode(await request.read())
        except msgspec.DecodeError:
            return web.Response(status=400, text="invalid_payload")
        wrong = check(arguments) if isinstance(arguments, dict) else "invalid_payload"
        if wrong:
            return web.Response(status=400, text=wrong)
        channel = self._channel_id("#incoming-webhook")
        await self._record("webhook", self._keep(channel, arguments, ""), arguments)
        if fault is not None and fault.kind is FaultKind.DROP_AFTER:
            return break_connection(request)
        return web.Response(text="ok")

    def _channel_id(self, name: str) -> str:
        if name in self._names:
            return name
        letter = "D" if name.startswith("U") else "C"
        made = letter + hashlib.sha256(name.encode()).hexdigest()[:9].upper()
        self._names[made] = name
        return made

    def _keep(self, channel: str, arguments: Mapping[str, Any], thread: str) -> SlackMessage:
        now = self._desk.now_ms()
        self._last_ts = max(self._last_ts + 1, now * 1000)
        made = SlackMessage(
            channel=channel,
            channel_name=self._names[channel],
            ts=f"{self._last_ts // 1_000_000}.{self._last_ts % 1_000_000:06d}",
            text=str(arguments.get("text") or ""),
            attachments=_objects(arguments.get("attachments")),
            at_ms=now,
            thread_ts=thread,
            broadcast=bool(arguments.get("reply_broadcast")),
        )
        self.messages[channel, made.ts] = made
        while len(self.messages) > self._kept:
            self.messages.popitem(last=False)
        return made

    async def _record(self, method: str, message: SlackMessage, arguments: Mapping[str, Any]) -> None:
        metadata = arguments.get("metadata")
        payload = metadata.get("event_payload") if isinstance(metadata, dict) else None
        known = payload if isinstance(payload, dict) else {}
        await self._desk.take(
            "slack",
            message.channel_name,
            flat_text(message),
            method=method,
            thread=message.thread_ts,
            provider_id=message.ts,
            status=str(known.get("status", "")),
            severity=str(known.get("severity", "")),
            alert=str(known.get("alertname", "")),
            incident=str(known.get("incident", "")),
            key=str(known.get("idempotency_key", "")),
        )


def flat_text(message: SlackMessage) -> str:
    """Return everything a message shows, as lines."""
    lines = [message.text]
    for attachment in message.attachments:
        for block in _objects(attachment.get("blocks")):
            texts = [block.get("text"), *_objects(block.get("fields")), *_objects(block.get("elements"))]
            for each in texts:
                inner = each.get("text") if isinstance(each, dict) else None
                inner = inner.get("text") if isinstance(inner, dict) else inner
                if isinstance(inner, str):
                    lines.append(inner)
    return "\n".join(line for line in lines if line)


def check(arguments: Mapping[str, Any]) -> str:
    """Return Slack's error code for a message that it would refuse, else ""."""
    text = arguments.get("text") or ""
    attachments = _objects(arguments.get("attachments"))
    blocks = [block for each in attachments for block in _objects(each.get("blocks"))]
    blocks += _objects(arguments.get("blocks"))
    if not isinstance(text, str) or (not text and not blocks and not attachments):
        return "no_text"
    if len(text) > _LONGEST_TEXT:
        return "msg_too_long"
    if len(attachments) > 100:
        return "too_many_attachments"
    actions = [button.get("action_id") for block in blocks for button in _objects(block.get("elements"))]
    named = [each for each in actions if each]
    if len(blocks) > 50 or len(set(named)) < len(named) or not all(_block_fits(block) for block in blocks):
        return "invalid_blocks"
    if len(msgspec.json.encode(arguments.get("metadata") or {})) > _LARGEST_METADATA:
        return "metadata_too_large"
    return "msg_blocks_too_long" if len(msgspec.json.encode(blocks)) > _LONGEST_BLOCKS else ""


def _block_fits(block: Mapping[str, Any]) -> bool:
    elements = _objects(block.get("elements"))
    match block.get("type"):
        case "section":
            fields = _objects(block.get("fields"))
            if not block.get("text") and not fields:
                return False
            fits = len(fields) <= 10 and all(_text_fits(each, 2000) for each in fields)
            pictured = "accessory" not in block or _block_fits(block["accessory"])
            return fits and pictured and ("text" not in block or _text_fits(block["text"], 3000))
        case "image":
            url, alt = str(block.get("image_url", "")), str(block.get("alt_text", ""))
            return url.startswith(("http://", "https://")) and len(url) <= 3000 and 0 < len(alt) <= 2000
        case "header":
            return _text_fits(block.get("text"), 150)
        case "context":
            return 0 < len(elements) <= 10 and all(_text_fits(each, 3000) for each in elements)
        case "actions":
            return 0 < len(elements) <= 25 and all(_button_fits(each) for each in elements)
        case "divider":
            return True
    return False


def _text_fits(text: Any, limit: int) -> bool:
    return isinstance(text, dict) and isinstance(text.get("text"), str) and 0 < len(text["text"]) <= limit


def _button_fits(button: Mapping[str, Any]) -> bool:
    url = str(button.get("url", ""))
    if len(url) > 3000 or (url and not url.startswith(("http://", "https://"))):
        return False
    if button.get("style", "primary") not in ("primary", "danger") or not 0 < len(button.get("action_id", "x")) <= 255:
        return False
    confirm = button.get("confirm") or {}
    limits = {"title": 100, "text": 300, "confirm": 30, "deny": 30}
    asks = all(_text_fits(confirm.get(name), limit) for name, limit in limits.items()) if confirm else True
    return asks and _text_fits(button.get("text"), 75)


def _objects(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, str):
        try:
            value = msgspec.json.decode(value)
        except msgspec.DecodeError:
            return []
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


async def _arguments(request: web.Request) -> tuple[str, dict[str, Any]]:
    """Return the token and the arguments of a call, given as JSON or as a form."""
    token = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
    if request.content_type == "application/json":
        try:
            given = msgspec.json.decode(await request.read())
        except msgspec.DecodeError:
            given = {}
        return token, given if isinstance(given, dict) else {}
    form = {name: str(value) for name, value in (await request.post()).items()}
    return token or form.pop("token", ""), dict(form)


def _no(error: str) -> web.Response:
    return web.json_response({"ok": False, "error": error})


def _faulty(request: web.Request, fault: Fault | None) -> web.Response | None:
    match fault.kind if fault else None:
        case FaultKind.RATE_LIMITED:
            assert fault is not None
            wait = {"Retry-After": str(fault.retry_after_s)}
            return web.json_response({"ok": False, "error": "ratelimited"}, status=429, headers=wait)
        case FaultKind.SERVER_ERROR:
            return web.Response(status=503, text="<html>upstream unavailable</html>", content_type="text/html")
        case FaultKind.INVALID_TOKEN:
            return _no("invalid_auth")
        case FaultKind.REFUSED_RECIPIENT:
            return _no("channel_not_found")
        case FaultKind.DROP:
            return break_connection(request)
        case FaultKind.ERROR:
            assert fault is not None
            return _no(fault.error or "fatal_error")
    return None


def _faulty_webhook(request: web.Request, fault: Fault | None) -> web.Response | None:
    match fault.kind if fault else None:
        case FaultKind.RATE_LIMITED:
            assert fault is not None
            return web.Response(status=429, text="rate_limited", headers={"Retry-After": str(fault.retry_after_s)})
        case FaultKind.SERVER_ERROR:
            return web.Response(status=500, text="rollup_error")
        case FaultKind.INVALID_TOKEN:
            return web.Response(status=403, text="invalid_token")
        case FaultKind.REFUSED_RECIPIENT:
            return web.Response(status=410, text="channel_is_archived")
        case FaultKind.DROP:
            return break_connection(request)
        case FaultKind.ERROR:
            assert fault is not None
            return web.Response(status=400, text=fault.error or "invalid_payload")
    return None
