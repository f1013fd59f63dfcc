"""From recorded pages of one target to what its counters rose by, many pages at once: what `Scrapes` says of each as it lands.

Resets, births, restarts, failed scrapes and values that are no numbers mean the same here as live; a test compares both.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from agent.model import ABSENT_BITS, ABSENT_NAN, HISTOGRAM_BITS, METRIC_NAME, STALE_BITS, Columns, Labels
from agent.slo.budget import START_TIME, Increases, began_anew

_NO_NUMBER: Final = np.array([ABSENT_BITS, STALE_BITS, HISTOGRAM_BITS])

Cells = NDArray[np.float64]


class Page(IntEnum):
    """How a scrape went."""

    FAILED = 0
    LANDED = 1
    ENDED = 2
    """The target is not scraped any more."""


@dataclass(frozen=True, slots=True)
class Pages:
    """A stretch of one target's pages. stamps: (T,), rising; state: (T,) of `Page`; cells: (T, S), by columns."""

    stamps: NDArray[np.int64]
    state: NDArray[np.int8]
    cells: Cells


@dataclass(frozen=True, slots=True)
class Heard:
    """What a target says by an edge, the number `place`; `reveal` is to be called before it is passed on."""

    place: int
    increases: Increases
    counting: Counting
    width: int

    def reveal(self) -> Increases:
        """Let the series be known that were born by then, and none that are born later; return the increases."""
        self.counting.reveal(self.width)
        return self.increases


