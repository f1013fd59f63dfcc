"""The log as a receiver: one structured line for each message. It is where info alerts go, and what nobody else takes."""

from __future__ import annotations

from typing import Any

import structlog

from agent.notify.messages import Renderer
from agent.notify.notification import Notification, Receipt


class LogReceiver:
    """Writes one line: info where the message is an info alert or a resolution, warning otherwise. It cannot fail."""

    def __init__(self, renderer: Renderer, logger: Any = None) -> None:
        self._renderer = renderer
        self._log = logger if logger is not None else structlog.get_logger("burnline.notify")

    async def send(self, notification: Notification) -> Receipt:
        """Write the line; nothing is raised."""
        content = self._renderer.describe(notification)
        loud = content.status == "firing" and content.severity in ("critical", "warning")
        write = self._log.warning if loud else self._log.info
        write(
            "notification",
            status=content.status,
            severity=content.severity,
            alert=content.title,
            where=content.where,
            summary=content.summary,
            firing=content.firing_count,
            resolved=content.resolved_count,
            since=content.since_utc,
            runbook=content.runbook,
            receiver=content.receiver,
            reason=content.reason,
            idempotency_key=notification.idempotency_key,
        )
        return Receipt(provider_id=notification.idempotency_key, detail="written to the log", delivered=True)

    async def close(self) -> None:
        """Do nothing: there is no connection."""
