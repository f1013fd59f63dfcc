"""What of the tracks is read, as arrays over all budgets: made anew when a track comes, so that reading is arithmetic."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from agent.slo.budget.objective import Key, Objective, Unit
from agent.slo.budget.tracks import Tracks
from agent.slo.model import Severity

NOW_MS: Final = 5 * 60_000
"""The window of the current burn rate, and the shortest that is always read."""
PACE_MS: Final = 60 * 60_000
"""The window whose burn rate says when a budget will be gone."""
SHIFT_MS: Final = 6 * 60 * 60_000
"""The window that is shown beside it, whatever windows the alerts have."""


class Layout:
    """B budgets: `keys`, their `objectives`, and arrays of shape (B,) or (tiers, B). `whole`: with those that retired."""

    def __init__(self, objectives: Sequence[Objective], tracks: Tracks, *, whole: bool = False) -> None:
        of = {each.slo.id: each for each in objectives}
        chosen = [
            (number, track, of[track.key.slo])
            for number, track in enumerate(tracks.all)
            if track.key.slo in of
            and track.unit is of[track.key.slo].budget_unit
            and of[track.key.slo].groups(track.key.group)
            and (whole or not track.retired_ms)
        ]
        self.tracks = np.asarray([number for number, _, _ in chosen], dtype=np.intp)
        self.keys: tuple[Key, ...] = tuple(track.key for _, track, _ in chosen)
        self.objectives: tuple[Objective, ...] = tuple(objective for _, _, objective in chosen)
        self.numbers = {key: number for number, key in enumerate(self.keys)}
        self.born_ms = np.asarray([track.born_ms for _, track, _ in chosen], dtype=np.int64)
        self.retired = np.asarray([bool(track.retired_ms) for _, track, _ in chosen], dtype=bool)
        sources = [tracks.find(track.key, objective.unit) for _, track, objective in chosen]
        self.sources = np.asarray(sources, dtype=np.intp)
        """The tracks that events come in by; those of slices are made of them."""
        self.budget = np.asarray([each.slo.budget for each in self.objectives])
        self.min_events = np.asarray(
            [each.slo.min_events if each.budget_unit is Unit.EVENTS else 0 for each in self.objectives],
            dtype=np.float64,
        )
        # Of all objectives, those of which nothing came in yet too: the rows of the arrays stay what they are.
        self.windows_ms = _windows(objectives)
        self.long, self.short, self.factor = self._burns()
        self.pages = self._pages()
        self.holds = self._holds()
        self.periods = self._grouped([(each.slo.window, each.period_ms) for each in self.objectives])
        # Why time does not count is nothing that it is reckoned by: what recurs for many services is taken off at once.
        self.excluded = self._grouped(
            [tuple(replace(one, reason="") for one in each.slo.exclusions) for each in self.objectives]
        )

    def __len__(self) -> int:
        return len(self.keys)

    def window(self, window_ms: int) -> int:
        """Return a window's row in the arrays that are read."""
        return self.windows_ms.index(window_ms)

    def _burns(self) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
        """Return each tier's long and short window (rows) and factor; infinite where a budget has fewer tiers than others."""
        tiers = max((len(each.burns) for each in self.objectives), default=0)
        long, short = (np.zeros((tiers, len(self)), dtype=np.intp) for _ in range(2))
        factor = np.full((tiers, len(self)), np.inf)
        for number, objective in enumerate(self.objectives):
            for tier, burn in enumerate(objective.burns):
                long[tier, number], short[tier, number] = self.window(burn.long_ms), self.window(burn.short_ms)
                factor[tier, number] = burn.factor
        return long, short, factor

    def _pages(self) -> NDArray[np.bool_]:
        """Say which tiers are pages, (tiers, B); the others are tickets."""
        found = np.zeros(self.long.shape, dtype=bool)
        for number, objective in enumerate(self.objectives):
            found[: len(objective.burns), number] = [each.severity is Severity.PAGE for each in objective.burns]
        return found

    def _holds(self) -> NDArray[np.intp]:
        """Return for each window the one (a row) while whose traffic goes on it keeps its ratio when it has none itself."""
        found = np.tile(np.arange(len(self.windows_ms))[:, np.newaxis], (1, len(self)))
        for number, objective in enumerate(self.objectives):
            for burn in objective.burns:
                row = self.window(burn.short_ms)
                found[row, number] = max(found[row, number], self.window(burn.long_ms))
        return found

    def _grouped(self, values: Sequence[Hashable]) -> list[tuple[Objective, NDArray[np.intp]]]:
        """Return the budgets that share a value, with one objective that has it; an empty value makes no group."""
        groups: dict[Hashable, list[int]] = defaultdict(list)
        for number, value in enumerate(values):
            if value:
                groups[value].append(number)
        return [(self.objectives[numbers[0]], np.asarray(numbers, dtype=np.intp)) for numbers in groups.values()]


def _windows(objectives: Sequence[Objective]) -> tuple[int, ...]:
    found = {each for objective in objectives for burn in objective.burns for each in (burn.short_ms, burn.long_ms)}
    return tuple(sorted(found | {NOW_MS, PACE_MS, SHIFT_MS}))
