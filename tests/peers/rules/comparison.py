"""Where two runs of a scenario differ, sample by sample, apart from what DIFFERENT names."""

from __future__ import annotations

import bisect
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from agent.model import Alert, Labels, is_stale
from tests.peers.remote import Points
from tests.peers.rules.ours import Ours
from tests.peers.rules.scenarios import PACE_MS, Scenario
from tests.peers.rules.theirs import RESEND_DELAY_MS, Played

DIFFERENT: Final = {
    "first evaluations": (
        "Prometheus writes no ALERTS and ALERTS_FOR_STATE before `for` is restored, which it does after a group's second"
        " evaluation; ours are there from the first"
    ),
    "empty label": (
        "a rule label whose template expands to nothing is absent from our ALERTS, as it is from the alert; Prometheus"
        " writes the template's own text there"
    ),
    "error's place": (
        "the text of a template that failed names its line and column as written; Prometheus counts its prelude of"
        " variables too, calls every template by the alert's name, and says twice that executing failed"
    ),
    "restored second": (
        "Prometheus restores `for` by its wall clock, we by the instant of the evaluation: ALERTS_FOR_STATE of an alert"
        " that was restored may be a second apart"
    ),
}
"""Name of a difference → what it is."""

_PLACE: Final = re.compile(r"<error expanding template: .*?executing \"[^\"]*\" at ")

_UNRESTORED: Final = 2
"""The evaluations after a start at which Prometheus writes no ALERTS."""

Cell = tuple[Labels, int]


def differences(scenario: Scenario, played: Played, ours: Ours) -> list[str]:
    """Return a line for each sample that only one side has, or that has another value."""
    quiet = _quiet(played)
    theirs = dict(_cells(_named(played.outputs), scenario, played, quiet))
    mine = dict(_cells(_named(ours.outputs), scenario, played, quiet))
    found = []
    for cell in sorted(theirs.keys() | mine.keys(), key=lambda each: (each[1], each[0])):
        their, our = theirs.get(cell), mine.get(cell)
        if their is None or our is None or not _same(their, our):
            labels, at_ms = cell
            found.append(f"{at_ms} {_run(played, at_ms)} {labels}: Prometheus {_shown(their)}, ours {_shown(our)}")
    return found


def differences_sent(played: Played, ours: Ours) -> list[str]:
    """Return a line for each alert that only one side handed over, with its times and annotations.

    A firing one tells when it was handed over by its end; how often a resolved one was repeated cannot be seen.
    """
    theirs = Counter(_told(each, played) for each in played.sent)
    mine = Counter(_told(_as_posted(each), played) for each in ours.sent)
    theirs.pop(None, None)
    mine.pop(None, None)
    return [
        f"{each}: Prometheus {theirs[each]} times, ours {mine[each]} times"
        for each in sorted((theirs.keys() | mine.keys()), key=lambda told: (told.at_ms, told.labels))
        if (theirs[each] != mine[each] if each.fires else (each in theirs) != (each in mine))
    ]


class Told(NamedTuple):
    """An alert that was handed over: at `at_ms` where it fires, ended at `at_ms` where it does not."""

    labels: Labels
    annotations: Labels
    fires: bool
    since_ms: int
    at_ms: int


def _as_posted(alert: Alert) -> dict[str, Any]:
    return {
        "labels": dict(alert.labels),
        "annotations": dict(alert.annotations),
        "startsAt": datetime.fromtimestamp(alert.starts_at_ms / 1000, UTC).isoformat(),
        "endsAt": datetime.fromtimestamp(alert.ends_at_ms / 1000, UTC).isoformat(),
    }


def _told(posted: dict[str, Any], played: Played) -> Told | None:
    """Return what an alert as posted to an Alertmanager says, None before Prometheus knew one and after the scenario.

    A firing alert's end is four resend delays after its evaluation, a resolved one's is an evaluation.
    """
    since_ms, until_ms = (
        round(datetime.fromisoformat(posted[key]).timestamp() * 1000) for key in ("startsAt", "endsAt")
    )
    labels, annotations = _comparable(posted["labels"]), _comparable(posted.get("annotations", {}))
    instants = played.instants[labels["alertname"].partition("_")[0]]
    fires = (until_ms - instants[0]) % PACE_MS != 0
    at_ms = until_ms - 4 * RESEND_DELAY_MS if fires else until_ms
    heard = played.listening_ms < at_ms <= instants[-1]
    return Told(labels, annotations, fires, since_ms, at_ms) if heard else None


def _run(played: Played, at_ms: int) -> int:
    """Return how many starts there were up to an instant."""
    return bisect.bisect(played.starts, at_ms)


def _quiet(played: Played) -> frozenset[tuple[str, int]]:
    """Return (group, instant) of the evaluations at which Prometheus writes no ALERTS."""
    found = set()
    for group, instants in played.instants.items():
        for start, end in zip(played.starts, [*played.starts[1:], 1 << 62], strict=True):
            run = [instant for instant in instants if start <= instant < end]
            found |= {(group, instant) for instant in run[:_UNRESTORED]}
    return frozenset(found)


def _named(series: dict[Labels, Points]) -> dict[Labels, Points]:
    return {_comparable(labels): points for labels, points in series.items()}


def _comparable(labels: Mapping[str, str]) -> Labels:
    """Return labels without those that hold a template's own text, and with errors of templates without their place."""
    return Labels({name: placeless(value) for name, value in labels.items() if "{{" not in value})


def placeless(text: str) -> str:
    """Return a label's or annotation's text with the failing action and the reason alone of an error."""
    return _PLACE.sub("<error: ", text)


def _cells(
    series: dict[Labels, Points], scenario: Scenario, played: Played, quiet: frozenset[tuple[str, int]]
) -> Iterator[tuple[Cell, float]]:
    first_restart = played.starts[1] if len(played.starts) > 1 else 1 << 62
    for labels, points in series.items():
        group = _group(labels)
        is_alert = labels.name in ("ALERTS", "ALERTS_FOR_STATE")
        until_ms = min(played.until_ms, first_restart) if group in scenario.calm else played.until_ms
        alive = False
        for stamp, value in points:
            if stamp > until_ms:
                break
            unwritten = is_alert and (group, stamp) in quiet
            if unwritten or (is_stale(value) and not alive):
                # The end of a series that was seen only while Prometheus did not write it.
                alive = alive and not unwritten
                continue
            alive = not is_stale(value)
            yield (labels, stamp), value


def _group(labels: Labels) -> str:
    if labels.name in ("ALERTS", "ALERTS_FOR_STATE"):
        return labels["alertname"].partition("_")[0]
    return labels.name.partition(":")[0]


def _same(left: float, right: float) -> bool:
    if is_stale(left) or is_stale(right):
        return is_stale(left) and is_stale(right)
    return left == right or (math.isnan(left) and math.isnan(right)) or math.isclose(left, right, rel_tol=1e-12)


def _shown(value: float | None) -> str:
    return "nothing" if value is None else "a stale marker" if is_stale(value) else repr(value)
