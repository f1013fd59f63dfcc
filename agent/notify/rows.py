"""One message to one target as the outbox keeps it: a frozen row, its states, and its plain JSON. Values only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from agent.model import Alert, Labels
from agent.notify.notification import Notification, Target
from agent.notify.records import alert_from_json, target_from_json


class RowState(StrEnum):
    """What became of a message."""

    PENDING = "pending"
    SENT = "sent"
    """The provider accepted it."""
    DELIVERED = "delivered"
    """It is known to have arrived."""
    FAILED = "failed"
    SUPERSEDED = "superseded"


@dataclass(frozen=True, slots=True)
class Row:
    """One message to one target. `id` is its idempotency key."""

    id: str
    incident: str
    group_id: str
    group_key: str
    receiver: str
    transport: str
    target: Target
    alerts: tuple[Alert, ...]
    group_labels: Labels
    at_ms: int
    reason: str
    order: int = 0
    """Rows are numbered as they are written."""
    escalation_step: int = 0
    acknowledged_by: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    hops: int = 0
    """How many on_failure receivers lie between the first receiver and this row."""
    state: RowState = RowState.PENDING
    attempts: int = 0
    next_at_ms: int = 0
    deadline_ms: int = 0
    error: str = ""
    provider_id: str = ""
    finished_at_ms: int = 0
    fell_back: bool = False
    """Whether on_failure or the log was told of it."""
    delivered_at_ms: int = 0
    within_tick: bool = False
    """Whether it is tried as Alertmanager tries: by its backoff until `deadline_ms`, and never after."""
    ask_at_ms: tuple[int, ...] = ()
    """When the provider is asked whether it arrived."""

    @property
    def accepted(self) -> bool:
        """Say whether the provider took it."""
        return self.state in (RowState.SENT, RowState.DELIVERED)

    @property
    def shown_error(self) -> str:
        """What its last try said, without the address that must not be shown whole."""
        return self.error.replace(self.target.address, self.target.shown) if self.target.address else self.error

    @property
    def severity(self) -> str:
        """The worst severity among the firing alerts, of all where none fires."""
        return self.notification().severity

    @property
    def priority(self) -> int:
        """What leaves first: 0 for critical, 1 for warning, 2 for the rest. The end of something is never critical."""
        said = self.notification()
        rank = {"critical": 0, "warning": 1}.get(said.severity, 2)
        return rank if said.firing else max(1, rank)

    @property
    def states(self) -> dict[str, bool]:
        """Whether each alert is over, by fingerprint."""
        return {alert.fingerprint: alert.resolved_at(self.at_ms) for alert in self.alerts}

    def notification(self, external_url: str = "", thread: Mapping[str, Any] | None = None) -> Notification:
        """Return the message as a receiver gets it; `thread` is what the last receipt of the incident left."""
        return Notification(
            idempotency_key=self.id,
            incident=self.incident,
            group_key=self.group_key,
            receiver=self.receiver,
            target=self.target,
            alerts=self.alerts,
            group_labels=self.group_labels,
            at_ms=self.at_ms,
            reason=self.reason,
            external_url=external_url,
            sequence=thread["sequence"] if thread else 0,
            escalation_step=self.escalation_step,
            acknowledged_by=self.acknowledged_by,
            previous=thread["state"] if thread else {},
            options=self.options,
        )


def row_from_json(row_id: str, data: Mapping[str, Any]) -> Row:
    """Read a row back from what the journal made of it."""
    return Row(
        id=row_id,
        target=target_from_json(data["target"]),
        alerts=tuple(alert_from_json(alert) for alert in data["alerts"]),
        group_labels=Labels(data["group_labels"]),
        options=data["options"],
        state=RowState(data["state"]),
        delivered_at_ms=data.get("delivered_at_ms", 0),
        within_tick=data.get("within_tick", False),
        ask_at_ms=tuple(data.get("ask_at_ms", ())),
        **{name: data[name] for name in _PLAIN},
    )


_PLAIN: Final[Iterable[str]] = (
    "incident",
    "group_id",
    "group_key",
    "receiver",
    "transport",
    "at_ms",
    "reason",
    "order",
    "escalation_step",
    "acknowledged_by",
    "hops",
    "attempts",
    "next_at_ms",
    "deadline_ms",
    "error",
    "provider_id",
    "finished_at_ms",
    "fell_back",
)
