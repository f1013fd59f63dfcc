"""The alerts SLONoData and SLOInvalid: raised by the agent, since what is not known shows in no number that a rule could read.

They wait five minutes, so that a deploy is no message, and end when the state does. A restart neither ends nor repeats them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Protocol

from agent.journal import Delete, Put, Write
from agent.model import Labels

if TYPE_CHECKING:
    from agent.slo import Slo
    from agent.slo.budget import Objective, Reading, Readings, State

KIND: Final = "slo_state"
"""Records of the alerts that fire, by their labels' fingerprint."""
PATIENCE_MS: Final = 300_000
"""How long a state lasts before somebody is told."""
_MOST_GROUPS: Final = 5
_ADVICE: Final = {
    "SLONoData": "While it lasts, the budget stays as it is, and no burn alert opens or ends.",
    "SLOInvalid": "Nothing is counted until the numbers are right: the budget stays as it is, and no burn alert opens or ends.",
}
_UNSEEN: Final = "no series that it counts was ever seen"
_RUNBOOKS: Final = {"SLONoData": "/runbooks/slo-no-data", "SLOInvalid": "/runbooks/slo-invalid"}


class Alarms(Protocol):
    """Raises the agent's own alerts: `OwnAlerts`, seen from here."""

    def fire(self, labels: Labels, annotations: Labels, at_ms: int, why: str, *, since_ms: int = 0) -> None:
        """Raise an alert, or say it in other words."""

    def end(self, labels: Labels, at_ms: int, why: str) -> None:
        """End an alert, if it fires."""


@dataclass(frozen=True, slots=True)
class _Trouble:
    """One SLO of which somebody should know: what that is called, since when, why, what was left if it is one budget."""

    name: str
    slo: Slo
    since_ms: int
    why: str
    left: str


@dataclass(frozen=True, slots=True)
class Troubles:
    """What is wrong by the labels of its alert; the SLOs that there are, and those of which nothing was heard yet.

    states: how many budgets are in each state.
    """

    by_labels: Mapping[Labels, _Trouble] = field(default_factory=dict)
    slos: frozenset[str] = frozenset()
    unheard: frozenset[str] = frozenset()
    states: Mapping[State, int] = field(default_factory=dict)


class StateAlerts:
    """Looks at what is wrong after each row. `records` and `write` are the journal's; no write is waited for."""

    def __init__(
        self, alarms: Alarms, *, records: Callable[[str], Mapping[str, Any]], write: Callable[[Write], object]
    ) -> None:
        self._alarms, self._write = alarms, write
        self._firing: set[Labels] = set()
        self._kept = records(KIND)

    def resume(self, at_ms: int) -> None:
        """Go on with the alerts of the agent before this one; the first row of which something is known ends or confirms them."""
        for kept in self._kept.values():
            labels = Labels(kept["labels"])
            self._firing.add(labels)
            self._alarms.fire(labels, Labels(kept["annotations"]), at_ms, "", since_ms=int(kept["fired_ms"]))
        self._kept = {}

    def look(self, found: Troubles, at_ms: int) -> None:
        """Raise what has lasted, end what is over."""
        for labels in [each for each in self._firing if each not in found.by_labels]:
            if labels.get("burnline_slo") not in found.unheard:
                self._end(labels, at_ms, _over(labels, found))
        for labels, trouble in found.by_labels.items():
            if labels not in self._firing and at_ms - trouble.since_ms >= PATIENCE_MS:
                self._fire(labels, trouble, at_ms)

    def _fire(self, labels: Labels, trouble: _Trouble, at_ms: int) -> None:
        annotations = _annotations(trouble)
        self._firing.add(labels)
        self._alarms.fire(labels, annotations, at_ms, trouble.why)
        record = {"labels": dict(labels), "annotations": dict(annotations), "fired_ms": at_ms}
        self._write(Put(KIND, labels.fingerprint(), record))

    def _end(self, labels: Labels, at_ms: int, why: str) -> None:
        self._firing.discard(labels)
        self._alarms.end(labels, at_ms, why)
        self._write(Delete(KIND, labels.fingerprint()))


