"""Alertmanager's webhook: one POST of its JSON, version 4, so that what listens to Alertmanager listens to Burnline."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any
from urllib.parse import urljoin

import msgspec

from agent.errors import Rejected
from agent.model import Alert, format_rfc3339
from agent.notify.channels import WebhookChannel
from agent.notify.notification import Notification, Receipt
from agent.notify.receivers.http import (
    Connection,
    SessionFactory,
    authorization,
    failure,
    host_of,
    new_session,
    request,
)

_ZERO_TIME = "0001-01-01T00:00:00Z"
_SPECIAL = re.compile(r"[\\.+*?()|\[\]{}^$]")


class WebhookReceiver:
    """Posts to the channel's URL; the idempotency key travels in the header Idempotency-Key."""

    def __init__(self, channel: WebhookChannel, session_factory: SessionFactory = new_session) -> None:
        self._channel = channel
        self._connection = Connection(session_factory)

    async def send(self, notification: Notification) -> Receipt:
        """Post the message; raise RetryLater on 429, 5xx and broken connections, Rejected on everything else."""
        channel = self._channel
        if not channel.url:
            message = f'sending to the webhook of receiver "{notification.receiver}": {channel.missing()}'
            raise Rejected(message, reason="clientError")
        headers = {"Content-Type": "application/json", "Idempotency-Key": notification.idempotency_key}
        headers |= authorization(channel.username, channel.password, channel.bearer_token)
        url = channel.url.reveal()
        answer = await request(
            self._connection.session,
            "the webhook",
            "POST",
            url,
            timeout_ms=channel.timeout_ms,
            data=msgspec.json.encode(payload(notification, channel.max_alerts)),
            headers=headers,
        )
        if 200 <= answer.status < 300:
            key = notification.idempotency_key
            return Receipt(provider_id=key, detail=f"HTTP {answer.status}", delivered=True)
        secrets = (channel.url, channel.bearer_token, channel.password)
        message = f"posting to the webhook at {host_of(url)}: HTTP {answer.status} {answer.text(secrets)}".strip()
        raise failure(answer.status, message, answer.headers)

    async def close(self) -> None:
        """Close the connection."""
        await self._connection.close()


def payload(notification: Notification, max_alerts: int = 0) -> dict[str, Any]:
    """Return Alertmanager's webhook object; beyond `max_alerts` (0: no limit) alerts are counted, and nothing more is said.

    As there, the receiver's name is quoted for use in a regular expression.
    """
    hidden = max(0, len(notification.alerts) - max_alerts) if max_alerts else 0
    shown = notification.alerts[: len(notification.alerts) - hidden]
    notification = replace(notification, alerts=shown)
    return {
        "version": "4",
        "groupKey": notification.group_key,
        "truncatedAlerts": hidden,
        "status": notification.status,
        "receiver": _SPECIAL.sub(r"\\\g<0>", notification.receiver),
        "notification_reason": notification.reason,
        "groupLabels": dict(notification.group_labels),
        "commonLabels": dict(notification.common_labels),
        "commonAnnotations": dict(notification.common_annotations),
        "externalURL": notification.external_url,
        "alerts": [_alert(alert, notification) for alert in shown],
    }


def _alert(alert: Alert, notification: Notification) -> dict[str, Any]:
    over = alert.resolved_at(notification.at_ms)
    base = notification.external_url.rstrip("/") + "/"
    return {
        "status": "resolved" if over else "firing",
        "labels": dict(alert.labels),
        "annotations": dict(alert.annotations),
        "startsAt": format_rfc3339(alert.starts_at_ms),
        "endsAt": format_rfc3339(alert.ends_at_ms) if over else _ZERO_TIME,
        "generatorURL": urljoin(base, alert.generator_url) if alert.generator_url else "",
        "fingerprint": alert.fingerprint,
    }
