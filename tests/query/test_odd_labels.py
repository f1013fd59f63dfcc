"""Labels that nobody expects, in the functions that read them: none may end a query, for targets choose them."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from agent.errors import ExecutionError, QueryLimit
from agent.model import Block, Labels
from agent.query import Engine, MemoryQueryable
from agent.query.evaluation import SeriesSets
from agent.query.frame import relabelling


def engine(*series):
    """Make an engine over series that hold their own number, from 1 on, at 0 s."""
    made = MemoryQueryable()
    for number, labels in enumerate(series, 1):
        made.add(Labels({"__name__": "x", **labels}), [0], [float(number)])
    return Engine(made)


@pytest.mark.parametrize(
    ("least", "greatest"),
    [
        ("4m5", "4m600"),
        ("4m05", "4m6"),
        ("²", "³"),
        ("9" * 5000, "1" + "0" * 5000),
        ("8" * 5000, "9" * 5000),
        ("7", "m"),
        ("٣", "٤"),
    ],
)
def test_labels_are_sorted_in_natural_order_whatever_digits_they_hold(least, greatest):
    """sort_by_label orders numbers in labels by value, as long as they may be, and takes other digits for letters."""
    asked = engine({"l": greatest}, {"l": least})
    assert [sample.value for sample in asked.instant('sort_by_label(x, "l")', 0).value] == [2, 1]
    assert [sample.value for sample in asked.instant('sort_by_label_desc(x, "l")', 0).value] == [1, 2]


@pytest.mark.parametrize(
    ("template", "expanded"),
    [
        ("<$1>", "<a>"),
        ("<${01}>", "<a>"),
        ("<$²>", "<>"),
        ("<$9>", "<>"),
        ("<$" + "9" * 5000 + ">", "<>"),
        ("<$١>", "<>"),
    ],
)
def test_a_replacement_may_name_groups_that_there_are_not(template, expanded):
    """label_replace puts nothing where a group that the expression lacks is named, however it is written."""
    (sample,) = engine({"l": "a"}).instant(f'label_replace(x, "l", "{template}", "l", "(.*)")', 0).value
    assert sample.labels.get("l") == expanded


@pytest.mark.parametrize("le", ["0x.", "0x10", "0x.p1", "0x1p99999", "1e999", "²", "1_", "٣", "+nan", "", " 1"])
def test_a_bound_that_is_no_number_is_left_out_and_said(le):
    """A bucket whose bound Go could not read takes no part in its histogram, and there is a warning."""
    asked = engine({"le": le}, {"le": "1"}, {"le": "+Inf"})
    result = asked.instant("histogram_quantile(0.5, x)", 0)
    assert [sample.value for sample in result.value] == [0.75]
    assert len(result.warnings) == 1


@pytest.mark.parametrize("le", ["0x1p-1", "5e-1", ".5", "+0.5", "0X.8P0"])
def test_a_bound_may_be_written_in_any_way_that_go_reads(le):
    """Hexadecimal floats and exponents are bounds like others."""
    asked = engine({"le": le}, {"le": "+Inf"})
    (sample,) = asked.instant("histogram_quantile(0.5, x)", 0).value
    assert sample.value == 0.5
    assert not asked.instant("histogram_quantile(0.5, x)", 0).warnings


def test_a_bound_may_be_nan():
    """A histogram without an infinite last bound has no quantiles."""
    (sample,) = engine({"le": "NaN"}, {"le": "1"}).instant("histogram_quantile(0.5, x)", 0).value
    assert math.isnan(sample.value)


@pytest.mark.parametrize(
    ("call", "function"),
    [
        ('label_replace({}, "l", "$1$1", "l", "(.*)")', "label_replace"),
        ('label_join({}, "l", "", "l", "l")', "label_join"),
    ],
)
def test_a_label_cannot_grow_without_bound(call, function):
    """Calls within calls that double a label each time are refused long before it fills the memory."""
    expression = 'label_replace(x, "l", "0123456789abcdef", "", "")'
    for _ in range(100):
        expression = call.format(expression)
    with pytest.raises(ExecutionError, match=rf"{function}\(\) would make a label value of"):
        engine({}).instant(expression, 0)


def test_labels_that_a_query_makes_count_as_memory():
    """Long values, each allowed, are refused together."""
    asked = engine(*({"n": str(number)} for number in range(100)))
    asked.limits = replace(asked.limits, max_bytes=10_000_000)
    with pytest.raises(QueryLimit, match="too many samples into memory"):
        asked.instant(f'label_replace(x, "l", "{"y" * 120_000}", "", "")', 0)


def test_what_is_derived_from_series_is_forgotten_when_it_has_become_much():
    """Many expressions over the same series cannot fill the memory; the labels they made are let go of."""
    sets = SeriesSets(kept_bytes=100_000)
    block = Block(
        tuple(Labels.of(n=str(number)) for number in range(100)), np.zeros(1, np.int64), np.zeros((1, 100)), True
    )
    first = sets.of([block])
    first.derived("once", lambda: relabelling(first.labels))
    assert sets.of([block]) is first
    for number in range(5):
        first.derived(number, lambda: relabelling(first.labels))
    assert sets.of([block]) is not first
