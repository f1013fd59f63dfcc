"""Windows that are moved on give what windows that are read in full give, whatever comes and goes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.model import ABSENT_NAN, STALE_NAN, Columns, Labels, Row
from agent.query import Engine, MemoryQueryable
from agent.store import Store

MINUTE = 60_000
cells = st.one_of(
    st.integers(0, 9).map(float), st.integers(0, 9).map(float), st.none(), st.just("stale"), st.just(math.inf)
)


class Counted:
    """A store that counts the cells it hands out."""

    def __init__(self, store):
        self._store = store
        self.read = 0

    def cells(self, matchers, start_ms, end_ms, pulse):
        return 0

    def select(self, matchers, start_ms, end_ms):
        found = self._store.select(matchers, start_ms, end_ms)
        self.read += sum(block.values.size for block in found)
        return found


def row(columns, at_ms, values):
    held = {None: ABSENT_NAN, "stale": STALE_NAN}
    return Row(columns, at_ms, np.array([held.get(value, value) for value in values]))


def same(ours, theirs):
    """Say whether two vectors hold the same series with the same values, but for rounding."""
    ours, theirs = ({sample.labels: sample.value for sample in each} for each in (ours, theirs))
    return ours.keys() == theirs.keys() and all(
        repr(ours[each]) == repr(theirs[each]) or math.isclose(ours[each], theirs[each], rel_tol=1e-9) for each in ours
    )


@given(
    rows=st.lists(
        st.tuples(st.integers(1, 15), st.integers(0, 1), st.lists(cells, min_size=3, max_size=3)),
        min_size=5,
        max_size=40,
    ),
    asks=st.lists(st.booleans(), min_size=40, max_size=40),
)
def test_a_window_that_moved_on_is_the_window(rows, asks):
    """Two targets with resets, gaps, stale markers and infinities, asked at any times while the rows come."""
    store = Store(retention_ms=10**9, max_memory_bytes=1 << 26)
    tables = [Columns([Labels.of(name_="x_total", t=str(t), n=str(n)) for n in range(3)]) for t in range(2)]
    rolling, fresh = Engine(store, rolling=True), Engine(store)
    now = 10**6
    for (minutes, table, values), asked in zip(rows, asks, strict=False):
        now += minutes * MINUTE
        store.append(row(tables[table], now - 100, values))
        if asked:
            for text in ("increase(x_total[30m])", "rate(x_total[1h] offset 7m)", "sum by (n) (rate(x_total[30m]))"):
                assert same(rolling.instant(text, now).value, fresh.instant(text, now).value), (text, now)


def test_only_what_is_new_is_read():
    """After the first time, a window of a day costs a few rows."""
    store = Store(retention_ms=10**9, max_memory_bytes=1 << 26)
    columns = Columns([Labels.of(name_="x_total", n=str(n)) for n in range(4)])
    counted = Counted(store)
    engine = Engine(counted, rolling=True)
    for minute in range(1, 1600):
        store.append(row(columns, minute * MINUTE, [float(minute)] * 4))
    engine.instant("rate(x_total[1d])", 1599 * MINUTE)
    first, counted.read = counted.read, 0
    for minute in range(1600, 1620):
        store.append(row(columns, minute * MINUTE, [float(minute)] * 4))
        result = engine.instant("rate(x_total[1d])", minute * MINUTE + 5)
        assert [sample.value for sample in result.value] == pytest.approx([1 / 60] * 4)
    assert counted.read / 20 < first / 50


def test_a_row_that_lands_late_is_not_missed():
    """A scrape is stamped when it begins; the rule may have been evaluated before its row was there."""
    store = Store(retention_ms=10**9, max_memory_bytes=1 << 26)
    columns = Columns([Labels.of(name_="x_total")])
    engine = Engine(store, rolling=True)
    for minute in range(1, 60):
        store.append(row(columns, minute * MINUTE, [float(minute)]))
    engine.instant("increase(x_total[1h])", 60 * MINUTE + 1)
    store.append(row(columns, 60 * MINUTE, [90.0]))
    late = engine.instant("increase(x_total[1h])", 60 * MINUTE + 2).value
    assert late.values.tolist() == Engine(store).instant("increase(x_total[1h])", 60 * MINUTE + 2).value.values.tolist()


def test_new_series_and_a_step_back_are_read_in_full():
    """Nothing that is kept stands in the way of what is there."""
    memory = MemoryQueryable()
    engine = Engine(memory, rolling=True)
    for name, since in (("a", 0), ("b", 100)):
        memory.add(
            Labels.of(name_="x_total", n=name),
            [(since + at) * MINUTE for at in range(1, 90)],
            list(map(float, range(1, 90))),
        )
        for at in (since + 80, since + 60, since + 81):
            text = "rate(x_total[1h])"
            assert same(engine.instant(text, at * MINUTE).value, Engine(memory).instant(text, at * MINUTE).value)
