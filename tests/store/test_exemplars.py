"""The ring of exemplars: what is kept, what repeats, what comes too late, and what is found."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.model import Columns, Exemplar, Labels, Matcher, MatchOp, Row
from agent.store import Store
from agent.store.exemplars import ExemplarRing


def exemplar(series="a", at=1000, value=1.0, trace="x"):
    return Exemplar(Labels.of(name_=series), Labels.of(trace_id=trace), value, at)


def named(name, op=MatchOp.EQUAL):
    return [Matcher("__name__", op, name)]


def kept(ring, start=None, end=None, *selectors):
    found = ring.select(selectors or [named(".+", MatchOp.REGEX)], start, end)
    return [(each.series.name, each.timestamp_ms, each.labels["trace_id"]) for each in found]


@pytest.mark.parametrize(
    ("second", "keeps", "late"),
    [
        (exemplar(at=2000, trace="y"), True, 0),
        (exemplar(at=2000), True, 0),
        (exemplar(), False, 0),
        (exemplar(at=999, trace="y"), False, 1),
        (exemplar(value=2.0), True, 0),
        (exemplar(value=0.5), False, 1),
        (exemplar(trace="y"), True, 0),
        (exemplar(trace="w"), False, 1),
        (exemplar("b", at=1), True, 0),
    ],
)
def test_a_second_exemplar_is_measured_against_the_newest_of_its_series(second, keeps, late):
    """The very same is no news; an earlier one, or at the same time a smaller one, is out of order; another series is free."""
    ring = ExemplarRing()
    assert ring.add([exemplar()]) == 0
    assert ring.add([second]) == late
    assert len(ring) == 1 + keeps


def test_exemplars_are_found_by_selector_and_time_series_by_series():
    """Both ends of the range are included; a series that two selectors match comes once."""
    ring = ExemplarRing()
    ring.add([exemplar("b", 1000), exemplar("a", 2000), exemplar("b", 3000), exemplar("a", 4000)])
    assert kept(ring) == [("a", 2000, "x"), ("a", 4000, "x"), ("b", 1000, "x"), ("b", 3000, "x")]
    assert kept(ring, 2000, 3000) == [("a", 2000, "x"), ("b", 3000, "x")]
    assert kept(ring, None, None, named("b"), named("b|c", MatchOp.REGEX)) == [("b", 1000, "x"), ("b", 3000, "x")]
    assert kept(ring, 5000) == []
    assert ring.select([], None, None) == []


@given(
    st.integers(0, 5),
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 6), st.sampled_from("xyz")), max_size=40),
)
def test_the_ring_holds_the_newest_arrivals(capacity, arrivals):
    """Whatever comes, it is the last `capacity` of those that a list without bound would have taken."""
    ring, newest, taken = ExemplarRing(capacity), {}, []
    for series, at, trace in arrivals:
        each = exemplar(series, at, 1.0, trace)
        ring.add([each])
        held = {one.series for one in taken[-capacity:]} if capacity else set()
        before = newest.get(series) if Labels.of(name_=series) in held else None
        if before is None or (at, trace) > before:
            newest[series] = (at, trace)
            taken.append(each)
    expected = sorted(
        (each.series.name, each.timestamp_ms, each.labels["trace_id"]) for each in taken[-capacity:] if capacity
    )
    assert sorted(kept(ring)) == expected


def test_a_smaller_ring_keeps_the_newest():
    """After a reload with a lower bound the oldest are gone; with a bound of 0 nothing is kept."""
    ring = ExemplarRing(10)
    ring.add([exemplar(at=at) for at in range(10)])
    ring.resize(3)
    assert [at for _, at, _ in kept(ring)] == [7, 8, 9]
    ring.resize(0)
    ring.add([exemplar(at=99)])
    assert len(ring) == 0


def test_the_store_keeps_what_comes_with_a_row():
    """Exemplars are found in the store's ring, and those out of order are told."""
    told = []
    store = Store(
        retention_ms=10**9, max_memory_bytes=2**20, on_exemplar_drop=lambda reason, count: told.append((reason, count))
    )
    columns = Columns([Labels.of(name_="a")])
    store.append(Row(columns, 1000, np.array([1.0]), exemplars=[exemplar(at=500)]))
    store.append(Row(columns, 2000, np.array([2.0]), exemplars=[exemplar(at=400)]))
    assert kept(store.exemplars) == [("a", 500, "x")]
    assert told == [("out_of_order", 1)]
