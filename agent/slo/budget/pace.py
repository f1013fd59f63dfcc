"""Slices that are shorter than what comes in is apart: no count can be said to be of one of them, so none would ever count.

That is no silence. It is a promise which nobody can look at often enough, SLOInvalid, until slices are longer or scrapes closer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from agent.model import format_duration
from agent.slo.budget.objective import Objective
from agent.slo.budget.tally import Seen, Tally
from agent.slo.budget.tracks import Track

_TIMES: Final = 3
"""So many times in a row: one scrape that is late, or an agent that was away, is a gap and no pace."""


class Pace:
    """How far apart each track is heard of, for the objectives that count slices."""

    def __init__(self, objectives: Sequence[Objective]) -> None:
        self._sliced = {each.slo.id: each for each in objectives if each.slice_ms}
        self._length = np.zeros(0)
        self._apart = np.zeros(0)
        self._times = np.zeros(0, dtype=np.int64)

    def judge(self, tally: Tally, elapsed_ms: int, tracks: Sequence[Track]) -> None:
        """Refuse, in place, the tracks that are heard of less than once a slice; one that failed was heard of."""
        if not self._sliced:
            return
        self._widen(tracks)
        self._apart += elapsed_ms
        known = tally.seen == Seen.VALUE
        slow = known & (self._length > 0) & (self._apart > self._length)
        self._times = np.where(slow, self._times + 1, np.where(known, 0, self._times))
        for track in np.flatnonzero(slow & (self._times >= _TIMES)).tolist():
            tally.refuse(track, Seen.INVALID, _why(self._sliced[tracks[track].key.slo], int(self._apart[track])))
        self._apart[tally.seen != Seen.WAITING] = 0

    def doubt(self, track: int, tracks: Sequence[Track]) -> None:
        """Take a track for too slow from its first count on, as it was before a restart; one that is not ends that at once."""
        if self._sliced:
            self._widen(tracks)
            self._times[track] = _TIMES

    def keep_only(self, tracks: Sequence[int]) -> None:
        """Forget all tracks but these (rising): their places among them are their numbers from now on."""
        if self._sliced:
            self._length, self._apart, self._times = self._length[tracks], self._apart[tracks], self._times[tracks]

    def _widen(self, tracks: Sequence[Track]) -> None:
        more = tracks[len(self._length) :]
        if more:
            lengths = [self._slice_of(each) for each in more]
            self._length = np.append(self._length, np.asarray(lengths, dtype=np.float64))
            self._apart = np.append(self._apart, np.zeros(len(more)))
            self._times = np.append(self._times, np.zeros(len(more), dtype=np.int64))

    def _slice_of(self, track: Track) -> int:
        """Return the length of the slices that are made of a track's events; 0 where none are."""
        objective = self._sliced.get(track.key.slo)
        return objective.slice_ms if objective is not None and track.unit is objective.unit else 0


def _why(objective: Objective, apart_ms: int) -> str:
    counted = objective.counted
    named = [term.name or term.text for term in counted.total] if counted is not None else []
    what = f"scrapes of {named[0]}" if named else "two answers to its query"
    slices, apart = format_duration(objective.slice_ms), format_duration(apart_ms)
    return (
        f"its slices of {slices} are shorter than the {apart} between {what}: make slices longer, or scrape more often"
    )
