"""Sums, differences, means and multiples of native histograms, and whether one follows another without a reset.

Each result says what a caller may have to tell the user: that counter resets contradict each other, or that own bounds
differed and only the common ones are left. None stands where exponential buckets meet own bounds: they cannot be added.
Source: Prometheus' FloatHistogram (Add, Sub, Mul, Div, KahanAdd, DetectReset).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from agent.model import NO_BUCKETS, Buckets, Histogram, ResetHint
from agent.query.native.alignment import align, coarser, common_bounds, compact, on_bounds, widened, zero_count_within
from agent.query.sums import Compensated, CompensatedMean, doubtful

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Sum:
    """A histogram that came of several, without empty buckets."""

    histogram: Histogram
    collided: bool = False
    """One of them began after a counter reset, another certainly did not."""
    reconciled: bool = False
    """Their own bounds differed; the result has the common ones."""


def add(left: Histogram, right: Histogram) -> Sum | None:
    """Return left + right; None where exponential buckets meet own bounds."""
    return _combined((left, right), lambda matrix: matrix[0] + matrix[1])


def subtract(left: Histogram, right: Histogram) -> Sum | None:
    """Return left - right with the hint as of a sum; None where exponential buckets meet own bounds.

    PromQL's `-` calls the result a gauge, a rate does not: that is the caller's.
    """
    return _combined((left, right), lambda matrix: matrix[0] - matrix[1])


def total(histograms: Sequence[Histogram]) -> Sum | None:
    """Return the sum of the histograms (at least one), compensated where terms cancel; None as `add`."""
    return _combined(histograms, _sums)


def mean(histograms: Sequence[Histogram]) -> Sum | None:
    """Return the mean of the histograms (at least one), also where their sum would overflow; None as `add`."""
    return _combined(histograms, _means)


def _combined(histograms: Sequence[Histogram], apply: Callable[[Floats], Floats]) -> Sum | None:
    aligned = align(histograms)
    if aligned is None:
        return None
    hint, collided = joint_hint(histograms)
    with np.errstate(all="ignore"):
        values = apply(aligned.matrix)
    return Sum(aligned.histogram(values, hint), collided, aligned.reconciled)


def joint_hint(histograms: Sequence[Histogram]) -> tuple[ResetHint, bool]:
    """Return the hint of a sum, and whether the terms contradict each other: one is a reset, another certainly not."""
    hints = {each.hint for each in histograms}
    collided = ResetHint.RESET in hints and ResetHint.NOT_RESET in hints
    if len(hints) == 1:
        return histograms[0].hint, False
    return ResetHint.GAUGE if ResetHint.GAUGE in hints else ResetHint.UNKNOWN, collided


def _sums(matrix: Floats) -> Floats:
    values: Floats = matrix.sum(axis=0)
    again = _doubtful(matrix, values)
    if again.any():
        exact = Compensated((int(again.sum()),))
        for row in matrix[:, again]:
            exact.add(row)
        values[again] = exact.value
    return values


def _means(matrix: Floats) -> Floats:
    values: Floats = matrix.sum(axis=0)
    again = _doubtful(matrix, values)
    values /= len(matrix)
    if again.any():
        exact = CompensatedMean((int(again.sum()),))
        for row in matrix[:, again]:
            exact.add(row)
        values[again] = exact.value
    return values


def _doubtful(matrix: Floats, values: Floats) -> NDArray[np.bool_]:
    size = np.abs(matrix)
    return doubtful(values, size.sum(axis=0), np.where(np.isfinite(size), size, 0.0).sum(axis=0))


def scale(histogram: Histogram, factor: float) -> Histogram:
    """Return the histogram times `factor`; a negative one makes it a gauge."""
    return _mapped(histogram, np.float64(factor), np.multiply)


def divide(histogram: Histogram, divisor: float) -> Histogram:
    """Return the histogram divided by `divisor`; by zero, no bucket is left and the counts are infinite or NaN."""
    if divisor == 0:
        histogram = replace(histogram, positive=NO_BUCKETS, negative=NO_BUCKETS)
    return _mapped(histogram, np.float64(divisor), np.divide)


def negate(histogram: Histogram) -> Histogram:
    """Return the histogram with all counts and the sum negated, a gauge."""
    return scale(histogram, -1.0)


def _mapped(histogram: Histogram, by: np.float64, apply: np.ufunc) -> Histogram:
    with np.errstate(all="ignore"):
        count, total, zero = apply((histogram.count, histogram.sum, histogram.zero_count), by).tolist()
        positive = Buckets(histogram.positive.index, apply(histogram.positive.counts, by))
        negative = Buckets(histogram.negative.index, apply(histogram.negative.counts, by))
    hint = ResetHint.GAUGE if by < 0 else histogram.hint
    changed = replace(
        histogram, count=count, sum=total, zero_count=zero, positive=positive, negative=negative, hint=hint
    )
    return compact(changed)


def equal(left: Histogram, right: Histogram) -> bool:
    """Tell whether both hold the same data in the same buckets, empty ones too; NaN equals NaN, hints do not count."""
    mine, theirs = (np.array((each.count, each.sum, each.zero_count, each.zero_threshold)) for each in (left, right))
    same_kind = left.schema == right.schema and left.bounds == right.bounds
    same_buckets = left.positive == right.positive and left.negative == right.negative
    return same_kind and same_buckets and np.array_equal(mine, theirs, equal_nan=True)


def detect_reset(current: Histogram, previous: Histogram) -> bool:
    """Tell whether the counter was reset between the two: a count fell, a bucket vanished, or the layout got finer.

    What the hint of `current` says is believed, except that a gauge is looked at like a counter. The sum does not count.
    """
    if current.hint in {ResetHint.RESET, ResetHint.NOT_RESET}:
        return current.hint is ResetHint.RESET
    if current.count < previous.count or current.schema > previous.schema or current.custom != previous.custom:
        return True
    if current.custom:
        bounds = common_bounds((current.bounds, previous.bounds))
        return _fell(on_bounds(current, bounds), on_bounds(previous, bounds))
    if current.zero_threshold < previous.zero_threshold:
        return True
    zero, threshold = zero_count_within(previous, current.zero_threshold)
    if threshold != current.zero_threshold or current.zero_count < zero:
        return True
    before = widened(previous, threshold)
    steps = before.schema - current.schema
    fell = _fell(current.positive, coarser(before.positive, steps))
    return fell or _fell(current.negative, coarser(before.negative, steps))


def _fell(now: Buckets, before: Buckets) -> bool:
    if now.index is before.index or np.array_equal(now.index, before.index):
        return bool((now.counts < before.counts).any())
    place = np.minimum(np.searchsorted(now.index, before.index), max(len(now) - 1, 0))
    if not len(now):
        return bool((before.counts != 0).any())
    there = now.index[place] == before.index
    return bool(np.where(there, now.counts[place] < before.counts, before.counts != 0).any())
