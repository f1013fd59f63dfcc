"""The *_over_time family, changes and resets: each window of samples to one number.

Sums and means follow Prometheus' compensated addition wherever it can matter (agent.query.sums); minima, maxima and sums
are combined from blocks of rows, so that a wide window costs about log2 of its width.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Final

import numpy as np

from agent.query import ast
from agent.query.distinct import distinct
from agent.query.evaluate import Function, ranges, scalar
from agent.query.evaluation import Evaluation
from agent.query.frame import Bools, Floats, Frame, drop_names
from agent.query.functions.native_over_time import alike, changed, combined, counted, ignored, picked, was_reset
from agent.query.functions.ranged import completed, ranged
from agent.query.native.arithmetic import mean, total
from agent.query.quantiles import interpolated
from agent.query.sums import Compensated, CompensatedMean, doubtful
from agent.query.windows import Windows

_Kernelled = tuple[Floats, Bools | None]


def _count(windows: Windows) -> _Kernelled:
    return np.broadcast_to(windows.count, windows.shape).astype(np.float64), windows.having(1)


def _present(windows: Windows) -> _Kernelled:
    return np.ones(windows.shape), windows.having(1)


def _first(windows: Windows) -> _Kernelled:
    return windows.pick(windows.values, windows.first), windows.having(1)


def _last(windows: Windows) -> _Kernelled:
    return windows.pick(windows.values, windows.last), windows.having(1)


def _time_of_first(windows: Windows) -> _Kernelled:
    return np.broadcast_to(windows.times(windows.first) / 1000, windows.shape), windows.having(1)


def _time_of_last(windows: Windows) -> _Kernelled:
    return np.broadcast_to(windows.times(windows.last) / 1000, windows.shape), windows.having(1)


def _leaves(windows: Windows, filler: float) -> Floats:
    return windows.values if windows.valid is None else np.where(windows.valid, windows.values, filler)


def _extreme(windows: Windows, *, combine: np.ufunc) -> _Kernelled:
    """Return the least or greatest number of each window; NaN only where there is nothing else (fmin, fmax)."""
    return windows.blocks(_leaves(windows, np.nan), combine, np.nan), windows.having(1)


def _sum(windows: Windows) -> _Kernelled:
    return summed(windows), windows.having(1)


def summed(windows: Windows, *, mean: bool = False) -> Floats:
    """Return the sum or the mean of each window's samples, with compensation where terms cancel or overflow."""
    terms = _leaves(windows, 0.0)
    total = windows.blocks(terms, np.add, 0.0)
    size = terms if (terms >= 0).all() else np.abs(terms)
    magnitude = total if size is terms else windows.blocks(size, np.add, 0.0)
    marked = doubtful(total, magnitude)
    if marked.any():
        finite = np.isfinite(terms)
        if not finite.all():
            marked = doubtful(total, magnitude, windows.blocks(np.where(finite, size, 0.0), np.add, 0.0))
    result = total / np.maximum(windows.count, 1) if mean else total
    if not marked.any():
        return result
    careful = CompensatedMean(windows.shape) if mean else Compensated(windows.shape)
    for term, mask, _ in windows.fold():
        careful.add(term, mask)
    return np.where(marked, careful.value, result)


def _mean(windows: Windows) -> _Kernelled:
    return summed(windows, mean=True), windows.having(1)


def _variance(windows: Windows, *, root: bool = False) -> _Kernelled:
    """Return the population variance, or its root.

    Sums of squares around each series' own middle are enough where the window's spread is not lost in them; the rest, and
    what is not finite, goes through Welford's compensated updates as in Prometheus.
    """
    terms = _leaves(windows, np.nan)
    finite = np.isfinite(terms)
    middle = np.where(finite, terms, 0.0).sum(axis=0) / np.maximum(finite.sum(axis=0), 1)
    middle = np.where(np.isfinite(middle), middle, 0.0)
    shifted = np.nan_to_num(terms - middle, nan=0.0) if windows.valid is not None else terms - middle
    count = np.maximum(windows.count, 1)
    squares = windows.blocks(shifted * shifted, np.add, 0.0) / count
    variance = squares - (windows.blocks(shifted, np.add, 0.0) / count) ** 2
    doubtful_here = ~(variance > _SPREAD * squares) & (squares != 0)
    if windows.valid is not None:
        doubtful_here |= windows.blocks((~finite & windows.valid).astype(np.float64), np.add, 0.0) > 0
    if doubtful_here.any():
        variance = np.where(doubtful_here, _welford(windows), variance)
    return np.sqrt(variance) if root else variance, windows.having(1)


_SPREAD: Final = 1e-6
"""A variance below this share of the mean square has lost more than six of its sixteen digits."""


def _welford(windows: Windows) -> Floats:
    count = np.zeros(windows.shape)
    mean, squares = Compensated(windows.shape), Compensated(windows.shape)
    for term, mask, _ in windows.fold():
        count = count + (1 if mask is None else mask)
        delta = term - (mean.total + mean.lost)
        mean.add(delta / np.maximum(count, 1), mask)
        squares.add(delta * (term - (mean.total + mean.lost)), mask)
    return (squares.total + squares.lost) / np.maximum(count, 1)


def _time_of_extreme(windows: Windows, *, greatest: bool) -> _Kernelled:
    """Return when each window's extreme was last reached, in seconds."""
    extreme = np.full(windows.shape, np.nan)
    when = np.zeros(windows.shape)
    for term, mask, at_ms in windows.fold():
        better = (term >= extreme if greatest else term <= extreme) | np.isnan(extreme)
        better = better if mask is None else better & mask
        extreme = np.where(better, term, extreme)
        when = np.where(better, at_ms / 1000, when)
    return when, windows.having(1)


