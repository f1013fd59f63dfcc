"""Explaining a query: what each node is said to do, and that the numbers beside it are what it took."""

from __future__ import annotations

import itertools

import pytest

from agent.model import Labels
from agent.query import Engine, MemoryQueryable, parse
from agent.query.explain_words import words


@pytest.fixture
def engine():
    memory = MemoryQueryable()
    for number in range(4):
        memory.add(Labels.of(name_="x_total", n=str(number), g=str(number % 2)), [1000, 2000, 3000], [0.0, 1.0, 2.0])
    return Engine(memory)


def explain(engine, text, start_ms=3000, end_ms=3000, step_ms=0):
    """Explain with a clock that counts how often it is asked."""
    ticks = itertools.count()
    return engine.explain(text, start_ms, end_ms, step_ms, clock=lambda: float(next(ticks)))


def walk(node):
    yield node
    for each in node.inputs:
        yield from walk(each)


def test_each_node_has_its_series_samples_and_place(engine):
    """Two selections of two samples of four series, and what they become."""
    found = explain(engine, "sum by (g) (rate(x_total[2s])) / 2")
    division, total, rate, samples = walk(found.root)
    assert [each.expr for each in (division, total, rate, samples)] == [
        "sum by (g) (rate(x_total[2s])) / 2", "sum by (g) (rate(x_total[2s]))", "rate(x_total[2s])", "x_total[2s]",
    ]  # fmt: skip
    assert [each.series for each in (division, total, rate, samples)] == [2, 2, 4, 4]
    assert (samples.samples, total.samples, found.samples, found.steps) == (8, 2, 10, 1)
    assert found.peak_bytes >= 8 * 8


def test_own_times_add_up_to_the_whole(engine):
    """The clock ticks once at each begin and each end: each node's own time is what its inputs did not take."""
    found = explain(engine, "sum(x_total) + sum(rate(x_total[2s])) * count(x_total)", 1000, 3000, 1000)
    own = [each.seconds for each in walk(found.root)]
    assert all(each > 0 for each in own if each) and sum(own) == found.root.seconds + sum(own[1:])
    assert sum(own) <= found.seconds


def test_a_second_query_finds_plan_and_indexes(engine):
    """What the first one had to make of the labels is there."""
    text = "sum by (g) (rate(x_total[2s])) / on (g) group_left () count by (g) (x_total)"
    first, second = explain(engine, text), explain(engine, text)
    assert (first.planned, second.planned) == (False, True)
    assert sum(each.built for each in walk(first.root)) > 0
    assert sum(each.built for each in walk(second.root)) == 0


def test_what_stands_twice_is_shown_as_computed_once(engine):
    """The second place has the series, but no time."""
    found = explain(engine, "x_total / sum(x_total) + max(x_total @ 2)", 1000, 3000, 1000)
    how = {(each.expr, each.how) for each in walk(found.root)}
    assert {("x_total", "computed"), ("x_total", "shared"), ("max(x_total @ 2.000)", "computed once")} <= how


@pytest.mark.parametrize("text", ["x_total" + " + x_total * 2" * 2000, "1" + " + 1" * 2000, '"text"', "time()"])
def test_rows_and_texts_are_explained_too(engine, text):
    """However long, a row is one node."""
    assert len(list(walk(explain(engine, text).root))) <= 2003


def test_explaining_computes_the_same(engine):
    """A watched plan is the plan that queries use."""
    text = "sum by (g) (x_total) - 1"
    before = engine.instant(text, 3000).value.values.tolist()
    explain(engine, text)
    assert engine.instant(text, 3000).value.values.tolist() == before


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x offset 1h", "newest samples, 1h earlier"),
        ("x offset -1m", "newest samples, 1m later"),
        ("x @ end()", "newest samples, at a fixed time"),
        ("x[5m]", "samples of the last 5m"),
        ("x[1h:1m]", "evaluated every 1m over the last 1h"),
        ("rate(x[5m])", "per-second rate over the window, counter resets mended"),
        ("max_over_time(x[5m])", "maximum of the samples in the window"),
        ("ceil(x)", "ceil of each value"),
        ("sum by (a, b) (x)", "sum per a, b"),
        ("sum without (a) (x)", "sum per everything but a"),
        ("avg(x)", "mean over all series"),
        ("topk by (a) (3, x)", "the 3 greatest per a"),
        ("x > 0.5", "only series that are > 0.5"),
        ("1 - x", "1 - right"),
        ("a / on (j) group_left () b", "left / right, matched on j, many left to one right"),
        ("a and ignoring (j) b", "left series that the right side has too, matched on all labels but j"),
        ("a + b + c", "3 operands joined by +"),
        ("-x", "negated"),
    ],
)
def test_nodes_are_put_into_words(text, said):
    """Short, and in the language of dashboards."""
    assert words(parse(text)) == said
