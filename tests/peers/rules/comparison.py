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
from tests.peers.rules.scenarios import PACE_MS
from tests.peers.rules.theirs import RESEND_DELAY_MS, Played

DIFFERENT: Final = {
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

Cell = tuple[Labels, int]


def differences(played: Played, ours: Ours) -> list[str]:
    """Return a line for each sample that only one side has, or that has another value."""
    theirs = dict(_cells(played.outputs, played))
    mine = dict(_cells(ours.outputs, played))
    found = []
    for cell in sorted(theirs.keys() | mine.keys(), key=lambda each: (each[1], each[0])):
        their, our = theirs.get(cell), mine.get(cell)
        if their is None or our is None or not _same(cell, their, our, played):
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
    group = _group(labels)
    instants = played.instants[group]
    fires = (until_ms - instants[0]) % PACE_MS != 0
    at_ms = until_ms - 4 * RESEND_DELAY_MS if fires else until_ms
    heard = played.heard(at_ms) and at_ms < played.torn.get(group, 1 << 62)
    return Told(labels, annotations, fires, since_ms, at_ms) if heard else None


def _run(played: Played, at_ms: int) -> int:
    """Return how many starts there were up to an instant."""
    return bisect.bisect(played.starts, at_ms)


def _comparable(labels: Mapping[str, str]) -> Labels:
    """Return labels without those that hold a template's own text, and with errors of templates without their place."""
    return Labels({name: placeless(value) for name, value in labels.items() if "{{" not in value})


def placeless(text: str) -> str:
    """Return a label's or annotation's text with the failing action and the reason alone of an error."""
    return _PLACE.sub("<error: ", text)


def _cells(series: dict[Labels, Points], played: Played) -> Iterator[tuple[Cell, float]]:
    for labels, points in series.items():
        until_ms = min(played.until_ms, played.torn.get(_group(labels), 1 << 62) - 1)
        plain = _comparable(labels)
        yield from (((plain, stamp), value) for stamp, value in points if stamp <= until_ms)


def _group(labels: Labels) -> str:
    if "alertname" in labels:
        return labels["alertname"].partition("_")[0]
    return labels.name.partition(":")[0]


def _same(cell: Cell, their: float, our: float, played: Played) -> bool:
    if is_stale(their) or is_stale(our):
        return is_stale(their) and is_stale(our)
    labels, at_ms = cell
    if labels.name == "ALERTS_FOR_STATE" and _run(played, at_ms) > 1:
        return abs(their - our) <= 1
    return their == our or (math.isnan(their) and math.isnan(our)) or math.isclose(their, our, rel_tol=1e-12)


def _shown(value: float | None) -> str:
    return "nothing" if value is None else "a stale marker" if is_stale(value) else repr(value)