def _changes(windows: Windows) -> _Kernelled:
    """Count samples that differ from the one before; NaN after NaN does not."""
    before, both = windows.previous()
    differs = both & (windows.values != before) & ~(np.isnan(windows.values) & np.isnan(before))
    return windows.between(differs.astype(np.float64)), windows.having(1)


def _resets(windows: Windows) -> _Kernelled:
    """Count samples below the one before."""
    before, both = windows.previous()
    return windows.between((both & (windows.values < before)).astype(np.float64)), windows.having(1)


def stretches(windows: Windows) -> Iterator[tuple[tuple[slice, slice], Windows]]:
    """Cut windows so that the samples of all windows of a part, one by one, are few enough to be sorted in one array."""
    steps, series = windows.shape
    wide = max(1, windows.widest)
    width = min(series, max(1, _SORTED_CELLS // (steps * wide)))
    height = min(steps, max(1, _SORTED_CELLS // (width * wide)))
    for left in range(0, series, width):
        columns = slice(left, min(left + width, series))
        part = windows.part(columns)
        for top in range(0, steps, height):
            rows = slice(top, min(top + height, steps))
            yield (rows, columns), part.stretch(rows)


_SORTED_CELLS: Final = 1 << 21


def sorted_windows(part: Windows) -> tuple[Floats, Floats, Floats]:
    """Return samples sorted per window (N, W, C), the number of samples and how many of them are NaN (N, C).

    NaN counts as least: it stands first, as -Inf. What is no sample stands last, as +Inf.
    """
    stacked = np.full((part.shape[0], part.widest, part.shape[1]), np.inf)
    nans = np.zeros(part.shape)
    for k, (term, mask, _) in enumerate(part.fold()):
        lacking = np.isnan(term) if mask is None else np.isnan(term) & mask
        nans += lacking
        cleaned = np.where(lacking, -np.inf, term)
        stacked[:, k] = cleaned if mask is None else np.where(mask, cleaned, np.inf)
    stacked.sort(axis=1)
    return stacked, np.broadcast_to(part.count, part.shape).astype(np.float64), nans


def quantile_of(windows: Windows, quantile: Floats) -> Floats:
    """Return the quantile (one per window, shape (N,)) of each window's samples."""
    found = np.empty(windows.shape)
    for (rows, columns), part in stretches(windows):
        if part.widest:
            found[rows, columns] = interpolated(*sorted_windows(part), quantile[rows, None])
    return found


def _deviation(windows: Windows) -> _Kernelled:
    """Return the median of the distances to the median."""
    found = np.empty(windows.shape)
    for where, part in stretches(windows):
        if part.widest:
            found[where] = _deviation_of(part)
    return found, windows.having(1)


def _deviation_of(part: Windows) -> Floats:
    half = np.full((part.shape[0], 1), 0.5)
    stacked, count, nans = sorted_windows(part)
    distances = np.abs(stacked - interpolated(stacked, count, nans, half)[:, None, :])
    beyond = np.arange(part.widest)[None, :, None] >= count[:, None, :]
    nans = nans + (np.isnan(distances) & ~beyond).sum(axis=1)
    distances = np.where(beyond, np.inf, np.nan_to_num(distances, nan=-np.inf, posinf=np.inf))
    distances.sort(axis=1)
    return np.where(nans > 0, np.nan, interpolated(distances, count, nans, half))


def _quantile(evaluation: Evaluation, call: ast.Call) -> Frame:
    quantile = scalar(call.args[0], evaluation)
    for outside in distinct(quantile[~((quantile >= 0) & (quantile <= 1))]).tolist():
        evaluation.annotations.invalid_quantile(outside, call.args[0].pos)

    def kernel(windows: Windows) -> _Kernelled:
        return quantile_of(windows, quantile), windows.having(1)

    frame = completed(evaluation, call, ranges(call.args[1], evaluation), kernel, ignored)
    return drop_names(frame, delayed=evaluation.delayed)


TABLE: Final[dict[str, Function]] = {
    "avg_over_time": ranged(_mean, combined(mean)),
    "changes": ranged(_changes, counted(changed)),
    "count_over_time": ranged(_count, alike(_count)),
    "first_over_time": ranged(_first, picked(0), keeps_name=True),
    "last_over_time": ranged(_last, picked(-1), keeps_name=True),
    "mad_over_time": ranged(_deviation, ignored),
    "max_over_time": ranged(partial(_extreme, combine=np.fmax), ignored),
    "min_over_time": ranged(partial(_extreme, combine=np.fmin), ignored),
    "present_over_time": ranged(_present, alike(_present)),
    "quantile_over_time": _quantile,
    "resets": ranged(_resets, counted(was_reset)),
    "stddev_over_time": ranged(partial(_variance, root=True), ignored),
    "stdvar_over_time": ranged(_variance, ignored),
    "sum_over_time": ranged(_sum, combined(total)),
    "ts_of_first_over_time": ranged(_time_of_first, alike(_time_of_first)),
    "ts_of_last_over_time": ranged(_time_of_last, alike(_time_of_last)),
    "ts_of_max_over_time": ranged(partial(_time_of_extreme, greatest=True), ignored),
    "ts_of_min_over_time": ranged(partial(_time_of_extreme, greatest=False), ignored),
}
