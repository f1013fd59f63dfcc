"""What keeps 0 <= bad <= all true of every row that is kept, so that no window of any length can be a wrong number.

A page is not one instant: a service may count an error a moment before it counts the request, so what is bad beyond all events
waits for later rows. What keeps waiting is no such moment but two queries that do not fit together: then nothing of the SLO is
counted until it has been right for a while, and it is SLOInvalid meanwhile. What one program counts while the one that has the
other side fails waits, too, however long: without it, errors would be a ratio of nothing, or requests clean.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from agent.slo.budget.chunks import BAD
from agent.slo.budget.tally import Seen, Tally

PATIENCE_ROWS: Final = 20
"""Rows for which something may wait; and rows with events that must be right before an SLO is counted again."""
_QUIET_ROWS: Final = 20
"""Rows without events that prove as much as one right row with some: queries that do not fit look right while nothing happens."""
_PROBATION: Final = 1
"""The distrust that quiet rows alone, and a restart, leave: it counts again, until the first row that is wrong."""
PATIENCE_EVENTS: Final = 10.0
"""Events, beyond as many as the row has, that may wait."""


class Audit:
    """What waits, per track, and which tracks are not believed. `withhold` comes first in a row, `settle` last."""

    def __init__(self) -> None:
        self._withheld = np.zeros((2, 0))
        self._waiting = np.zeros(0)
        self._rows = np.zeros(0, dtype=np.int64)
        self._distrust = np.zeros(0, dtype=np.int64)

    @property
    def pending(self) -> dict[int, tuple[float, float]]:
        """What waits, by track: bad events and events; what has to outlive the process."""
        found = self._withheld.copy()
        found[BAD] += self._waiting
        return {track: (bad, total) for track, (bad, total) in enumerate(found.T.tolist()) if bad or total}

    @property
    def distrusted(self) -> frozenset[int]:
        """Tracks whose queries did not fit together and have not proved since that they do; that outlives the process, too."""
        return frozenset(np.flatnonzero(self._distrust).tolist())

    def restore(self, pending: Mapping[int, tuple[float, float]], distrusted: Collection[int]) -> None:
        """Let wait what was pending; what was distrusted may have been mended meanwhile, and is on probation."""
        self._widen(max((*pending, *distrusted), default=-1) + 1)
        for track, amounts in pending.items():
            self._withheld[:, track] = amounts
        self._distrust[list(distrusted)] = _PROBATION

    def withhold(self, tally: Tally) -> None:
        """Let wait what was counted of tracks without data; add it, in place, once they have some."""
        self._widen(len(tally.seen))
        known = tally.seen == Seen.VALUE
        self._withheld += tally.amounts
        tally.amounts[:] = np.where(known, self._withheld, 0.0)
        self._withheld[:, known] = 0.0

    def settle(self, tally: Tally) -> None:
        """Make each track's row one that may be kept, in place, and refuse those that do not fit together."""
        self._widen(len(tally.seen))
        bad, total = tally.amounts.copy()
        known = tally.seen == Seen.VALUE
        asked = np.where(known, bad, 0.0)
        wrong = known & ((asked < 0) | (asked > total) | (total < 0))
        settled = np.clip(asked + self._waiting, 0.0, np.maximum(total, 0.0))
        rest = np.where(known, asked + self._waiting - settled, self._waiting)
        self._rows = np.where(rest == 0, 0, self._rows + known)
        lost = known & ((total < 0) | (np.abs(rest) > PATIENCE_EVENTS + total) | (self._rows > PATIENCE_ROWS))
        self._believe(known, (total > 0) & ~wrong)
        self._distrust[lost | (wrong & (self._distrust > 0))] = PATIENCE_ROWS * _QUIET_ROWS
        doubted = known & (self._distrust > _PROBATION)
        self._waiting = np.where(doubted, 0.0, rest)
        tally.amounts[BAD] = settled
        for track in np.flatnonzero(doubted):
            tally.refuse(int(track), Seen.INVALID, _why(float(bad[track]), float(total[track]), bool(wrong[track])))

    def _believe(self, known: NDArray[np.bool_], happened: NDArray[np.bool_]) -> None:
        """Distrust less what is known: much where something right happened in the row, else a little and never not at all."""
        quiet = np.maximum(self._distrust - 1, np.minimum(self._distrust, _PROBATION))
        less = np.where(happened, np.maximum(self._distrust - _QUIET_ROWS, 0), quiet)
        self._distrust = np.where(known, less, self._distrust)

    def keep_only(self, tracks: Sequence[int]) -> None:
        """Forget all tracks but these (rising): their places among them are their numbers from now on."""
        self._waiting, self._rows, self._distrust = self._waiting[tracks], self._rows[tracks], self._distrust[tracks]
        self._withheld = self._withheld[:, tracks]

    def _widen(self, tracks: int) -> None:
        more = tracks - len(self._waiting)
        if more > 0:
            self._waiting = np.append(self._waiting, np.zeros(more))
            self._withheld = np.append(self._withheld, np.zeros((2, more)), axis=1)
            self._rows = np.append(self._rows, np.zeros(more, dtype=np.int64))
            self._distrust = np.append(self._distrust, np.zeros(more, dtype=np.int64))


def _why(bad: float, total: float, wrong: bool) -> str:
    if not wrong:
        return f"its queries did not fit together; they have to for {PATIENCE_ROWS} rows with events before it counts again"
    if total < 0:
        return f"{total:g} events in all: more is taken off its total than added to it"
    if bad < 0:
        return f"{total - bad:g} good events of {total:g}: the queries do not count the same events"
    return f"{bad:g} bad events of {total:g}: the queries do not count the same events"
