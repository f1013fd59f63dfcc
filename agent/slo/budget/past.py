"""Slots of a budget's past: which of them may be taken in, and which the running sums are made of. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agent.slo.budget.chunks import BAD, MISSED, QUANTITIES, TOTAL, Sums
from agent.slo.budget.objective import Objective
from agent.slo.budget.ring import Amendment
from agent.slo.budget.slices import ONE, sliced, target_of


@dataclass(frozen=True, slots=True)
class Slot:
    """What is known of a stretch of the past: `bad` of `total` events between two instants."""

    start_ms: int
    end_ms: int
    bad: float
    total: float


def apart(slots: Iterable[Slot], until_ms: int | None) -> list[Slot]:
    """Return the slots that may be taken: whole, in order, apart from each other, and before what is known."""
    found: list[Slot] = []
    for each in sorted(slots, key=lambda each: each.end_ms):
        follows = not found or each.start_ms >= found[-1].end_ms
        right = each.start_ms < each.end_ms and 0 <= each.bad <= each.total
        if follows and right and (until_ms is None or each.end_ms <= until_ms):
            found.append(each)
    return found


def between_checkpoints(times: NDArray[np.int64], sums: Sums, born_ms: int) -> list[Slot]:
    """Return what lies between checkpoints; time that was missed is taken off the newest stretch first, as it was found out."""
    found: list[Slot] = []
    missed = 0.0
    for place in range(len(times) - 1, 0, -1):
        start, end = max(int(times[place - 1]), born_ms), int(times[place])
        if end <= born_ms:
            break
        bad, total, more = (float(each) for each in sums[:, place] - sums[:, place - 1])
        missed += more
        lost = min(missed, end - start)
        missed -= lost
        seen = end - start - round(lost)
        if seen > 0 or total > 0:
            # Events that were only seen after a gap need a moment to stand in.
            found.append(Slot(end - max(seen, 1), end, min(max(bad, 0.0), total), total))
    return found[::-1]


def amendment(track: int, slots: Sequence[Slot], born_ms: int | None) -> Amendment:
    """Return what adds slots before a track's beginning; what lies between them, and before that beginning, is unknown."""
    starts, ends = [each.start_ms for each in slots], [each.end_ms for each in slots]
    amounts = np.zeros((QUANTITIES, len(slots) + 1))
    amounts[BAD, :-1] = [each.bad for each in slots]
    amounts[TOTAL, :-1] = [each.total for each in slots]
    amounts[MISSED, 1:-1] = np.asarray(starts[1:]) - np.asarray(ends[:-1])
    until = ends[-1] if born_ms is None else born_ms
    amounts[MISSED, -1] = until - ends[-1]
    return Amendment(track, starts[0], np.asarray([*ends, until], dtype=np.int64), amounts)


def in_slices(slots: Sequence[Slot], objective: Objective) -> list[Slot]:
    """Return the slices that slots make up, in millionths of slices."""
    length = objective.slice_ms
    sums: dict[int, list[float]] = {}
    for each in slots:
        at = sums.setdefault((each.end_ms - 1) // length, [0.0, 0.0])
        at[0], at[1] = at[0] + each.bad, at[1] + each.total
    target = np.asarray([target_of(objective.slo.budgeting)])
    return [
        Slot(
            number * length,
            (number + 1) * length,
            float(sliced(np.asarray([bad]), np.asarray([total]), target)[0]),
            ONE,
        )
        for number, (bad, total) in sums.items()
        if total
    ]
