"""The series that a rule writes: one table per rule, and a staleness marker where a series is no longer given."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from agent.errors import ExecutionError
from agent.model import HISTOGRAM_NAN, METRIC_NAME, STALE_NAN, Columns, Histogram, Labels, Row, absent_row
from agent.rules.spec import GroupKey
from agent.rules.states import ActiveAlert, State

ALERTS: Final = "ALERTS"
ALERTS_FOR_STATE: Final = "ALERTS_FOR_STATE"
ALERT_STATE: Final = "alertstate"
_DEAD_COLUMNS: Final = 256
"""A table with this many columns more than four times those in use is left for a new one."""


@dataclass(frozen=True, slots=True)
class _Repeat:
    """What need not be found again: the label tuple of the last vector and the cells that its values go to."""

    labels: tuple[Labels, ...]
    limit: int
    cells: NDArray[np.intp]


class Output:
    """What one rule has written: its table and the series that its last evaluation gave."""

    def __init__(self) -> None:
        self.columns = Columns()
        self.live: frozenset[Labels] = frozenset()
        self._repeat: _Repeat | None = None

    def repeated(self, answer: object, limit: int, at_ms: int) -> Row | None:
        """Return the row of an answer with the very label tuple of the one before, None where it has another.

        The engine gives the same tuple again while the set of series is unchanged: then no label needs a look, and a row is
        one array write.
        """
        known = self._repeat
        if known is None or getattr(answer, "labels", None) is not known.labels or limit != known.limit:
            return None
        values = absent_row(len(self.columns))
        values[known.cells] = answer.values  # type: ignore[attr-defined]  # it has labels, so it is a vector
        return Row(self.columns, at_ms, values)

    def remember(self, answer: object, samples: Mapping[Labels, float], limit: int) -> None:
        """Note that `answer` became `samples`, in the same order, and that their row was written."""
        labels, values = getattr(answer, "labels", None), getattr(answer, "values", None)
        vector = (
            isinstance(labels, tuple) and isinstance(values, np.ndarray) and getattr(answer, "histograms", None) is None
        )
        if not vector or not samples:
            self._repeat = None
            return
        assert isinstance(labels, tuple)
        cells = np.fromiter(map(self.columns.column, samples), np.intp, len(samples))
        self._repeat = _Repeat(labels, limit, cells)

    def row(
        self, samples: Mapping[Labels, float], at_ms: int, histograms: Sequence[tuple[Labels, Histogram]] = ()
    ) -> Row | None:
        """Return the row of an evaluation, None where there is nothing to write.

        A series of the row before that `samples` lacks gets a staleness marker. `histograms` are those of the samples that
        are one, whatever float stands for them.
        """
        vanished = self.live - samples.keys()
        self.live = frozenset(samples)
        if not samples and not vanished:
            return None
        if not vanished and len(self.columns) > _DEAD_COLUMNS + 4 * len(samples):
            self.columns = Columns()
        cells = {self.columns.column(labels): value for labels, value in samples.items()}
        cells.update((self.columns.column(labels), STALE_NAN) for labels in vanished)
        cells.update((self.columns.column(labels), HISTOGRAM_NAN) for labels, _ in histograms)
        return _row(self.columns, cells, at_ms, histograms)

    def stale_row(self, series: Iterable[Labels], at_ms: int) -> Row | None:
        """Return the row that ends `series`, as when their rule was removed."""
        cells = {self.columns.column(labels): STALE_NAN for labels in series}
        return _row(self.columns, cells, at_ms) if cells else None


@dataclass(frozen=True, slots=True)
class _Left:
    output: Output
    group: GroupKey
    stopped_at_ms: int
    due_ms: int


class Leaving:
    """The outputs of removed rules, until the rules that took their place have had time to write the same series.

    Series of a rule whose group goes on end with the group's next evaluation, those of a removed group when it was removed,
    said two intervals later; as in Prometheus.
    """

    def __init__(self) -> None:
        self._outputs: list[_Left] = []
        self._lock = threading.Lock()

    def add(self, output: Output, group: GroupKey, stopped_at_ms: int, interval_ms: int) -> None:
        """Remember an output of a group whose rule stopped."""
        with self._lock:
            self._outputs.append(_Left(output, group, stopped_at_ms, stopped_at_ms + 2 * interval_ms))

    def rows(self, group: GroupKey, at_ms: int, written_at_ms: int, running: Iterable[Output]) -> list[Row]:
        """Return the rows that end what no running rule writes, once `group` was evaluated at `at_ms`.

        `written_at_ms` is the instant of the group's own rows.
        """
        with self._lock:
            if not self._outputs:
                return []
            due: list[_Left] = []
            later: list[_Left] = []
            for each in self._outputs:
                (due if each.group == group or each.due_ms <= at_ms else later).append(each)
            self._outputs = later
        live: frozenset[Labels] = frozenset().union(*(output.live for output in running)) if due else frozenset()
        rows = [
            each.output.stale_row(
                sorted(each.output.live - live), written_at_ms if each.group == group else each.stopped_at_ms
            )
            for each in due
        ]
        return [row for row in rows if row is not None]


def _row(
    columns: Columns, cells: Mapping[int, float], at_ms: int, histograms: Sequence[tuple[Labels, Histogram]] = ()
) -> Row:
    values = absent_row(len(columns))
    for column, value in cells.items():
        values[column] = value
    return Row(columns, at_ms, values, histograms=histograms)


def recorded(
    name: str, labels: Mapping[str, str], vector: Iterable[tuple[Labels, float]], limit: int
) -> dict[Labels, float]:
    """Return a recording rule's series: its name and labels over those of the vector.

    Raises ExecutionError where two become the same, or where there are more than `limit` (0: no limit).
    """
    samples: dict[Labels, float] = {}
    over = {**labels, METRIC_NAME: name}
    for series, value in vector:
        made = series.merged(over)
        if made in samples:
            message = f"vector contains metrics with the same labelset after applying rule labels: {made}"
            raise ExecutionError(message)
        samples[made] = value
    if 0 < limit < len(samples):
        message = f"exceeded limit of {limit} with {len(samples)} series"
        raise ExecutionError(message)
    return samples


def alert_series(name: str, alerts: Iterable[ActiveAlert]) -> dict[Labels, float]:
    """Return ALERTS and ALERTS_FOR_STATE of the pending and firing alerts of the rule called `name`."""
    samples: dict[Labels, float] = {}
    for alert in alerts:
        if alert.state is not State.INACTIVE:
            over = {METRIC_NAME: ALERTS, "alertname": name, ALERT_STATE: str(alert.state)}
            samples[alert.labels.merged(over)] = 1.0
            over = {METRIC_NAME: ALERTS_FOR_STATE, "alertname": name}
            samples[alert.labels.merged(over)] = float(alert.active_at_ms // 1000)
    return samples
