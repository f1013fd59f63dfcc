"""Sums, differences, means and multiples of histograms: by their definition on bucket boundaries, and case by case."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.model import CUSTOM, Histogram, ResetHint, bucket_intervals
from agent.query.native.alignment import compact
from agent.query.native.arithmetic import (
    add,
    detect_reset,
    divide,
    equal,
    joint_hint,
    mean,
    negate,
    scale,
    subtract,
    total,
)
from agent.query.native.notation import format_notation, parse_histogram
from tests.query.native.samples import custom, exponential, hints, histograms


def notation(result) -> str:
    """What came out, without what is said of it."""
    return format_notation(result.histogram)


def listed(histogram):
    """Each populated bucket but the zero bucket as (lower, upper, count), from boundaries alone."""
    found = bucket_intervals(histogram, clipped=False)
    rows = zip(found.lower.tolist(), found.upper.tolist(), found.counts.tolist(), strict=True)
    return [row for place, row in enumerate(rows) if place != found.zero and row[2] != 0]


def reference(terms, signs):
    """Count each source bucket in the one bucket of the common layout that it lies in: (zero threshold, counts)."""
    threshold, bounds = 0.0, None
    if terms[0].custom:
        shared = set.intersection(*(set(each.bounds) for each in terms))
        bounds = [-math.inf, *sorted(shared), math.inf]
    else:
        schema = min(each.schema for each in terms)
        threshold = max(each.zero_threshold for each in terms)
        if any(each.zero_threshold != threshold for each in terms):
            straddled = True
            while straddled:
                straddled = {
                    max(abs(lower), abs(upper))
                    for each in terms
                    if each.zero_threshold != threshold
                    for lower, upper, _ in listed(each)
                    if min(abs(lower), abs(upper)) < threshold < max(abs(lower), abs(upper))
                }
                threshold = max(straddled, default=threshold)
    counts = {}
    for term, sign in zip(terms, signs, strict=True):
        for lower, upper, count in listed(term):
            far, near = max(abs(lower), abs(upper)), min(abs(lower), abs(upper))
            if bounds is not None:
                place = next(i for i in range(1, len(bounds)) if upper <= bounds[i])
                key = (bounds[place - 1], bounds[place])
            elif near < threshold and term.zero_threshold != threshold:
                key = "zero"
            else:
                end = math.ceil(math.log2(far) * 2.0**schema - 1e-9)
                key = (end, lower < 0)
            counts[key] = counts.get(key, 0) + sign * count
        counts["zero"] = counts.get("zero", 0) + sign * term.zero_count
    return threshold, {key: count for key, count in counts.items() if count}


def keyed(histogram):
    """The result's buckets under the reference's keys."""
    rows = {"zero": histogram.zero_count}
    for lower, upper, count in listed(histogram):
        if histogram.custom:
            rows[lower, upper] = count
        else:
            far = max(abs(lower), abs(upper))
            rows[math.ceil(math.log2(far) * 2.0**histogram.schema - 1e-9), lower < 0] = count
    return {key: count for key, count in rows.items() if count}


PAIRS = st.tuples(exponential(), exponential()) | st.tuples(custom(), custom())


@given(PAIRS, st.sampled_from([1, -1]))
def test_a_sum_counts_every_source_bucket_in_the_bucket_that_holds_it(pair, sign):
    result = (add if sign > 0 else subtract)(*pair)

    threshold, counts = reference(pair, (1, sign))

    assert result.histogram.zero_threshold == threshold
    assert keyed(result.histogram) == counts
    assert result.histogram.count == pair[0].count + sign * pair[1].count
    assert result.histogram.sum == pair[0].sum + sign * pair[1].sum
    assert result.histogram.schema == min(each.schema for each in pair)
    assert result.reconciled == (pair[0].bounds != pair[1].bounds)


SEVERAL = st.lists(exponential(), min_size=1, max_size=6) | st.lists(custom(), min_size=1, max_size=6)


@given(SEVERAL)
def test_a_total_counts_every_source_bucket_once_and_a_mean_is_the_total_divided(several):
    result = total(several)
    average = mean(several)

    threshold, counts = reference(several, [1] * len(several))

    assert result.histogram.zero_threshold == threshold
    assert keyed(result.histogram) == counts
    assert keyed(average.histogram) == pytest.approx({key: each / len(several) for key, each in counts.items()})
    assert average.histogram.sum == pytest.approx(result.histogram.sum / len(several))
    assert (average.collided, average.reconciled) == (result.collided, result.reconciled)


@given(histograms(), st.integers(-8, 8).map(float))
def test_a_multiple_of_a_histogram_multiplies_every_count(histogram, factor):
    result = scale(histogram, factor)

    assert keyed(result) == {key: count * factor for key, count in keyed(histogram).items() if count * factor}
    assert (result.count, result.sum) == (histogram.count * factor, histogram.sum * factor)
    assert result.hint is (ResetHint.GAUGE if factor < 0 else histogram.hint)
    assert equal(negate(negate(histogram)), compact(histogram))


@given(PAIRS)
def test_what_was_added_is_no_reset_and_taking_it_away_again_is_one_where_it_counted(pair):
    before, after = (replace(each, hint=ResetHint.UNKNOWN) for each in (pair[0], add(*pair).histogram))

    assert not detect_reset(after, before)
    assert detect_reset(before, after) or after.count == before.count


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ("{{buckets:[1 2]}}", "{{buckets:[3] offset:1}}", "{{buckets:[1 5]}}"),
        ("{{schema:-1 buckets:[1]}}", "{{schema:0 buckets:[2 4 8]}}", "{{schema:-1 buckets:[3 12]}}"),
        ("{{schema:1 buckets:[1 1 1]}}", "{{schema:0 n_buckets:[1]}}", "{{buckets:[1 2] n_buckets:[1]}}"),
        ("{{z_bucket:1 z_bucket_w:0.5}}", "{{z_bucket:2 z_bucket_w:1}}", "{{z_bucket:3 z_bucket_w:1}}"),
        ("{{z_bucket:1 z_bucket_w:0.5 buckets:[4 5]}}", "{{z_bucket:2 z_bucket_w:1}}",
         "{{z_bucket:7 z_bucket_w:1 offset:1 buckets:[5]}}"),
        ("{{z_bucket:1 z_bucket_w:0.5 buckets:[4 5]}}", "{{z_bucket:2 z_bucket_w:1.5}}", "{{z_bucket:12 z_bucket_w:2}}"),
        ("{{z_bucket:1 n_buckets:[4 5]}}", "{{z_bucket_w:0.75 buckets:[0 7]}}",
         "{{z_bucket:5 z_bucket_w:1 offset:1 buckets:[7] n_offset:1 n_buckets:[5]}}"),
        (
            "{{schema:-53 custom_values:[2 4 6] buckets:[1 2 5 7]}}",
            "{{schema:-53 custom_values:[1 2 3 4 5 6 7 8] buckets:[10 20 30 40 50 60 70 80 90]}}",
            "{{schema:-53 custom_values:[2 4 6] buckets:[31 72 115 247]}}",
        ),
        (
            "{{schema:-53 custom_values:[1] buckets:[1 2]}}",
            "{{schema:-53 custom_values:[2] buckets:[3 4]}}",
            "{{schema:-53 buckets:[10]}}",
        ),
    ],
)  # fmt: skip
def test_a_sum_has_the_layout_that_both_can_be_brought_to(left, right, expected):
    for one, other in ((left, right), (right, left)):
        assert notation(add(parse_histogram(one), parse_histogram(other))) == expected


def test_exponential_buckets_and_own_bounds_cannot_be_added():
    pair = parse_histogram("{{buckets:[1]}}"), parse_histogram("{{schema:-53 custom_values:[1] buckets:[1]}}")

    assert add(*pair) is subtract(*pair) is total(pair) is mean(pair) is None


@pytest.mark.parametrize(
    ("hints", "joint", "collided"),
    [
        ("gauge gauge", "gauge", False),
        ("reset reset", "reset", False),
        ("not_reset not_reset", "not_reset", False),
        ("unknown unknown", "unknown", False),
        ("gauge reset", "gauge", False),
        ("not_reset gauge", "gauge", False),
        ("unknown not_reset", "unknown", False),
        ("reset unknown", "unknown", False),
        ("reset not_reset", "unknown", True),
        ("reset unknown not_reset", "unknown", True),
    ],
)
def test_hints_join_and_say_where_they_contradict_each_other(hints, joint, collided):
    terms = [Histogram(hint=ResetHint(each)) for each in hints.split()]

    assert joint_hint(terms) == joint_hint(terms[::-1]) == (ResetHint(joint), collided)
    assert total(terms).collided == collided
    assert total(terms).histogram.hint is ResetHint(joint)


def test_a_total_keeps_what_large_terms_that_cancel_would_swallow():
    terms = [parse_histogram(f"{{{{sum:{each} buckets:[{each}]}}}}") for each in ("1e100", "3.1", "-1e100", "1.3")]

    result = total(terms).histogram

    assert result.sum == result.positive.counts[0] == 4.4
    assert mean(terms).histogram.sum == 1.1


def test_a_mean_whose_sum_overflows_is_still_a_mean():
    terms = [parse_histogram(f"{{{{count:{each} z_bucket:1}}}}") for each in ("1.7e308", "1.5e308", "1e308")]

    result = mean(terms).histogram

    exact = sum(Fraction(each) for each in (1.7e308, 1.5e308, 1e308)) / 3
    assert result.count == pytest.approx(float(exact), rel=1e-12)
    assert total(terms).histogram.count == math.inf


def test_division_by_zero_leaves_no_bucket():
    histogram = parse_histogram("{{count:3 sum:-3 z_bucket:3 z_bucket_w:0.5 buckets:[1] n_buckets:[2]}}")

    assert format_notation(divide(histogram, 0.0)) == "{{count:+Inf sum:-Inf z_bucket:+Inf z_bucket_w:0.5}}"
    assert format_notation(divide(scale(histogram, 0.0), 0.0)) == "{{count:NaN sum:NaN z_bucket:NaN z_bucket_w:0.5}}"
    assert format_notation(divide(histogram, -2.0)) == (
        "{{count:-1.5 sum:1.5 z_bucket:-1.5 z_bucket_w:0.5 counter_reset_hint:gauge buckets:[-0.5] n_buckets:[-1]}}"
    )


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ("{{sum:1 buckets:[1 2]}}", "{{sum:1 buckets:[1 2] counter_reset_hint:gauge}}", True),
        ("{{sum:NaN}}", "{{sum:NaN}}", True),
        ("{{sum:1}}", "{{sum:2}}", False),
        ("{{schema:1}}", "{{schema:2}}", False),
        ("{{z_bucket_w:1}}", "{{z_bucket_w:2}}", False),
        ("{{z_bucket:1}}", "{{z_bucket:2}}", False),
        ("{{buckets:[1]}}", "{{n_buckets:[1]}}", False),
        ("{{buckets:[1]}}", "{{buckets:[1] offset:1}}", False),
        ("{{buckets:[1]}}", "{{buckets:[1 0]}}", False),
        ("{{schema:-53 custom_values:[1]}}", "{{schema:-53 custom_values:[2]}}", False),
    ],
)
def test_histograms_are_equal_when_their_data_is(left, right, same):
    assert equal(parse_histogram(left), parse_histogram(right)) is same


@pytest.mark.parametrize(
    ("previous", "current", "reset"),
    [
        ("{{count:3 buckets:[1 2]}}", "{{count:3 buckets:[1 2]}}", False),
        ("{{sum:9 count:3 buckets:[1 2]}}", "{{sum:1 count:4 buckets:[2 2]}}", False),
        ("{{count:3 buckets:[1 2]}}", "{{count:2 buckets:[1 2]}}", True),
        ("{{count:3 buckets:[1 2]}}", "{{count:9 buckets:[2 1]}}", True),
        ("{{count:3 buckets:[1 2]}}", "{{count:9 buckets:[2]}}", True),
        ("{{count:3 buckets:[1 0]}}", "{{count:9 buckets:[2]}}", False),
        ("{{count:3 n_buckets:[1 2]}}", "{{count:9 n_buckets:[2 1]}}", True),
        ("{{n_buckets:[1]}}", "{{buckets:[1]}}", True),
        ("{{z_bucket:3}}", "{{count:9 z_bucket:2}}", True),
        ("{{buckets:[1 2]}}", "{{buckets:[1 2] counter_reset_hint:reset}}", True),
        ("{{count:3 buckets:[3]}}", "{{count:1 buckets:[1] counter_reset_hint:not_reset}}", False),
        ("{{count:3 buckets:[3]}}", "{{count:1 buckets:[1] counter_reset_hint:gauge}}", True),
        ("{{schema:1 buckets:[1 2 3]}}", "{{schema:0 buckets:[1 5]}}", False),
        ("{{schema:1 buckets:[1 2 3]}}", "{{schema:0 buckets:[1 4]}}", True),
        ("{{schema:0 buckets:[1]}}", "{{schema:1 buckets:[1 1]}}", True),
        ("{{z_bucket_w:0.5}}", "{{z_bucket_w:0.25}}", True),
        ("{{z_bucket:1 z_bucket_w:0.5 buckets:[2 3]}}", "{{z_bucket:3 z_bucket_w:1 offset:1 buckets:[3]}}", False),
        ("{{z_bucket:1 z_bucket_w:0.5 buckets:[2 3]}}", "{{z_bucket:2 z_bucket_w:1 offset:1 buckets:[3]}}", True),
        ("{{z_bucket:1 z_bucket_w:0.5 buckets:[2 3]}}", "{{z_bucket:9 z_bucket_w:1.5 buckets:[0 9]}}", True),
        ("{{buckets:[1]}}", "{{count:1 schema:-53 custom_values:[1] buckets:[1]}}", True),
        ("{{schema:-53 custom_values:[1] buckets:[1]}}", "{{count:1 buckets:[1]}}", True),
        ("{{schema:-53 custom_values:[2 4] buckets:[1 2 3]}}", "{{schema:-53 custom_values:[2 4] buckets:[1 2 3]}}", False),
        ("{{schema:-53 custom_values:[2 4] buckets:[1 2 3]}}", "{{schema:-53 custom_values:[2 4] buckets:[2 1 3]}}", True),
        ("{{schema:-53 custom_values:[2 4] buckets:[1 2 3]}}", "{{schema:-53 custom_values:[4] buckets:[3 3]}}", False),
        ("{{schema:-53 custom_values:[2 4] buckets:[1 2 3]}}", "{{schema:-53 custom_values:[3 4] buckets:[2 0 9]}}", True),
    ],
)  # fmt: skip
def test_a_reset_is_a_count_that_fell_or_a_layout_that_got_finer(previous, current, reset):
    assert detect_reset(parse_histogram(current), parse_histogram(previous)) is reset


@given(exponential(), hints())
def test_a_hint_is_believed_before_any_bucket(histogram, hint):
    current = parse_histogram(f"{{{{counter_reset_hint:{hint.value}}}}}")

    if hint in {ResetHint.RESET, ResetHint.NOT_RESET}:
        assert detect_reset(current, histogram) is (hint is ResetHint.RESET)


def test_nothing_that_is_put_in_is_changed():
    left, right = parse_histogram("{{schema:1 z_bucket_w:1 buckets:[1 2 3]}}"), parse_histogram("{{buckets:[4 5]}}")

    add(left, right)
    subtract(left, right)
    scale(left, 3.0)
    mean([left, right, left])

    assert format_notation(left) == "{{schema:1 z_bucket_w:1 buckets:[1 2 3]}}"
    assert format_notation(right) == "{{buckets:[4 5]}}"
    assert np.array_equal(left.positive.counts, [1, 2, 3])
    assert CUSTOM not in {left.schema, right.schema}
