"""What PromQL's `</` and `>/` keep of a native histogram: its observations below or above a value.

A bucket that the value cuts is cut as a quantile would be interpolated; count and sum are then estimated from what is
left, each observation at its interval's middle. A histogram that loses nothing stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from agent.model import Buckets, Histogram, bucket_intervals
from agent.query.native.alignment import compact
from agent.query.native.quantiles import middles

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _Kept:
    """What stays of each bucket: a share of its count, and the interval that it lies in, all float64 (B,)."""

    share: Floats
    low: Floats
    high: Floats


def trim(histogram: Histogram, value: float, *, below: bool) -> Histogram:
    """Return the histogram of the observations below `value`, or of those above it."""
    found = bucket_intervals(histogram, clipped=False)
    with np.errstate(all="ignore"):
        low, high = _natural_ends(histogram, found.lower, found.upper, found.zero)
        linear = np.full(len(low), histogram.custom) | (np.arange(len(low)) == found.zero)
        kept = _kept(low, high, value, linear, below=below)
        if histogram.custom and not below and -np.inf < value < 0:
            kept.share[np.isneginf(found.lower)] = 0.0  # what an endless bucket has below zero is unknown: it goes
        counts = np.where(kept.share == 1.0, found.counts, found.counts * kept.share)
        if np.array_equal(counts, found.counts, equal_nan=True):
            return histogram
        middle = np.where(linear, _even_middles(kept.low, kept.high), middles(kept.low, kept.high, linear=False))
        total = float(np.sum(np.where(counts == 0, 0.0, counts * middle)))
    negative, positive = counts[: len(histogram.negative)], counts[len(counts) - len(histogram.positive) :]
    return compact(
        replace(
            histogram,
            count=float(counts.sum()),
            sum=total,
            zero_count=float(counts[found.zero]) if found.zero >= 0 else 0.0,
            positive=Buckets(histogram.positive.index, positive),
            negative=Buckets(histogram.negative.index, negative[::-1]),
        )
    )


def _natural_ends(histogram: Histogram, lower: Floats, upper: Floats, zero: int) -> tuple[Floats, Floats]:
    """End the zero bucket at 0 where all else lies on one side, and begin the first of own bounds there if it is above."""
    low, high = lower.copy(), upper.copy()
    if histogram.custom:
        low[np.isneginf(low) & (high > 0) & np.isfinite(high)] = 0.0
    elif len(histogram.positive) and not len(histogram.negative):
        low[zero] = 0.0
    elif len(histogram.negative) and not len(histogram.positive):
        high[zero] = 0.0
    return low, high


def _kept(low: Floats, high: Floats, value: float, linear: Bools, *, below: bool) -> _Kept:
    """Keep all of a bucket, nothing, or the part on the wanted side of the value.

    Nobody knows how a bucket without an end is filled: cut, it stays whole where that end is the wanted one, else it goes.
    """
    if below:
        none = ~(low < value)
        whole = (high <= value) & ~none
        endless = np.isneginf(low) & (high <= 0)
    else:
        whole = low >= value
        none = ~(high > value) & ~whole
        endless = np.isposinf(high) & np.isfinite(low)
    infinite = np.isinf(low) | np.isinf(high)
    cut = _share_below(low, high, value, linear)
    share = np.select([whole, none, infinite], [1.0, 0.0, endless], cut if below else 1.0 - cut)
    start = np.where(whole | (below & ~infinite), low, value)
    end = np.where(whole | (~infinite & (not below)), high, value)
    return _Kept(share, start, end)


def _share_below(low: Floats, high: Floats, value: float, linear: Bools) -> Floats:
    even = (value - low) / (high - low)
    near, far, here = np.log2(np.abs(low)), np.log2(np.abs(high)), np.log2(abs(np.float64(value)))
    exponential = np.where(low >= 0, (here - near) / (far - near), 1.0 - (here - far) / (near - far))
    return np.where(linear, even, exponential)


def _even_middles(low: Floats, high: Floats) -> Floats:
    """Return the arithmetic middles; an interval without an end has all its observations at the other one."""
    low = np.where(np.isneginf(low), high, low)
    high = np.where(np.isposinf(high), low, high)
    return np.where(np.isinf(low) | np.isinf(high), 0.0, middles(low, high, linear=True))
