"""Several histograms brought to one layout: one schema or one set of bounds, one zero bucket, one list of buckets.

After that all arithmetic is arithmetic of matrices: a row per histogram, and columns count, sum, zero count and buckets.
Exponential buckets and buckets with own bounds have no layout in common.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from agent.model import CUSTOM, Buckets, Histogram, ResetHint, upper_bounds
from agent.query.distinct import distinct

_FIXED: Final = 3
"""The columns before the buckets: count, sum and zero count."""


@dataclass(frozen=True, slots=True)
class Aligned:
    """N histograms in one layout.

    matrix: float64 (N, 3 + P + Q): count, sum, zero count, the P positive buckets and the Q negative ones.
    """

    schema: int
    zero_threshold: float
    bounds: tuple[float, ...]
    positive: NDArray[np.int64]
    negative: NDArray[np.int64]
    matrix: NDArray[np.float64]
    reconciled: bool
    """Whether own bounds differed, and only the common ones are left."""

    def histogram(self, values: NDArray[np.float64], hint: ResetHint) -> Histogram:
        """Return the histogram that one row of values (3 + P + Q,) stands for, without empty buckets."""
        count, total, zero = values[:_FIXED].tolist()
        split = _FIXED + len(self.positive)
        positive = populated(Buckets(self.positive, values[_FIXED:split]))
        negative = populated(Buckets(self.negative, values[split:]))
        return Histogram(self.schema, count, total, self.zero_threshold, zero, positive, negative, self.bounds, hint)


def populated(side: Buckets) -> Buckets:
    """Return the buckets that count something."""
    kept = side.counts != 0
    return side if kept.all() else Buckets(side.index[kept], side.counts[kept])


def compact(histogram: Histogram) -> Histogram:
    """Return the histogram without buckets that count nothing."""
    positive, negative = populated(histogram.positive), populated(histogram.negative)
    if positive is histogram.positive and negative is histogram.negative:
        return histogram
    return replace(histogram, positive=positive, negative=negative)


def align(histograms: Sequence[Histogram]) -> Aligned | None:
    """Bring the histograms (at least one) to one layout; None where exponential buckets meet own bounds."""
    first = histograms[0]
    if any(each.custom != first.custom for each in histograms):
        return None
    if first.custom:
        bounds = common_bounds([each.bounds for each in histograms])
        positives = [on_bounds(each, bounds) for each in histograms]
        return _stacked(histograms, CUSTOM, 0.0, bounds, positives, [each.negative for each in histograms])
    schema = min(each.schema for each in histograms)
    threshold, terms = _one_zero_bucket(histograms)
    positives = [coarser(each.positive, each.schema - schema) for each in terms]
    negatives = [coarser(each.negative, each.schema - schema) for each in terms]
    return _stacked(terms, schema, threshold, (), positives, negatives)


def _stacked(
    histograms: Sequence[Histogram],
    schema: int,
    threshold: float,
    bounds: tuple[float, ...],
    positives: list[Buckets],
    negatives: list[Buckets],
) -> Aligned:
    fixed = np.array([(each.count, each.sum, each.zero_count) for each in histograms])
    positive, above = _one_index(positives)
    negative, below = _one_index(negatives)
    reconciled = schema == CUSTOM and any(each.bounds != bounds for each in histograms)
    return Aligned(schema, threshold, bounds, positive, negative, np.hstack([fixed, above, below]), reconciled)


def _one_index(sides: list[Buckets]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    first = sides[0].index
    if all(side.index is first or np.array_equal(side.index, first) for side in sides):
        return first, np.array([side.counts for side in sides])
    everywhere = np.concatenate([side.index for side in sides])
    index = distinct(everywhere)
    counts = np.zeros((len(sides), len(index)))
    rows = np.repeat(np.arange(len(sides)), [len(side) for side in sides])
    counts[rows, np.searchsorted(index, everywhere)] = np.concatenate([side.counts for side in sides])
    return index, counts


def coarser(side: Buckets, steps: int) -> Buckets:
    """Return the buckets of a schema that is lower by `steps`: each takes up 2^steps of the old ones."""
    if steps == 0 or not len(side):
        return side
    return _merged(((side.index - 1) >> steps) + 1, side.counts)


def _merged(index: NDArray[np.int64], counts: NDArray[np.float64]) -> Buckets:
    starts = np.flatnonzero(np.diff(index, prepend=index[0] - 1))
    return Buckets(index[starts], np.add.reduceat(counts, starts))


def common_bounds(several: Sequence[tuple[float, ...]]) -> tuple[float, ...]:
    """Return the bounds that all have."""
    different = set(several)
    if len(different) == 1:
        return several[0]
    return tuple(sorted(frozenset.intersection(*map(frozenset, different))))


def on_bounds(histogram: Histogram, bounds: tuple[float, ...]) -> Buckets:
    """Return the buckets of own bounds on a part of these bounds."""
    side = histogram.positive
    if histogram.bounds == bounds or not len(side):
        return side
    ends = upper_bounds(CUSTOM, side.index, histogram.bounds)
    return _merged(np.searchsorted(np.array(bounds), ends).astype(np.int64), side.counts)


def zero_count_within(histogram: Histogram, threshold: float) -> tuple[float, float]:
    """Return what a zero bucket as wide as `threshold` would count, and the threshold it would need.

    No populated bucket may straddle the threshold: it moves out to that bucket's far end, which may reach the next one.
    """
    if threshold == histogram.zero_threshold:
        return histogram.zero_count, threshold
    sides = [(*_ends(histogram.schema, side), side.counts) for side in (histogram.positive, histogram.negative)]
    while True:
        wider = threshold
        for lower, upper, counts in sides:
            straddling = (lower < wider) & (upper > wider) & (counts != 0)
            wider = max(wider, float(upper[straddling].max(initial=0.0)))
        if wider == threshold:
            break
        threshold = wider
    return histogram.zero_count + sum(float(counts[lower < threshold].sum()) for lower, _, counts in sides), threshold


def _ends(schema: int, side: Buckets) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return upper_bounds(schema, side.index - 1), upper_bounds(schema, side.index)


def _one_zero_bucket(histograms: Sequence[Histogram]) -> tuple[float, Sequence[Histogram]]:
    threshold = max(each.zero_threshold for each in histograms)
    if all(each.zero_threshold == threshold for each in histograms):
        return threshold, histograms
    while True:
        widest = max(zero_count_within(each, threshold)[1] for each in histograms)
        if widest == threshold:
            return threshold, [widened(each, threshold) for each in histograms]
        threshold = widest


def widened(histogram: Histogram, threshold: float) -> Histogram:
    """Return the histogram with a zero bucket up to `threshold`, where no populated bucket may straddle it."""
    if histogram.zero_threshold == threshold:
        return histogram
    return replace(
        histogram,
        zero_threshold=threshold,
        zero_count=zero_count_within(histogram, threshold)[0],
        positive=_outside(histogram.schema, histogram.positive, threshold),
        negative=_outside(histogram.schema, histogram.negative, threshold),
    )


def _outside(schema: int, side: Buckets, threshold: float) -> Buckets:
    kept = upper_bounds(schema, side.index - 1) >= threshold
    return Buckets(side.index[kept], side.counts[kept])
