"""Which table a producer's rows go to: its own, or after a restart the one that holds what it wrote before.

A scraper that starts anew brings the same series in new `Columns`, in another order perhaps. It continues the table that it
left behind, so that a series stays in one place, however often the agent is restarted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from agent.model import Columns, Labels, absent_row
from agent.store.index import Index
from agent.store.table import Table

_ASKED: Final = 64
"""Series that are asked for their table; all of one producer's say the same."""


class Binding:
    """A producer's columns and the table that its rows go to. `cells` lays a row out as the table's columns stand."""

    __slots__ = ("_index", "_places", "_width", "columns", "table")

    def __init__(self, columns: Columns, table: Table) -> None:
        self.columns, self.table = columns, table
        known = len(table.labels)
        self._index: dict[Labels, int] | None = None
        self._places = np.empty(0, dtype=np.intp)
        self._width = 0
        if table.labels is columns.labels or table.labels == columns.labels[:known]:
            table.labels = columns.labels  # the order is the same: they are one list from now on
        else:
            self._index = {labels: column for column, labels in enumerate(table.labels)}

    def cells(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the row in the order of the table's columns."""
        if self._index is None:
            return values
        if len(values) > len(self._places):
            self._extend(self._index, len(values))
        row = absent_row(self._width)
        row[self._places[: len(values)]] = values
        return row

    def _extend(self, index: dict[Labels, int], width: int) -> None:
        fresh = []
        for labels in self.columns.labels[len(self._places) : width]:
            column = index.setdefault(labels, len(index))
            if column == len(self.table.labels):
                self.table.labels.append(labels)
            fresh.append(column)
        self._places = np.concatenate([self._places, np.array(fresh, dtype=np.intp)])
        self._width = int(self._places.max()) + 1


def left_behind(labels: list[Labels], index: Index, adoptable: Callable[[Table], bool], *, part: bool) -> Table | None:
    """Return the table that holds most of these series, of those nobody writes to; None where it does not fit.

    It fits when at least half of its series are among them: a table that would be mostly dead columns is left alone. `part`
    says that these may be only the first of the producer's series; then half of them is enough.
    """
    step = max(1, len(labels) // _ASKED)
    votes = Counter(
        table for each in labels[::step] for table in _tables_of(each, index) if adoptable(table) and not table.stamped
    )
    for table, _ in votes.most_common(1):
        both = len(set(table.labels).intersection(labels))
        if 2 * both >= (min(len(labels), len(table.labels)) if part else len(table.labels)):
            return table
    return None


def _tables_of(labels: Labels, index: Index) -> Iterable[Table]:
    entry = index.find(labels)
    return [place.table for place in entry.placements] if entry is not None else []
