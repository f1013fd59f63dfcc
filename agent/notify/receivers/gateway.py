"""SMS by any HTTP gateway: request and success are settings, so that no integration need be written (kannel, Vonage, …)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
import re2

from agent.errors import DeliveryError, Rejected, RetryLater
from agent.model import Secret
from agent.notify.channels import GatewayChannel, Verdict
from agent.notify.messages import Renderer
from agent.notify.messages.segments import Alphabet, alphabet_of
from agent.notify.notification import Notification, Receipt
from agent.notify.receivers.gateway_form import at_path, fill, nest
from agent.notify.receivers.http import (
    Answer,
    Connection,
    SessionFactory,
    authorization,
    failure,
    host_of,
    login_advice,
    new_session,
    request,
    retry_after_ms,
)
from agent.notify.receivers.phone import e164, without_code

_CONTENT_TYPES: Final = {
    "json": "application/json",
    "form": "application/x-www-form-urlencoded; charset=utf-8",
    "template": "text/plain; charset=utf-8",
}


class GatewayReceiver:
    """Fills the configured request and judges the answer as the settings say."""

    most_together = 100

    def __init__(
        self, channel: GatewayChannel, renderer: Renderer, session_factory: SessionFactory = new_session
    ) -> None:
        self._channel = channel
        self._renderer = renderer
        self._connection = Connection(session_factory)
        self._success = _pattern(channel.success)
        self._again = _pattern(channel.retry_on)

    @property
    def provider(self) -> str:
        """The gateway's host: what two channels share where they share it."""
        return f"gateway {host_of(self._channel.url.reveal())}" if self._channel.url else "gateway"

    async def send(self, notification: Notification) -> Receipt:
        """Send the text; raise RetryLater or Rejected as the settings judge the answer."""
        text = self._renderer.sms(without_code(notification), self._channel.max_segments)
        return await self._send(notification.target.address, text, notification.idempotency_key)

    async def send_together(self, notifications: Sequence[Notification]) -> Receipt:
        """Tell one phone of several incidents in one text; raise as `send` does."""
        said = [without_code(each) for each in notifications]
        text = self._renderer.sms_together(said, self._channel.max_segments)
        return await self._send(notifications[0].target.address, text, notifications[0].idempotency_key)

    async def close(self) -> None:
        """Close the connection."""
        await self._connection.close()

    async def _send(self, address: str, text: str, key: str) -> Receipt:
        channel = self._channel
        if not channel.url:
            raise Rejected(f"sending an SMS: {channel.missing()}", reason="clientError")
        number = e164(address)
        wide = alphabet_of(text) is Alphabet.UCS2
        values = {"to": number, "digits": number[1:], "text": text, "key": key}
        values |= {"type": "unicode" if wide else "text", "coding": "2" if wide else "0"}
        url = fill(channel.url.reveal(), values, "url")
        answer = await request(
            self._connection.session,
            "the SMS gateway",
            channel.method.upper(),
            url,
            timeout_ms=channel.timeout_ms,
            **self._arguments(values),
        )
        return self._judge(answer, url, f"sending an SMS to {number} by the gateway at {host_of(url)}", key)

    def _arguments(self, values: dict[str, str]) -> dict[str, Any]:
        """Return headers, and body or query."""
        channel = self._channel
        # A header takes no line break, whatever a text holds.
        headers = {name: " ".join(fill(value.reveal(), values).split()) for name, value in channel.headers}
        headers = {"Idempotency-Key": values["key"], **headers}
        headers |= authorization(channel.username, channel.password, channel.bearer_token)
        fields = {name: fill(template, values) for name, template in channel.fields.items()}
        if channel.body == "query" or channel.method.upper() == "GET":
            return {"headers": headers, "params": fields}
        headers.setdefault("Content-Type", channel.content_type or _CONTENT_TYPES[channel.body])
        if channel.body == "template":
            return {"headers": headers, "data": fill(channel.template, values).encode()}
        if channel.body == "form":
            return {"headers": headers, "data": fields}
        return {"headers": headers, "data": msgspec.json.encode(nest(fields))}

    def _judge(self, answer: Answer, url: str, tried: str, key: str) -> Receipt:
        channel = self._channel
        if _holds(channel.success, self._success, answer):
            provider_id = at_path(answer.json(), channel.id_path) or key
            return Receipt(provider_id, detail=f"HTTP {answer.status}; the gateway does not say whether it arrived")
        shown = answer.text((channel, Secret(url)))
        advice = login_advice(answer.status, "the url, headers and credentials in channels.sms")
        raise self._failure(answer, f"{tried}: HTTP {answer.status} {shown}".strip() + advice)

    def _failure(self, answer: Answer, message: str) -> DeliveryError:
        channel = self._channel
        taken = 200 <= answer.status < 300
        if _again(channel.retry_on, self._again, answer):
            reason = "rateLimited" if answer.status == 429 else "serverError" if answer.status >= 500 else "other"
            return RetryLater(message, reason=reason, after_ms=retry_after_ms(answer.headers))
        if taken:
            return Rejected(f"{message} is no success as channels.sms.success says", reason="clientError")
        made = failure(answer.status, message, answer.headers)
        return made if isinstance(made, Rejected) else Rejected(message, reason=made.reason)


def _pattern(verdict: Verdict) -> Any:
    return re2.compile(verdict.matches) if verdict.matches else None


def _said(verdict: Verdict, answer: Answer) -> str:
    """Return what a verdict looks at."""
    return at_path(answer.json(), verdict.path) if verdict.path else answer.body.decode("utf-8", "replace")


def _has_status(verdict: Verdict, answer: Answer) -> bool:
    status = str(answer.status)
    return any(status == each or status[0] + "xx" == each for each in verdict.statuses)


def _holds(verdict: Verdict, pattern: Any, answer: Answer) -> bool:
    """Say whether an answer has one of the statuses, and what is asked of its body."""
    said = _said(verdict, answer)
    found = pattern.search(said) is not None if pattern else (said != "" or not verdict.path)
    return _has_status(verdict, answer) and found


def _again(verdict: Verdict, pattern: Any, answer: Answer) -> bool:
    """Say whether an answer has one of the statuses, or says what is worth another try."""
    return _has_status(verdict, answer) or (pattern is not None and pattern.search(_said(verdict, answer)) is not None)
