"""Joins of many series with many: refused by what they would take, before it is taken."""

from __future__ import annotations

import tracemalloc

import pytest

from agent.errors import ExecutionError, QueryLimit
from agent.model import Labels
from agent.query import Engine, MemoryQueryable

SERIES = 1500


@pytest.fixture(scope="module")
def store():
    """Two metrics of many series with the same job; of `follows` one at a time."""
    made = MemoryQueryable()
    for name, at in (("a", 0), ("b", 0)):
        for number in range(SERIES):
            made.add(Labels.of(name_=name, job="app", n=str(number)), [at], [1.0])
    for number in range(SERIES):
        made.add(Labels.of(name_="follows", job="app", n=str(number)), [-1000 * number], [1.0])
    return made


@pytest.mark.parametrize("expression", ["a * on (job) b", "a * on (job) group_left () b", "a > on (job) group_right b"])
def test_ambiguous_matches_are_refused_before_their_pairs_are_made(store, expression):
    """Two million pairs cost nothing where the first of them already says that the query is wrong."""
    tracemalloc.start()
    try:
        with pytest.raises(ExecutionError, match="found duplicate series for the match group"):
            Engine(store).instant(expression, 0)
        assert tracemalloc.get_traced_memory()[1] < 30e6
    finally:
        tracemalloc.stop()


def test_the_pairs_that_a_join_makes_count_as_memory(store):
    """Series of the one side that never overlap may match, but each pair takes its labels."""
    with pytest.raises(QueryLimit, match="too many samples into memory"):
        Engine(store, lookback_ms=1000).instant("a * on (job) group_left () follows", 0)


def test_a_join_within_its_means_meets_series_that_follow_each_other(store):
    """What is refused is the size, not that the one side has many series of one job at different times."""
    engine = Engine(store, lookback_ms=1000)
    found = engine.instant('a{n=~"1."} * on (job) group_left () follows{n=~"."}', 0).value
    assert len(found) == 10
