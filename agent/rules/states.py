"""The life of an alert as a pure function: inactive → pending → firing → resolved, to the letter of Prometheus.

`step` takes what was active and what the expression gave, and returns what is active then, with the transitions and why.
It touches nothing: where it raises, nothing has changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, Protocol

from agent.errors import ExecutionError
from agent.model import Labels, format_duration

RESOLVED_RETENTION_MS: Final = 15 * 60_000
"""How long a resolved alert is kept, so that its end can be sent again."""


class State(StrEnum):
    """The states of an alert."""

    INACTIVE = "inactive"
    PENDING = "pending"
    FIRING = "firing"


@dataclass(frozen=True, slots=True)
class ActiveAlert:
    """An alert and its times (ms since the epoch, None where it has not happened).

    `labels` are final (its identity); `value` and `annotations` are those of the last evaluation that had it; `recovered`
    is what the expression's operand gave when it resolved, where that can be asked.
    """

    labels: Labels
    annotations: Labels
    value: float
    state: State
    active_at_ms: int
    fired_at_ms: int | None = None
    resolved_at_ms: int | None = None
    keep_firing_since_ms: int | None = None
    last_sent_at_ms: int | None = None
    recovered: float | None = None

    def needs_sending(self, at_ms: int, resend_delay_ms: int) -> bool:
        """Say whether the alert is to be handed over: never while pending, at once when resolved, else after the delay."""
        if self.state is State.PENDING:
            return False
        if self.last_sent_at_ms is None:
            return True
        if self.resolved_at_ms is not None and self.resolved_at_ms > self.last_sent_at_ms:
            return True
        return self.last_sent_at_ms + resend_delay_ms < at_ms


Active = Mapping[Labels, ActiveAlert]
"""The alerts of one rule by their labels, resolved ones of the last 15 minutes included."""


@dataclass(frozen=True, slots=True)
class Observation:
    """One series that the expression gave, as the alert that it means: final labels, expanded annotations."""

    labels: Labels
    value: float
    annotations: Labels


@dataclass(frozen=True, slots=True)
class Transition:
    """A change of an alert's state and its reason."""

    before: State
    after: State
    labels: Labels
    value: float | None
    at_ms: int
    why: str


class Timing(Protocol):
    """What `step` needs of a rule."""

    @property
    def for_ms(self) -> int | None:
        """How long the condition must hold before the alert fires."""
        ...

    @property
    def keep_firing_for_ms(self) -> int | None:
        """How long the alert goes on firing after the condition ceased."""
        ...


class LimitExceeded(ExecutionError):
    """Say that a rule has more alerts than its group allows; Prometheus then forgets all of the rule's alerts."""


def step(
    rule: Timing, active: Active, samples: Iterable[Observation], at_ms: int, *, limit: int = 0
) -> tuple[dict[Labels, ActiveAlert], list[Transition]]:
    """Return the alerts after an evaluation at `at_ms`, and what changed.

    Raises ExecutionError where two samples mean the same alert, LimitExceeded where more than `limit` (0: none) are pending
    or firing. Source: Prometheus rules/alerting.go, `Eval`.
    """
    seen: dict[Labels, Observation] = {}
    for sample in samples:
        if sample.labels in seen:
            message = f"vector contains metrics with the same labelset after applying alert labels: {sample.labels}"
            raise ExecutionError(message)
        seen[sample.labels] = sample
    after: dict[Labels, ActiveAlert] = {}
    transitions: list[Transition] = []
    for labels, alert in active.items():
        observed = seen.get(labels)
        if observed is not None and alert.state is State.INACTIVE:
            continue  # it comes back as a new alert, below
        kept = _absent(rule, alert, at_ms) if observed is None else _present(rule, alert, observed, at_ms)
        transitions += _change(rule, alert, kept, at_ms)
        if kept is not None:
            after[labels] = kept
    for labels, observed in seen.items():
        if labels not in after:
            after[labels] = begun = _begin(rule, observed, at_ms)
            why = (
                "the condition holds" if begun.state is State.FIRING else f"the condition holds; {_for(rule)} must pass"
            )
            transitions.append(Transition(State.INACTIVE, begun.state, labels, begun.value, at_ms, why))
    count = sum(alert.state is not State.INACTIVE for alert in after.values())
    if 0 < limit < count:
        message = f"exceeded limit of {limit} with {count} alerts"
        raise LimitExceeded(message)
    return after, transitions


def _begin(rule: Timing, observed: Observation, at_ms: int) -> ActiveAlert:
    fires = not rule.for_ms
    return ActiveAlert(
        labels=observed.labels,
        annotations=observed.annotations,
        value=observed.value,
        state=State.FIRING if fires else State.PENDING,
        active_at_ms=at_ms,
        fired_at_ms=at_ms if fires else None,
    )


def _present(rule: Timing, alert: ActiveAlert, observed: Observation, at_ms: int) -> ActiveAlert:
    alert = replace(alert, value=observed.value, annotations=observed.annotations, keep_firing_since_ms=None)
    long_enough = at_ms - alert.active_at_ms >= (rule.for_ms or 0)
    if alert.state is State.PENDING and long_enough:
        return replace(alert, state=State.FIRING, fired_at_ms=at_ms)
    if alert.state is State.FIRING and not long_enough:  # a reload made `for` longer
        return replace(alert, state=State.PENDING, fired_at_ms=None, last_sent_at_ms=None)
    return alert


def _absent(rule: Timing, alert: ActiveAlert, at_ms: int) -> ActiveAlert | None:
    if alert.state is State.PENDING:
        return None
    if alert.state is State.INACTIVE:
        assert alert.resolved_at_ms is not None
        return None if at_ms - alert.resolved_at_ms > RESOLVED_RETENTION_MS else alert
    if rule.keep_firing_for_ms:
        since = at_ms if alert.keep_firing_since_ms is None else alert.keep_firing_since_ms
        if at_ms - since < rule.keep_firing_for_ms:
            return replace(alert, keep_firing_since_ms=since)
    return replace(alert, state=State.INACTIVE, resolved_at_ms=at_ms)


def _for(rule: Timing) -> str:
    return f"`for` {format_duration(rule.for_ms or 0)}"


def _change(rule: Timing, alert: ActiveAlert, kept: ActiveAlert | None, at_ms: int) -> list[Transition]:
    after = State.INACTIVE if kept is None else kept.state
    match alert.state, after:
        case State.PENDING, State.FIRING:
            why = f"the condition has held for {format_duration(at_ms - alert.active_at_ms)}; {_for(rule)} has passed"
        case State.PENDING, State.INACTIVE:
            why = f"the condition ceased before {_for(rule)} had passed"
        case State.FIRING, State.INACTIVE:
            why = "the condition ceased"
            if rule.keep_firing_for_ms:
                why += f"; keep_firing_for {format_duration(rule.keep_firing_for_ms)} has passed"
        case State.FIRING, State.PENDING:
            why = f"{_for(rule)} was made longer and has not passed yet"
        case _:
            return []
    value = alert.value if kept is None else kept.value
    return [Transition(alert.state, after, alert.labels, value, at_ms, why)]
