"""The life of an alert as a pure function: inactive → pending → firing → resolved, to the letter of Prometheus.

`step` takes what was active and what the expression gave, and returns what is active then, with the transitions and why.
It touches nothing: where it raises, nothing has changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Protocol

from agent.errors import ExecutionError
from agent.model import Labels, format_duration

RESOLVED_RETENTION_MS: Final = 15 * 60_000
"""How long a resolved alert is kept, so that its end can be sent again."""


NO_DATA_LABEL: Final = "no_data"
"""The label (value "true") of the alert that says that a rule has no data."""


class State(StrEnum):
    """The states of an alert."""

    INACTIVE = "inactive"
    PENDING = "pending"
    FIRING = "firing"


@dataclass(frozen=True, slots=True)
class ActiveAlert:
    """An alert and its times (ms since the epoch, None where it has not happened).

    `labels` are final (its identity); `value` and `annotations` are those of the last evaluation that had it; `recovered`
    is what the expression's operand gave when it resolved, where that can be asked. Since `no_data_since_ms` it is neither
    seen nor known to be over, and stays as it was: `no_data_why`.
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
    no_data_since_ms: int | None = None
    no_data_why: str = ""

    @property
    def times_ms(self) -> tuple[int, ...]:
        """When something happened to the alert."""
        times = (self.active_at_ms, self.fired_at_ms, self.resolved_at_ms, self.keep_firing_since_ms)
        return tuple(each for each in (*times, self.last_sent_at_ms, self.no_data_since_ms) if each is not None)

    def moved(self, by_ms: int) -> ActiveAlert:
        """Return the alert with all its times moved, as after the clock was set."""

        def after(time_ms: int | None) -> int | None:
            return None if time_ms is None else time_ms + by_ms

        return replace(
            self,
            active_at_ms=self.active_at_ms + by_ms,
            fired_at_ms=after(self.fired_at_ms),
            resolved_at_ms=after(self.resolved_at_ms),
            keep_firing_since_ms=after(self.keep_firing_since_ms),
            last_sent_at_ms=after(self.last_sent_at_ms),
            no_data_since_ms=after(self.no_data_since_ms),
        )

    def needs_sending(self, at_ms: int, resend_delay_ms: int) -> bool:
        """Say whether the alert is to be handed over: never while pending, at once when resolved, else after the delay."""
        if self.state is State.PENDING:
            return False
        if self.last_sent_at_ms is None:
            return True
        if self.resolved_at_ms is not None and self.resolved_at_ms > self.last_sent_at_ms:
            return True
        return self.last_sent_at_ms + resend_delay_ms < at_ms


def is_no_data(labels: Labels) -> bool:
    """Say whether an alert with these labels is one about missing data."""
    return labels.get(NO_DATA_LABEL) == "true"


Active = Mapping[Labels, ActiveAlert]
"""The alerts of one rule by their labels, resolved ones of the last 15 minutes included."""


@dataclass(frozen=True, slots=True)
class Observation:
    """One series that the expression gave, as the alert that it means: final labels, expanded annotations."""

    labels: Labels
    value: float
    annotations: Labels


@dataclass(frozen=True, slots=True)
class Absence:
    """That nothing is known of an alert whose series is absent: why, and whether it stays as it was or ends all the same."""

    why: str
    keeps: bool = True


@dataclass(frozen=True, slots=True)
class Transition:
    """A change of an alert's state and its reason."""

    before: State
    after: State
    labels: Labels
    value: float | None
    at_ms: int
    why: str


