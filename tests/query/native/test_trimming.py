"""What `</` and `>/` keep of a histogram: the observations below or above a value, cut buckets interpolated."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.query.native.arithmetic import equal
from agent.query.native.notation import format_notation, parse_histogram
from agent.query.native.quantiles import fraction
from agent.query.native.trimming import trim
from tests.query.native.samples import exponential, histograms

EXP = "{{sum:9 count:16 z_bucket:4 z_bucket_w:0.5 buckets:[0 4 4] n_buckets:[0 4]}}"
ABOVE = "{{sum:9 count:8 z_bucket:4 z_bucket_w:0.5 buckets:[0 4]}}"
OWN = "{{schema:-53 sum:9 count:12 custom_values:[2 4] buckets:[4 4 4]}}"
BELOW_ZERO = "{{schema:-53 sum:9 count:8 custom_values:[-2] buckets:[4 4]}}"
ENDLESS = "{{schema:-53 sum:9 count:4 buckets:[4]}}"
ROOT = math.sqrt(2)


def kept(notation: str, operator: str, value: float) -> str:
    """The result, its sum apart, rounded where a power of two was involved."""
    found = trim(parse_histogram(notation), value, below=operator == "</")
    return format_notation(found)


@pytest.mark.parametrize(
    ("notation", "operator", "value", "expected"),
    [
        (EXP, "</", math.inf, EXP),
        (EXP, ">/", -math.inf, EXP),
        (EXP, "</", 4, EXP),
        (EXP, ">/", -2, EXP),
        (EXP, "</", -math.inf, "{{z_bucket_w:0.5}}"),
        (EXP, ">/", math.inf, "{{z_bucket_w:0.5}}"),
        ("{{sum:0 count:4 z_bucket:4 z_bucket_w:0.5}}", "</", 0.25, "{{count:3 sum:-0.375 z_bucket:3 z_bucket_w:0.5}}"),
        ("{{sum:0 count:4 z_bucket:4 z_bucket_w:0.5}}", ">/", 0.25, "{{count:1 sum:0.375 z_bucket:1 z_bucket_w:0.5}}"),
        (ABOVE, "</", 0.25, "{{count:2 sum:0.25 z_bucket:2 z_bucket_w:0.5}}"),
        (ABOVE, ">/", 0, ABOVE),
        (ABOVE, "</", 0, "{{z_bucket_w:0.5}}"),
        (OWN, "</", 4, "{{schema:-53 count:8 sum:16 custom_values:[2 4] buckets:[4 4]}}"),
        (OWN, "</", 3, "{{schema:-53 count:6 sum:9 custom_values:[2 4] buckets:[4 2]}}"),
        (OWN, "</", 1, "{{schema:-53 count:2 sum:1 custom_values:[2 4] buckets:[2]}}"),
        (OWN, "</", 0, "{{schema:-53 custom_values:[2 4]}}"),
        (OWN, ">/", 0, OWN),
        (OWN, ">/", 1, "{{schema:-53 count:10 sum:31 custom_values:[2 4] buckets:[2 4 4]}}"),
        (OWN, ">/", -1, "{{schema:-53 count:8 sum:28 custom_values:[2 4] offset:1 buckets:[4 4]}}"),
        (OWN, ">/", 9, "{{schema:-53 count:4 sum:36 custom_values:[2 4] offset:2 buckets:[4]}}"),
        (BELOW_ZERO, "</", -2, "{{schema:-53 count:4 sum:-8 custom_values:[-2] buckets:[4]}}"),
        (BELOW_ZERO, "</", -5, "{{schema:-53 count:4 sum:-20 custom_values:[-2] buckets:[4]}}"),
        (BELOW_ZERO, ">/", -2, "{{schema:-53 count:4 sum:-8 custom_values:[-2] offset:1 buckets:[4]}}"),
        (ENDLESS, "</", math.inf, ENDLESS),
        (ENDLESS, ">/", -math.inf, ENDLESS),
        (ENDLESS, "</", 5, "{{schema:-53}}"),
        (ENDLESS, ">/", 5, "{{schema:-53}}"),
        (ENDLESS, ">/", -5, "{{schema:-53}}"),
    ],
)  # fmt: skip
def test_what_is_kept_lies_on_the_wanted_side(notation, operator, value, expected):
    assert kept(notation, operator, value) == format_notation(parse_histogram(expected))


def test_an_exponential_bucket_is_cut_and_summed_by_powers_of_two():
    found = trim(parse_histogram("{{count:8 buckets:[0 4] n_buckets:[0 4]}}"), ROOT, below=True)

    assert found.positive.counts.tolist() == pytest.approx([2.0])
    assert found.negative.counts.tolist() == [4.0]
    assert found.sum == pytest.approx(2 * 2**0.25 - 4 * ROOT)
    mirrored = trim(parse_histogram("{{count:8 buckets:[0 4] n_buckets:[0 4]}}"), -ROOT, below=False)
    assert mirrored.sum == pytest.approx(-found.sum)


def test_a_number_that_is_none_keeps_nothing():
    for below in (True, False):
        assert format_notation(trim(parse_histogram(EXP), math.nan, below=below)) == "{{z_bucket_w:0.5}}"


@given(exponential(), st.floats(-10, 10), st.booleans())
def test_what_is_kept_is_the_fraction_on_that_side(histogram, value, below):
    found = trim(histogram, value, below=below)

    if histogram.count:
        ends = (-math.inf, value) if below else (value, math.inf)
        assert found.count == pytest.approx(fraction(*ends, histogram) * histogram.count, abs=1e-6)


@given(histograms(), st.floats(-10, 10))
def test_both_sides_together_count_no_more_than_there_was(histogram, value):
    parts = [trim(histogram, value, below=below) for below in (True, False)]

    assert sum(part.count for part in parts) <= histogram.count + 1e-6
    assert all(part.schema == histogram.schema and part.bounds == histogram.bounds for part in parts)
    assert all(
        equal(trim(part, value, below=below), part)
        for part, below in zip(parts, (True, False), strict=True)
        if part is histogram
    )
