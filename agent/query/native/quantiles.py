"""What is read off native histograms: quantiles, fractions, averages and variances, of many histograms at once.

Histograms of one layout are read together, as a matrix of (histograms × buckets). Observations are taken to be spread
exponentially within an exponential bucket, evenly within the zero bucket and within own bounds. NaN observations count
but lie in no bucket; where they touched an answer, a flag says so.
Source: Prometheus' promql/quantile.go and functions.go.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agent.model import Histogram, bucket_intervals

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Quantiles:
    """Answers float64 (N,), and what NaN observations did to them, bool (N,) each."""

    values: Floats
    lost: Bools
    """The rank lies among the NaN observations: the answer is NaN."""
    skewed: Bools
    """NaN observations were counted as larger than all others: the answer is too high."""


@dataclass(frozen=True, slots=True)
class Fractions:
    """Answers float64 (N,), and where NaN observations stay out of every fraction, bool (N,)."""

    values: Floats
    excluded: Bools


@dataclass(frozen=True, slots=True)
class _Group:
    """Histograms of one layout: their places (n,), bounds (B,), counts (n, B), and each one's count and sum (n,)."""

    places: Ints
    lower: Floats
    upper: Floats
    counts: Floats
    count: Floats
    sum: Floats
    custom: bool
    one_sided: int
    """1 where there are buckets of positive values only, -1 of negative ones only, else 0."""

    @property
    def has_nan(self) -> Bools:
        """Where NaN was observed: the sum is NaN, and observations are missing in the buckets."""
        return np.asarray(np.isnan(self.sum) & (self.counts.sum(axis=1) < self.count))


def _groups(histograms: Sequence[Histogram]) -> Iterator[_Group]:
    places: dict[tuple[object, ...], list[int]] = {}
    for place, each in enumerate(histograms):
        above, below = each.positive.index.tobytes(), each.negative.index.tobytes()
        places.setdefault((each.schema, each.zero_threshold, each.bounds, above, below), []).append(place)
    for members in places.values():
        several = [histograms[place] for place in members]
        layout, first = bucket_intervals(several[0]), several[0]
        sides = [np.array([each.negative.counts for each in several])[:, ::-1]]
        if layout.zero >= 0:
            sides.append(np.array([each.zero_count for each in several])[:, None])
        sides.append(np.array([each.positive.counts for each in several]))
        yield _Group(
            np.array(members),
            layout.lower,
            layout.upper,
            np.hstack(sides),
            np.array([each.count for each in several]),
            np.array([each.sum for each in several]),
            first.custom,
            int(len(first.positive) > 0) - int(len(first.negative) > 0),
        )


def quantile(q: float, histogram: Histogram) -> float:
    """Return the q-quantile of one histogram."""
    return float(quantiles(np.array([q]), [histogram]).values[0])


def quantiles(q: Floats, histograms: Sequence[Histogram]) -> Quantiles:
    """Return the q[i]-quantile of each histogram: NaN without observations, ∓Inf for a q outside 0 to 1."""
    values = np.full(len(histograms), np.nan)
    lost, skewed = np.zeros(len(histograms), np.bool_), np.zeros(len(histograms), np.bool_)
    with np.errstate(all="ignore"):
        for group in _groups(histograms):
            wanted = q[group.places]
            backward = (wanted >= 0.5) & ~np.isnan(group.sum)
            for rows in (np.flatnonzero(~backward), np.flatnonzero(backward)):
                if len(rows):
                    here = group.places[rows]
                    found = _walked(group, rows, wanted[rows], backward=bool(backward[rows[0]]))
                    values[here], lost[here], skewed[here] = found
    empty = np.array([each.count == 0 for each in histograms], np.bool_)
    outside = (q < 0) | (q > 1)
    values[empty | np.isnan(q)] = np.nan
    values[outside] = np.where(q < 0, -np.inf, np.inf)[outside]
    asked = ~(empty | outside | np.isnan(q))
    return Quantiles(values, lost & asked, skewed & asked)


def _walked(group: _Group, rows: Ints, q: Floats, *, backward: bool) -> tuple[Floats, Bools, Bools]:
    """Walk from the nearer end to the bucket that holds the rank; from below where NaN makes the upper end unknown."""
    order = slice(None, None, -1) if backward else slice(None)
    lower, upper, counts = group.lower[order], group.upper[order], group.counts[rows][:, order]
    count, nan_sum = group.count[rows], np.isnan(group.sum[rows])
    rank = (1 - q if backward else q) * count
    if not len(lower):
        return np.where(rank > 0, np.where(nan_sum, np.nan, 0.0), np.nan), nan_sum & (rank > 0), nan_sum & False
    reached = np.cumsum(counts, axis=1)
    hit = (reached >= rank[:, None]) & (counts != 0)
    place = np.where(hit.any(axis=1), hit.argmax(axis=1), len(lower) - 1)
    inside, walked = _at(counts, place), np.minimum(_at(reached, place), count)
    low, high = lower[place], upper[place]
    low, high, fixed = _own_ends(low, high) if group.custom else _zero_ends(low, high, group.one_sided)
    fraction = (walked - rank if backward else rank - (walked - inside)) / inside
    beyond = walked < rank
    values = np.where(beyond, np.where(nan_sum, np.nan, high), _within(low, high, fraction, linear=group.custom))
    settled = ~np.isnan(fixed)
    skewed = group.has_nan[rows] & ~beyond & ~settled
    return np.where(settled, fixed, values), beyond & nan_sum & ~settled, skewed


