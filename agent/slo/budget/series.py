"""The `slo:*` series of every budget as rows: what compiled alerting rules and dashboards read. Names are conventions'."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from agent.model import ABSENT_NAN, METRIC_NAME, STALE_NAN, Columns, Labels, Row, absent_row, format_duration
from agent.slo import conventions as names
from agent.slo.budget.layout import NOW_MS, Layout
from agent.slo.budget.objective import Objective, Unit
from agent.slo.budget.readings import Readings
from agent.slo.model import Calendar

_DAY_MS: Final = 86_400_000
_SLICE: Final = 1e-6
_MOST_DEAD: Final = 500
"""Columns whose series ceased, beyond as many as go on, until the others get a table of their own."""


class Recorder:
    """Makes a row of readings; it owns the columns, which grow where there are other budgets: what ceased ends in them."""

    def __init__(self, version: str) -> None:
        self.columns = Columns()
        self._version = version
        self._layout: Layout | None = None
        self._places = np.zeros(0, dtype=np.intp)
        self._there = np.zeros(0, dtype=bool)

    def row(self, readings: Readings) -> Row:
        """Return the row: STALE_NAN where a series just ceased, absent where it had before."""
        if readings.layout is not self._layout:
            self._layout = readings.layout
            labels = _labels(readings.layout, self._version)
            self._places = np.asarray([self.columns.column(each) for each in labels], dtype=np.intp)
        elif len(self.columns) > _MOST_DEAD + 2 * len(self._places):
            self._begin_anew()
        values = absent_row(len(self.columns))
        if len(readings):
            found = np.concatenate(list(_values(readings)))
            values[self._places] = np.where(np.isnan(found), ABSENT_NAN, found)
        return self._ended(values, readings.at_ms)

    def ending(self, at_ms: int) -> Row:
        """Return the row that ends every series."""
        self._layout = None
        return self._ended(absent_row(len(self.columns)), at_ms)

    def _begin_anew(self) -> None:
        """Leave columns behind of which most are dead, as those of groups that retired; in the row before all of these ended."""
        labels, there = [self.columns.labels[each] for each in self._places], self._there[self._places]
        self.columns = Columns(labels)
        self._places = np.asarray([self.columns.column(each) for each in labels], dtype=np.intp)
        self._there = np.zeros(len(self.columns), dtype=bool)
        self._there[self._places] = there

    def _ended(self, values: NDArray[np.float64], at_ms: int) -> Row:
        there = ~np.isnan(values)
        before = np.append(self._there, np.zeros(len(there) - len(self._there), dtype=bool))
        values[before & ~there] = STALE_NAN
        self._there = there
        return Row(self.columns, at_ms, values)


def series_of(readings: Readings, version: str) -> list[tuple[Labels, float]]:
    """Return each series that has a value, and its value."""
    row = Recorder(version).row(readings)
    return [
        (labels, float(value)) for labels, value in zip(row.columns.labels, row.values, strict=True) if value == value
    ]


def _labels(layout: Layout, version: str) -> Iterator[Labels]:
    """Give the labels in the order of `_values`."""
    whole = [{**_plain(each.slo.labels), **each.slo.identity} for each in layout.objectives]
    own = [{**labels, **key.group} for labels, key in zip(whole, layout.keys, strict=True)]
    periods = [_period(each) for each in layout.objectives]
    certain = _long(layout)
    for row, window in enumerate(layout.windows_ms):
        text = format_duration(window)
        for metric in (names.ERROR_RATIO, names.BAD_EVENTS, names.TOTAL_EVENTS, names.CERTAIN_RATIO)[
            : 3 + certain[row]
        ]:
            for each in own:
                yield Labels({**each, METRIC_NAME: names.windowed(metric, window), names.WINDOW: text})
    for metric in (names.ERROR_RATIO, names.BAD_EVENTS, names.TOTAL_EVENTS):
        for each, text in zip(own, periods, strict=True):
            yield Labels({**each, METRIC_NAME: f"{metric}{text}", names.WINDOW: text})
    for each in own:
        yield Labels({**each, METRIC_NAME: names.CURRENT_BURN_RATE, names.WINDOW: format_duration(NOW_MS)})
    for metric in (names.PERIOD_BURN_RATE, names.BUDGET_REMAINING, names.PERIOD_COVERAGE):
        for each, text in zip(own, periods, strict=True):
            yield Labels({**each, METRIC_NAME: metric, names.WINDOW: text})
    firsts = _firsts(layout)
    for metric in (names.OBJECTIVE, names.ERROR_BUDGET, names.TIME_PERIOD_DAYS):
        for number in firsts:
            yield Labels({**whole[number], METRIC_NAME: metric})
    for number in firsts:
        yield Labels({**whole[number], METRIC_NAME: names.INFO, **_info(layout.objectives[number], version)})


def _values(readings: Readings) -> Iterator[NDArray[np.float64]]:
    layout, budget = readings.layout, readings.layout.budget
    scale = np.asarray([_SLICE if each.budget_unit is Unit.SLICES else 1.0 for each in layout.objectives])
    certain = _long(layout)
    for row in range(len(layout.windows_ms)):
        yield readings.ratio[row]
        yield readings.windows.bad[row] * scale
        yield readings.windows.total[row] * scale
        if certain[row]:
            yield readings.certain[row]
    period = readings.period.ratio
    yield period
    yield readings.period.bad * scale
    yield readings.period.total * scale
    yield readings.ratio[layout.window(NOW_MS)] / budget
    yield period / budget
    yield readings.left
    yield readings.known
    firsts = _firsts(layout)
    yield np.asarray([round(layout.objectives[each].slo.objective / 100, 12) for each in firsts])
    yield budget[firsts].round(12)
    yield ((readings.period_end_ms - readings.period_start_ms) / _DAY_MS)[firsts]
    yield np.ones(len(firsts))


def _long(layout: Layout) -> NDArray[np.bool_]:
    """Say which windows are the long one of a tier: of those alone an alert asks what is certain."""
    found = np.zeros(len(layout.windows_ms), dtype=bool)
    found[layout.long[np.isfinite(layout.factor)]] = True
    return found


def _firsts(layout: Layout) -> list[int]:
    """Return one budget of each objective: what was promised is the same of all its groups, and recorded once."""
    found: dict[str, int] = {}
    for number, key in enumerate(layout.keys):
        found.setdefault(key.slo, number)
    return list(found.values())


def _plain(labels: Mapping[str, str]) -> dict[str, str]:
    """Return labels as text that does not know its place in a file, as it may as long as it is read."""
    return {str(name): str(value) for name, value in labels.items()}


def _period(objective: Objective) -> str:
    """Return the period as the name has it: 30d, or of the calendar its unit."""
    window = objective.slo.window
    if isinstance(window, Calendar):
        return window.unit if window.count == 1 else f"{window.count}{window.unit}s"
    return format_duration(objective.period_ms)


def _info(objective: Objective, version: str) -> dict[str, str]:
    return {
        names.MODE: "burnline",
        names.INFO_OBJECTIVE: f"{objective.slo.objective:.12g}",
        names.SPEC: str(objective.slo.written.version),
        names.VERSION: version,
        names.COUNTED: objective.budget_unit.value,
    }
