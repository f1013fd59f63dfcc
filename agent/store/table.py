"""One producer's rows in time: sealed runs and a hot one, all of the same columns.

One writer at a time (the store's lock sees to it); readers take `parts` once and need no lock.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from agent.model import Labels
from agent.store.chunks import Chunk, HotChunk, RawChunk, first_allocation, missing_cells
from agent.store.sealed import SealedChunk

_NO_COLUMNS = np.empty(0, dtype=np.intp)


class Table:
    """Rows of the same columns, in time order.

    number: its identity, on the disk too, rising with its age; labels[c]: the series of column c, only ever appended to;
    stamped: its samples carry timestamps of their own; parts: (sealed runs, the hot run as it stands), replaced as one value;
    indexed[c]: column c is in the label index; nbytes: of its runs in memory; index_bytes: of what its series cost the index.
    """

    def __init__(self, number: int, labels: list[Labels], *, stamped: bool = False) -> None:
        self.number = number
        self.labels = labels
        self.stamped = stamped
        self.parts: tuple[tuple[Chunk, ...], RawChunk | None] = ((), None)
        self.indexed = np.zeros(0, dtype=np.bool_)
        self.last_ms = -(2**63)
        self.nbytes = 0
        self.index_bytes = 0
        self._hot: HotChunk | None = None
        self._indexed_to = 0  # the columns before this one are all in the index

    @property
    def chunks(self) -> tuple[Chunk, ...]:
        """All runs as they stand, oldest first."""
        sealed, hot = self.parts
        return sealed if hot is None or not hot.rows else (*sealed, hot)

    def allocation(self, width: int) -> int:
        """Return the bytes that a row of `width` cells would allocate, 0 in the usual case."""
        if self._hot is None or self._hot.full:
            return first_allocation(width)
        return self._hot.growth(width)

    def append(self, timestamp_ms: int, row: NDArray[np.float64]) -> NDArray[np.intp]:
        """Write a row later than all before; return the columns that have a value and are not indexed."""
        sealed = self.parts[0]
        if self._hot is not None and self._hot.full:
            sealed = (*sealed, self._hot.current)
            self._hot = None
        if self._hot is None:
            self._hot = HotChunk(len(row))
            self.nbytes += self._hot.nbytes
        before = self._hot.nbytes
        marks = missing_cells(row)
        missing = marks if marks.any() else None
        self._hot.append(timestamp_ms, row, missing)
        self.nbytes += self._hot.nbytes - before
        self.parts = (sealed, self._hot.current)
        self.last_ms = timestamp_ms
        if missing is None and self._indexed_to >= len(row):
            return _NO_COLUMNS
        if len(row) > len(self.indexed):
            self.indexed = np.concatenate([self.indexed, np.zeros(len(row) - len(self.indexed), dtype=np.bool_)])
        return np.flatnonzero(~(marks | self.indexed[: len(row)]))

    def mark(self, columns: Sequence[int], *, indexed: bool) -> None:
        """Take note that columns came into the label index, or went."""
        self.indexed[columns] = indexed
        if not self.chunks:
            self.indexed = self.indexed[:0]
        gaps = np.flatnonzero(~self.indexed)
        self._indexed_to = int(gaps[0]) if len(gaps) else len(self.indexed)

    def restore(self, runs: Sequence[SealedChunk]) -> NDArray[np.intp]:
        """Take over runs from the disk, before the first row; return the columns that have a value."""
        self.parts = (tuple(runs), None)
        self.nbytes = sum(run.nbytes for run in runs)
        self.last_ms = runs[-1].last_ms
        self.indexed = np.zeros(max(run.width for run in runs), dtype=np.bool_)
        self.indexed = self.present(runs[0].first_ms, self.last_ms)
        found = np.flatnonzero(self.indexed)
        self.mark(found.tolist(), indexed=True)
        return found

    def freeze(self) -> None:
        """End the hot run, so that it can be sealed; the next row starts another."""
        if self._hot is not None:
            self.parts = (self.chunks, None)
            self._hot = None

    def replace(self, old: Sequence[Chunk], new: Sequence[Chunk]) -> bool:
        """Put neighbouring runs in the place of others; nothing happens, and False is returned, where one of those is gone."""
        sealed, hot = self.parts
        gone = {id(each) for each in old}
        places = [place for place, each in enumerate(sealed) if id(each) in gone]
        if len(places) < len(old):
            return False
        kept = [each for each in sealed if id(each) not in gone]
        kept[places[0] : places[0]] = new
        self.parts = (tuple(kept), hot)
        self.nbytes += sum(each.nbytes for each in new) - sum(each.nbytes for each in old)
        return True

    def drop(self, doomed: Callable[[Chunk], bool]) -> list[Chunk]:
        """Take out the runs that `doomed` names, the hot one too, and return them."""
        sealed, hot = self.parts
        gone = [each for each in self.chunks if doomed(each)]
        if not gone:
            return gone
        if hot is not None and any(each is hot for each in gone):
            hot = self._hot = None
        self.parts = (tuple(each for each in sealed if not any(each is other for other in gone)), hot)
        self.nbytes -= sum(each.nbytes for each in gone)
        return gone

    def present(self, start_ms: int, end_ms: int) -> NDArray[np.bool_]:
        """Mark the columns with a value in runs that touch [start, end]; by whole runs, so a little generous."""
        marks = np.zeros(len(self.indexed), dtype=np.bool_)
        for chunk in self.overlapping(start_ms, end_ms):
            width = min(len(marks), len(chunk.present))
            marks[:width] |= chunk.present[:width]
        return marks

    def overlapping(self, start_ms: int, end_ms: int) -> list[Chunk]:
        """Return the runs that have rows in [start, end]."""
        chunks = self.chunks
        first = bisect_left(chunks, start_ms, key=lambda each: each.last_ms)
        found = []
        for chunk in chunks[first:]:
            if chunk.first_ms > end_ms:
                break
            found.append(chunk)
        return found
