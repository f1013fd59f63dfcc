"""Indicators that cannot be counted: a ratio asked for at each row, which holds for the time since the row before."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from agent.model import Labels
from agent.slo.budget.chunks import BAD, TOTAL
from agent.slo.budget.objective import Objective
from agent.slo.budget.tally import Seen, Tally
from agent.slo.budget.tracks import Tracks

_LEAST_MS: Final = 60_000


def sampling_window_ms(interval_ms: int) -> int:
    """Return the window to ask the query over: short, so that a burn is seen soon, and long enough for `rate` to find samples."""
    return max(_LEAST_MS, 4 * interval_ms)


class Sampler:
    """Puts ratios into rows; what rounding to whole milliseconds leaves goes into the next row, so none is lost."""

    def __init__(self, tracks: Tracks) -> None:
        self._tracks = tracks
        self._left: dict[int, float] = {}

    def sample(
        self,
        tally: Tally,
        number: int,
        objective: Objective,
        ratios: Sequence[tuple[Labels, float]] | None,
        elapsed_ms: int,
    ) -> Tally:
        """Put one SLO's ratios into the row as milliseconds, bad and all of them; `elapsed_ms` since the row before.

        NaN is 0/0, no traffic: neither good nor bad time. What is below 0, above 1 or infinite is no ratio.
        """
        found: dict[int, list[tuple[Labels, float]]] = {}
        for labels, ratio in ratios or ():
            group = Labels([(each, labels.get(each)) for each in objective.slo.group_by])
            track = self._tracks.of(number, group, alive=not math.isnan(ratio))
            found.setdefault(track, []).append((labels, ratio))
        tally = tally.widened(len(self._tracks))
        silence = "its query could not be answered" if ratios is None else "its query gives no series"
        for track in self._tracks.groups(objective.slo.id):
            if track not in found and self._tracks.all[track].unit is objective.unit:
                tally.refuse(track, Seen.NO_DATA, silence)
                if ratios:
                    tally.left.add(track)
        for track, series in found.items():
            self._take(tally, track, series, elapsed_ms)
        return tally

    def keep_only(self, tracks: Sequence[int]) -> None:
        """Forget all tracks but these (rising): their places among them are their numbers from now on."""
        self._left = {new: self._left[old] for new, old in enumerate(tracks) if old in self._left}

    def _take(self, tally: Tally, track: int, series: Sequence[tuple[Labels, float]], elapsed_ms: int) -> None:
        (labels, ratio), *more = series
        if more and self._tracks.all[track].shared:
            # What is beyond the most groups shares one: each weighs alike.
            known = [each for _, each in series if not math.isnan(each)]
            ratio, more = (sum(known) / len(known) if known else ratio), []
        if more:
            names = f"{labels} and {more[0][0]}"
            why = f"its query gives {len(series)} series, {names}: add them (sum), or name the label in group_by"
            tally.refuse(track, Seen.INVALID, why)
        elif math.isnan(ratio):
            tally.seen[track] = Seen.VALUE
        elif not -1e-9 <= ratio <= 1 + 1e-9:
            tally.refuse(track, Seen.INVALID, f"its query gives {ratio:g}, and an error ratio is between 0 and 1")
        else:
            tally.seen[track] = Seen.VALUE
            exact = min(max(ratio, 0.0), 1.0) * elapsed_ms + self._left.get(track, 0.0)
            whole = min(max(round(exact), 0), elapsed_ms)
            self._left[track] = exact - whole
            tally.amounts[BAD, track], tally.amounts[TOTAL, track] = whole, elapsed_ms
