"""Runs that no longer change, in pages of compressed columns; where the pages lie (in memory, in a file) is their source's.

A page that is damaged reads as absent: its source has told of it and gives None.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from agent.model import absent_row
from agent.store.chunks import Columns, RawChunk
from agent.store.pages import PAGE_COLUMNS, decode, encode, pack, unpack

Bools = NDArray[np.bool_]


class Source(Protocol):
    """Where the bytes of a run are."""

    nbytes: int
    """What it takes in memory."""

    def page(self, number: int) -> bytes | None:
        """Return the page of columns from number × PAGE_COLUMNS on, whole; None where it is damaged."""

    def timestamps(self) -> bytes | None:
        """Return the packed timestamps; None where they are damaged."""


class MemoryPages:
    """Pages that are nowhere else."""

    __slots__ = ("nbytes", "packed_timestamps", "pages")

    def __init__(self, packed_timestamps: bytes, pages: list[bytes]) -> None:
        self.packed_timestamps, self.pages = packed_timestamps, pages
        self.nbytes = sum(map(len, pages)) + len(packed_timestamps) + 48 * len(pages)

    def page(self, number: int) -> bytes:
        """Return the page."""
        return self.pages[number]

    def timestamps(self) -> bytes:
        """Return the packed timestamps."""
        return self.packed_timestamps


class SealedChunk:
    """A compressed run; a `Chunk` to readers. `source` gives its bytes."""

    __slots__ = ("first_ms", "last_ms", "missing", "nbytes", "present", "rows", "samples", "source", "width")

    def __init__(
        self,
        source: Source,
        *,
        first_ms: int,
        last_ms: int,
        rows: int,
        samples: int,
        missing: Bools,
        present: Bools,
    ) -> None:
        self.source = source
        self.first_ms, self.last_ms, self.rows, self.samples = first_ms, last_ms, rows, samples
        self.width = len(missing)
        self.missing, self.present = shared(missing), shared(present)
        own = sum(marks.nbytes for marks in (self.missing, self.present) if marks.flags.writeable)
        self.nbytes = source.nbytes + own + 400

    @property
    def pages(self) -> int:
        """How many pages the run has."""
        return -(-self.width // PAGE_COLUMNS)

    def whole_page(self, number: int) -> bytes:
        """Return a page; in the place of a damaged one, a page of cells that were never written."""
        page = self.source.page(number)
        if page is not None:
            return page
        self._lose(number)
        columns = min(PAGE_COLUMNS, self.width - number * PAGE_COLUMNS)
        return encode(absent_row(self.rows * columns).reshape(self.rows, columns))

    @property
    def timestamps(self) -> NDArray[np.int64]:
        """The rows' instants, unpacked anew each time; where they are damaged, the run has no rows."""
        packed = self.source.timestamps()
        return np.empty(0, dtype=np.int64) if packed is None else unpack(packed)

    def read(self, lo: int, hi: int, columns: Columns, out: NDArray[np.float64]) -> None:
        """Unpack the cells, page by page."""
        picked = np.arange(columns.start, columns.stop) if isinstance(columns, slice) else columns
        pages = picked // PAGE_COLUMNS
        order = np.argsort(pages, kind="stable")
        numbers, starts = np.unique(pages[order], return_index=True)
        for number, places in zip(numbers.tolist(), np.split(order, starts[1:]), strict=True):
            self._read_page(number, lo, hi, picked[places] - number * PAGE_COLUMNS, places, out)

    def _read_page(
        self,
        number: int,
        lo: int,
        hi: int,
        wanted: NDArray[np.intp],
        places: NDArray[np.intp],
        out: NDArray[np.float64],
    ) -> None:
        page = self.source.page(number)
        if page is None:
            self._lose(number)
            cells = absent_row((hi - lo) * len(places)).reshape(hi - lo, len(places))
        else:
            cells = decode(page, wanted, lo, hi)
        first, last = int(places[0]), int(places[-1])
        if last - first + 1 == len(places):  # places rise, since the sort is stable
            out[:, first : last + 1] = cells
        else:
            out[:, places] = cells

    def _lose(self, number: int) -> None:
        lost = slice(number * PAGE_COLUMNS, (number + 1) * PAGE_COLUMNS)
        missing, present = self.missing.copy(), self.present.copy()
        missing[lost], present[lost] = True, False
        self.missing, self.present = missing, present


def seal(raw: RawChunk) -> SealedChunk:
    """Make the compact form of a run that has ended: about 20 ns a cell, so call it outside the lock."""
    ends = [*range(PAGE_COLUMNS, raw.width, PAGE_COLUMNS), raw.width]
    pages = [encode(raw.values[:, lo:hi]) for lo, hi in zip([0, *ends], ends, strict=False)]
    return SealedChunk(
        MemoryPages(pack(raw.timestamps), pages),
        first_ms=raw.first_ms,
        last_ms=raw.last_ms,
        rows=raw.rows,
        samples=raw.samples,
        missing=raw.missing[: raw.width].copy(),
        present=raw.present[: raw.width].copy(),
    )


def shared(marks: Bools) -> Bools:
    """Return marks that are all alike as one array that many runs share; they must not be written to."""
    if marks.all():
        return _alike(len(marks), True)
    return marks if marks.any() else _alike(len(marks), False)


@lru_cache(maxsize=256)
def _alike(width: int, value: bool) -> Bools:
    made = np.full(width, value, dtype=np.bool_)
    made.flags.writeable = False
    return made
