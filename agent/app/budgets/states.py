"""The alerts SLONoData and SLOInvalid: raised by the agent, since what is not known shows in no number that a rule could read.

They wait five minutes, so that a deploy is no message, and end when the state does. A restart neither ends nor repeats them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from agent.journal import Delete, Put, Write
from agent.model import Labels, format_rfc3339

if TYPE_CHECKING:
    from agent.slo import Slo
    from agent.slo.budget import Reading, Readings

KIND: Final = "slo_state"
"""Records of the alerts that fire, by their labels' fingerprint."""
PATIENCE_MS: Final = 300_000
"""How long a state lasts before somebody is told."""
_MOST_GROUPS: Final = 5
_ADVICE: Final = {
    "SLONoData": "While it lasts, what happens is not counted: the budget stays as it is, and no burn alert opens or ends.",
    "SLOInvalid": "Nothing is counted until the numbers are right: the budget stays as it is, and no burn alert opens or ends.",
}
_RUNBOOKS: Final = {"SLONoData": "/runbooks/slo-no-data", "SLOInvalid": "/runbooks/slo-invalid"}


class Alarms(Protocol):
    """Raises the agent's own alerts: `OwnAlerts`, seen from here."""

    def fire(self, labels: Labels, annotations: Labels, at_ms: int, why: str, *, since_ms: int = 0) -> None:
        """Raise an alert, or say it in other words."""

    def end(self, labels: Labels, at_ms: int, why: str) -> None:
        """End an alert, if it fires."""


@dataclass(frozen=True, slots=True)
class _Trouble:
    """One SLO of which somebody should know: what it is called, since when, why, and of how many of its groups."""

    name: str
    slo: Slo
    since_ms: int
    why: str
    left: str


class StateAlerts:
    """Looks at readings after each row. `records` and `write` are the journal's; `put` waits for nothing."""

    def __init__(
        self, alarms: Alarms, *, records: Callable[[str], Mapping[str, Any]], write: Callable[..., object]
    ) -> None:
        self._alarms, self._write = alarms, write
        self._firing: dict[Labels, int] = {}
        self._kept = records(KIND)

    def resume(self, at_ms: int) -> None:
        """Go on with the alerts of the agent before this one; the first row of which something is known ends or confirms them."""
        for kept in self._kept.values():
            labels, since_ms = Labels(kept["labels"]), int(kept["since_ms"])
            self._firing[labels] = since_ms
            self._alarms.fire(labels, Labels(kept["annotations"]), at_ms, "", since_ms=since_ms)
        self._kept = {}

    def look(self, readings: Readings, at_ms: int) -> None:
        """Raise what has lasted, end what is over."""
        found, unheard = _troubles(readings)
        for labels in [each for each in self._firing if each.get("burnline_slo") not in unheard and each not in found]:
            self._end(labels, at_ms, _over(labels, readings))
        for labels, trouble in found.items():
            since_ms = self._firing.get(labels, trouble.since_ms)
            if labels in self._firing or at_ms - since_ms >= PATIENCE_MS:
                self._fire(labels, trouble, since_ms, at_ms)

    def _fire(self, labels: Labels, trouble: _Trouble, since_ms: int, at_ms: int) -> None:
        annotations = _annotations(trouble, since_ms)
        known = labels in self._firing
        self._firing[labels] = since_ms
        if not known:
            self._alarms.fire(labels, annotations, at_ms, trouble.why)
            record = {"labels": dict(labels), "annotations": dict(annotations), "since_ms": since_ms}
            write: Write = Put(KIND, labels.fingerprint(), record)
            self._write(write)

    def _end(self, labels: Labels, at_ms: int, why: str) -> None:
        del self._firing[labels]
        self._alarms.end(labels, at_ms, why)
        write: Write = Delete(KIND, labels.fingerprint())
        self._write(write)


def labels_of(name: str, slo: Slo) -> Labels:
    """Return the labels of the alert about an SLO: those that its own alerts have by its file, too, such as a job or a team.

    So what mutes or routes those can do the same here. Templates are left out, since there is no sample to fill them in.
    """
    written = {label: value for label, value in slo.alerting.labels.items() if "{{" not in value}
    return Labels({**written, "alertname": name, "burnline_slo": slo.id, "severity": "warning", **slo.identity})


def _troubles(readings: Readings) -> tuple[dict[Labels, _Trouble], set[str]]:
    """Return what is wrong by the labels of its alert, and the SLOs of which nothing was heard yet.

    Of an SLO with groups it is news that one is invalid, and that all are without data: one that is idle may have gone.
    """
    from agent.slo.budget import State  # only an agent with SLOs pays for it

    by_slo: dict[str, list[int]] = {}
    unheard: set[str] = set()
    for number, key in enumerate(readings.layout.keys):
        by_slo.setdefault(key.slo, []).append(number)
        if not readings.seen[number]:
            unheard.add(key.slo)
    found: dict[Labels, _Trouble] = {}
    for numbers in by_slo.values():
        # A reading takes time, and of most there is nothing to say.
        invalid = [each for each in numbers if readings.state(each) is State.INVALID]
        silent = [each for each in numbers if readings.state(each) is State.NO_DATA]
        if invalid:
            found |= _of(State.INVALID.value, [readings.of(each) for each in invalid])
        elif silent and len(silent) == len(numbers):
            found |= _of(State.NO_DATA.value, [readings.of(each) for each in silent])
    return found, unheard


def _of(name: str, readings: list[Reading]) -> dict[Labels, _Trouble]:
    from agent.slo.budget import gone

    slo = readings[0].objective.slo
    since_ms = min(each.since_ms or each.at_ms for each in readings)
    groups = [f"{each.key.group}: {each.words}" if each.key.group else each.words for each in readings]
    why = "; ".join(groups[:_MOST_GROUPS]) + (f"; and {len(groups) - _MOST_GROUPS} more" * (len(groups) > _MOST_GROUPS))
    left = gone(readings[0]) if len(readings) == 1 else f"{len(readings)} of its groups are concerned"
    return {labels_of(name, slo): _Trouble(name, slo, since_ms, why, left)}


def _annotations(trouble: _Trouble, since_ms: int) -> Labels:
    slo = trouble.slo
    what = "nothing is known of" if trouble.name == "SLONoData" else "the numbers cannot be right of"
    return Labels.of(
        summary=f"{what} {slo.service} {slo.name}: {trouble.why}"[:400],
        description=f"Since {format_rfc3339(since_ms)}. {_ADVICE[trouble.name]} As it was: {trouble.left}.",
        runbook_url=_RUNBOOKS[trouble.name],
    )


def _over(labels: Labels, readings: Readings) -> str:
    if labels.get("burnline_slo") not in {key.slo for key in readings.layout.keys}:
        return "the SLO was taken out of the files"
    return "something is known of it again" if labels.get("alertname") == "SLONoData" else "its numbers are right again"
