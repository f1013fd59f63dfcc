"""PagerDuty's Events API v2: a group is an incident that is triggered, acknowledged and resolved under one key."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from agent.errors import Rejected
from agent.notify.channels import PagerDutyChannel
from agent.notify.messages import Renderer
from agent.notify.messages.escape import one_line
from agent.notify.notification import Notification, Receipt
from agent.notify.receivers.background import made
from agent.notify.receivers.client import HttpClient
from agent.notify.receivers.http import Answer, SessionFactory, failure, host_of, new_session
from agent.notify.receivers.redaction import redact

PAGERDUTY_URL: Final = "https://events.pagerduty.com/v2/enqueue"


class PagerDutyReceiver:
    """Sends one event for each change; PagerDuty takes an event twice for the same, so a repeat does no harm."""

    def __init__(
        self, channel: PagerDutyChannel, renderer: Renderer, session_factory: SessionFactory = new_session
    ) -> None:
        self._channel = channel
        self._renderer = renderer
        self._client = HttpClient(channel.http, "PagerDuty", session_factory)

    @property
    def provider(self) -> str:
        """One PagerDuty for all receivers that send to the same address."""
        return "pagerduty" if not self._channel.url else f"pagerduty at {host_of(self._channel.url)}"

    async def send(self, notification: Notification) -> Receipt:
        """Send the event; raise RetryLater on 429, 5xx and broken connections, Rejected with what PagerDuty says else."""
        channel = self._channel
        if not channel.routing_key:
            message = f'sending to PagerDuty for receiver "{notification.receiver}": {channel.missing()}'
            raise Rejected(message, reason="authError")
        event = await made(notification, lambda: self._renderer.pagerduty(notification))
        body = msgspec.json.encode({"routing_key": channel.routing_key.reveal(), **event})
        url = channel.url or PAGERDUTY_URL
        headers = {"Content-Type": "application/json"}
        answer = await self._client.post(url, body, headers, timeout_ms=channel.timeout_ms, stays=True)
        tried = f"sending to PagerDuty at {host_of(url)} ({event['event_action']})"
        if answer.status not in (200, 202):
            raise failure(answer.status, f"{tried}: HTTP {answer.status} {self._said(answer)}".strip(), answer.headers)
        key = str(event["dedup_key"])
        return Receipt(key, f"{event['event_action']} accepted", {"dedup_key": key}, delivered=True)

    async def close(self) -> None:
        """Close the connection."""
        await self._client.close()

    def _said(self, answer: Answer) -> str:
        """Return PagerDuty's own words, without the key: `invalid event: Event object is invalid (…)`."""
        data: Any = answer.json()
        secrets = (self._channel, *self._client.secrets())
        if not isinstance(data, dict):
            return answer.text(secrets)
        errors = data.get("errors")
        why = f" ({'; '.join(map(str, errors[:5]))})" if isinstance(errors, list) and errors else ""
        return one_line(redact(f"{data.get('status', '')}: {data.get('message', '')}{why}", secrets), 300)
