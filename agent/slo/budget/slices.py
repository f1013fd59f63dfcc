"""Slices of time from the same slots: when one ends, it becomes an amount on a track of its own, so their windows are O(1) too.

A slice without traffic is none, as in the compiled rules; neither is one of which less than half was seen. A slice is counted
once: where the clock is set back, those that are to end again are taken back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from agent.slo.budget.chunks import BAD, QUANTITIES, TOTAL, Sums
from agent.slo.budget.layout import Layout
from agent.slo.budget.ring import Ring
from agent.slo.model import Budgeting, RatioTimeslices, Timeslices

ONE: Final = 1_000_000.0
"""A slice, in millionths: a ratio of slices stays a whole number, and a sum exact."""
_LEAST_SEEN: Final = 0.5


class Slicer:
    """The budgets of a layout that count slices, by the length of their slices."""

    def __init__(self, layout: Layout) -> None:
        lengths = np.asarray([each.slice_ms for each in layout.objectives], dtype=np.int64)
        self._groups = {each: np.flatnonzero(lengths == each) for each in sorted({*lengths.tolist()}) if each}
        self._layout = layout
        self._target = np.asarray([target_of(each.slo.budgeting) for each in layout.objectives])

    def taken_back(self, ring: Ring, at_ms: int) -> tuple[Sums, dict[int, int]]:
        """Return, as amounts below zero, the slices that end at `at_ms` or later, where the clock is set back to it.

        One that ends just then has in it what was counted beyond. Beside them, per length of slices, the instant up to which
        those that ended by then are counted.
        """
        found, counted = np.zeros((QUANTITIES, ring.tracks)), {}
        newest = ring.sums(ring.last_ms or at_ms)
        for length, chosen in self._groups.items():
            kept = ring.sums(-(-at_ms // length) * length - 1)
            tracks = self._layout.tracks[chosen]
            found[[[BAD], [TOTAL]], tracks] = (kept.sums - newest.sums)[[[BAD], [TOTAL]], tracks]
            counted[length] = kept.at_ms
        return found, counted

    def ended(
        self, ring: Ring, before_ms: int | None, at_ms: int, counted: Mapping[int, int] | None = None
    ) -> Sums | None:
        """Return the amounts of slices that ended after `before_ms` and by `at_ms`, per track; None where none did.

        counted: by length, instead of `before_ms`, as `taken_back` has it.
        """
        if before_ms is None or not self._groups:
            return None
        found = np.zeros((QUANTITIES, ring.tracks))
        some = False
        for length, chosen in self._groups.items():
            end = ((counted or {}).get(length, before_ms) // length + 1) * length
            # Of a gap only its first slice can have been seen; the last is under way.
            if end <= at_ms:
                some = True
                self._add(found, ring, chosen, end - length, end)
        return found if some else None

    def _add(self, into: Sums, ring: Ring, chosen: np.ndarray, start_ms: int, end_ms: int) -> None:
        start, end = ring.sums(start_ms), ring.sums(end_ms)
        sources = self._layout.sources[chosen]
        bad, total, missed = end.sums[:, sources] - start.sums[:, sources]
        elapsed = end_ms - np.maximum(start_ms, self._layout.born_ms[chosen])
        seen = elapsed - np.minimum(missed, elapsed)
        counts = (total > 0) & (seen >= _LEAST_SEEN * (end_ms - start_ms))
        amounts = sliced(bad[counts], total[counts], self._target[chosen][counts])
        tracks = self._layout.tracks[chosen][counts]
        into[BAD, tracks] += amounts
        into[TOTAL, tracks] += ONE


def sliced(bad: np.ndarray, total: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return how much of each slice is bad, in millionths: all or nothing by `target`, its ratio where that is NaN."""
    ratio = bad / total
    # 1 - target has noise of its own: 0.95 of 100 events are 95, exactly.
    worse = total - bad < target * total * (1 - 1e-12)
    return np.asarray(np.where(np.isnan(target), np.rint(ratio * ONE), worse * ONE))


def target_of(budgeting: Budgeting) -> float:
    """Return the part of a slice's events that must be good; NaN where its ratio counts instead."""
    match budgeting:
        case Timeslices(target=target):
            return target
        case RatioTimeslices():
            return float("nan")
        case _:
            return 0.0
