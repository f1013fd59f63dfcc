"""rate, increase, delta, irate, idelta: how fast samples change, with counter resets mended and edges extrapolated.

Source: Prometheus' extrapolatedRate and instantValue (promql/functions.go), whose order of operations is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

from agent.query import ast
from agent.query.evaluate import Function, ranges
from agent.query.evaluation import Evaluation
from agent.query.frame import Bools, Floats, Frame, Ints, drop_names
from agent.query.functions.native_rates import extrapolating, last_two
from agent.query.functions.ranged import completed, ranged
from agent.query.rolling import LONG_MS
from agent.query.selecting import select_blocks
from agent.query.windows import Windows

_COUNTER_ENDINGS: Final = ("_total", "_sum", "_count", "_bucket")
_SAFE_SPREAD: Final = 1e6
"""Falls whose sum is at most this many times the least one may be taken from running sums: about ten digits stay."""
_WHOLE: Final = 2.0**53
"""Sums of whole numbers below this are exact."""
_FEW_ROWS: Final = 256
"""Rows with falls, as restarts make them, that may be looked at one by one."""


def extrapolated(windows: Windows, *, counter: bool, per_second: bool) -> tuple[Floats, Bools | None]:
    """Return the change over each window, as if the samples reached to its edges; at least two samples are needed.

    An edge further than 1.1 average intervals from its sample is reached only by half an interval; a counter is not
    extrapolated below zero.
    """
    first_row, last_row = windows.first, windows.last
    first = windows.pick(windows.values, first_row)
    change = windows.pick(windows.values, last_row) - first
    if counter:
        change = mended(windows, change)
    times = Times(windows.times(first_row), windows.times(last_row), windows.count, windows.ends_ms[:, None])
    factor = _stretch(times, windows.range_ms, first, change if counter else None)
    if per_second:
        factor /= windows.range_ms / 1000
    return change * factor, windows.having(2)


@dataclass(frozen=True, slots=True)
class Times:
    """When the samples of windows are, in milliseconds, and how many: broadcastable to (N, C)."""

    first: Ints
    last: Ints
    count: Ints
    ends: Ints


def _stretch(times: Times, range_ms: int, first: Floats, risen: Floats | None) -> Floats:
    """Return by how much more a window changes than its samples say; `risen` is a counter's change from `first`."""
    to_start = (times.first - (times.ends - range_ms)) / 1000
    to_end = (times.ends - times.last) / 1000
    sampled = (times.last - times.first) / 1000
    average = sampled / np.maximum(times.count - 1, 1)
    threshold = average * 1.1
    to_start = np.where(to_start >= threshold, average / 2, to_start)
    to_end = np.where(to_end >= threshold, average / 2, to_end)
    if risen is not None:
        # A counter that would reach zero before the window's start is extrapolated only to there.
        to_zero = np.divide(first, risen, out=np.full(risen.shape, np.inf), where=(risen > 0) & (first >= 0))
        to_zero *= sampled
        to_start = np.fmin(to_zero, to_start, out=to_zero)
    return np.asarray((sampled + to_start + to_end) / sampled, np.float64)


def mended(windows: Windows, change: Floats) -> Floats:
    """Add to `change` what counters held before each reset in the window."""
    values = windows.values
    if windows.valid is None:
        fallen = values[1:] < values[:-1]
        columns = np.flatnonzero(fallen.any(axis=0))
        if not len(columns):
            return change
        lost = np.zeros((len(values), len(columns)))
        np.copyto(lost[1:], values[:-1, columns], where=fallen[:, columns])
    else:
        before, both = windows.previous()
        fallen = both & (values < before)
        columns = np.flatnonzero(fallen.any(axis=0))
        if not len(columns):
            return change
        lost = np.where(fallen[:, columns], before[:, columns], 0.0)
    mended = change.copy()
    few = int(np.count_nonzero(lost.any(axis=1))) <= _FEW_ROWS
    for chosen, add in _ways(lost, few=few):
        picked = columns[chosen]
        if len(picked):
            mended[:, picked] = add(windows.part(picked), mended[:, picked], lost[:, chosen])
    return mended


def _ways(lost: Floats, *, few: bool) -> Iterator[tuple[Bools, Callable[[Windows, Floats, Floats], Floats]]]:
    """Give marks of columns and how their falls are added: so that a window's are the same sum, whatever stands around it.

    A difference of running sums is that where all are whole numbers. Otherwise each is added by itself, as at one instant,
    unless a counter falls all the time.
    """
    size = np.abs(lost)
    together = size.sum(axis=0)
    whole = (together < _WHOLE) & (np.floor(lost) == lost).all(axis=0)
    yield whole, _added_by_difference
    if few:
        yield ~whole, _added_in_order
        return
    least = np.min(size, axis=0, where=size > 0, initial=np.inf)
    safe = together < _SAFE_SPREAD * least
    yield safe & ~whole, _added_by_difference
    yield ~safe & ~whole, _added_one_by_one


