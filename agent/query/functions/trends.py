"""deriv, predict_linear and double exponential smoothing: where samples are heading.

Source: Prometheus' linearRegression (least squares by compensated sums) and funcDoubleExponentialSmoothing.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from agent.errors import ExecutionError
from agent.query import ast
from agent.query.evaluate import Function, ranges, scalar
from agent.query.evaluation import Evaluation
from agent.query.frame import Bools, Floats, Frame, Ints, drop_names
from agent.query.functions.native_over_time import ignored
from agent.query.functions.ranged import completed, ranged
from agent.query.windows import Windows


def regression(windows: Windows, origin_ms: Ints) -> tuple[Floats, Floats]:
    """Fit a line by least squares; return slope per second and value at `origin_ms` (broadcastable to (N, C)).

    Samples that never change have slope 0; infinite ones give NaN. Values and times count from those of each window's first
    sample, so that plain sums lose nothing that compensated ones would keep.
    """
    first, first_ms = windows.pick(windows.values, windows.first), windows.times(windows.first)
    wide = first_ms.shape
    sum_x, sum_xx = np.zeros(wide), np.zeros(wide)
    sum_y, sum_xy, spread = (np.zeros(windows.shape) for _ in range(3))
    for term, mask, at_ms in windows.fold():
        x, y = (at_ms - first_ms) / 1000, term - first
        if mask is not None:
            x, y = np.where(mask if wide == windows.shape else mask[:, :1], x, 0.0), np.where(mask, y, 0.0)
        sum_x += x
        sum_xx += x * x
        sum_y += y
        sum_xy += x * y
        spread = np.maximum(spread, np.abs(y))
    count = np.maximum(windows.count, 1)
    slope = (sum_xy - sum_x * sum_y / count) / (sum_xx - sum_x * sum_x / count)
    flat, infinite = spread == 0, ~np.isfinite(first) | ~np.isfinite(spread)
    slope = np.where(infinite, np.nan, np.where(flat, 0.0, slope))
    middle = sum_y / count - slope * sum_x / count
    at_origin = first + np.where(flat, 0.0, middle + slope * ((origin_ms - first_ms) / 1000))
    return slope, np.where(infinite, np.nan, at_origin)


def _deriv(windows: Windows) -> tuple[Floats, Bools | None]:
    slope, _ = regression(windows, windows.times(windows.first))
    return slope, windows.having(2)


def _predict_linear(evaluation: Evaluation, call: ast.Call) -> Frame:
    ahead_s = scalar(call.args[1], evaluation)[:, None]

    def kernel(windows: Windows) -> tuple[Floats, Bools | None]:
        slope, intercept = regression(windows, evaluation.steps[:, None])
        return slope * ahead_s + intercept, windows.having(2)

    frame = completed(evaluation, call, ranges(call.args[0], evaluation), kernel, ignored)
    return drop_names(frame, delayed=evaluation.delayed)


def _smoothing(evaluation: Evaluation, call: ast.Call) -> Frame:
    level_factor, trend_factor = (scalar(arg, evaluation)[:, None] for arg in call.args[1:])
    for what, factor in (("smoothing", level_factor), ("trend", trend_factor)):
        outside = factor[~((factor > 0) & (factor < 1))]
        if len(outside):
            letter = what[0]
            message = f"invalid {what} factor. Expected: 0 < {letter}f < 1, got: {outside[0]:f}"
            raise ExecutionError(message)

    def kernel(windows: Windows) -> tuple[Floats, Bools | None]:
        return _smoothed(windows, level_factor, trend_factor), windows.having(2)

    frame = completed(evaluation, call, ranges(call.args[0], evaluation), kernel, ignored)
    return drop_names(frame, delayed=evaluation.delayed)


def _smoothed(windows: Windows, level_factor: Floats, trend_factor: Floats) -> Floats:
    """Return Holt's smoothed level; the first trend is the second sample less the first."""
    shape = windows.shape
    seen = np.zeros(shape, np.int64)
    before, level, trend = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    for term, mask, _ in windows.fold():
        here = np.ones(shape, np.bool_) if mask is None else mask
        follows = here & (seen >= 1)
        starts = here & (seen == 0)
        first_trend = term - level
        later_trend = trend_factor * (level - before) + (1 - trend_factor) * trend
        trend = np.where(follows, np.where(seen == 1, first_trend, later_trend), trend)
        smoothed = level_factor * term + (1 - level_factor) * (level + trend)
        before = np.where(follows, level, before)
        level = np.where(starts, term, np.where(follows, smoothed, level))
        seen += here
    return level


TABLE: Final[dict[str, Function]] = {
    "deriv": ranged(_deriv, ignored),
    "double_exponential_smoothing": _smoothing,
    "predict_linear": _predict_linear,
}