class Counting:
    """What is remembered of a target from one stretch to the next. `name` is what it is called where it failed.

    Series have their columns in the order of their births, and `columns` grows only as they are: who reads along learns of a
    series no sooner than one who was there.
    """

    def __init__(self, name: str) -> None:
        self.columns = Columns()
        self.counts = False
        """Whether any series of it is counted; its start alone is not."""
        self._name = name
        self._labels: list[Labels] = []
        self._places: dict[Labels, int] = {}
        self._births: list[int] = []
        self._known = False
        self._last: Cells = np.zeros(0)
        self._waiting: Cells = np.zeros(0)
        """What rose before a page that failed; it counts at the next one that did not."""
        self._start: int | None = None
        self._started_ms = 0
        """When its start was seen last."""

    def __len__(self) -> int:
        return len(self._labels)

    def column(self, labels: Labels, born_ms: int) -> int:
        """Return the column of a series, a new one if it was never seen; call it in the order of births."""
        found = self._places.get(labels)
        if found is None:
            found = self._places[labels] = len(self._labels)
            self._labels.append(labels)
            self.counts = self.counts or labels.get(METRIC_NAME) != START_TIME
            self._births.append(max(born_ms, self._births[-1] if self._births else born_ms))
        return found

    def scraped(self) -> None:
        """Take note that it was scraped before its first page here: what is on that one and was not before is newborn."""
        self._known = True

    def reveal(self, width: int) -> None:
        """Let the first `width` series be known."""
        for number in range(len(self.columns), width):
            self.columns.column(self._labels[number])

    def heard(self, pages: Pages, edges_ms: NDArray[np.int64]) -> Iterator[Heard]:
        """Give what the target says at each of the instants `edges_ms` (rising) by which a page of it came.

        A page counts at the first edge at or after it; all pages must have one.
        """
        self._widen(pages.cells.shape[1])
        if not self.counts:
            since = int(np.flatnonzero(pages.state == Page.ENDED)[-1]) if (pages.state == Page.ENDED).any() else None
            self._known = bool((self._known and since is None) or (pages.state[since:] == Page.LANDED).any())
            return
        first = 0
        for end in [*np.flatnonzero(pages.state == Page.ENDED).tolist(), len(pages.stamps)]:
            if end > first:
                part = slice(first, end)
                places = np.searchsorted(edges_ms, pages.stamps[part])
                landed = pages.state[part] == Page.LANDED
                for place, increases in self._landed(pages.stamps[part], landed, pages.cells[part], places):
                    width = bisect_right(self._births, int(edges_ms[place]))
                    values = None if increases.values is None else increases.values[:width]
                    yield Heard(place, replace(increases, values=values), self, width)
            if end < len(pages.stamps):
                self._known, self._last[:], self._waiting[:] = False, 0.0, 0.0
            first = end + 1

    def _widen(self, width: int) -> None:
        known = len(self._last)
        self._last, self._waiting = (np.append(each, np.zeros(width - known)) for each in (self._last, self._waiting))
        for column in range(known, width):
            if self._labels[column].get(METRIC_NAME) == START_TIME:
                self._start = column

    def _landed(
        self, stamps: NDArray[np.int64], landed: NDArray[np.bool_], cells: Cells, places: NDArray[np.intp]
    ) -> Iterator[tuple[int, Increases]]:
        there = ~np.isin(cells.view(np.int64), _NO_NUMBER) & landed[:, np.newaxis]
        first = -1
        if not self._known and landed.any():
            first = int(np.argmax(landed))
        rose = self._rises(stamps, cells, there)
        if first >= 0:
            rose[first] = 0.0  # what later pages are compared with
        self._known |= first >= 0
        begins = np.flatnonzero(np.diff(places, prepend=-1))
        ends = np.append(begins[1:], len(places)) - 1
        sums = np.add.reduceat(rose, begins, axis=0)
        # Of a step that ends with a failure what it counted before counts all the same: the target may never be back.
        some = np.add.reduceat(landed & (np.arange(len(landed)) != first), begins) > 0
        seen = np.where(landed[ends][:, np.newaxis], there[ends], np.logical_or.reduceat(there, begins, axis=0))
        values = np.where(seen | (sums != 0), sums, ABSENT_NAN)
        for number, end in enumerate(ends.tolist()):
            place = int(places[end])
            if not landed[end] and not some[number]:
                self._waiting = self._waiting + sums[number]
                yield place, Increases(self.columns, None, f"{self._name}: its scrape failed")
            elif end != first:
                value = values[number]
                if self._waiting.any():
                    total = self._waiting + sums[number]
                    value = np.where(seen[number] | (total != 0), total, ABSENT_NAN)
                    self._waiting = np.zeros_like(total)
                yield place, Increases(self.columns, value)

    def _rises(self, stamps: NDArray[np.int64], cells: Cells, there: NDArray[np.bool_]) -> Cells:
        """Return by how much each counter rose at each page, 0 where it was not there; remember the last values."""
        number = there & np.isfinite(cells)
        rows = np.arange(len(cells))[:, np.newaxis]
        upto = np.maximum.accumulate(np.where(number, rows, -1), axis=0)
        before = np.vstack((np.full((1, cells.shape[1]), -1), upto[:-1]))
        last = np.where(before >= 0, np.take_along_axis(cells, np.maximum(before, 0), axis=0), self._last)
        began = self._restarts(stamps, cells, number, last, before)
        last = np.where(before < began[:, np.newaxis], 0.0, last)
        rose = np.zeros_like(cells)
        with np.errstate(invalid="ignore"):
            np.copyto(rose, np.where(cells >= last, cells - last, cells), where=there)
        newest = np.where(upto[-1] >= 0, np.take_along_axis(cells, np.maximum(upto[-1:], 0), axis=0)[0], self._last)
        self._last = np.where(upto[-1] < began[-1], 0.0, newest)
        return rose

    def _restarts(
        self,
        stamps: NDArray[np.int64],
        cells: Cells,
        number: NDArray[np.bool_],
        last: Cells,
        before: NDArray[np.intp],
    ) -> NDArray[np.intp]:
        """Return for each page the newest one at or before it from which on the process was another one, -1 for none."""
        rows = np.full(len(cells), -1, dtype=np.intp)
        if self._start is not None:
            now, was = cells[:, self._start], last[:, self._start]
            with np.errstate(invalid="ignore"):
                later = number[:, self._start] & (now > was)
            for row in np.flatnonzero(later).tolist():
                place = int(before[row, self._start])
                seen_ms = int(stamps[place]) if place >= 0 else self._started_ms
                if began_anew(float(was[row]), seen_ms, float(now[row]), int(stamps[row])):
                    rows[row] = row
            if number[:, self._start].any():
                self._started_ms = int(stamps[np.flatnonzero(number[:, self._start])[-1]])
        return np.asarray(np.maximum.accumulate(rows), dtype=np.intp)
