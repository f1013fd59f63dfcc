"""From running sums to windows: two checkpoints are subtracted for all budgets at once, and what is excluded is taken off."""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from agent.slo.budget.chunks import BAD, MISSED, TOTAL
from agent.slo.budget.exclusions import intervals
from agent.slo.budget.layout import Layout
from agent.slo.budget.periods import period
from agent.slo.budget.readings import ENOUGH, Amounts, Floats
from agent.slo.budget.ring import Ring
from agent.slo.evidence import LEAST_BAD, Z

_ALL: Final = slice(None)


class Reckoning:
    """Windows that end at `at_ms`; `pending_ms` per budget is the last stretch, of which nothing has been heard yet."""

    def __init__(self, ring: Ring, layout: Layout, at_ms: int, pending_ms: Floats, *, excluding: bool = True) -> None:
        self.at_ms = at_ms
        self._layout = layout
        self._pending_ms = pending_ms
        self._excluding = excluding
        self._mark = cache(ring.sums)

    def windows(self) -> Amounts:
        """Return every window of the layout, arrays of shape (windows, budgets)."""
        if not (self._excluding and self._layout.excluded):
            return self._whole_windows()
        found = [self.since(self.at_ms - each) for each in self._layout.windows_ms]
        return Amounts(
            *(np.array(each) for each in zip(*((a.bad, a.total, a.seen_ms, a.length_ms) for a in found), strict=True))
        )

    def _whole_windows(self) -> Amounts:
        """Return the windows where nothing is excluded: all in one subtraction, for this is what each row pays for."""
        layout, end = self._layout, self._mark(self.at_ms)
        marks = [self._mark(self.at_ms - each) for each in layout.windows_ms]
        began_ms = np.asarray([each.at_ms for each in marks], dtype=np.int64)[:, np.newaxis]
        amounts = end.sums[:, layout.tracks] - np.stack([each.sums for each in marks])[:, :, layout.tracks]
        elapsed = np.maximum(end.at_ms - np.maximum(began_ms, layout.born_ms), 0)
        length = np.repeat(np.asarray(layout.windows_ms, dtype=np.float64)[:, np.newaxis], len(layout), axis=1)
        seen = np.maximum(elapsed - amounts[:, MISSED], 0.0) - self._pending_ms
        return Amounts(amounts[:, BAD], amounts[:, TOTAL], np.clip(seen, 0.0, length), length)

    def period(self, default_ms: int) -> tuple[Amounts, NDArray[np.int64], NDArray[np.int64]]:
        """Return each budget's own period, and where it starts and ends."""
        count = len(self._layout)
        found = Amounts(*(np.zeros(count) for _ in range(4)))
        starts, ends = (np.zeros(count, dtype=np.int64) for _ in range(2))
        for objective, chosen in self._layout.periods:
            extent = period(objective.slo.window, self.at_ms, objective.period_ms or default_ms)
            amounts = self.since(extent.start_ms)
            for name in ("bad", "total", "seen_ms", "length_ms"):
                getattr(found, name)[chosen] = getattr(amounts, name)[chosen]
            starts[chosen], ends[chosen] = extent.start_ms, extent.end_ms
        return found, starts, ends

    def since(self, start_ms: int) -> Amounts:
        """Return what happened from `start_ms` on, of all budgets, without what is excluded for each."""
        return self.between(start_ms, self.at_ms)

    def between(self, start_ms: int, end_ms: int) -> Amounts:
        """Return what happened in [start_ms, end_ms), of all budgets, without what is excluded for each."""
        bad, total, seen = self._between(start_ms, end_ms, _ALL)
        if end_ms >= self.at_ms:
            seen -= self._pending_ms
        length = np.full(len(self._layout), float(end_ms - start_ms))
        if self._excluding:
            for objective, chosen in self._layout.excluded:
                for start, end in intervals(objective.slo.exclusions, start_ms, end_ms):
                    for have, off in zip((bad, total, seen), self._between(start, end, chosen), strict=True):
                        have[chosen] -= off
                    length[chosen] -= end - start
        return Amounts(bad, total, np.clip(seen, 0.0, length), length)

    def _between(self, start_ms: int, end_ms: int, chosen: slice | NDArray[np.intp]) -> tuple[Floats, Floats, Floats]:
        """Return bad and all events and the time that was seen, of the chosen budgets alone: most exclude nothing."""
        start, end = self._mark(start_ms), self._mark(end_ms)
        tracks = self._layout.tracks[chosen]
        amounts = end.sums[:, tracks] - start.sums[:, tracks]
        elapsed = np.maximum(end.at_ms - np.maximum(start.at_ms, self._layout.born_ms[chosen]), 0)
        return amounts[BAD], amounts[TOTAL], np.maximum(elapsed - amounts[MISSED], 0.0)


def certain(windows: Amounts, min_events: Floats) -> Floats:
    """Return what of each window's ratio is certain, NaN where nothing is; shapes as of `windows`, `min_events` of (budgets,).

    With fewer than `min_events` it is Wilson's lower bound (agent/slo/evidence.py), from LEAST_BAD bad events on. Where less than
    half of the window was seen, the rest counts as clean: so a service that began an hour ago, or an agent, pages for an outage
    as soon as a window of its full length would, and for nothing before.
    """
    ratio = windows.ratio
    bad, total = windows.bad, np.maximum(windows.total, 1.0)
    few = (windows.total < min_events) & (windows.total > 0)
    spread = Z * np.sqrt(bad * (total - bad) / total + Z * Z / 4)
    bound = np.maximum(bad + Z * Z / 2 - spread, 0.0) / (total + Z * Z)
    found = np.where(few, np.where(bad >= LEAST_BAD, bound, np.nan), ratio)
    coverage = windows.coverage
    return np.asarray(np.where(coverage < ENOUGH, found * coverage, found))
