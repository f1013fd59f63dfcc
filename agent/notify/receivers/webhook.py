"""Alertmanager's webhook: one POST of its JSON, version 4, so that what listens to Alertmanager listens to Burnline.

Where webhook_configs say a `payload`, its texts are Go templates and what they make is sent instead.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec

from agent.errors import Rejected, TemplateError
from agent.model import Alert, Secret, format_rfc3339
from agent.notify.channels import WebhookChannel
from agent.notify.messages import Renderer
from agent.notify.messages.go_data import generator_url, quote_meta
from agent.notify.notification import Notification, Receipt
from agent.notify.receivers.background import made
from agent.notify.receivers.client import HttpClient
from agent.notify.receivers.http import SessionFactory, failure, host_of, login_advice, new_session

_ZERO_TIME = "0001-01-01T00:00:00Z"


class WebhookReceiver:
    """Posts to the channel's URL; the idempotency key travels in the header Idempotency-Key."""

    def __init__(
        self, channel: WebhookChannel, renderer: Renderer, session_factory: SessionFactory = new_session
    ) -> None:
        self._channel = channel
        self._renderer = renderer
        self._client = HttpClient(channel.http, "the webhook", session_factory)

    async def send(self, notification: Notification) -> Receipt:
        """Post the message; raise RetryLater on 429, 5xx and broken connections, Rejected on everything else."""
        channel = self._channel
        if not channel.url:
            message = f'sending to the webhook of receiver "{notification.receiver}": {channel.missing()}'
            raise Rejected(message, reason="clientError")
        headers = {"Content-Type": "application/json", "Idempotency-Key": notification.idempotency_key}
        url = self._url(notification, channel.url)
        body = await made(notification, lambda: msgspec.json.encode(self.payload(notification)))
        answer = await self._client.post(url, body, headers, timeout_ms=channel.timeout_ms)
        if 200 <= answer.status < 300:
            key = notification.idempotency_key
            return Receipt(provider_id=key, detail=f"HTTP {answer.status}", delivered=True)
        secrets = (channel, Secret(url), *self._client.secrets())
        message = f"posting to the webhook at {host_of(url)}: HTTP {answer.status} {answer.text(secrets)}".strip()
        raise failure(answer.status, message + login_advice(answer.status, "url and http_config"), answer.headers)

    async def close(self) -> None:
        """Close the connection."""
        await self._client.close()

    def payload(self, notification: Notification) -> Any:
        """Return what is posted: Alertmanager's object, or what the file's `payload` makes of it; raise Rejected."""
        written = notification.options.get("payload")
        if not written:
            return payload(notification, self._channel.max_alerts)
        words = self._renderer.go(notification)

        def filled(value: Any) -> Any:
            if isinstance(value, dict):
                return {name: filled(each) for name, each in value.items()}
            if isinstance(value, list):
                return [filled(each) for each in value]
            return words.render(value, "payload") if isinstance(value, str) else value

        try:
            return filled(written)
        except TemplateError as error:
            raise Rejected(f"rendering the payload of alertmanager.yml: {error}", reason="clientError") from error

    def _url(self, notification: Notification, url: Secret) -> str:
        text = url.reveal()
        if "{{" not in text:
            return text
        try:
            return self._renderer.go(notification).render(text, "url")
        except TemplateError as error:
            message = f"rendering the webhook's url: it fails at line {error.line}, column {error.column}"
            raise Rejected(message, reason="clientError") from None  # its text would show the URL


def payload(notification: Notification, max_alerts: int = 0) -> dict[str, Any]:
    """Return Alertmanager's webhook object; beyond `max_alerts` (0: no limit) alerts are counted, and nothing more.

    So as there, status, commonLabels and commonAnnotations are those of the alerts that are listed.
    """
    hidden = max(0, len(notification.alerts) - max_alerts) if max_alerts else 0
    notification = replace(notification, alerts=notification.alerts[: len(notification.alerts) - hidden])
    return {
        "version": "4",
        "groupKey": notification.group_key,
        "truncatedAlerts": hidden,
        "status": notification.status,
        "receiver": quote_meta(notification.receiver),
        "notification_reason": notification.reason,
        "groupLabels": dict(notification.group_labels),
        "commonLabels": dict(notification.common_labels),
        "commonAnnotations": dict(notification.common_annotations),
        "externalURL": notification.external_url,
        "alerts": [_alert(alert, notification) for alert in notification.alerts],
    }


def _alert(alert: Alert, notification: Notification) -> dict[str, Any]:
    over = alert.resolved_at(notification.at_ms)
    return {
        "status": "resolved" if over else "firing",
        "labels": dict(alert.labels),
        "annotations": dict(alert.annotations),
        "startsAt": format_rfc3339(alert.starts_at_ms),
        "endsAt": format_rfc3339(alert.ends_at_ms) if over else _ZERO_TIME,
        "generatorURL": generator_url(alert, notification.external_url),
        "fingerprint": alert.fingerprint,
    }
