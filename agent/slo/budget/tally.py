"""One row as it is read: how many events, and bad ones, each track had, and what is known of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray


class Seen(IntEnum):
    """What a row says about a track."""

    WAITING = 0
    """Nothing was heard since the row before, as between two scrapes of a slow target."""
    VALUE = 1
    """Events are known; that there were none is known too."""
    NO_DATA = 2
    INVALID = 3


@dataclass(slots=True)
class Tally:
    """One row for all tracks. amounts: (2, tracks), bad events and events; seen: (tracks,) of `Seen`; words: why, by track.

    Of a track without data there may be amounts: what one target counted while another that has the rest of it failed.
    """

    amounts: NDArray[np.float64]
    seen: NDArray[np.int8]
    words: dict[int, str] = field(default_factory=dict)
    left: set[int] = field(default_factory=set)
    """Tracks without data that are on no live page any more, and on no page that failed."""

    @classmethod
    def of(cls, tracks: int) -> Tally:
        """Return a row on which nothing was heard."""
        return cls(np.zeros((2, tracks)), np.zeros(tracks, dtype=np.int8))

    def widened(self, tracks: int) -> Tally:
        """Return the row with room for `tracks` tracks."""
        more = tracks - len(self.seen)
        if more <= 0:
            return self
        amounts = np.concatenate((self.amounts, np.zeros((2, more))), axis=1)
        return Tally(amounts, np.append(self.seen, np.zeros(more, dtype=np.int8)), self.words, self.left)

    def move(self, track: int, to: int) -> None:
        """Count for another track what was counted for one."""
        if self.amounts[:, track].any() and self.seen[to] != Seen.INVALID:
            self.amounts[:, to] += self.amounts[:, track]
            self.seen[to] = Seen.VALUE
            self.words.pop(to, None)
        self.amounts[:, track] = 0.0

    def refuse(self, track: int, seen: Seen, why: str) -> None:
        """Count nothing for a track, and say why."""
        self.amounts[:, track] = 0.0
        self.seen[track] = seen
        self.words[track] = why
