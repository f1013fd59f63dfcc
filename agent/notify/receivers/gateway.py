"""SMS by any HTTP gateway: the fields, headers and credentials are settings, so that no integration need be written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from agent.errors import Rejected
from agent.notify.channels import GatewayChannel
from agent.notify.messages import Renderer
from agent.notify.notification import Notification, Receipt
from agent.notify.receivers.http import (
    Answer,
    Connection,
    SessionFactory,
    authorization,
    failure,
    host_of,
    new_session,
    request,
)
from agent.notify.receivers.phone import e164


class GatewayReceiver:
    """Fills {to}, {text} and {key} into the configured fields and sends them as JSON or as a form."""

    def __init__(
        self, channel: GatewayChannel, renderer: Renderer, session_factory: SessionFactory = new_session
    ) -> None:
        self._channel = channel
        self._renderer = renderer
        self._connection = Connection(session_factory)

    async def send(self, notification: Notification) -> Receipt:
        """Send the text; any 2xx is a success; raise RetryLater on 429, 5xx and broken connections, else Rejected."""
        channel = self._channel
        if not channel.url:
            raise Rejected(f"sending an SMS: {channel.missing()}", reason="clientError")
        number = e164(notification.target.address)
        values = {
            "{to}": number,
            "{text}": self._renderer.sms(notification),
            "{key}": notification.idempotency_key,
        }
        fields = {name: _fill(template, values) for name, template in channel.fields.items()}
        headers = {"Idempotency-Key": notification.idempotency_key, **dict(channel.headers)}
        headers |= authorization(channel.username, channel.password, channel.bearer_token)
        arguments: dict[str, Any] = {"headers": headers}
        if channel.method.upper() == "GET":
            arguments["params"] = fields
        elif channel.body == "form":
            arguments["data"] = fields
        else:
            headers["Content-Type"] = "application/json"
            arguments["data"] = msgspec.json.encode(fields)
        url = channel.url.reveal()
        answer = await request(
            self._connection.session,
            "the SMS gateway",
            channel.method.upper(),
            url,
            timeout_ms=channel.timeout_ms,
            **arguments,
        )
        if 200 <= answer.status < 300:
            return Receipt(
                provider_id=self._provider_id(answer) or notification.idempotency_key, detail=f"HTTP {answer.status}"
            )
        shown = answer.text((channel.url, channel.bearer_token, channel.password))
        message = f"sending an SMS to {number} by the gateway at {host_of(url)}: HTTP {answer.status} {shown}".strip()
        raise failure(answer.status, message, answer.headers)

    async def close(self) -> None:
        """Close the connection."""
        await self._connection.close()

    def _provider_id(self, answer: Answer) -> str:
        said = answer.json()
        found = said.get(self._channel.id_field) if isinstance(said, dict) else None
        return str(found) if isinstance(found, str | int) else ""


def _fill(template: str, values: Mapping[str, str]) -> str:
    """Put the values in without reading what they hold: a {key} inside a text stays as it is."""
    out, rest = [], template
    while rest:
        at, found = min(((rest.find(name), name) for name in values if name in rest), default=(-1, ""))
        if at < 0:
            break
        out += [rest[:at], values[found]]
        rest = rest[at + len(found) :]
    return "".join(out) + rest
