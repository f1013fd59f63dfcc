"""Columns picked from one table, and how their cells of a range of time are read: run by run, into one array."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from agent.model import ABSENT_BITS
from agent.store.chunks import Chunk
from agent.store.reading import Assembly, Piece, ReadCache, Rows, pieces, rows_between
from agent.store.sealed import SealedChunk
from agent.store.table import Table


class Picked:
    """Columns of one table, in the order of a group's labels."""

    __slots__ = ("_lock", "array", "columns", "highest", "table")

    def __init__(self, table: Table, columns: Sequence[int]) -> None:
        self.table = table
        self.array = np.array(columns, dtype=np.intp)
        self.highest = int(self.array.max())
        first = int(self.array[0])
        run = np.array_equal(self.array, np.arange(first, first + len(self.array)))
        self.columns: slice | NDArray[np.intp] = slice(first, first + len(self.array)) if run else self.array
        self._lock = Lock()

    def read(self, start_ms: int, end_ms: int, cache: ReadCache) -> Rows | None:
        """Return the rows in [start, end], None where there are none. What had to be unpacked is kept in `cache`."""
        assembly = cache.get(self)
        if assembly is None or not assembly.reaches(start_ms):
            found = pieces(self.table, start_ms, end_ms)
            cells = sum(piece.hi - piece.lo for piece in found) * len(self.array)
            packed = any(isinstance(piece.chunk, SealedChunk) for piece in found)
            if not packed or 8 * cells > cache.limit_bytes // 2:
                return self._copy(found)
        with self._lock:
            assembly = cache.get(self)
            if assembly is None or not assembly.reaches(start_ms):
                assembly = Assembly(self.table, len(self.array), self._fill, start_ms)
            rows = assembly.rows(start_ms, end_ms)
            cache.keep(self, assembly)
        return rows

    def cells(self, start_ms: int, end_ms: int) -> int:
        """Return how many cells `read` would fill."""
        return rows_between(self.table, start_ms, end_ms) * len(self.array)

    def _copy(self, found: Sequence[Piece]) -> Rows | None:
        if not found:
            return None
        timestamps = np.concatenate([piece.timestamps for piece in found])
        values = np.empty((len(timestamps), len(self.array)), dtype=np.float64)
        at, dense = 0, True
        for chunk, lo, hi, _ in found:
            dense &= self._fill(chunk, lo, hi, values[at : at + hi - lo])
            at += hi - lo
        return Rows(timestamps, values, dense)

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
