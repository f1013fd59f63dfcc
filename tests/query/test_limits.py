"""What is too much is refused: before the memory is taken, and in the middle of whatever takes long."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from agent.errors import QueryLimit
from agent.model import Block, Columns, Labels, Row
from agent.query import Engine, Limits
from agent.store import Store

SERIES, ROWS, STEP_MS = 40, 2_000, 15_000
END_MS = ROWS * STEP_MS


class Table:
    """A store of one table: 40 series, a row every 15 s."""

    def __init__(self):
        self.labels = tuple(Labels.of(name_="x_bucket", le=str(number)) for number in range(SERIES))
        self.stamps = np.arange(1, ROWS + 1, dtype=np.int64) * STEP_MS
        self.values = np.cumsum(np.ones((ROWS, SERIES)), axis=0)
        self.read = 0

    def cells(self, matchers, start_ms, end_ms, pulse=None):
        return SERIES * int(((self.stamps > start_ms) & (self.stamps <= end_ms)).sum())

    def select(self, matchers, start_ms, end_ms):
        rows = slice(*np.searchsorted(self.stamps, [start_ms, end_ms], side="right").tolist())
        self.read += self.values[rows].size
        return [Block(self.labels, self.stamps[rows], self.values[rows], True)]


def after(count):
    """Return an `expired` that says so when it has been asked `count` times."""
    asked = 0

    def expired():
        nonlocal asked
        asked += 1
        return asked > count

    return expired


LONG = [
    "quantile_over_time(0.5, x_bucket[8h])",
    "mad_over_time(x_bucket[8h])",
    "deriv(x_bucket[8h])",
    "ts_of_max_over_time(x_bucket[8h])",
    "double_exponential_smoothing(x_bucket[8h], 0.5, 0.5)",
    "sum(quantile_over_time(0.5, x_bucket[4h:1s]))",
    "topk(scalar(vector(time())), x_bucket)",
    'count_values("v", x_bucket)',
    "x_bucket" + " + x_bucket" * 300,
]


@pytest.mark.parametrize("text", LONG)
def test_a_long_computation_asks_many_times_whether_time_is_up(text):
    """After the hundredth time it ends, with Prometheus' words."""
    with pytest.raises(QueryLimit, match="query timed out in expression evaluation") as error:
        Engine(Table()).range(text, END_MS - 3_600_000, END_MS, STEP_MS, expired=after(100))
    assert error.value.timeout


@pytest.mark.parametrize(
    "text",
    [
        "x_bucket[8h]",
        "sum(rate(x_bucket[8h]))",
        "rate(x_bucket[5m])[8h:1s]",
        "sum_over_time(x_bucket[8h:100ms])",
        "vector(1)[100d:100ms]",
    ],
)
def test_memory_is_refused_before_it_is_taken(text):
    """With a bound of 256 kB, nothing of the sort is ever allocated; the error is an execution error."""
    table = Table()
    engine = Engine(table, max_bytes=1 << 18)
    tracemalloc.start()
    try:
        with pytest.raises(QueryLimit, match="too many samples into memory") as error:
            engine.instant(text, END_MS)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
    assert not error.value.timeout
    assert table.read < 1 << 15


@pytest.mark.parametrize(
    "text",
    [
        "x_bucket" + " + x_bucket * 2" * 100,
        "sum(x_bucket) + sum(x_bucket * 3) + count(x_bucket / 7) + max(-x_bucket)",
        "rate(x_bucket[5m]) / rate(x_bucket[5m])",
    ],
)
def test_memory_that_is_let_go_is_not_counted(text):
    """A hundred arrays one after the other take no more than the few that are there at once."""
    size = 8 * SERIES * 241
    engine = Engine(Table(), max_bytes=8 * size)
    engine.range(text, END_MS - 3_600_000, END_MS, STEP_MS)


@pytest.mark.parametrize("text", ["mad_over_time(x_bucket[1h])", "quantile_over_time(0.3, x_bucket[1h])"])
def test_windows_are_sorted_in_stretches_and_give_the_same(text, monkeypatch):
    """However little may be sorted at once."""
    ask = (text, END_MS - 3_600_000, END_MS, 60_000)
    whole = Engine(Table()).range(*ask).value
    monkeypatch.setattr("agent.query.functions.over_time._SORTED_CELLS", 1000)
    parts = Engine(Table()).range(*ask).value
    assert whole.values.tolist() == parts.values.tolist()


def test_each_limit_has_a_name_and_a_default():
    """The defaults are those that the settings' page names."""
    assert Limits() == Limits(300_000, 50_000_000, 512 * 2**20, 11_000, 60_000)


def test_a_query_may_look_back_less_than_the_engine_does():
    """`lookback_delta` of a request."""
    engine = Engine(Table())
    assert len(engine.instant("x_bucket", END_MS + 60_000).value) == SERIES
    assert len(engine.instant("x_bucket", END_MS + 60_000, lookback_ms=30_000).value) == 0


def test_a_long_regular_expression_is_stopped_between_two_values_when_time_is_up():
    """re2 is linear, but thousands of alternatives over thousands of values are long all the same."""
    store = Store(retention_ms=10**12, max_memory_bytes=2**26)
    columns = Columns(Labels.of(name_="x", i=f"value {number}") for number in range(200))
    store.append(Row(columns, END_MS, np.ones(200)))
    engine, text = Engine(store), 'count({i=~"(v.*1)|(v.*2)"})'

    with pytest.raises(QueryLimit, match="timed out"):
        engine.instant(text, END_MS, expired=after(100))

    (found,) = engine.instant(text, END_MS).value
    assert found.value == sum(str(number)[-1] in "12" for number in range(200))
