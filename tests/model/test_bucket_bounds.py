"""Where buckets lie: powers of two by their definition, own bounds, the zero bucket between the two sides."""

from __future__ import annotations

import math
import sys
from decimal import Decimal, localcontext

import numpy as np
import pytest

from agent.model import CUSTOM, Buckets, Histogram, bucket_intervals, bucket_rows, upper_bounds


def buckets(first: int, *counts: float) -> Buckets:
    return Buckets(np.arange(first, first + len(counts)), np.array(counts, np.float64))


@pytest.mark.parametrize("schema", range(-4, 9))
def test_a_bound_is_the_power_of_two_that_the_schema_says(schema):
    index = np.arange(-40, 41)

    with localcontext(prec=60):
        base = Decimal(2) ** (Decimal(2) ** -schema)
        expected = [float(base ** int(each)) for each in index]

    assert upper_bounds(schema, index) == pytest.approx(expected, rel=1e-15)
    whole = index % (1 << max(schema, 0)) == 0
    assert (upper_bounds(schema, index)[whole] == np.array(expected)[whole]).all()


@pytest.mark.parametrize("schema", range(-4, 9))
def test_the_bucket_of_the_largest_float_ends_there_and_the_next_one_never(schema):
    last = 1024 >> -schema if schema < 0 else 1024 << schema

    bounds = upper_bounds(schema, np.array([last - 1, last, last + 1, 1 << 30]))

    assert bounds[0] < sys.float_info.max
    assert bounds[1:].tolist() == [sys.float_info.max, math.inf, math.inf]


def test_a_far_negative_index_ends_at_zero():
    assert upper_bounds(0, np.array([-(1 << 30)])).tolist() == [0.0]


def test_all_buckets_come_in_rising_order_with_the_zero_bucket_between_the_sides():
    histogram = Histogram(
        schema=0, zero_threshold=0.75, zero_count=5, positive=buckets(0, 1, 0, 2), negative=buckets(0, 3, 4)
    )

    assert bucket_rows(histogram) == [
        (1, -2.0, -1.0, 4.0),
        (1, -1.0, -0.75, 3.0),
        (3, -0.75, 0.75, 5.0),
        (0, 0.75, 1.0, 1.0),
        (0, 2.0, 4.0, 2.0),
    ]
    assert bucket_intervals(histogram).zero == 2
    assert bucket_intervals(histogram, clipped=False).lower.tolist() == [-2.0, -1.0, -0.75, 0.5, 1.0, 2.0]


def test_a_zero_bucket_that_counts_nothing_is_not_written():
    histogram = Histogram(schema=0, zero_threshold=0.5, negative=buckets(1, 3))

    assert bucket_rows(histogram) == [(1, -2.0, -1.0, 3.0)]
    assert bucket_intervals(histogram).counts.tolist() == [3.0, 0.0]


def test_histograms_of_one_layout_share_their_bounds():
    left, right = (Histogram(schema=2, zero_count=each, positive=buckets(3, each)) for each in (0.0, 5.0))

    assert bucket_intervals(left).lower is bucket_intervals(right).lower


def test_own_bounds_reach_from_minus_infinity_to_infinity_and_the_first_is_closed():
    histogram = Histogram(schema=CUSTOM, bounds=(-1.0, 2.5), positive=buckets(0, 1, 2, 3))

    assert bucket_rows(histogram) == [(3, -math.inf, -1.0, 1.0), (0, -1.0, 2.5, 2.0), (0, 2.5, math.inf, 3.0)]
