"""Runs of rows of one table as they are written: row-major float64, no I/O. What a reader needs of any run is `Chunk`.

Row-major was measured against column-major for filling a (rows × series) result of 14 million cells: three to four times
as fast for neighbouring columns (a page's series of one name are neighbours), a third as fast for scattered ones.
"""

from __future__ import annotations

import mmap
from contextlib import suppress
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from agent.model import ABSENT_BITS, STALE_BITS

SEAL_CELLS: Final = 2**18
SEAL_ROWS: Final = (60, 1024)
"""A run is sealed at SEAL_CELLS cells, but not before the first and not after the second number of rows."""
_FIRST_ROWS: Final = 16
_WIDE: Final = 4096
"""From this width on all rows are reserved at once: the pages are touched one row at a time, and nothing is copied."""

_OWN_PAGES: Final = 2**22

Columns = slice | NDArray[np.intp]


class Chunk(Protocol):
    """What a reader sees of a run of rows.

    timestamps: int64 (rows,), rising from first_ms to last_ms; width: columns that have cells; `missing[c]` is true where a
    cell of column c may be stale or absent (ask after reading: damage shows then), `present[c]` where one has a value;
    samples: cells with a value; nbytes: what it takes in memory.
    """

    @property
    def timestamps(self) -> NDArray[np.int64]:
        """The rows' instants; fewer than `rows` where damage took them."""

    first_ms: int
    last_ms: int
    rows: int
    width: int
    missing: NDArray[np.bool_]
    present: NDArray[np.bool_]
    samples: int
    nbytes: int

    def read(self, lo: int, hi: int, columns: Columns, out: NDArray[np.float64]) -> None:
        """Copy rows lo:hi of `columns`, all of them below `width`, into `out` of shape (hi - lo, columns)."""


class RawChunk:
    """Rows as they were written. A snapshot of a hot run: the rows it shows never change."""

    __slots__ = (
        "first_ms", "last_ms", "missing", "nbytes", "present", "rows", "samples", "timestamps", "values", "width"
    )  # fmt: skip

    def __init__(
        self,
        timestamps: NDArray[np.int64],
        values: NDArray[np.float64],
        missing: NDArray[np.bool_],
        present: NDArray[np.bool_],
        samples: int,
        nbytes: int,
        width: int,
    ) -> None:
        self.timestamps = timestamps
        self.values = values
        self.missing = missing
        self.present = present
        self.samples = samples
        self.nbytes = nbytes
        self.rows, self.width = len(values), width
        self.first_ms = int(timestamps[0]) if self.rows else 0
        self.last_ms = int(timestamps[-1]) if self.rows else 0

    def read(self, lo: int, hi: int, columns: Columns, out: NDArray[np.float64]) -> None:
        """Copy the cells."""
        if isinstance(columns, slice):
            out[...] = self.values[lo:hi, columns]
        else:
            np.take(self.values[lo:hi], columns, axis=1, out=out, mode="clip")


