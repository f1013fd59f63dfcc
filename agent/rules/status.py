"""What can be seen of running rules: health, last error, durations and alerts, as values for the page and the API."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from agent.model import Labels
from agent.rules.evaluations import PastEvaluation
from agent.rules.spec import GroupKey
from agent.rules.states import ActiveAlert, State


class Health(StrEnum):
    """How a rule's last evaluation went."""

    OK = "ok"
    ERROR = "err"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class RuleStatus:
    """One rule as it runs. `alerts` are the pending and firing ones; times are ms since the epoch, 0 for never."""

    name: str
    expression: str
    is_alert: bool
    labels: Labels
    annotations: Labels
    for_ms: int
    keep_firing_for_ms: int
    health: Health
    last_error: str
    last_evaluation_ms: int
    evaluation_seconds: float
    alerts: tuple[ActiveAlert, ...] = ()
    evaluations: Sequence[PastEvaluation] = field(default=(), compare=False)
    """The last ones, newest first; it goes on changing while the rule runs."""

    @property
    def state(self) -> State:
        """The worst state among the alerts."""
        states = {alert.state for alert in self.alerts}
        return next((each for each in (State.FIRING, State.PENDING) if each in states), State.INACTIVE)


@dataclass(frozen=True, slots=True)
class GroupStatus:
    """One group as it runs; `interval_ms` is the one in use, `on_scrape` says that scrapes begin its evaluations."""

    key: GroupKey
    interval_ms: int
    limit: int
    last_evaluation_ms: int
    evaluation_seconds: float
    rules: tuple[RuleStatus, ...]
    on_scrape: bool = False
