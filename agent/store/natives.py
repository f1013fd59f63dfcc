"""Where the parts of native histograms lie: which table and columns a row's histograms go to, and how a block gets them back.

A producer's histograms lie in a table of their own beside the producer's: the same instants, a column per part (`histograms`).
So the log, sealing, files and retention need not know them. A cell that says that there is a histogram whose parts are gone
(dropped for memory, damaged) becomes absent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from agent.model import ABSENT_BITS, HISTOGRAM_BITS, Block, Columns, Histogram, Labels, Row, absent_row
from agent.store.histograms import Bundle, Part, bundles, cells_of, histograms_of, part_labels, parts_of, split_labels
from agent.store.index import Placement
from agent.store.picked import Picked
from agent.store.reading import ReadCache
from agent.store.table import Table

_WIDE: Final = 1024
"""A table of parts this wide, of which three quarters were not written in this row, is left for a new one."""


class NativeRows:
    """Lay a row's histograms out as a row of their parts.

    `find` gives the table that holds the parts of a series from before a restart, if nobody else writes to it; `make` a new
    one.
    """

    def __init__(self, find: Callable[[Labels], Table | None], make: Callable[[list[Labels]], Table]) -> None:
        self._find, self._make = find, make
        self._desks: dict[Columns, _Desk] = {}

    def row(self, row: Row) -> tuple[Table, NDArray[np.float64]]:
        """Return the table and the cells for the histograms of a row that has some."""
        desk = self._desks.get(row.columns)
        if desk is None or desk.table.last_ms >= row.timestamp_ms:  # the producer's own table has taken the row
            found = self._find(row.histograms[0][0])
            fits = found is not None and found.last_ms < row.timestamp_ms
            desk = self._desks[row.columns] = _Desk(found if found is not None and fits else self._make([]))
        cells = desk.cells(row.histograms)
        if len(cells) > _WIDE and len(cells) > 4 * desk.written:
            desk = self._desks[row.columns] = _Desk(self._make([]))
            cells = desk.cells(row.histograms)
        return desk.table, cells

    def writes_to(self, table: Table) -> bool:
        """Say whether a producer writes its parts to the table."""
        return any(desk.table is table for desk in self._desks.values())

    def forget(self, table: Table) -> None:
        """Hear that the table is gone."""
        self._desks = {columns: desk for columns, desk in self._desks.items() if desk.table is not table}

    def clear(self) -> None:
        """Forget who writes what: those are gone."""
        self._desks = {}


class _Desk:
    """The table of one producer's parts, and where each series' last histogram went."""

    __slots__ = ("_columns", "_places", "table", "written")

    def __init__(self, table: Table) -> None:
        self.table = table
        self.written = 0
        self._columns = {labels: column for column, labels in enumerate(table.labels)}
        self._places: dict[Labels, tuple[tuple[object, ...], NDArray[np.intp]]] = {}

    def cells(self, samples: Sequence[tuple[Labels, Histogram]]) -> NDArray[np.float64]:
        places = [self._place(series, histogram) for series, histogram in samples]
        row = absent_row(len(self.table.labels))
        for at, (_, histogram) in zip(places, samples, strict=True):
            row[at] = cells_of(histogram)
        self.written = sum(len(at) for at in places)
        self._places = {series: self._places[series] for series, _ in samples}
        return row

    def _place(self, series: Labels, histogram: Histogram) -> NDArray[np.intp]:
        key = (
            histogram.schema,
            histogram.zero_threshold,
            histogram.bounds,
            histogram.hint,
            histogram.positive.index.tobytes(),
            histogram.negative.index.tobytes(),
        )
        known = self._places.get(series)
        if known is None or known[0] != key:
            columns = [self._column(part_labels(series, part)) for part in parts_of(histogram)]
            known = self._places[series] = (key, np.array(columns, np.intp))
        return known[1]

    def _column(self, labels: Labels) -> int:
        column = self._columns.get(labels)
        if column is None:
            column = self._columns[labels] = len(self.table.labels)
            self.table.labels.append(labels)
        return column


def natives_of(labels: Sequence[Labels], parts: Mapping[Labels, Sequence[Placement]]) -> Natives | None:
    """Return the histograms of a group of series; None where no series has parts."""
    members = {}
    if parts:  # a writer may change it meanwhile: each is looked up once
        members = {place: found for place, each in enumerate(labels) if (found := parts.get(each)) is not None}
    return Natives(members) if members else None


class Natives:
    """The histograms of a group of series: which columns hold the parts of which series, by table."""

    def __init__(self, members: Mapping[int, Sequence[Placement]]) -> None:
        found: dict[Table, dict[int, list[tuple[Part, int]]]] = {}
        columns: dict[Table, list[int]] = {}
        for place, placements in members.items():
            for table, column in placements:
                here = columns.setdefault(table, [])
                part = split_labels(table.labels[column])[1]
                found.setdefault(table, {}).setdefault(place, []).append((part, len(here)))
                here.append(column)
        self._tables: list[tuple[Picked, list[tuple[int, list[Bundle]]]]] = [
            (Picked(table, columns[table]), [(place, bundles(parts)) for place, parts in of_series.items()])
            for table, of_series in found.items()
        ]

    def cells(self, start_ms: int, end_ms: int) -> int:
        """Return how many cells `fill` would read."""
        return sum(picked.cells(start_ms, end_ms) for picked, _ in self._tables)

    def fill(self, block: Block, start_ms: int, end_ms: int, cache: ReadCache) -> Block:
        """Return the block with its histograms, where it has any."""
        marked = np.ascontiguousarray(block.values).view(np.int64) == HISTOGRAM_BITS
        if not marked.any():
            return block
        histograms = np.full(block.values.shape, None, dtype=object)
        filled = np.zeros(block.values.shape, np.bool_)
        for picked, series in self._tables:
            found = picked.read(start_ms, end_ms, cache)
            if found is None:
                continue
            timestamps, cells, _ = found
            rows = np.minimum(np.searchsorted(block.timestamps, timestamps), len(block.timestamps) - 1)
            together = block.timestamps[rows] == timestamps
            for place, of_layouts in series:
                for bundle in of_layouts:
                    at, made = histograms_of(cells, bundle)
                    for row, each in zip(at.tolist(), made, strict=True):
                        if together[row]:
                            histograms[rows[row], place] = each
                            filled[rows[row], place] = True
        histograms[~marked] = None
        lost = marked & ~filled
        if not lost.any():
            return replace(block, histograms=histograms)
        cells = np.ascontiguousarray(block.values).view(np.int64)
        values = np.where(lost, ABSENT_BITS, cells).view(np.float64)
        return replace(block, values=values, dense=False, histograms=histograms if filled.any() else None)