_ALL_KNOWN: Final[Mapping[Labels, Absence]] = MappingProxyType({})


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
    rule: Timing,
    active: Active,
    samples: Iterable[Observation],
    at_ms: int,
    *,
    limit: int = 0,
    unknown: Mapping[Labels, Absence] = _ALL_KNOWN,
) -> tuple[dict[Labels, ActiveAlert], list[Transition]]:
    """Return the alerts after an evaluation at `at_ms`, and what changed.

    `unknown` holds the absent alerts of which nothing is known; an absent alert that is not among them is over. Raises
    ExecutionError where two samples mean the same alert, LimitExceeded where more than `limit` (0: none) are pending or
    firing. Source: Prometheus rules/alerting.go, `Eval`; it knows no `unknown`.
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
        observed, absence = seen.get(labels), unknown.get(labels)
        if observed is not None and alert.state is State.INACTIVE:
            continue  # it comes back as a new alert, below
        kept = _absent(rule, alert, at_ms, absence) if observed is None else _present(rule, alert, observed, at_ms)
        transitions += _change(rule, alert, kept, at_ms, absence)
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
    alert = _known(alert, at_ms)
    alert = replace(alert, value=observed.value, annotations=observed.annotations, keep_firing_since_ms=None)
    if alert.state is State.PENDING and _long_enough(rule, alert, at_ms):
        return replace(alert, state=State.FIRING, fired_at_ms=at_ms)
    return _waiting_again(rule, alert, at_ms)


def _absent(rule: Timing, alert: ActiveAlert, at_ms: int, absence: Absence | None) -> ActiveAlert | None:
    if alert.state is State.INACTIVE:
        assert alert.resolved_at_ms is not None
        return None if at_ms - alert.resolved_at_ms > RESOLVED_RETENTION_MS else alert
    if absence is not None and absence.keeps:
        since = at_ms if alert.no_data_since_ms is None else alert.no_data_since_ms
        return replace(alert, no_data_since_ms=since, no_data_why=absence.why)
    if alert.state is State.PENDING:
        return None
    alert = replace(alert, no_data_since_ms=None, no_data_why="")
    if rule.keep_firing_for_ms:
        since = at_ms if alert.keep_firing_since_ms is None else alert.keep_firing_since_ms
        if at_ms - since < rule.keep_firing_for_ms:
            return _waiting_again(rule, replace(alert, keep_firing_since_ms=since), at_ms)
    return replace(alert, state=State.INACTIVE, resolved_at_ms=at_ms)


def _known(alert: ActiveAlert, at_ms: int) -> ActiveAlert:
    """Return the alert once something is known of it again; the time in between does not count towards `for`."""
    if alert.no_data_since_ms is None:
        return alert
    unseen_ms = at_ms - alert.no_data_since_ms if alert.state is State.PENDING else 0
    return replace(alert, active_at_ms=alert.active_at_ms + unseen_ms, no_data_since_ms=None, no_data_why="")


def _long_enough(rule: Timing, alert: ActiveAlert, at_ms: int) -> bool:
    return at_ms - alert.active_at_ms >= (rule.for_ms or 0)


def _waiting_again(rule: Timing, alert: ActiveAlert, at_ms: int) -> ActiveAlert:
    """Return a firing alert as pending where a reload made `for` so long that it has not passed."""
    if alert.state is not State.FIRING or _long_enough(rule, alert, at_ms):
        return alert
    return replace(alert, state=State.PENDING, fired_at_ms=None, last_sent_at_ms=None, keep_firing_since_ms=None)


def _for(rule: Timing) -> str:
    return f"`for` {format_duration(rule.for_ms or 0)}"


def _change(
    rule: Timing, alert: ActiveAlert, kept: ActiveAlert | None, at_ms: int, absence: Absence | None
) -> list[Transition]:
    after = State.INACTIVE if kept is None else kept.state
    match alert.state, after:
        case State.PENDING, State.FIRING:
            assert kept is not None
            why = f"the condition has held for {format_duration(at_ms - kept.active_at_ms)}; {_for(rule)} has passed"
        case ((State.PENDING | State.FIRING), State.INACTIVE):
            why = _ending(rule, alert, absence)
        case State.FIRING, State.PENDING:
            why = f"{_for(rule)} was made longer and has not passed yet"
        case _:
            return []
    value = alert.value if kept is None else kept.value
    return [Transition(alert.state, after, alert.labels, value, at_ms, why)]


def _ending(rule: Timing, alert: ActiveAlert, absence: Absence | None) -> str:
    if absence is not None:
        return f"no data: {absence.why}"
    if alert.state is State.PENDING:
        return f"the condition ceased before {_for(rule)} had passed"
    kept = f"; keep_firing_for {format_duration(rule.keep_firing_for_ms)} has passed" if rule.keep_firing_for_ms else ""
    return f"the condition ceased{kept}"
