"""How a native histogram is written and read: the scripts' notation, and Prometheus' one-line form."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import ParseError
from agent.model import CUSTOM, Histogram, ResetHint
from agent.query.native.notation import format_histogram, format_notation, parse_histogram
from tests.query.native.samples import histograms


def test_every_field_of_the_notation_is_read():
    found = parse_histogram(
        "{{schema:1 count:22.5 sum:-Inf z_bucket:3 z_bucket_w:1e-3 buckets:[5 10 0] offset:-2 "
        "n_buckets:[7] n_offset:4 counter_reset_hint:not_reset}}"
    )

    assert (found.schema, found.count, found.sum) == (1, 22.5, -math.inf)
    assert (found.zero_count, found.zero_threshold) == (3.0, 0.001)
    assert found.positive.index.tolist() == [-2, -1, 0]
    assert found.positive.counts.tolist() == [5.0, 10.0, 0.0]
    assert (found.negative.index.tolist(), found.negative.counts.tolist()) == ([4], [7.0])
    assert found.hint is ResetHint.NOT_RESET


@pytest.mark.parametrize("text", ["{{}}", " {{ }} ", "{{schema:0}}", "{{buckets:[]}}"])
def test_what_is_not_said_is_nothing(text):
    assert parse_histogram(text) == Histogram()


def test_own_bounds_are_read_with_their_schema():
    found = parse_histogram("{{schema:-53 custom_values:[-2.5 0 +Inf] buckets:[1 2]}}")

    assert (found.schema, found.bounds) == (CUSTOM, (-2.5, 0.0, math.inf))


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("schema:1}}", "1:1", "begins with {{"),
        ("{{schema:1", "1:11", 'expected "field:value" or }}'),
        ("{{schema:1} }", "1:11", 'expected "field:value" or }}'),
        ("{{buckets:[1 2}}", "1:3", 'expected "field:value" or }}'),
        ("{{sum:1 size:2}}", "1:9", 'unknown field "size"'),
        ("{{sum:1 sum:1}}", "1:9", 'field "sum" stands twice'),
        ("{{count:many}}", "1:9", 'bad value "many" of field "count"'),
        ("{{buckets:[1 two]}}", "1:11", 'bad value "[1 two]" of field "buckets"'),
        ("{{buckets:3}}", "1:11", "needs a list in brackets"),
        ("{{schema:1.5}}", "1:10", 'bad value "1.5" of field "schema"'),
        ("{{offset:99999999999}}", "1:10", "does not fit 32 bits"),
        ("{{counter_reset_hint:maybe}}", "1:22", 'bad value "maybe" of field "counter_reset_hint"'),
        ("{{schema:9}}", "1:1", "schema 9 is neither -4 to 8 nor -53"),
        ("{{schema:-5}}", "1:1", "schema -5 is neither -4 to 8 nor -53"),
        ("{{custom_values:[1]}}", "1:1", "custom_values need schema:-53"),
        ("{{schema:-53 custom_values:[2 2]}}", "1:1", "custom_values must rise"),
        ("{{schema:-53 custom_values:[2] buckets:[1 2 3]}}", "1:1", "outside the 1 custom_values and +Inf"),
        ("{{schema:-53 offset:-1 buckets:[1]}}", "1:1", "outside the 0 custom_values and +Inf"),
        ("{{schema:-53 z_bucket:1}}", "1:1", "neither a zero bucket nor negative buckets"),
    ],
)
def test_what_is_wrong_is_said_with_its_column(text, place, words):
    with pytest.raises(ParseError, match=re.escape(words)) as raised:
        parse_histogram(text)

    assert str(raised.value).startswith(f"{place}: ")


@pytest.mark.parametrize(
    ("notation", "line"),
    [
        ("{{}}", "{count:0, sum:0}"),
        ("{{count:4 sum:5 buckets:[1 2 1]}}", "{count:4, sum:5, (0.5,1]:1, (1,2]:2, (2,4]:1}"),
        (
            "{{count:1e6 sum:NaN z_bucket:2.5 z_bucket_w:0.25 buckets:[0 3] n_buckets:[1 2]}}",
            "{count:1e+06, sum:NaN, [-2,-1):2, [-1,-0.5):1, [-0.25,0.25]:2.5, (1,2]:3}",
        ),
        (
            "{{schema:-53 count:3 sum:-Inf custom_values:[5 1e-5] buckets:[1]}}".replace("[5 1e-5]", "[1e-5 5]"),
            "{count:3, sum:-Inf, [-Inf,1e-05]:1}",
        ),
        ("{{schema:-53 custom_values:[5] buckets:[0 7]}}", "{count:0, sum:0, (5,+Inf]:7}"),
        ("{{count:123456 sum:1234567 z_bucket:0.0001}}", "{count:123456, sum:1.234567e+06, [-0,0]:0.0001}"),
    ],
)
def test_the_line_is_the_one_that_prometheus_prints(notation, line):
    assert format_histogram(parse_histogram(notation)) == line


@given(histograms())
def test_what_is_written_is_read_back_as_it_was(histogram):
    again = parse_histogram(format_notation(histogram))

    assert again.hint is histogram.hint
    assert format_histogram(again) == format_histogram(histogram)
    assert (again.schema, again.bounds) == (histogram.schema, histogram.bounds)
    assert np.array_equal([again.sum, again.zero_threshold], [histogram.sum, histogram.zero_threshold], equal_nan=True)


@given(st.text(alphabet="{}[]:abcsumonteschmak_-.019 \nInfNa", max_size=60))
def test_no_text_does_anything_but_parse_or_be_refused(text):
    try:
        parse_histogram("{{" + text + "}}")
    except ParseError as error:
        assert error.column <= len(text) + 5


def test_every_histogram_of_the_shared_scripts_is_read(shared):
    texts = [
        found
        for path in sorted((shared / "promqltest").glob("*.test"))
        for found in re.findall(r"\{\{[^{}]*\}\}", path.read_text())
        if "$" not in found
    ]

    assert len(texts) > 500
    for text in texts:
        parse_histogram(text)
