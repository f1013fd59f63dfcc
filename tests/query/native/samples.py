"""Histograms for hypothesis: small whole counts, so that sums are exact, in layouts of every kind."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from agent.model import CUSTOM, NO_BUCKETS, Buckets, Histogram, ResetHint

COUNTS = st.integers(0, 1000).map(float)
THRESHOLDS = st.sampled_from([0.0, 0.001, 0.25, 0.5, 1.0, 3.0])


@st.composite
def sides(draw, lowest: int, highest: int) -> Buckets:
    """One side of a histogram, its indexes between the two."""
    index = sorted(draw(st.sets(st.integers(lowest, highest), max_size=6)))
    if not index:
        return NO_BUCKETS
    counts = draw(st.lists(COUNTS, min_size=len(index), max_size=len(index)))
    return Buckets(np.array(index, np.int64), np.array(counts, np.float64))


@st.composite
def exponential(draw) -> Histogram:
    """A histogram of a standard schema; its buckets lie outside the zero bucket, its count is their sum."""
    schema = draw(st.integers(-1, 3))
    threshold = draw(THRESHOLDS)
    first = -6 if threshold == 0 else int(np.ceil(np.log2(threshold) * 2.0**schema)) + 1
    positive, negative = draw(sides(first, first + 12)), draw(sides(first, first + 12))
    zero = draw(COUNTS)
    count = zero + positive.counts.sum() + negative.counts.sum()
    total = draw(st.integers(-1000, 1000).map(float))
    return Histogram(schema, float(count), total, threshold, zero, positive, negative, hint=draw(hints()))


@st.composite
def custom(draw) -> Histogram:
    """A histogram with bounds of its own; its count is the sum of its buckets."""
    bounds = tuple(sorted(float(each) for each in draw(st.sets(st.integers(-5, 5), max_size=6))))
    positive = draw(sides(0, len(bounds)))
    total = draw(st.integers(-1000, 1000).map(float))
    return Histogram(CUSTOM, float(positive.counts.sum()), total, positive=positive, bounds=bounds, hint=draw(hints()))


def hints() -> st.SearchStrategy[ResetHint]:
    """Any hint."""
    return st.sampled_from(list(ResetHint))


def histograms() -> st.SearchStrategy[Histogram]:
    """A histogram of either kind."""
    return exponential() | custom()