def _at(matrix: Floats, place: Ints) -> Floats:
    return np.asarray(matrix[np.arange(len(matrix)), place])


def _own_ends(low: Floats, high: Floats) -> tuple[Floats, Floats, Floats]:
    """Return finite ends for own bounds, and the answer where an infinite end leaves only one."""
    first, last = np.isneginf(low), np.isposinf(high)
    fixed = np.where(first & (high <= 0), high, np.where(last & ~first, low, np.nan))
    return np.where(first, 0.0, low), high, fixed


def _zero_ends(low: Floats, high: Floats, one_sided: int) -> tuple[Floats, Floats, Floats]:
    """Halve the zero bucket where all other observations lie on one side of it."""
    zero = (low < 0) & (high > 0)
    low = np.where(zero, 0.0, low) if one_sided > 0 else low
    high = np.where(zero, 0.0, high) if one_sided < 0 else high
    return low, high, np.full(len(low), np.nan)


def _within(low: Floats, high: Floats, fraction: Floats, *, linear: bool) -> Floats:
    """Return the value at this fraction of the way from low to high."""
    even = low + (high - low) * fraction
    if linear:
        return even
    near, far = np.log2(np.abs(low)), np.log2(np.abs(high))
    above = np.exp2(near + (far - near) * fraction)
    below = -np.exp2(far + (near - far) * (1 - fraction))
    return np.where((low <= 0) & (high >= 0), even, np.where(low > 0, above, below))


def fraction(lower: float, upper: float, histogram: Histogram) -> float:
    """Return the fraction of one histogram's observations between the two values."""
    return float(fractions(np.array([lower]), np.array([upper]), [histogram]).values[0])


def fractions(lower: Floats, upper: Floats, histograms: Sequence[Histogram]) -> Fractions:
    """Return the fraction of each histogram's observations between lower[i] and upper[i].

    NaN without observations, 0 where lower >= upper. Whether an end is in or out only matters on a bucket's boundary.
    """
    values, excluded = np.full(len(histograms), np.nan), np.zeros(len(histograms), np.bool_)
    with np.errstate(all="ignore"):
        for group in _groups(histograms):
            places, nan_sum = group.places, np.isnan(group.sum)
            in_buckets = np.where(nan_sum, group.counts.sum(axis=1), group.count)
            ranks = [np.minimum(_rank(group, end[places], in_buckets), in_buckets) for end in (lower, upper)]
            values[places] = (ranks[1] - ranks[0]) / group.count
            excluded[places] = group.has_nan
    unknown = np.array([each.count == 0 for each in histograms], np.bool_) | np.isnan(lower) | np.isnan(upper)
    values[lower >= upper] = 0.0
    values[unknown] = np.nan
    return Fractions(values, excluded & ~unknown & (lower < upper))


def _rank(group: _Group, value: Floats, total: Floats) -> Floats:
    """Return how many observations lie below the value, by the bucket that holds it."""
    low, high = group.lower, group.upper
    zero = (low <= 0) & (high >= 0)
    low = np.where(zero, 0.0, low) if group.one_sided > 0 else low
    high = np.where(zero, 0.0, high) if group.one_sided < 0 else high
    hit = (high > value[:, None]) | (low >= value[:, None])
    if not hit.size:
        return total
    place = hit.argmax(axis=1)
    inside = _at(group.counts, place)
    before = _at(np.cumsum(group.counts, axis=1), place) - inside
    low, high, even = low[place], high[place], zero[place] | group.custom
    linear = np.where(np.isneginf(low), inside, before + inside * (value - low) / (high - low))
    near, far, here = np.log2(np.abs(low)), np.log2(np.abs(high)), np.log2(np.abs(value))
    share = np.where(value > 0, (here - near) / (far - near), 1 - (here - far) / (near - far))
    within = np.where(even, linear, before + inside * share)
    return np.where(hit.any(axis=1), np.where(low < value, within, before), total)


def average(histogram: Histogram) -> float:
    """Return sum by count, NaN without observations."""
    return float(np.divide(histogram.sum, histogram.count)) if histogram.count else math.nan


def standard_deviation(histogram: Histogram) -> float:
    """Return the square root of the variance."""
    return math.sqrt(found) if (found := variance(histogram)) >= 0 else math.nan


def variance(histogram: Histogram) -> float:
    """Return the estimated variance: every observation stands at its bucket's middle, the geometric one of powers of two."""
    found = bucket_intervals(histogram)
    kept = found.counts != 0
    low, high = found.lower[kept], found.upper[kept]
    with np.errstate(all="ignore"):
        middle = middles(low, high, linear=histogram.custom)
        if not histogram.custom:
            middle = np.where((low <= 0) & (high >= 0), 0.0, middle)
        away = middle - np.divide(histogram.sum, histogram.count)
        return float(np.sum(found.counts[kept] * away * away) / histogram.count)


def middles(low: Floats, high: Floats, *, linear: bool) -> Floats:
    """Return the middle of each interval: the arithmetic one, or the geometric one where no end is zero."""
    even = np.where(np.isinf(low) | np.isinf(high), low + high, low + (high - low) / 2)
    if linear:
        return even
    return np.where((low <= 0) & (high >= 0), even, np.copysign(np.sqrt(np.abs(low)) * np.sqrt(np.abs(high)), high))
