"""What is read off histograms: quantiles, fractions, averages, variances; against a walk along bucket boundaries."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.model import Histogram
from agent.query.native.arithmetic import scale
from agent.query.native.notation import parse_histogram
from agent.query.native.quantiles import (
    average,
    fraction,
    fractions,
    quantile,
    quantiles,
    standard_deviation,
    variance,
)
from tests.query.native.samples import histograms

ONE = "{{count:4 sum:5 buckets:[1 2 1]}}"
ZERO = "{{count:12 z_bucket:2 z_bucket_w:0.5 buckets:[0 10]}}"
BOTH = "{{count:8 z_bucket:4 z_bucket_w:0.5 buckets:[0 2] n_buckets:[0 2]}}"
OWN = "{{schema:-53 count:10 custom_values:[-4 4 8] buckets:[1 4 4 1]}}"
GAP = "{{count:4 buckets:[2 0 0 0 2]}}"
NAN = "{{count:10 sum:NaN buckets:[4 4]}}"


def boundaries(histogram: Histogram) -> list[tuple[float, float, float]]:
    """The populated buckets as (lower, upper, count), rising, straight from the definition of their indexes."""
    if histogram.custom:
        ends = [-math.inf, *histogram.bounds, math.inf]
        rows = zip(histogram.positive.index.tolist(), histogram.positive.counts.tolist(), strict=True)
        return [(ends[i], ends[i + 1], count) for i, count in rows if count]
    width, edge = 2.0**-histogram.schema, histogram.zero_threshold
    rows = [(-edge, edge, histogram.zero_count)]
    for side, sign in ((histogram.positive, 1), (histogram.negative, -1)):
        for i, count in zip(side.index.tolist(), side.counts.tolist(), strict=True):
            near, far = max(2.0 ** ((i - 1) * width), edge), 2.0 ** (i * width)
            rows.append((near, far, count) if sign > 0 else (-far, -near, count))
    return sorted(row for row in rows if row[2])


def slow_quantile(q: float, histogram: Histogram) -> float:
    """Walk up the boundaries until the rank is reached, and interpolate."""
    rows, wanted = boundaries(histogram), q * histogram.count
    place = 0
    while rows[place][2] < wanted:
        wanted -= rows[place][2]
        place += 1
    lower, upper, count = rows[place]
    share = wanted / count
    if histogram.custom:
        if math.isinf(lower):
            if upper <= 0:
                return upper
            lower = 0.0
        elif math.isinf(upper):
            return lower
        return lower + (upper - lower) * share
    if lower <= 0 <= upper:
        if len(histogram.positive) and not len(histogram.negative):
            lower = 0.0
        if len(histogram.negative) and not len(histogram.positive):
            upper = 0.0
        return lower + (upper - lower) * share
    return math.copysign(abs(lower) ** (1 - share) * abs(upper) ** share, lower)


@given(histograms(), st.floats(0, 1))
def test_a_quantile_is_found_by_walking_along_the_boundaries(histogram, q):
    if histogram.count == 0:
        assert math.isnan(quantile(q, histogram))
        return
    # At a rank that is just used up, the walks from below and from above end in neighbouring buckets.
    reached = np.cumsum([count for _, _, count in boundaries(histogram)])
    if min(abs(reached - q * histogram.count)) > 1e-6:
        assert quantile(q, histogram) == pytest.approx(slow_quantile(q, histogram), rel=1e-6, abs=1e-9, nan_ok=True)


@given(st.lists(st.tuples(histograms(), st.floats(-0.2, 1.2) | st.just(math.nan)), max_size=8))
def test_many_histograms_are_read_as_each_one_alone(pairs):
    several, wanted = [each for each, _ in pairs], np.array([q for _, q in pairs], np.float64)

    alone = [quantile(q, each) for each, q in pairs]
    between = [fraction(-1.0, q, each) for each, q in pairs]

    np.testing.assert_array_equal(quantiles(wanted, several).values, alone)
    np.testing.assert_array_equal(fractions(np.full(len(pairs), -1.0), wanted, several).values, between)


@given(histograms(), st.floats(0.01, 0.99))
def test_the_fraction_below_a_quantile_is_that_quantile(histogram, q):
    value = quantile(q, histogram)
    rows = boundaries(histogram)
    inside = any(lower < value < upper for lower, upper, _ in rows if not math.isinf(upper - lower))

    # Of own bounds around zero, a fraction takes the upper part alone, a quantile all: so Prometheus does it.
    if inside and not (histogram.custom and any(lower <= 0 <= upper for lower, upper, _ in rows)):
        assert fraction(-math.inf, value, histogram) == pytest.approx(q, abs=1e-6)
        assert fraction(value, math.inf, histogram) == pytest.approx(1 - q, abs=1e-6)


@given(histograms(), st.floats(-20, 20), st.floats(-20, 20), st.floats(-20, 20))
def test_neighbouring_fractions_add_up(histogram, one, two, three):
    low, middle, high = sorted((one, two, three))

    if histogram.count:
        parts = fraction(low, middle, histogram) + fraction(middle, high, histogram)
        assert parts == pytest.approx(fraction(low, high, histogram), abs=1e-9)
        assert fraction(-math.inf, math.inf, histogram) == 1.0


@pytest.mark.parametrize(
    ("notation", "q", "expected"),
    [
        (ONE, 0, 0.5),
        (ONE, 0.25, 1.0),
        (ONE, 0.5, math.sqrt(2)),
        (ONE, 0.75, 2.0),
        (ONE, 1, 4.0),
        (ONE, 1.01, math.inf),
        (ONE, -0.01, -math.inf),
        (ONE, math.nan, math.nan),
        ("{{}}", 0.5, math.nan),
        ("{{}}", 2, math.inf),
        (GAP, 0.5, 8.0),
        (GAP, 0.49, 0.5 * 2**0.98),
        (ZERO, 1 / 12, 0.25),
        (BOTH, 0.5, 0.0),
        (BOTH, 0.625, 0.25),
        (BOTH, 0.875, math.sqrt(2)),
        (BOTH, 0.125, -math.sqrt(2)),
        ("{{count:4 z_bucket:4 z_bucket_w:2}}", 0.75, 1.0),
        ("{{count:4 z_bucket:2 z_bucket_w:2 n_buckets:[0 0 2]}}", 0.75, -1.0),
        (OWN, 0.05, -4.0),
        (OWN, 0.3, 0.0),
        (OWN, 0.7, 6.0),
        (OWN, 0.95, 8.0),
        ("{{schema:-53 count:2 custom_values:[6] buckets:[2]}}", 0.5, 3.0),
        ("{{schema:-53 count:2 buckets:[2]}}", 0.5, math.inf),
        (NAN, 0.4, 1.0),
        (NAN, 0.81, math.nan),
        ("{{count:20 sum:1 buckets:[4 4]}}", 0.45, 2.0),
        ("{{count:3 sum:1}}", 0.5, 0.0),
        ("{{count:3 sum:NaN}}", 0.5, math.nan),
    ],
)
def test_a_quantile_is_interpolated_within_its_bucket(notation, q, expected):
    found = quantile(q, parse_histogram(notation))

    assert found == pytest.approx(expected, rel=1e-12, nan_ok=True)


@pytest.mark.parametrize(
    ("notation", "q", "lost", "skewed"),
    [
        (ONE, 0.5, False, False),
        (NAN, 0.9, True, False),
        (NAN, 0.5, False, True),
        (NAN, 2.0, False, False),
        ("{{count:8 sum:NaN buckets:[4 4]}}", 0.5, False, False),
        ("{{schema:-53 count:8 sum:NaN custom_values:[5] buckets:[4 4]}}", 0.9, False, False),
    ],
)
def test_a_quantile_says_what_nan_observations_did_to_it(notation, q, lost, skewed):
    found = quantiles(np.array([q]), [parse_histogram(notation)])

    assert (found.lost.tolist(), found.skewed.tolist()) == ([lost], [skewed])


@pytest.mark.parametrize(
    ("notation", "lower", "upper", "expected"),
    [
        (ONE, 1, 2, 0.5),
        (ONE, -math.inf, math.sqrt(2), 0.5),
        (ONE, 0, 8, 1.0),
        (ONE, 8, 0, 0.0),
        (ONE, 1, 1, 0.0),
        (ONE, math.nan, 1, math.nan),
        (ONE, 1, math.nan, math.nan),
        ("{{}}", 0, 1, math.nan),
        (ZERO, -1, 0, 0.0),
        (ZERO, 0, 0.25, 1 / 12),
        (BOTH, -0.5, 0, 0.25),
        (BOTH, -2, -math.sqrt(2), 0.125),
        (OWN, 4, 6, 0.2),
        (OWN, 8, 1000, 0.0),
        (OWN, 8, math.inf, 0.1),
        (OWN, -math.inf, -4, 0.1),
        (NAN, -math.inf, math.inf, 0.8),
    ],
)
def test_a_fraction_counts_what_lies_between(notation, lower, upper, expected):
    assert fraction(lower, upper, parse_histogram(notation)) == pytest.approx(expected, rel=1e-12, nan_ok=True)


def test_a_fraction_says_where_nan_observations_are_left_out():
    several = [parse_histogram(each) for each in (NAN, ONE, NAN, "{{count:8 sum:NaN buckets:[4 4]}}")]

    found = fractions(np.array([0.0, 0.0, 2.0, 0.0]), np.array([1.0, 1.0, 1.0, 1.0]), several)

    assert found.excluded.tolist() == [True, False, False, False]


@pytest.mark.parametrize(
    ("notation", "expected"),
    [
        ("{{count:4 sum:6 buckets:[0 4]}}", 1.5),
        ("{{sum:6}}", math.nan),
        ("{{count:2 sum:NaN}}", math.nan),
        ("{{count:2 sum:-Inf}}", -math.inf),
    ],
)
def test_an_average_is_sum_by_count(notation, expected):
    assert average(parse_histogram(notation)) == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize(
    ("notation", "expected"),
    [
        ("{{count:4 sum:6 buckets:[0 4]}}", (math.sqrt(2) - 1.5) ** 2),
        ("{{count:4 sum:-6 n_buckets:[0 4]}}", (math.sqrt(2) - 1.5) ** 2),
        ("{{count:2 sum:2 z_bucket:2 z_bucket_w:1}}", 1.0),
        ("{{schema:-53 count:4 sum:8 custom_values:[0 2 6] buckets:[0 2 2]}}", 2.5),
        ("{{}}", math.nan),
        ("{{count:2 sum:NaN buckets:[2]}}", math.nan),
        ("{{count:2 sum:Inf buckets:[2]}}", math.inf),
    ],
)
def test_a_variance_puts_every_observation_in_the_middle_of_its_bucket(notation, expected):
    histogram = parse_histogram(notation)

    assert variance(histogram) == pytest.approx(expected, nan_ok=True)
    assert standard_deviation(histogram) == pytest.approx(math.sqrt(expected), nan_ok=True)


def test_the_deviation_of_negative_counts_is_no_number():
    histogram = parse_histogram("{{count:2 sum:8 buckets:[1 -3]}}")

    assert variance(histogram) < 0
    assert math.isnan(standard_deviation(histogram))
    assert math.isnan(quantile(0.5, scale(histogram, 0.0)))
