"""For how long nothing was heard of each track: when that is a gap in what is known, and when it is a group that left."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from agent.slo.budget.tally import Seen, Tally


class Silence:
    """`ms` by track: the time since it was heard of, or since it was missed. `longest_ms` is what is no gap yet."""

    def __init__(self) -> None:
        self.ms = np.zeros(0)

    def widen(self, tracks: int) -> None:
        """Make room for `tracks` tracks in all."""
        self.ms = np.append(self.ms, np.zeros(max(tracks - len(self.ms), 0)))

    def let_go(self, tally: Tally, groups: Iterable[Sequence[int]], elapsed_ms: int, longest_ms: int) -> None:
        """Take a group that left, such as a version that was rolled back, for one without traffic while others have data.

        Were nothing known of it, its page would never end. What failed has not left: its groups wait. groups: the tracks of
        each SLO that has some.
        """
        self.widen(len(tally.seen))
        for each in groups:
            tracks = np.asarray(each, dtype=np.intp)
            seen = tally.seen[tracks]
            if not (seen == Seen.VALUE).any():
                continue
            ceased = (seen == Seen.WAITING) & (elapsed_ms <= longest_ms) & (self.ms[tracks] + elapsed_ms > longest_ms)
            for track in tracks[ceased | np.isin(tracks, [*tally.left])].tolist():
                tally.seen[track] = Seen.VALUE
                tally.words.pop(track, None)

    def missed(self, tally: Tally, elapsed_ms: int, longest_ms: int) -> NDArray[np.float64]:
        """Return how much more time was missed of each track, and say in the row of which nothing is known any more."""
        self.widen(len(tally.seen))
        # Between two scrapes of a slow target nothing is heard; what comes then covers the time since the one before.
        self.ms += elapsed_ms
        heard = tally.seen == Seen.VALUE
        lost = ~heard & ((tally.seen != Seen.WAITING) | (self.ms > longest_ms))
        gap = heard & (self.ms > longest_ms) & (elapsed_ms > longest_ms)
        found = np.where(lost | gap, self.ms, 0.0)
        self.ms[heard | lost] = 0.0
        tally.seen[lost & (tally.seen == Seen.WAITING)] = Seen.NO_DATA
        return found

    def keep_only(self, tracks: Sequence[int]) -> None:
        """Forget all tracks but these (rising): their places among them are their numbers from now on."""
        self.ms = self.ms[tracks]
