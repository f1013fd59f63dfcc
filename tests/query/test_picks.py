"""topk, bottomk and looking back over gaps: what is computed for all steps together, against one step at a time."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.model import STALE_NAN, Labels
from agent.query import Engine, MemoryQueryable

numbers = st.one_of(
    st.none(), st.integers(-2, 2).map(float), st.sampled_from([math.nan, math.inf, -math.inf, 0.0, -0.0])
)


@given(
    rows=st.lists(st.lists(numbers, min_size=6, max_size=6), min_size=2, max_size=5),
    size=st.integers(-1, 7),
    operator=st.sampled_from(["topk", "bottomk"]),
)
def test_the_foremost_of_each_group_are_kept(rows, size, operator):
    """NaN is worst, absent is nothing; of equals the first in order stays. Two groups, every step."""
    memory = MemoryQueryable(together=True)
    for column in range(6):
        points = [(1000 * (at + 1), row[column]) for at, row in enumerate(rows) if row[column] is not None]
        memory.add(
            Labels.of(name_="x", g=str(column % 2), n=str(column)), [at for at, _ in points], [v for _, v in points]
        )
    engine = Engine(memory, lookback_ms=1000)
    got = {
        (int(series.labels.get("n")), at)
        for series in engine.range(f"{operator} by (g) ({size}, x)", 1000, 1000 * len(rows), 1000).value
        for at in series.timestamps.tolist()
    }
    want = set()
    for at, row in enumerate(rows):
        for group in (0, 1):
            there = [column for column in range(group, 6, 2) if row[column] is not None]
            worst_last = sorted(there, key=lambda column: _key(row[column], operator))
            want |= {(column, 1000 * (at + 1)) for column in worst_last[: max(size, 0)]}
    assert got == want


def _key(value, operator):
    return (math.isnan(value), 0.0 if math.isnan(value) else -value if operator == "topk" else value)


def test_the_number_may_change_from_step_to_step():
    """A parameter that is no constant."""
    memory = MemoryQueryable()
    for column in range(4):
        memory.add(Labels.of(name_="x", n=str(column)), [1000, 2000, 3000], [float(column)] * 3)
    (series, *others) = Engine(memory).range("topk(scalar(vector(time())), x)", 1000, 3000, 1000).value
    assert (series.labels.get("n"), series.timestamps.tolist()) == ("1", [3000])
    assert [len(each.timestamps) for each in others] == [2, 3]


samples = st.one_of(st.none(), st.none(), st.just("stale"), st.integers(0, 9).map(float))


@pytest.mark.parametrize("steps_back", [0, 1, 8])
@given(
    columns=st.lists(st.lists(samples, min_size=20, max_size=20), min_size=1, max_size=4),
    lookback_s=st.integers(1, 25),
    timed=st.booleans(),
)
def test_gaps_are_looked_over_however_far(steps_back, columns, lookback_s, timed):
    """The newest sample within the lookback, unless a stale marker is newer; `timestamp` knows when it was."""
    memory = MemoryQueryable(together=True)
    for number, column in enumerate(columns):
        points = [(1000 * (at + 1), value) for at, value in enumerate(column) if value is not None]
        values = [STALE_NAN if value == "stale" else value for _, value in points]
        memory.add(Labels.of(name_="x", n=str(number)), [at for at, _ in points], values)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("agent.query.selecting._STEPS_BACK", steps_back)
        engine = Engine(memory, lookback_ms=1000 * lookback_s)
        value = engine.range("timestamp(x)" if timed else "x", 1500, 30_500, 1000).value
    got = {
        (series.labels.get("n"), at): sample
        for series in value
        for at, sample in zip(series.timestamps.tolist(), series.values.tolist(), strict=True)
    }
    want = {}
    for number, column in enumerate(columns):
        for at in range(1500, 30_501, 1000):
            seen = [
                (1000 * (row + 1), sample)
                for row, sample in enumerate(column)
                if sample is not None and at - 1000 * lookback_s < 1000 * (row + 1) <= at
            ]
            if seen and seen[-1][1] != "stale":
                want[str(number), at] = seen[-1][0] / 1000 if timed else seen[-1][1]
    assert got == want
