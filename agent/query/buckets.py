"""Arithmetic on cumulative buckets: monotony, quantiles, fractions, for many histograms and steps at once.

Shapes: bounds (G, B) rising, the last +Inf; counts (N, G, B) cumulative; results (N, G). No labels here.
Source: BucketQuantile, BucketFraction and ensureMonotonicAndIgnoreSmallDeltas of Prometheus' promql/quantile.go.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from agent.query.frame import Bools, Floats

_SMALL_DELTA: Final = 1e-12
"""Relative differences below this come from floating point and mean nothing."""


def monotonic(counts: Floats) -> tuple[Floats, Bools | None]:
    """Return counts that never fall, and where a fall that matters was mended (N, G); None where there was none."""
    if counts.shape[2] < 2:
        return counts, None
    rises = counts[..., 1:] - counts[..., :-1]
    small = np.abs(rises) < _SMALL_DELTA * np.minimum(
        np.abs(counts[..., 1:]) + np.abs(counts[..., :-1]), np.finfo(float).max
    )
    if not ((rises < 0) | (small & (rises != 0))).any():
        return counts, None
    mended = counts.copy()
    forced = np.zeros(counts.shape[:2], np.bool_)
    before = mended[..., 0]
    for place in range(1, counts.shape[2]):
        here = mended[..., place]
        sum_of_both = np.minimum(np.abs(before) + np.abs(here), np.finfo(float).max)
        close = (here != before) & (np.abs(here - before) < _SMALL_DELTA * sum_of_both)
        falls = (here < before) & ~close
        forced |= falls
        before = np.where(close | falls, before, here)
        mended[..., place] = before
    return mended, forced


def quantiles(quantile: Floats, bounds: Floats, counts: Floats) -> Floats:
    """Return the quantile of each histogram by linear interpolation in its bucket; `quantile` (N, 1).

    In the last bucket it is the bound before; in a first bucket with a bound ≤ 0 it is that bound; NaN without
    observations, with fewer than two buckets or without a +Inf bucket.
    """
    shape = counts.shape[:2]
    last = counts.shape[2] - 1
    quantile = np.broadcast_to(quantile, shape)
    outside = np.where(quantile < 0, -np.inf, np.where(quantile > 1, np.inf, np.nan))
    inside = (quantile >= 0) & (quantile <= 1)
    if last < 1:
        return np.where(inside, np.nan, outside)
    total = counts[..., last]
    rank = quantile * total
    reached = counts[..., :last] >= rank[..., None]
    bucket = np.where(reached.any(axis=2), reached.argmax(axis=2), last)
    groups = np.arange(shape[1])[None, :]
    previous = np.maximum(bucket - 1, 0)
    upper = bounds[groups, bucket]
    lower = np.where(bucket > 0, bounds[groups, previous], 0.0)
    held = np.take_along_axis(counts, bucket[..., None], axis=2)[..., 0]
    below = np.where(bucket > 0, np.take_along_axis(counts, previous[..., None], axis=2)[..., 0], 0.0)
    found = lower + (upper - lower) * ((rank - below) / (held - below))
    found = np.where((bucket == 0) & (bounds[:, 0] <= 0), bounds[:, 0], found)
    found = np.where(bucket == last, bounds[:, last - 1], found)
    usable = inside & (total != 0) & np.isposinf(bounds[:, last])
    return np.where(usable, found, outside)


def fractions(lower: Floats, upper: Floats, bounds: Floats, counts: Floats) -> Floats:
    """Return the share of observations between `lower` and `upper` (N, 1), interpolated in their buckets."""
    shape = counts.shape[:2]
    lower, upper = np.broadcast_to(lower, shape), np.broadcast_to(upper, shape)
    total = counts[..., -1]
    share = (_rank(upper, bounds, counts) - _rank(lower, bounds, counts)) / total
    share = np.where(lower >= upper, 0.0, share)
    unknown = (total == 0) | np.isnan(lower) | np.isnan(upper) | ~np.isposinf(bounds[:, -1])
    return np.where(unknown, np.nan, share)


def _rank(value: Floats, bounds: Floats, counts: Floats) -> Floats:
    """Return how many observations are below `value` (N, G); no interpolation in a bucket without a lower bound."""
    total = counts[..., -1]
    rank = np.zeros(value.shape)
    found = np.zeros(value.shape)
    settled = np.zeros(value.shape, np.bool_)
    for place in range(bounds.shape[1]):
        top = bounds[None, :, place]
        bottom = np.where(top > 0, 0.0, -np.inf) if place == 0 else bounds[None, :, place - 1]
        count = counts[..., place]
        starts = ~settled & (bottom >= value)
        found = np.where(starts, rank, found)
        settled |= starts
        falls = ~settled & (bottom < value) & (top > value)
        between = rank + (count - rank) * (value - bottom) / (top - bottom)
        found = np.where(falls, np.where(np.isneginf(bottom), count, between), found)
        settled |= falls
        rank = count
    return np.where(~settled | (found > total), total, found)
