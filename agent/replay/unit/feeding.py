"""The input series of a test as rows over time, and the guard that every row passes on its way into the store.

Rows come no sooner than the tick that may see them, so rules never see the future; what comes after the last tick is never
made. Bounded: a test asks for as many cells as its ticks can see, and not for more than MAX_CELLS.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from agent.errors import ExecutionError
from agent.model import Columns, Histogram, Labels, Row, absent_row, is_absent, is_stale
from agent.query import SeriesValues, hinted

MAX_CELLS: Final = 10_000_000
"""Samples that one test may load; promtool would load them too, and take minutes."""

Append = Callable[[Row], object]


def cells_needed(series: Sequence[SeriesValues], rows: int) -> int:
    """Return how many samples and gaps of `series` the first `rows` instants take."""
    return sum(min(each.count, rows) for each in series)


class Feed:
    """Input series, `interval_ms` apart from `start_ms` on, the first `rows` instants of them."""

    def __init__(
        self, series: Sequence[tuple[Labels, SeriesValues]], start_ms: int, interval_ms: int, rows: int
    ) -> None:
        self._columns = Columns(labels for labels, _ in series)
        self._start_ms, self._interval_ms = start_ms, interval_ms
        self._natives: dict[int, list[tuple[Labels, Histogram]]] = {}
        found = [values.cells(rows) for _, values in series]
        self._cells = absent_row(max((len(each) for each, _ in found), default=0) * len(found))
        self._cells = self._cells.reshape(-1, max(len(found), 1))
        for column, ((labels, _), (cells, natives)) in enumerate(zip(series, found, strict=True)):
            self._cells[: len(cells), column] = cells
            if natives:
                self._keep_natives(labels, column, natives)
        self._next = 0

    def _keep_natives(self, labels: Labels, column: int, natives: dict[int, Histogram]) -> None:
        """Keep a series' histograms with the hints that Prometheus' store gives them."""
        present = np.flatnonzero(~is_absent(self._cells[:, column])).tolist()
        samples: list[float | Histogram] = [natives.get(row, 0.0) for row in present]
        for row, sample in zip(present, hinted(samples), strict=True):
            if isinstance(sample, Histogram):
                self._natives.setdefault(row, []).append((labels, sample))

    def until(self, at_ms: int, append: Append) -> None:
        """Append the rows up to and including `at_ms` that were not appended yet."""
        last = min((at_ms - self._start_ms) // self._interval_ms + 1, len(self._cells))
        for row in range(self._next, last):
            cells = self._cells[row]
            if not is_absent(cells).all():
                stamp_ms = self._start_ms + row * self._interval_ms
                append(Row(self._columns, stamp_ms, cells, histograms=self._natives.get(row, ())))
        self._next = max(self._next, last)


class Guard:
    """What every row passes: one series may be written by several, but not twice at an instant with different values.

    Prometheus' store refuses that with an error of the rule; ours would keep both. It also gives recorded native histograms
    the hints that a store tells.
    """

    def __init__(self, append: Append) -> None:
        self._append = append
        self._owners: dict[Labels, Columns] = {}
        self._known: dict[Columns, int] = {}
        self._shared: dict[Columns, list[tuple[Labels, Columns]]] = {}
        self._last: dict[Columns, Row] = {}
        self._natives: dict[Labels, Histogram] = {}

    def append(self, row: Row) -> None:
        """Pass a row on; raise ExecutionError where another producer wrote something else at or after its instant."""
        if self._known.get(row.columns, 0) < len(row.columns):
            self._own(row.columns)
        for labels, other in self._shared.get(row.columns, ()):
            row = self._without_conflict(row, labels, self._last.get(other))
        self._last[row.columns] = row
        self._append(row)

    def record(self, row: Row) -> None:
        """Pass a rule's row on as `append` does, its native histograms with hints."""
        if row.histograms or self._natives:
            row = self._hinted(row)
        self.append(row)

    def _own(self, columns: Columns) -> None:
        for labels in columns.labels[self._known.get(columns, 0) :]:
            other = self._owners.setdefault(labels, columns)
            if other is not columns:
                self._shared.setdefault(columns, []).append((labels, other))
                self._shared.setdefault(other, []).append((labels, columns))
        self._known[columns] = len(columns)

    def _without_conflict(self, row: Row, labels: Labels, before: Row | None) -> Row:
        column = row.columns.find(labels)
        if before is None or column is None or column >= len(row.values) or before.timestamp_ms < row.timestamp_ms:
            return row
        theirs = before.columns.find(labels)
        if theirs is None or theirs >= len(before.values):
            return row
        mine, other = row.values[column : column + 1], before.values[theirs : theirs + 1]
        if is_absent(mine)[0] or is_absent(other)[0]:
            return row
        if before.timestamp_ms == row.timestamp_ms and mine.view(np.int64)[0] == other.view(np.int64)[0]:
            return row
        if is_stale(mine)[0]:
            values = row.values.copy()
            values[column : column + 1] = absent_row(1)
            return Row(row.columns, row.timestamp_ms, values, histograms=row.histograms)
        late = before.timestamp_ms > row.timestamp_ms
        message = (
            f"{'out of order sample' if late else 'duplicate sample for timestamp'}: something else wrote {labels}"
        )
        raise ExecutionError(message)

    def _hinted(self, row: Row) -> Row:
        made = []
        for labels, histogram in row.histograms:
            stored = list(hinted([self._natives.get(labels, 0.0), histogram]))[1]
            assert isinstance(stored, Histogram)
            made.append((labels, stored))
        mine = {labels for labels in self._natives if row.columns.find(labels) is not None}
        for labels in mine:
            del self._natives[labels]
        self._natives.update(made)
        return Row(row.columns, row.timestamp_ms, row.values, histograms=made)
