"""What a receiver would send, without sending it: its own code runs, its request is kept, and a made-up answer comes back.

So a dry run shows the very bytes, and never a second version of them. Secrets are shown as <secret>.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Final, cast
from urllib.parse import parse_qsl, urlsplit

import aiohttp
import msgspec

from agent.errors import DeliveryError
from agent.model import Secret
from agent.notify.channels import (
    ChannelSettings,
    EmailChannel,
    GatewayChannel,
    LogChannel,
    PagerDutyChannel,
    SlackChannel,
    SnsChannel,
    TwilioChannel,
    WebhookChannel,
)
from agent.notify.messages import Renderer
from agent.notify.messages.segments import segments
from agent.notify.notification import Notification
from agent.notify.receivers import make_receiver
from agent.notify.receivers.log import LogReceiver
from agent.notify.receivers.redaction import redact

_ANSWER: Final = {
    "ok": True, "channel": "C0", "ts": "1.0", "access_token": "rehearsed", "expires_in": 3600, "sid": "SM0", "status": "queued",
    "dedup_key": "rehearsed",
}  # fmt: skip
_SHOWN_HEADERS: Final = frozenset({"content-type", "idempotency-key"})


@dataclass(frozen=True, slots=True)
class Kept:
    """One request as it would have left."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: Any
    is_form: bool = False


async def rehearse(settings: ChannelSettings, renderer: Renderer, notification: Notification) -> str:
    """Return what would be sent for `notification`, as text: a mail's source, a request with its JSON, an SMS with its parts.

    Raises Rejected where it could not be made.
    """
    settings = equipped(settings)
    hidden = Hidden(settings)
    if isinstance(settings, LogChannel):
        line = _Line()
        await LogReceiver(renderer, line).send(notification)
        return line.text
    if isinstance(settings, EmailChannel):
        return hidden.cover(_mail(settings, renderer, notification))
    session = RecordingSession()
    receiver = make_receiver(settings, renderer, lambda: cast(aiohttp.ClientSession, session))
    try:
        await receiver.send(notification)
    except DeliveryError:
        if not session.kept:
            raise
    finally:
        await receiver.close()
    shown = [hidden.cover(_request(each)) for each in session.kept]
    if isinstance(settings, TwilioChannel | GatewayChannel | SnsChannel):
        shown.insert(0, _sms(session.kept))
    return "\n\n".join(each for each in shown if each)


def equipped(settings: ChannelSettings) -> ChannelSettings:
    """Return the settings with stand-ins for what is missing: what would be said can be seen before there is an account."""
    if not settings.missing():
        return settings
    match settings:
        case SlackChannel():
            return replace(settings, bot_token=Secret("xoxb-missing"))
        case TwilioChannel():
            sender = settings.sender or "+15550001111"
            return replace(settings, account_sid="AC-missing", auth_token=Secret("missing-token"), sender=sender)
        case PagerDutyChannel():
            return replace(settings, routing_key=Secret("missing-routing-key"))
        case GatewayChannel() | WebhookChannel():
            return replace(settings, url=Secret("https://url.missing.invalid/"))
    return settings


class RecordingSession:
    """Stands for aiohttp's session: keeps each request and answers that all went well."""

    def __init__(self) -> None:
        self.kept: list[Kept] = []
        self.closed = False

    @asynccontextmanager
    async def request(self, method: str, url: Any, **arguments: Any) -> Any:
        """Keep the request; give an answer."""
        body = arguments.get("json")
        body = arguments.get("data") if body is None else body
        body = body.getvalue() if isinstance(body, io.BytesIO) else body
        headers = {str(name): str(value) for name, value in dict(arguments.get("headers") or {}).items()}
        is_form = isinstance(body, Mapping) and arguments.get("json") is None
        self.kept.append(Kept(method, str(url), headers, body, is_form))
        yield _Response()

    async def close(self) -> None:
        """Remember that it was closed."""
        self.closed = True


class _Response:
    status = 200
    content_type = "application/json"
    headers: Mapping[str, str] = {"Content-Type": "application/json"}

    def __init__(self) -> None:
        self.content = self
        self._left = msgspec.json.encode(_ANSWER)

    async def read(self, _: int = -1) -> bytes:
        left, self._left = self._left, b""
        return left

    async def json(self, **_: Any) -> Any:
        return dict(_ANSWER)

    async def text(self, **_: Any) -> str:
        return "ok"


class _Line:
    """Stands for the logger: keeps the line."""

    text = ""

    def info(self, event: str, **facts: object) -> None:
        self.text = " ".join([event, *(f"{name}={value!r}" for name, value in facts.items() if value not in ("", 0))])

    warning = info


class Hidden:
    """The secrets of a channel's settings; `cover` replaces each, also where it is encoded."""

    def __init__(self, settings: object) -> None:
        self._settings = settings

    def cover(self, text: str) -> str:
        """Return the text with <secret> where a secret stands."""
        return redact(text, (self._settings,))


def _mail(settings: EmailChannel, renderer: Renderer, notification: Notification) -> str:
    from agent.notify.receivers.mail import compose, envelope

    words = renderer.email(notification)
    mail = compose(notification, words, envelope(renderer.address(notification), settings), settings)
    return mail.as_bytes().decode("utf-8", "replace")


def _request(kept: Kept) -> str:
    parts = urlsplit(kept.url)
    query = "?<query>" if parts.query else ""
    lines = [f"{kept.method} {parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}{query}"]
    for name, value in kept.headers.items():
        lines.append(f"{name}: {value if name.lower() in _SHOWN_HEADERS else '<hidden>'}")
    shown = "\n".join(f"{name}={value}" for name, value in kept.body.items()) if kept.is_form else _body(kept.body)
    return "\n".join([*lines, "", shown])


def _body(body: Any) -> str:
    if isinstance(body, str | bytes):
        text = body.decode("utf-8", "replace") if isinstance(body, bytes) else body
        try:
            return json.dumps(msgspec.json.decode(text), indent=2, ensure_ascii=False)
        except msgspec.DecodeError:
            return "\n".join(f"{name}={value}" for name, value in parse_qsl(text)) or text
    if isinstance(body, Mapping):
        return json.dumps(body, indent=2, ensure_ascii=False, default=str)
    return "" if body is None else str(body)


def _sms(kept: list[Kept]) -> str:
    """Return the text itself with its parts, found among the fields of the request by which it leaves."""
    for each in kept:
        body = each.body
        if isinstance(body, str | bytes):
            text = body.decode("utf-8", "replace") if isinstance(body, bytes) else body
            try:
                body = msgspec.json.decode(text)
            except msgspec.DecodeError:
                body = dict(parse_qsl(text))
        named = {str(name).lower(): value for name, value in body.items()} if isinstance(body, Mapping) else {}
        said = next((named[name] for name in ("body", "text", "message") if isinstance(named.get(name), str)), "")
        if said:
            parts = segments(said)
            return f"{said}\n({len(said)} characters, {parts} {'part' if parts == 1 else 'parts'})"
    return ""
