"""Where the buckets of a native histogram lie: bounds from indexes, and all buckets of one histogram in rising order.

This is the one place that knows powers of two; it counts nothing and interpolates nothing.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from agent.model.histograms import CUSTOM, Histogram

OPEN_LEFT: Final = 0
"""A bucket (lower, upper]."""
OPEN_RIGHT: Final = 1
"""A bucket [lower, upper)."""
CLOSED: Final = 3
"""A bucket [lower, upper]."""
_LARGEST: Final = sys.float_info.max


@dataclass(frozen=True, slots=True)
class Intervals:
    """All buckets of one histogram, rising: lower, upper and counts float64 (B,), rules int64 (B,) as the HTTP API's.

    `zero` is the place of the zero bucket among them, -1 with own bounds, where there is none. Histograms of one layout
    share all arrays but the counts, so identity of `lower` groups them.
    """

    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    counts: NDArray[np.float64]
    rules: NDArray[np.int64]
    zero: int


def upper_bounds(schema: int, index: NDArray[np.int64], bounds: tuple[float, ...] = ()) -> NDArray[np.float64]:
    """Return the upper bound of each bucket index, by magnitude: 2^(index·2^-schema), or `bounds` and +Inf.

    The bucket that holds the largest float ends there, the next one at +Inf (as Prometheus' getBoundExponential).
    """
    if schema == CUSTOM:
        known = np.array((-np.inf, *bounds, np.inf))
        return known[np.clip(index + 1, 0, len(known) - 1)]
    if schema <= 0:
        exponent, mantissa = index << -schema, np.ones(len(index))
    else:
        exponent, mantissa = index >> schema, _fractions(schema)[index & ((1 << schema) - 1)]
    exact = np.where((exponent == 1024) & (mantissa == 1.0), _LARGEST, 0.0)
    with np.errstate(over="ignore", under="ignore"):
        return np.asarray(np.where(exact > 0, exact, np.ldexp(mantissa, np.clip(exponent, -5000, 5000))))


@lru_cache(maxsize=16)
def _fractions(schema: int) -> NDArray[np.float64]:
    return np.exp2(np.arange(1 << schema) / (1 << schema))


def bucket_intervals(histogram: Histogram, *, clipped: bool = True) -> Intervals:
    """Return all buckets in rising order; `clipped` ends those beside the zero bucket where it begins."""
    lower, upper, rules, zero = _layout(
        histogram.schema,
        histogram.bounds,
        histogram.positive.index.tobytes(),
        histogram.negative.index.tobytes(),
        histogram.zero_threshold,
        clipped,
    )
    middle = [histogram.zero_count] if zero >= 0 else []
    counts = np.concatenate([histogram.negative.counts[::-1], middle, histogram.positive.counts])
    return Intervals(lower, upper, counts, rules, zero)


@lru_cache(maxsize=4096)
def _layout(
    schema: int,
    bounds: tuple[float, ...],
    positive: bytes,
    negative: bytes,
    threshold: float,
    clipped: bool,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64], int]:
    above = np.frombuffer(positive, np.int64)
    below = np.frombuffer(negative, np.int64)
    lows, highs = upper_bounds(schema, above - 1, bounds), upper_bounds(schema, above, bounds)
    near, far = upper_bounds(schema, below - 1), upper_bounds(schema, below)
    if clipped and schema != CUSTOM:
        lows = np.where(lows < threshold, threshold, lows)
        near = np.where(near < threshold, threshold, near)
    middle = [threshold] if schema != CUSTOM else []
    lower = np.concatenate([-far[::-1], np.negative(middle), lows])
    upper = np.concatenate([-near[::-1], middle, highs])
    first = np.where(np.isneginf(lows), CLOSED, OPEN_LEFT)
    rules = np.concatenate([np.full(len(below), OPEN_RIGHT), np.full(len(middle), CLOSED), first]).astype(np.int64)
    return lower, upper, rules, len(below) if middle else -1


def bucket_rows(histogram: Histogram) -> list[tuple[int, float, float, float]]:
    """Return the populated buckets as the HTTP API writes them: (boundary rule, lower, upper, count), rising.

    Rules: 0 open left, 1 open right, 3 closed on both sides.
    """
    found = bucket_intervals(histogram)
    kept = found.counts != 0
    columns = (found.rules[kept], found.lower[kept], found.upper[kept], found.counts[kept])
    return list(zip(*(column.tolist() for column in columns), strict=True))
