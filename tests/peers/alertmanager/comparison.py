"""Where two runs of a story differ: per webhook and group, the notifications in their order, their content and their tick.

A tick's tries of one message count as one delivery, at the time of the first: when the second comes is left to chance, by
Alertmanager's backoff as by ours. What is never compared stands in DIFFERENT.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from tests.peers.alertmanager.hooks import Arrival, Hooks
from tests.peers.alertmanager.scenarios import HANG, LASTS_MS, REFUSE, RETRIED, Fault

SAME_TICK_MS: Final = 400
TRIES_MS: Final = 4_000
"""Within this time after a webhook refused, Alertmanager's backoff tries again: a delivery may come so late."""
ANSWERED_BY_SERVER_MS: Final = 400
"""How far apart times may be that each side sets by its own clock."""

DIFFERENT: Final = {
    "notification_reason": "we say why, as Alertmanager does since 0.32; 0.25 does not",
    "routeLabels": "labels of routes are new in Alertmanager 0.34",
}
"""Field of the webhook's JSON → why it is not compared."""


@dataclass
class Delivery:
    """One message of one tick: its content, when it was first tried, how often, and how it was answered at last."""

    at_ms: int
    content: str
    last_ms: int
    status: int
    tries: int = 1

    def __str__(self) -> str:
        shown = json.loads(self.content)
        alerts = " ".join(
            f"{each['status']}{sorted(each['labels'].items())}{each['annotations']}" for each in shown["alerts"]
        )
        return f"{self.at_ms / 1000:.2f}s HTTP {self.status} ({self.tries} tries) {shown['status']}: {alerts}"


def differences(first: Hooks, second: Hooks, names: tuple[str, str] = ("Alertmanager", "ours")) -> list[str]:
    """Return a line for each group of a webhook whose deliveries differ, with the first that does."""
    found = []
    for name, hook in first.hooks.items():
        one, other = (by_group(side.hooks[name].arrivals, side.start_ms) for side in (first, second))
        for group in sorted(one.keys() | other.keys()):
            told = _first_difference(one.get(group, []), other.get(group, []), hook.faults, names)
            if told:
                found.append(f"{name} {group}: {told}")
    return found


def by_group(arrivals: Iterable[Arrival], start_ms: int) -> dict[str, list[Delivery]]:
    """Return the deliveries of each group in their order, by the group's key."""
    found: dict[str, list[Delivery]] = {}
    for each in arrivals:
        content = _content(each.body, start_ms)
        group = found.setdefault(each.body["groupKey"], [])
        at_ms = each.at_ms - start_ms
        last = group[-1] if group else None
        if last and last.content == content and last.status in (*RETRIED, HANG) and at_ms - last.last_ms < 12_000:
            last.last_ms, last.status, last.tries = at_ms, each.status, last.tries + 1
        else:
            group.append(Delivery(at_ms, content, at_ms, each.status))
    return found


def _first_difference(
    one: Sequence[Delivery], other: Sequence[Delivery], faults: Sequence[Fault], names: tuple[str, str]
) -> str:
    for number in range(max(len(one), len(other))):
        mine = one[number] if number < len(one) else None
        theirs = other[number] if number < len(other) else None
        if (mine is None or theirs is None) and (mine or theirs).at_ms > LASTS_MS - 2 * SAME_TICK_MS:
            continue  # the other side was stopped before it had its turn
        if mine is None or theirs is None or not _same(mine, theirs, faults):
            return f"delivery {number + 1}:\n    {names[0]}: {mine}\n    {names[1]}: {theirs}{_detail(mine, theirs)}"
    return ""


def _same(one: Delivery, other: Delivery, faults: Sequence[Fault]) -> bool:
    if one.content != other.content and not _same_but_for_clocks(json.loads(one.content), json.loads(other.content)):
        return False
    if one.status != other.status or (one.tries > 1) != (other.tries > 1):
        return _chance(min(one.at_ms, other.at_ms), faults) and one.status == other.status
    apart = abs(one.at_ms - other.at_ms)
    return apart <= SAME_TICK_MS or (apart <= TRIES_MS and _chance(min(one.at_ms, other.at_ms), faults))


def _chance(at_ms: int, faults: Sequence[Fault]) -> bool:
    """Say whether a refused connection may have delayed a delivery of this instant: nobody saw the first try."""
    return any(each.status == REFUSE and each.at_ms <= at_ms < each.until_ms + TRIES_MS for each in faults)


def _same_but_for_clocks(one: Any, other: Any) -> bool:
    """Compare contents in which times may be a moment apart that each side set by its own clock."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same_but_for_clocks(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same_but_for_clocks, one, other))
    if isinstance(one, int) and isinstance(other, int):
        return one == other or (abs(one - other) <= ANSWERED_BY_SERVER_MS and bool(one % 50 or other % 50))
    return bool(one == other)


def _content(body: Any, start_ms: int) -> str:
    """Return what a message says, with times in ms of the story."""
    made = {key: value for key, value in body.items() if key not in DIFFERENT}
    made["alerts"] = [
        {**each, **{key: _time(each[key], start_ms) for key in ("startsAt", "endsAt")}} for each in body["alerts"]
    ]
    return json.dumps(made, sort_keys=True, ensure_ascii=False)


def _time(text: str, start_ms: int) -> int | None:
    if text.startswith("0001-01-01T00:00:00"):
        return None
    return round(datetime.fromisoformat(text).timestamp() * 1000) - start_ms


def _detail(one: Delivery | None, other: Delivery | None) -> str:
    """Name the fields that differ."""
    if one is None or other is None:
        return ""
    first, second = json.loads(one.content), json.loads(other.content)
    names = [key for key in first.keys() | second.keys() if not _same_but_for_clocks(first.get(key), second.get(key))]
    return "".join(f"\n    {name}: {first.get(name)!r} | {second.get(name)!r}" for name in sorted(names))
