"""Columns picked from one table, and how their cells of a range of time are read: run by run, into one array."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from agent.model import ABSENT_BITS
from agent.store.chunks import Chunk
from agent.store.table import Table


class Picked:
    """Columns of one table, in the order of a group's labels."""

    __slots__ = ("array", "columns", "highest", "table")

    def __init__(self, table: Table, columns: Sequence[int]) -> None:
        self.table = table
        self.array = np.array(columns, dtype=np.intp)
        self.highest = int(self.array.max())
        first = int(self.array[0])
        run = np.array_equal(self.array, np.arange(first, first + len(self.array)))
        self.columns: slice | NDArray[np.intp] = slice(first, first + len(self.array)) if run else self.array

    def read(self, start_ms: int, end_ms: int) -> tuple[NDArray[np.int64], NDArray[np.float64], bool] | None:
        """Return timestamps (T,), values (T, S) and whether all cells have values; None without rows in [start, end]."""
        pieces, kept = [], []
        for chunk in self.table.overlapping(start_ms, end_ms):
            stamps = chunk.timestamps
            lo = int(np.searchsorted(stamps, start_ms, "left"))
            hi = int(np.searchsorted(stamps, end_ms, "right"))
            if lo < hi:
                pieces.append((chunk, lo, hi))
                kept.append(stamps[lo:hi])
        if not pieces:
            return None
        timestamps = np.concatenate(kept)
        values = np.empty((len(timestamps), len(self.array)), dtype=np.float64)
        at, dense = 0, True
        for chunk, lo, hi in pieces:
            dense &= self._fill(chunk, lo, hi, values[at : at + hi - lo])
            at += hi - lo
        return timestamps, values, dense

    def cells(self, start_ms: int, end_ms: int) -> int:
        """Return how many cells `read` would fill."""
        rows = 0
        for chunk in self.table.overlapping(start_ms, end_ms):
            stamps = chunk.timestamps
            rows += int(np.searchsorted(stamps, end_ms, "right")) - int(np.searchsorted(stamps, start_ms, "left"))
        return max(rows, 0) * len(self.array)

    def _fill(self, chunk: Chunk, lo: int, hi: int, out: NDArray[np.float64]) -> bool:
        if self.highest < chunk.width:
            chunk.read(lo, hi, self.columns, out)
            return not chunk.missing[self.columns].any()
        out.view(np.int64)[...] = ABSENT_BITS
        inside = np.flatnonzero(self.array < chunk.width)
        if len(inside):
            cells = np.empty((hi - lo, len(inside)), dtype=np.float64)
            chunk.read(lo, hi, self.array[inside], cells)
            out[:, inside] = cells
        return False