def _added_in_order(windows: Windows, change: Floats, lost: Floats) -> Floats:
    """Add the sum of each window's falls, taken from the first to the last."""
    total = np.zeros(change.shape)
    first = windows.first if windows.valid is not None else windows.first[:, None]
    for row in np.flatnonzero(lost.any(axis=1)).tolist():
        since, until = np.searchsorted(windows.hi, row, side="right"), np.searchsorted(windows.lo, row, side="right")
        total[since:until] += np.where(first[since:until] < row, lost[row], 0.0)
    return change + total


def _added_by_difference(windows: Windows, change: Floats, lost: Floats) -> Floats:
    return change + windows.between(lost)


def _added_one_by_one(windows: Windows, change: Floats, lost: Floats) -> Floats:
    """Add where a counter fell from so high (or infinity) that a difference of running sums would lose the small falls."""
    first = windows.times(windows.first)
    for term, mask, at_ms in windows.over(lost).fold():
        counts = (at_ms > first) if mask is None else mask & (at_ms > first)
        change = change + np.where(counts, term, 0.0)
    return change


def _last_two(windows: Windows, *, rate: bool) -> tuple[Floats, Bools | None]:
    """Return the change between a window's last two samples; as a rate per second a fall counts from zero."""
    row = windows.last
    earlier = windows.before(row)
    last, before = windows.pick(windows.values, row), windows.pick(windows.values, earlier)
    change = last - before
    if rate:
        seconds = (windows.times(row) - windows.times(earlier)) / 1000
        change = np.where(last < before, last, change) / seconds
    return change, windows.having(2)


def _counted(evaluation: Evaluation, call: ast.Call, *, per_second: bool) -> Frame:
    """Evaluate rate or increase, and note metrics that do not look like counters."""
    frame = _rolled(evaluation, call, per_second=per_second)
    if frame is None:
        found = ranges(call.args[0], evaluation)
        kernel = partial(extrapolated, counter=True, per_second=per_second)
        frame = completed(evaluation, call, found, kernel, extrapolating(counter=True, per_second=per_second))
    note_non_counters(frame, evaluation, call)
    return drop_names(frame, delayed=evaluation.delayed)


def _rolled(evaluation: Evaluation, call: ast.Call, *, per_second: bool) -> Frame | None:
    """Evaluate a long window at an instant from what is kept of it, where the engine keeps windows; None for others."""
    rolling, node = evaluation.query.rolling, ast.unwrapped(call.args[0])
    if rolling is None or len(evaluation.steps) != 1 or not isinstance(node, ast.MatrixSelector):
        return None
    selector, span = node.selector, evaluation.duration(node.range)
    if span < LONG_MS or selector.extension:
        return None
    at_ms = int(evaluation.times(selector.at, selector.offset)[0])
    held = rolling.moved(selector, span, at_ms, partial(select_blocks, evaluation, selector.matchers))
    if held is None:
        rolling.keep(selector, span, at_ms, ranges(node, evaluation))
        return None
    change = held.last - held.first + held.lost
    times = Times(held.first_ms, held.last_ms, held.count, np.array([[at_ms]]))
    factor = _stretch(times, span, held.first, change)
    if per_second:
        factor /= span / 1000
    enough = held.count >= 2
    return Frame(held.series, change * factor, None if enough.all() else enough)


def note_non_counters(frame: Frame, evaluation: Evaluation, call: ast.Call) -> None:
    """Note the metrics in the result of rate or increase whose names do not say counter."""
    frame = frame.floats()
    suspects = frame.series.derived("non-counters", lambda: _non_counters(frame))
    for name, columns in suspects.items():
        if frame.present is None or frame.present[:, columns].any():
            evaluation.annotations.possible_non_counter(name, call.args[0].pos)


def _non_counters(frame: Frame) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for column, labels in enumerate(frame.series.labels):
        name = labels.name
        if name and not name.endswith(_COUNTER_ENDINGS):
            found.setdefault(name, []).append(column)
    return found


TABLE: Final[dict[str, Function]] = {
    "rate": partial(_counted, per_second=True),
    "increase": partial(_counted, per_second=False),
    "delta": ranged(
        partial(extrapolated, counter=False, per_second=False), extrapolating(counter=False, per_second=False)
    ),
    "irate": ranged(partial(_last_two, rate=True), last_two(rate=True)),
    "idelta": ranged(partial(_last_two, rate=False), last_two(rate=False)),
}
