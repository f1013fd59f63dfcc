"""What flows from a scrape to a page: rows of float64 cells, and blocks of them for a query.

A cell is a value, a staleness marker (Prometheus' NaN bit pattern), or absent (another NaN payload). Compare bits through
an int64 view (`is_stale`, `is_absent`): arithmetic quiets a signalling NaN and loses the payload.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from agent.model.histograms import Histogram
from agent.model.labels import Labels

STALE_BITS: Final = 0x7FF0000000000002
"""Prometheus' staleness marker (model/value.StaleNaN)."""
ABSENT_BITS: Final = 0x7FF0000000000003
"""Our mark of a cell that was never written; it does not leave the process."""
HISTOGRAM_BITS: Final = 0x7FF0000000000004
"""Our mark of a cell whose sample is a native histogram, which stands in `Block.histograms`."""


def _from_bits(bits: int) -> float:
    return float(struct.unpack("<d", struct.pack("<q", bits))[0])


STALE_NAN: Final = _from_bits(STALE_BITS)
ABSENT_NAN: Final = _from_bits(ABSENT_BITS)
HISTOGRAM_NAN: Final = _from_bits(HISTOGRAM_BITS)


def is_stale(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Mark the cells that are staleness markers; same shape as `values`."""
    return np.asarray(np.ascontiguousarray(values).view(np.int64) == STALE_BITS)


def is_absent(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Mark the cells that were never written; same shape as `values`."""
    return np.asarray(np.ascontiguousarray(values).view(np.int64) == ABSENT_BITS)


def is_missing(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Mark the cells that are stale or absent; an ordinary NaN is a value."""
    bits = np.ascontiguousarray(values).view(np.int64)
    return np.asarray((bits == STALE_BITS) | (bits == ABSENT_BITS))


def absent_row(width: int) -> NDArray[np.float64]:
    """Return `width` cells that were never written."""
    return np.full(width, ABSENT_BITS, dtype=np.int64).view(np.float64)


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of one series at one instant (milliseconds since the epoch)."""

    labels: Labels
    timestamp_ms: int
    value: float


@dataclass(frozen=True, slots=True)
class Exemplar:
    """One observation that stands for many: the series it belongs to, its own labels (a trace id), value and time."""

    series: Labels
    labels: Labels
    value: float
    timestamp_ms: int


class Columns:
    """The series of one table in the order of its columns; it only grows. Its identity is the table's identity.

    A producer (a target's scraper, a rule) owns one and passes it with every row. When too many columns are dead it starts
    a new one, and with it a new table.
    """

    __slots__ = ("_index", "labels")

    labels: list[Labels]
    """labels[column]; append only through `column`."""

    def __init__(self, labels: Iterable[Labels] = ()) -> None:
        self.labels = []
        self._index: dict[Labels, int] = {}
        for each in labels:
            self.column(each)

    def column(self, labels: Labels) -> int:
        """Return the column of the series, a new one if it was never seen."""
        found = self._index.get(labels)
        if found is None:
            found = self._index[labels] = len(self.labels)
            self.labels.append(labels)
        return found

    def find(self, labels: Labels) -> int | None:
        """Return the column of the series, or None."""
        return self._index.get(labels)

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, slots=True)
class Row:
    """One scrape of one target, or one evaluation of one rule.

    `values` is float64 of shape (n,), n ≤ len(columns) at the time of appending; a column beyond n is absent. `stamped`
    holds the samples that carry timestamps of their own; their series are not among the columns. `histograms` holds the native
    histograms of this instant, by series, whose cells hold HISTOGRAM_BITS; `exemplars` those that came with the page.
    """

    columns: Columns
    timestamp_ms: int
    values: NDArray[np.float64]
    stamped: Sequence[Sample] = ()
    histograms: Sequence[tuple[Labels, Histogram]] = ()
    exemplars: Sequence[Exemplar] = ()


@dataclass(frozen=True, slots=True)
class Block:
    """What a query reads: series that share their timestamps.

    labels: S label sets, the same tuple object again while the set of series is unchanged, so a reader may cache by identity;
    timestamps: int64 of shape (T,), rising; values: float64 of shape (T, S), cells may be stale or absent.
    histograms: None in a block of floats, else object of shape (T, S): a `Histogram` where the cell's bits are HISTOGRAM_BITS.
    """

    labels: tuple[Labels, ...]
    timestamps: NDArray[np.int64]
    values: NDArray[np.float64]
    dense: bool = field(default=False)
    """True where no cell is stale or absent, so that no masks are needed."""
    histograms: NDArray[np.object_] | None = field(default=None)
