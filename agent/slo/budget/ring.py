"""The ring of slots: running sums of bad and all events of many tracks, thinned as they age. Every window is one subtraction.

A row is one instant for all tracks. What is kept of it is a checkpoint, the sums up to it: each row for six hours, one a minute
for three days, one each five minutes for a hundred days, one an hour beyond and wherever no budget's own window begins any more.
Thinning drops checkpoints and never events, so a window's sum stays exact; only its beginning moves back to the checkpoint at
or before it. Time is what rows say.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from agent.slo.budget.chunks import MISSED, QUANTITIES, TOTAL, Chunk, Sums

MINUTE_MS: Final = 60_000
HOUR_MS: Final = 60 * MINUTE_MS
DAY_MS: Final = 24 * HOUR_MS

GRID: Final = ((6 * HOUR_MS, MINUTE_MS), (3 * DAY_MS, 5 * MINUTE_MS), (100 * DAY_MS, HOUR_MS))
"""From which age on checkpoints stand on which grid; the younger ones are all kept."""
COARSE_MS: Final = HOUR_MS
"""The grid of what only reports ask for: a local midnight stands on it, wherever clocks differ by whole hours."""
ROWS: Final = 256
"""Checkpoints in a chunk."""
FOLD_MS: Final = 6 * HOUR_MS
"""How far a clock may be set back and be believed."""
LARGEST: Final = 2.0**48
"""Running sums beyond this are moved down, long before float64 would stop at whole numbers (2^53)."""


@dataclass(frozen=True, slots=True)
class Mark:
    """The sums up to a checkpoint and its instant."""

    at_ms: int
    sums: Sums


@dataclass(frozen=True, slots=True)
class Amendment:
    """What is added to a track in the past: `amounts`, of shape (3, slots), at `ends_ms`; nothing of it is before `start_ms`."""

    track: int
    start_ms: int
    ends_ms: NDArray[np.int64]
    amounts: NDArray[np.float64]


class Ring:
    """Checkpoints of `tracks` tracks over at least `retention_ms`, beyond `fine_ms` on COARSE_MS.

    edges: gives the instants in a span at which windows begin or end whatever their age (those of what is excluded); the
    checkpoints before them are kept.

    `changed` and `dropped` name chunks (by their first instant) for whoever keeps them; `forget_changes` empties both.
    """

    def __init__(
        self,
        retention_ms: int,
        tracks: int = 0,
        *,
        fine_ms: int | None = None,
        largest: float = LARGEST,
        edges: Callable[[int, int], Iterable[int]] = lambda _from, _until: (),
    ) -> None:
        self.retention_ms = retention_ms
        self._grid = GRID if fine_ms is None else (*GRID, (fine_ms, COARSE_MS))
        self._edges = edges
        self.tracks = tracks
        self.chunks: list[Chunk] = []
        self.changed: set[int] = set()
        self.dropped: set[int] = set()
        self._largest = largest
        self._firsts: list[int] = []
        self._times: list[int] = []
        self._head = np.zeros((QUANTITIES, ROWS, tracks))
        self._sums: Sums = np.zeros((QUANTITIES, tracks))
        self._rest: Sums = np.zeros((QUANTITIES, tracks))

    @property
    def first_ms(self) -> int | None:
        """The oldest checkpoint's instant."""
        return int(self.chunks[0].times[0]) if self.chunks else self._times[0] if self._times else None

    @property
    def last_ms(self) -> int | None:
        """The newest checkpoint's instant."""
        return self._times[-1] if self._times else int(self.chunks[-1].times[-1]) if self.chunks else None

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        return sum(each.nbytes for each in self.chunks) + self._head.nbytes + 2 * self._sums.nbytes

    @property
    def checkpoints(self) -> int:
        """How many checkpoints there are."""
        return sum(len(each.times) for each in self.chunks) + len(self._times)

    def widen(self, tracks: int) -> None:
        """Make room for `tracks` tracks in all; new ones begin at zero."""
        more = tracks - self.tracks
        if more > 0:
            self._head = np.concatenate((self._head, np.zeros((QUANTITIES, ROWS, more))), axis=2)
            self._sums = np.concatenate((self._sums, np.zeros((QUANTITIES, more))), axis=1)
            self._rest = np.concatenate((self._rest, np.zeros((QUANTITIES, more))), axis=1)
            self.tracks = tracks

    def add(self, at_ms: int, amounts: Sums) -> bool:
        """Add one row's bad events, events and missed milliseconds per track, and say whether time went on.

        A second row of the same instant joins the first. A clock that was set back by up to six hours folds the checkpoints
        beyond it into this row; one that was set back further is not believed, and the row joins the newest. Hours of which
        nothing was seen are none of these six: so a clock that was ahead for a while comes back. No event is lost.
        """
        folds = self.folds(at_ms, amounts[MISSED])
        total = self._sums + amounts
        # Neumaier: what a large sum cannot hold of a small amount waits in `_rest`.
        big = np.abs(self._sums) >= np.abs(amounts)
        self._rest += np.where(big, (self._sums - total) + amounts, (amounts - total) + self._sums)
        self._sums = total
        last = self.last_ms
        if last is None or at_ms >= last:
            self._push(at_ms)
            return last is None or at_ms > last
        if folds:
            before = self.sums(at_ms - 1)
            self._fold(at_ms)
            # Of time that was taken back none can have been missed.
            most = before.sums[MISSED] + max(at_ms - before.at_ms, 0)
            self._sums[MISSED] = np.minimum(self._sums[MISSED], most)
            self._push(at_ms)
        else:
            self._push(last)
        return False

    def folds(self, at_ms: int, missed: NDArray[np.float64]) -> bool:
        """Say whether a row at `at_ms`, which has missed so much of each track, takes back time; see `add`."""
        last = self.last_ms
        if last is None or at_ms >= last:
            return False
        unseen = self._sums[MISSED] + missed - self.sums(at_ms - 1).sums[MISSED]
        return bool(last - at_ms - unseen.min(initial=last - at_ms) <= FOLD_MS)

    def sums(self, at_ms: int) -> Mark:
        """Return the newest checkpoint at or before `at_ms`, the oldest one where all are later; O(tracks + log checkpoints).

        Where there is none, nothing happened since 1970, nor was seen.
        """
        if self._times and (at_ms >= self._times[0] or not self.chunks):
            row = max(bisect_right(self._times, at_ms) - 1, 0)
            return Mark(self._times[row], self._head[:, row, :].copy())
        into = np.zeros((QUANTITIES, self.tracks))
        if not self.chunks:
            return Mark(0, into)
        chunk = self.chunks[max(bisect_right(self._firsts, at_ms) - 1, 0)]
        row = max(int(np.searchsorted(chunk.times, at_ms, side="right")) - 1, 0)
        chunk.row(row, into)
        return Mark(int(chunk.times[row]), into)

    def column(self, track: int, edges_ms: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return one track's sums at the checkpoints at or before each of `edges_ms` (rising), of shape (3, edges)."""
        times = np.concatenate([*(each.times for each in self.chunks), np.asarray(self._times, dtype=np.int64)])
        head = self._head[:, : len(self._times), track]
        sums = np.concatenate([*(each.column(track) for each in self.chunks), head], axis=1)
        if not len(times):
            return np.zeros((QUANTITIES, len(edges_ms)))
        return np.asarray(sums[:, np.maximum(np.searchsorted(times, edges_ms, side="right") - 1, 0)])

    def history(self, track: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the instants of all checkpoints, rising, and one track's sums at them, of shape (3, checkpoints)."""
        times = np.concatenate([*(each.times for each in self.chunks), np.asarray(self._times, dtype=np.int64)])
        return times, self.column(track, times)

    def amend(self, track: int, start_ms: int, ends_ms: NDArray[np.int64], amounts: NDArray[np.float64]) -> None:
        """Add amounts, of shape (3, slots), to a track in the past: each counts from its end (rising) on, none before start_ms.

        Checkpoints older than all others are made where they are missing, on the grid of their age.
        """
        self.amend_all([Amendment(track, start_ms, ends_ms, amounts)])

    def amend_all(self, amendments: Sequence[Amendment]) -> None:
        """Add to several tracks at once: what is packed is unpacked only once."""
        if not amendments:
            return
        if self.last_ms is None:
            self._push(max(int(each.ends_ms[-1]) for each in amendments))
        self._reach_back(min(each.start_ms for each in amendments))
        least = max(each.track for each in amendments) + 1
        running = [
            np.concatenate((np.zeros((QUANTITIES, 1)), np.cumsum(e.amounts, axis=1)), axis=1) for e in amendments
        ]
        head = np.asarray(self._times, dtype=np.int64)
        for index, chunk in enumerate(self.chunks):
            sums = chunk.unpacked(max(least, chunk.base.shape[1]))
            for each, added in zip(amendments, running, strict=True):
                sums[:, :, each.track] += added[:, np.searchsorted(each.ends_ms, chunk.times, side="right")]
            self._replace(index, index + 1, [Chunk.of(chunk.times, sums, chunk.spacing_ms)])
        for each, added in zip(amendments, running, strict=True):
            self._head[:, : len(head), each.track] += added[:, np.searchsorted(each.ends_ms, head, side="right")]
            self._sums[:, each.track] += added[:, -1]

    def seal(self) -> None:
        """Pack the newest checkpoints, thin what has become old, and drop what is beyond the retention."""
        if not self._times:
            return
        rows = len(self._times)
        self._append(Chunk.of(np.asarray(self._times, dtype=np.int64), self._head[:, :rows, :]))
        self._times = []
        self._thin()
        self._expire()

    def keep_only(self, tracks: Sequence[int]) -> None:
        """Forget all tracks but these (rising): their places among them are their numbers from now on."""
        for index, chunk in enumerate(self.chunks):
            sums = chunk.unpacked(self.tracks)[:, :, tracks]
            self._replace(index, index + 1, [Chunk.of(chunk.times, sums, chunk.spacing_ms)])
        self._head, self._sums, self._rest = (each[..., tracks] for each in (self._head, self._sums, self._rest))
        self.tracks = len(tracks)

    def load(self, chunks: Sequence[Chunk]) -> None:
        """Take chunks, oldest first, as they were kept; the ring must be empty."""
        for each in chunks:
            self._append(each)
        if chunks:
            self.widen(max(each.base.shape[1] for each in chunks))
            self._sums = self.sums(int(chunks[-1].times[-1])).sums
            self._rest = np.zeros_like(self._sums)
        self.forget_changes()

    def forget_changes(self) -> None:
        """Say that what changed has been kept."""
        self.changed.clear()
        self.dropped.clear()

    def chunk(self, first_ms: int) -> Chunk:
        """Return the chunk that begins at `first_ms`."""
        return self.chunks[self._firsts.index(first_ms)]

    def _push(self, at_ms: int) -> None:
        if not (self._times and self._times[-1] == at_ms):
            self._times.append(at_ms)
        self._head[:, len(self._times) - 1, :] = self._sums + self._rest
        if len(self._times) == ROWS:
            self.seal()

    def _fold(self, at_ms: int) -> None:
        """Forget the checkpoints at and after `at_ms`; their events count at the next one that is pushed."""
        while self._times and self._times[-1] >= at_ms:
            self._times.pop()
        while not self._times and self.chunks and self.chunks[-1].times[-1] >= at_ms:
            last = self.chunks[-1]
            keep = int(np.searchsorted(last.times, at_ms))
            whole = [Chunk.of(last.times[:keep], last.unpacked()[:, :keep], last.spacing_ms)] if keep else []
            self._replace(len(self.chunks) - 1, len(self.chunks), whole)

    def _append(self, chunk: Chunk) -> None:
        self._replace(len(self.chunks), len(self.chunks), [chunk])

    def _replace(self, start: int, end: int, chunks: Sequence[Chunk]) -> None:
        gone = set(self._firsts[start:end])
        self.chunks[start:end] = chunks
        self._firsts[start:end] = came = [int(each.times[0]) for each in chunks]
        self.changed = (self.changed - gone) | set(came)
        self.dropped = (self.dropped | gone) - set(came)

    def _thin(self) -> None:
        newest = int(self.chunks[-1].times[-1])
        index = 0
        while index < len(self.chunks):
            chunk = self.chunks[index]
            age = newest - int(chunk.times[-1])
            spacing = self._spacing(age, 0)
            if spacing > chunk.spacing_ms:
                edges = self._edges(int(chunk.times[0]), int(chunk.times[-1]))
                self._replace(index, index + 1, [_thinned(chunk, spacing, edges, oldest=not index)])
            index += not self._joined(index)

    def _joined(self, index: int) -> bool:
        """Join a chunk with the one before it, where both have the same grid and fit into one."""
        if not index or not self.chunks[index].spacing_ms:
            return False
        before, chunk = self.chunks[index - 1 : index + 1]
        if before.spacing_ms != chunk.spacing_ms or len(before.times) + len(chunk.times) > ROWS:
            return False
        width = chunk.base.shape[1]
        sums = np.concatenate((before.unpacked(width), chunk.unpacked()), axis=1)
        whole = Chunk.of(np.concatenate((before.times, chunk.times)), sums, chunk.spacing_ms)
        self._replace(index - 1, index + 1, [whole])
        return True

    def _expire(self) -> None:
        oldest = int(self.chunks[-1].times[-1]) - self.retention_ms
        # The newest checkpoint before the retention's edge is where its window begins.
        while len(self.chunks) > 1 and self.chunks[1].times[0] <= oldest:
            self._replace(0, 1, [])
        if float(self._sums[: TOTAL + 1].max(initial=0.0)) > self._largest:
            self._move_down()

    def _move_down(self) -> None:
        floor = np.zeros((QUANTITIES, self.tracks))
        self.chunks[0].row(0, floor)
        for index, chunk in enumerate(self.chunks):
            sums = chunk.unpacked(self.tracks) - floor[:, np.newaxis, :]
            self._replace(index, index + 1, [Chunk.of(chunk.times, np.maximum(sums, 0.0), chunk.spacing_ms)])
        self._sums -= floor

    def _reach_back(self, start_ms: int) -> None:
        first, last = self.first_ms, self.last_ms
        assert first is not None
        assert last is not None
        edges = sorted({last - age for age, _ in self._grid} | {first})
        times: list[int] = []
        at = max(start_ms, last - self.retention_ms - HOUR_MS)
        while at < first:
            times.append(at)
            spacing = self._spacing(last - at)
            at = min((at // spacing + 1) * spacing, edges[bisect_right(edges, at)])
        made = [np.asarray(times[start : start + ROWS], dtype=np.int64) for start in range(0, len(times), ROWS)]
        empty = [
            Chunk.of(each, np.zeros((QUANTITIES, len(each), self.tracks)), self._spacing(last - int(each[-1])))
            for each in made
        ]
        self._replace(0, 0, empty)

    def _spacing(self, age_ms: int, young: int = MINUTE_MS) -> int:
        return max((each for least, each in self._grid if age_ms >= least), default=young)


def _thinned(chunk: Chunk, spacing_ms: int, edges_ms: Iterable[int], *, oldest: bool) -> Chunk:
    """Keep the last checkpoint of each slot of the grid, so that the sums at a grid line are those of the row before it.

    So do those at or before `edges_ms`. Of the `oldest` chunk the first stays too: it is what everything is counted from.
    """
    slots = chunk.times // spacing_ms
    last = np.append(slots[1:] != slots[:-1], True)
    last[0] |= oldest
    before = np.searchsorted(chunk.times, np.fromiter(edges_ms, dtype=np.int64), side="right") - 1
    last[before[before >= 0]] = True
    keep = np.flatnonzero(last)
    return Chunk.of(chunk.times[keep], chunk.unpacked()[:, keep], spacing_ms)
