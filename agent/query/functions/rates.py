"""rate, increase, delta, irate, idelta: how fast samples change, with counter resets mended and edges extrapolated.

Source: Prometheus' extrapolatedRate and instantValue (promql/functions.go), whose order of operations is kept.
"""

from __future__ import annotations

from functools import partial
from typing import Final

import numpy as np

from agent.query import ast
from agent.query.evaluate import Function, ranges
from agent.query.evaluation import Evaluation
from agent.query.frame import Bools, Floats, Frame, drop_names
from agent.query.functions.native_rates import extrapolating, last_two
from agent.query.functions.ranged import completed, ranged
from agent.query.windows import Windows

_COUNTER_ENDINGS: Final = ("_total", "_sum", "_count", "_bucket")
_SAFE_SPREAD: Final = 1e6
"""Falls whose sum is at most this many times the least one may be taken from running sums: about ten digits stay."""


def extrapolated(windows: Windows, *, counter: bool, per_second: bool) -> tuple[Floats, Bools | None]:
    """Return the change over each window, as if the samples reached to its edges; at least two samples are needed.

    An edge further than 1.1 average intervals from its sample is reached only by half an interval; a counter is not
    extrapolated below zero.
    """
    first_row, last_row = windows.first, windows.last
    first = windows.pick(windows.values, first_row)
    result = windows.pick(windows.values, last_row) - first
    if counter:
        result = mended(windows, result)
    first_ms, last_ms = windows.times(first_row), windows.times(last_row)
    ends = windows.ends_ms[:, None]
    to_start = (first_ms - (ends - windows.range_ms)) / 1000
    to_end = (ends - last_ms) / 1000
    sampled = (last_ms - first_ms) / 1000
    average = sampled / np.maximum(windows.count - 1, 1)
    threshold = average * 1.1
    to_start = np.where(to_start >= threshold, average / 2, to_start)
    to_end = np.where(to_end >= threshold, average / 2, to_end)
    if counter:
        # A counter that would reach zero before the window's start is extrapolated only to there.
        to_zero = np.divide(first, result, out=np.full(result.shape, np.inf), where=(result > 0) & (first >= 0))
        to_zero *= sampled
        to_start = np.fmin(to_zero, to_start, out=to_zero)
    factor = (sampled + to_start + to_end) / sampled
    if per_second:
        factor /= windows.range_ms / 1000
    return result * factor, windows.having(2)


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
    size = np.abs(lost)
    least = np.min(size, axis=0, where=size > 0, initial=np.inf)
    safe = size.sum(axis=0) < _SAFE_SPREAD * least
    for chosen, add in ((safe, _added_by_difference), (~safe, _added_one_by_one)):
        picked = columns[chosen]
        if len(picked):
            mended[:, picked] = add(windows.part(picked), mended[:, picked], lost[:, chosen])
    return mended


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
    found = ranges(call.args[0], evaluation)
    kernel = partial(extrapolated, counter=True, per_second=per_second)
    frame = completed(evaluation, call, found, kernel, extrapolating(counter=True, per_second=per_second))
    note_non_counters(frame, evaluation, call)
    return drop_names(frame, delayed=evaluation.delayed)


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
