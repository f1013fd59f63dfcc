"""From one producer's samples at an instant to a row: columns, staleness markers and generations of columns.

A producer (a target, a local collector) owns one RowWriter. It knows no clock, no text and no store.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from agent.model import STALE_BITS, STALE_NAN, Columns, Exemplar, Histogram, Labels, Row, Sample, absent_row

GENERATION_WIDTH: Final = 256
GENERATION_ROWS: Final = 10
"""The rule of half: when of at least GENERATION_WIDTH columns more than half are dead in GENERATION_ROWS rows in a row, the
next row starts a new generation (a new `Columns`, and so a new table) that holds the living series alone."""


class RowWriter:
    """Turn samples into rows. The first columns are the producer's reports (`up`, …), which are never looked up by name."""

    def __init__(self, reports: Sequence[Labels] = (), *, track_stamped: bool = False) -> None:
        self.reports = tuple(reports)
        self.columns = Columns(self.reports)
        self.generation = 0
        self._live = np.zeros(len(self.reports), dtype=np.bool_)
        self._cells: NDArray[np.intp] | None = None
        self._told: tuple[bool, ...] = ()
        self._half_dead = 0
        self._track_stamped = track_stamped
        self._stamped_live: set[Labels] = set()

    def row(
        self,
        at_ms: int,
        cells: NDArray[np.intp],
        values: NDArray[np.float64],
        reports: Sequence[float | None] = (),
        stamped: Sequence[Sample] = (),
        histograms: Sequence[tuple[Labels, Histogram]] = (),
        exemplars: Sequence[Exemplar] = (),
    ) -> Row:
        """Return the row at `at_ms`: `values[i]` in column `cells[i]` (each column once), None in `reports` means no sample.

        A series of the row before that is not in this one gets a staleness marker. Passing the very same `cells` array again
        says that the set of series is unchanged, and skips looking for the missing ones. Series with timestamps of their own
        end only where the writer tracks them (`track_timestamps_staleness`).
        """
        width, told = len(self.columns), tuple(value is not None for value in reports)
        row = absent_row(width)
        row[cells] = values
        for column, value in enumerate(reports):
            if value is not None:
                row[column] = value
        if cells is not self._cells or told != self._told or width != len(self._live):
            self._mark_missing(row, cells, told)
        if self._track_stamped:
            stamped = [*stamped, *self._stamped_ends(at_ms, stamped)]
        made = Row(self.columns, at_ms, row, stamped, histograms, exemplars)
        self._age()
        return made

    def ending(self, at_ms: int) -> Row:
        """Return the row that ends every living series, reports included: the producer goes away."""
        return self.row(at_ms, np.empty(0, dtype=np.intp), np.empty(0))

    @property
    def live(self) -> int:
        """How many series the last row held, reports included."""
        return int(self._live.sum())

    def _stamped_ends(self, at_ms: int, stamped: Sequence[Sample]) -> list[Sample]:
        now = {sample.labels for sample in stamped}
        ends = [Sample(labels, at_ms, STALE_NAN) for labels in sorted(self._stamped_live - now)]
        self._stamped_live = now
        return ends

    def _mark_missing(self, row: NDArray[np.float64], cells: NDArray[np.intp], told: tuple[bool, ...]) -> None:
        now = np.zeros(len(row), dtype=np.bool_)
        now[cells] = True
        now[: len(told)] |= np.array(told, dtype=np.bool_)
        before = len(self._live)
        gone = np.flatnonzero(self._live & ~now[:before])
        row.view(np.int64)[gone] = STALE_BITS
        self._live, self._cells, self._told = now, cells, told

    def _age(self) -> None:
        width = len(self.columns)
        half_dead = width >= GENERATION_WIDTH and 2 * int(np.count_nonzero(self._live)) < width
        self._half_dead = self._half_dead + 1 if half_dead else 0
        if self._half_dead >= GENERATION_ROWS:
            self._renew()

    def _renew(self) -> None:
        living = [self.columns.labels[column] for column in np.flatnonzero(self._live) if column >= len(self.reports)]
        told = self._live[: len(self.reports)]
        self.columns = Columns((*self.reports, *living))
        self._live = np.concatenate([told, np.ones(len(living), dtype=np.bool_)])
        self._cells, self._half_dead = None, 0
        self.generation += 1