def labels_of(name: str, slo: Slo) -> Labels:
    """Return the labels of the alert about an SLO: those that its own alerts have by its file, too, such as a job or a team.

    So what mutes or routes those can do the same here. Templates are left out, since there is no sample to fill them in.
    """
    written = {str(label): str(value) for label, value in slo.alerting.labels.items() if "{{" not in value}
    return Labels({**written, "alertname": name, "burnline_slo": slo.id, "severity": "warning", **slo.identity})


def troubles_of(readings: Readings, objectives: Iterable[Objective], since_ms: int) -> Troubles:
    """Return what is wrong with the budgets of `objectives`, which are counted since `since_ms`.

    Pure, and for a thread: of many budgets it takes a while.

    Of an SLO with groups it is news that one is invalid, and that all are without data: one that is idle may have gone.
    """
    from agent.slo.budget import State  # only an agent with SLOs pays for it

    states = [readings.state(number) for number in range(len(readings))]
    by_slo: dict[str, list[int]] = {}
    for number, key in enumerate(readings.layout.keys):
        by_slo.setdefault(key.slo, []).append(number)
    found: dict[Labels, _Trouble] = {}
    for numbers in by_slo.values():
        invalid = [each for each in numbers if states[each] is State.INVALID]
        silent = [each for each in numbers if states[each] is State.NO_DATA]
        if invalid:
            found |= _of(State.INVALID.value, [readings.of(each) for each in invalid])
        elif len(silent) == len(numbers):
            found |= _of(State.NO_DATA.value, [readings.of(each) for each in silent])
    for each in objectives:
        if each.slo.id not in by_slo:  # none of its groups was ever seen
            by_slo[each.slo.id] = []
            trouble = _Trouble(State.NO_DATA.value, each.slo, since_ms, _UNSEEN, "nothing is known of the budget yet")
            found[labels_of(trouble.name, each.slo)] = trouble
    unheard = {key.slo for key, seen in zip(readings.layout.keys, readings.seen.tolist(), strict=True) if not seen}
    return Troubles(found, frozenset(by_slo), frozenset(unheard), Counter(states))


def _of(name: str, readings: list[Reading]) -> dict[Labels, _Trouble]:
    from agent.slo.budget import gone

    slo = readings[0].objective.slo
    since_ms = min(each.since_ms or each.at_ms for each in readings)
    reasons: dict[str, list[str]] = {}
    for each in readings:
        groups = reasons.setdefault(each.words, [])
        if each.key.group:
            groups.append(", ".join(f"{label}={value}" for label, value in each.key.group.items()))
    why = _listed(
        [f"{words} ({_listed(groups, ', ')})" if groups else words for words, groups in reasons.items()], "; "
    )
    left = gone(readings[0]) if len(readings) == 1 else ""
    return {labels_of(name, slo): _Trouble(name, slo, since_ms, why, left)}


def _listed(texts: list[str], between: str) -> str:
    """Return the first of some texts, and how many more there are."""
    more = f"{between}and {len(texts) - _MOST_GROUPS} more" if len(texts) > _MOST_GROUPS else ""
    return between.join(texts[:_MOST_GROUPS]) + more


def _annotations(trouble: _Trouble) -> Labels:
    slo = trouble.slo
    what = "nothing is known of" if trouble.name == "SLONoData" else "the numbers cannot be right of"
    since = datetime.fromtimestamp(trouble.since_ms / 1000, UTC)
    left = f" As it was: {trouble.left}." if trouble.left else ""
    return Labels.of(
        summary=f"{what} {slo.service} {slo.name}: {trouble.why}"[:400],
        description=f"Since {since:%a} {since.day} {since:%b %H:%M} UTC. {_ADVICE[trouble.name]}{left}",
        runbook_url=_RUNBOOKS[trouble.name],
    )


def _over(labels: Labels, found: Troubles) -> str:
    if labels.get("burnline_slo") not in found.slos:
        return "the SLO was taken out of the files"
    return "something is known of it again" if labels.get("alertname") == "SLONoData" else "its numbers are right again"