class HotChunk:
    """The run that is written to. One writer; `current` is replaced after each row, and is what readers take.

    Rows below `current`'s count are never touched again; growing makes new arrays and leaves the old ones to their readers.
    """

    __slots__ = (
        "_missing",
        "_present",
        "_rows",
        "_samples",
        "_timestamps",
        "_used",
        "_values",
        "capacity",
        "current",
        "nbytes",
    )

    def __init__(self, width: int) -> None:
        self.capacity = rows_to_seal(width)
        rows = self.capacity if width >= _WIDE else min(_FIRST_ROWS, self.capacity)
        wide = with_slack(width)
        self._rows = self._used = 0
        self._samples = 0
        self._timestamps = np.empty(rows, dtype=np.int64)
        self._values = _cells(rows, wide)
        self._missing = np.zeros(wide, dtype=np.bool_)
        self._present = np.zeros(wide, dtype=np.bool_)
        self.nbytes = self._count_bytes()
        self.current = self._view()

    @property
    def full(self) -> bool:
        """Say whether the run should be sealed before the next row."""
        return self._rows >= self.capacity

    def growth(self, width: int) -> int:
        """Return the bytes that a row of `width` cells would add, 0 in the usual case."""
        rows, wide = self._shape_for(width)
        if (rows, wide) == self._values.shape:
            return 0
        return max(0, rows * wide * 8 - self._values.nbytes)

    def append(self, timestamp_ms: int, row: NDArray[np.float64], missing: NDArray[np.bool_] | None) -> None:
        """Write one row; `missing` marks its stale and absent cells, None says that there are none."""
        at, width = self._rows, len(row)
        shape = self._shape_for(width)
        if shape != self._values.shape:
            self._grow(*shape)
        if width != self._used:
            self._fit(at, width)
        self._timestamps[at] = timestamp_ms
        self._values[at, :width] = row
        if missing is None:
            self._present[:width] = True
            self._samples += width
        else:
            self._missing[:width] |= missing
            self._present[:width] |= ~missing
            self._samples += width - int(np.count_nonzero(missing))
        self._rows = at + 1
        self.current = self._view()

    def _fit(self, at: int, width: int) -> None:
        """Mark what a wider row leaves absent before it, or a narrower one beside it."""
        used = self._used
        if width > used:
            self._values[:at, used:width].view(np.int64)[...] = ABSENT_BITS
            self._missing[used:width] = at > 0
            self._used = width
        else:
            self._values[at, width:used].view(np.int64)[...] = ABSENT_BITS
            self._missing[width:used] = True

    def _shape_for(self, width: int) -> tuple[int, int]:
        rows, wide = self._values.shape
        if self._rows == rows:
            rows = min(2 * rows, max(self.capacity, rows + 1))
        return rows, wide if width <= wide else with_slack(width)

    def _grow(self, rows: int, wide: int) -> None:
        used, before = self._rows, self._values.shape[1]
        timestamps = np.empty(rows, dtype=np.int64)
        timestamps[:used] = self._timestamps[:used]
        values = _cells(rows, wide)
        values[:used, :before] = self._values[:used]
        missing = np.zeros(wide, dtype=np.bool_)
        missing[:before] = self._missing
        present = np.zeros(wide, dtype=np.bool_)
        present[:before] = self._present
        self._timestamps, self._values, self._missing, self._present = timestamps, values, missing, present
        self.nbytes = self._count_bytes()

    def _view(self) -> RawChunk:
        used = self._rows
        return RawChunk(
            self._timestamps[:used],
            self._values[:used],
            self._missing,
            self._present,
            self._samples,
            self.nbytes,
            self._used,
        )

    def _count_bytes(self) -> int:
        arrays = (self._timestamps, self._values, self._missing, self._present)
        return sum(array.nbytes for array in arrays)


def _cells(rows: int, wide: int) -> NDArray[np.float64]:
    """Return an array that is not filled. A large one is pages of its own, which the system gets back when it is let go of:
    from the heap it would come back only where nothing lives above it.
    """
    size = rows * wide * 8
    if size < _OWN_PAGES:
        return np.empty((rows, wide), dtype=np.float64)
    pages = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        with suppress(OSError):
            pages.madvise(mmap.MADV_HUGEPAGE)
    return np.frombuffer(pages, dtype=np.float64).reshape(rows, wide)


def rows_to_seal(width: int) -> int:
    """Return after how many rows a run of this width is sealed."""
    least, most = SEAL_ROWS
    return min(most, max(least, SEAL_CELLS // max(1, width)))


def with_slack(width: int) -> int:
    """Return how many columns to reserve, so that a page that grows by a line does not copy its run each time."""
    return width if width <= 1 else width + 8 + width // 32


def first_allocation(width: int) -> int:
    """Return the bytes that a new hot run of this width takes."""
    rows = rows_to_seal(width) if width >= _WIDE else min(_FIRST_ROWS, rows_to_seal(width))
    return rows * (with_slack(width) * 8 + 8)


def missing_cells(row: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Mark the stale and absent cells in two passes: their bit patterns are neighbours."""
    assert ABSENT_BITS == STALE_BITS + 1
    return np.asarray(row.view(np.uint64) - np.uint64(STALE_BITS) <= np.uint64(1))
