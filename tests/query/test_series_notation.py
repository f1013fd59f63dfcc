"""The series notation of test files: every form, spread out as Prometheus spreads it, and the column of every mistake."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import ParseError
from agent.model import STALE_BITS, format_float, is_absent
from agent.query import format_notation, parse_metric, parse_values

GAP = "_"


def spread(text, limit=100):
    """Return the samples as text: numbers, `_`, `stale`, histograms."""
    cells, natives = parse_values(text).cells(limit)
    shown = []
    for at, (value, bits, absent) in enumerate(
        zip(cells.tolist(), cells.view("int64").tolist(), is_absent(cells).tolist(), strict=True)
    ):
        if at in natives:
            shown.append(format_notation(natives[at]))
        else:
            shown.append(GAP if absent else "stale" if bits == STALE_BITS else format_float(value))
    return " ".join(shown)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("  \n ", ""),
        ("1 -2.5 +3 .5 5. 1e3 1_000", "1 -2.5 3 0.5 5 1000 1000"),
        ("010", "8"),
        ("Inf -inf nan", "+Inf -Inf NaN"),
        ("2x3", "2 2 2 2"),
        ("0x3", "0 0 0 0"),
        ("1+2x3", "1 3 5 7"),
        ("1-2x3", "1 -1 -3 -5"),
        ("-1+0.5x2", "-1 -0.5 0"),
        ("1+1x0", "1"),
        ("1 +1x2", "1 1 1 1"),
        ("_ 1 _x3 2", "_ 1 _ _ _ 2"),
        ("_x0 1", "1"),
        ("1 stale 2", "1 stale 2"),
        ("1\n2\t3", "1 2 3"),
        ("{{sum:3 count:2 buckets:[2]}}x1 1", "{{count:2 sum:3 buckets:[2]}} {{count:2 sum:3 buckets:[2]}} 1"),
        (
            "{{sum:3 count:2 buckets:[2]}}+{{sum:1 count:1 buckets:[1]}}x1",
            "{{count:2 sum:3 buckets:[2]}} {{count:3 sum:4 buckets:[3]}}",
        ),
        (
            "{{sum:3 count:2 buckets:[2]}}-{{sum:1 count:1 buckets:[1]}}x1",
            "{{count:2 sum:3 buckets:[2]}} {{count:1 sum:2 buckets:[1]}}",
        ),
    ],
)
def test_a_row_of_values_means_what_it_means_to_prometheus(text, expected):
    assert spread(text) == expected


def test_a_change_is_added_step_by_step_with_the_rounding_of_each_step():
    level, steps = 0.1, []
    for _ in range(11):
        steps.append(level)
        level += 0.1
    assert parse_values("0.1+0.1x10").cells(100)[0].tolist() == steps
    assert steps[-1] != 1.1


def test_a_long_row_is_counted_without_being_made():
    found = parse_values("0+1x1000000000000 _x1000000000000")
    assert found.count == 2_000_000_000_001
    assert found.cells(3)[0].tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("1 2,3", (1, 4), 'found ",3"'),
        ("1 2 # more", (1, 5), 'found "#"'),
        ("1\n 2 up", (2, 4), 'found "up"'),
        ("stalex3", (1, 1), "expected a number"),
        ("STALE", (1, 1), "expected a number"),
        ("Infx3", (1, 1), "expected a number"),
        ("1+1", (1, 4), "expected xN"),
        ("1+-1x2", (1, 3), "expected a number"),
        ("1x", (1, 2), "a whole number after x"),
        ("１２", (1, 1), "expected a number"),
        ("1x３", (1, 2), "a whole number after x"),
        ("1x2.5", (1, 4), "expected a space"),
        ("- 1", (1, 2), "expected a number"),
        ("1e400", (1, 1), "a number that a float holds"),
        ("_5", (1, 2), "expected a space"),
        ("{{sum:1", (1, 1), "a histogram like"),
        ("1 {{sum:q}}", (1, 9), 'bad value "q"'),
        ("{{sum:1}}+1x2", (1, 11), "a histogram like"),
        ("{{schema:-53 custom_values:[1] buckets:[1]}}+{{sum:1 buckets:[1]}}x2", (1, 1), "cannot be added"),
    ],
)
def test_a_mistake_is_named_with_its_line_and_column(text, place, words):
    with pytest.raises(ParseError) as caught:
        parse_values(text)
    assert (caught.value.line, caught.value.column) == place
    assert words in caught.value.message


NUMBERS = st.floats(allow_nan=False, allow_infinity=False, width=32).map(float)


@given(st.lists(st.one_of(st.none(), NUMBERS), max_size=20))
def test_numbers_and_gaps_read_back_as_they_were_written(values):
    text = " ".join(GAP if value is None else repr(value) for value in values)
    cells = parse_values(text).cells(100)[0]
    absent = is_absent(cells).tolist()
    assert [None if gone else value for value, gone in zip(cells.tolist(), absent, strict=True)] == values


@given(st.text(alphabet="01x+-_. {}:[]sumtalecoun,#eEInfa", max_size=30))
def test_no_text_does_anything_but_mean_samples_or_name_its_mistake(text):
    try:
        found = parse_values(text)
    except ParseError as error:
        assert error.line == 1
        assert 1 <= error.column <= len(text) + 1
    else:
        assert len(found.cells(50)[0]) == min(found.count, 50)


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("", {}),
        ("{}", {}),
        ("up", {"__name__": "up"}),
        ("up{}", {"__name__": "up"}),
        ('up{job="a", instance="b:1",}', {"__name__": "up", "job": "a", "instance": "b:1"}),
        ('{job="a"}', {"job": "a"}),
        ('{"a.b", "c d"="e"}', {"__name__": "a.b", "c d": "e"}),
        ('sum{a="b"}', {"__name__": "sum", "a": "b"}),
        ('up{a=""}', {"__name__": "up"}),
    ],
)
def test_a_series_is_written_as_a_selector_of_equals(text, labels):
    assert dict(parse_metric(text)) == labels


@pytest.mark.parametrize(
    ("text", "column", "words"),
    [
        ('up{job="a"', 11, "unexpected end of input"),
        ('up{job!="a"}', 1, 'labels with "="'),
        ("up down", 4, "expected nothing after it"),
        ("1", 1, "unexpected number"),
    ],
)
def test_what_is_no_series_is_refused_with_its_column(text, column, words):
    with pytest.raises(ParseError) as caught:
        parse_metric(text)
    assert caught.value.column == column
    assert words in caught.value.message


def test_nan_is_the_ordinary_one():
    (value,) = parse_values("nan").cells(1)[0].tolist()
    assert math.isnan(value)
