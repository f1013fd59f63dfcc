"""anchored and smoothed selectors against a plain reading of what they mean: one window, one series, no arrays."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.errors import ExecutionError
from agent.model import Labels
from agent.query import Engine, MemoryQueryable
from tests.query import reference
from tests.query.test_against_reference import cells, close, counters, loaded, plain

LOOKBACK_MS = 30_000  # what `loaded` gives its engine


def on_the_line(earlier, later, at_ms, *, counter):
    (from_ms, low), (to_ms, high) = earlier, later
    if counter and high < low:
        low = 0.0
    return low + (high - low) * (at_ms - from_ms) / (to_ms - from_ms)


def cut(points, start_ms, end_ms, extension, *, counter):
    """Return the samples of the window with one at each edge, or [] where there is nothing to say."""
    before = [each for each in points if start_ms - LOOKBACK_MS < each[0] <= start_ms]
    inside = [each for each in points if start_ms < each[0] <= end_ms]
    if extension == "anchored":
        return before[-1:] + inside if inside else []
    around = before[-1:] + [each for each in points if start_ms < each[0] <= end_ms + LOOKBACK_MS]
    inner = [each for each in inside if each[0] < end_ms]
    later = [each for each in around if each[0] >= end_ms][:1]
    if not around or around[0][0] > end_ms or around[-1][0] <= start_ms:
        return []
    left, right = around[0], around[-1]
    if left[0] < start_ms:
        left = (start_ms, on_the_line(around[0], around[1], start_ms, counter=counter))
    if later and later[0][0] > end_ms:
        previous = [each for each in around if each[0] < end_ms][-1]
        right = (end_ms, on_the_line(previous, later[0], end_ms, counter=counter))
    elif later:
        right = later[0]
    return [left, *[each for each in inner if each not in (left, right)], right]


def expected(function, points, end_ms, range_ms, extension):
    counter = function in ("rate", "increase")
    window = cut(points, end_ms - range_ms, end_ms, extension, counter=counter)
    if not window:
        return None
    values = [value for _, value in window]
    if function == "changes":
        return reference.changes(values)
    if function == "resets":
        return reference.resets(values)
    change = values[-1] - values[0]
    if counter:
        for before, after in pairwise(values):
            change += before if after < before else 0.0
    return change / (range_ms / 1000) if function == "rate" else change


@st.composite
def tables(draw):
    steps = draw(st.lists(st.integers(1, 25), min_size=1, max_size=12))
    stamps = [sum(steps[: index + 1]) * 1000 for index in range(len(steps))]
    kind = draw(st.sampled_from([counters, st.one_of(st.none(), st.just("stale"), counters)]))
    return stamps, [draw(st.lists(kind, min_size=len(stamps), max_size=len(stamps))) for _ in range(2)]


ALLOWED = [
    *((name, "anchored") for name in ("changes", "delta", "increase", "rate", "resets")),
    *((name, "smoothed") for name in ("delta", "increase", "rate")),
]


def answers(engine, expression, end_ms, step_ms):
    return {
        (series.labels.get("n"), at): value
        for series in engine.range(expression, 0, end_ms, step_ms).value
        for at, value in zip(series.timestamps.tolist(), series.values.tolist(), strict=True)
    }


@pytest.mark.parametrize(("function", "extension"), ALLOWED)
@pytest.mark.parametrize("together", [False, True], ids=["by timestamps", "one gappy block"])
@settings(max_examples=60, deadline=None)
@given(table=tables(), range_s=st.integers(1, 60), step_s=st.integers(1, 30))
def test_extended_windows_do_what_their_definition_says(function, extension, together, table, range_s, step_s):
    """Every step and series equals the plain reading, dense or with gaps and stale markers."""
    stamps, columns = table
    end_ms = stamps[-1] + 40_000
    engine = loaded(stamps, columns, together=together)
    got = answers(engine, f"{function}(x[{range_s}s] {extension})", end_ms, step_s * 1000)
    for number, column in enumerate(columns):
        points = [each for each in plain(stamps, column) if each[1] is not None]
        for at in range(0, end_ms + 1, step_s * 1000):
            theirs = expected(function, points, at, range_s * 1000, extension)
            assert close(got.get((str(number), at)), theirs, 1.0), (at, theirs, points)


@pytest.mark.parametrize("together", [False, True], ids=["by timestamps", "one gappy block"])
@settings(max_examples=60, deadline=None)
@given(table=tables(), step_s=st.integers(1, 30))
def test_a_smoothed_selector_stands_on_the_line(together, table, step_s):
    """Between two samples within the lookback the value is on their line; behind the last it stays."""
    stamps, columns = table
    end_ms = stamps[-1] + 40_000
    got = answers(loaded(stamps, columns, together=together), "x smoothed", end_ms, step_s * 1000)
    for number, column in enumerate(columns):
        points = [each for each in plain(stamps, column) if each[1] is not None]
        for at in range(0, end_ms + 1, step_s * 1000):
            before = [each for each in points if at - LOOKBACK_MS < each[0] <= at][-1:]
            after = [each for each in points if at < each[0] <= at + LOOKBACK_MS][:1]
            theirs = before[0][1] if before else None
            if before and after and before[0][0] < at:
                theirs = on_the_line(before[0], after[0], at, counter=False)
            assert close(got.get((str(number), at)), theirs, 1.0), (at, theirs, points)


@settings(max_examples=60, deadline=None)
@given(column=st.lists(cells, min_size=8, max_size=8), at_s=st.integers(0, 90))
def test_any_number_may_stand_at_an_edge(column, at_s):
    """NaN, infinities and huge numbers are answered at an instant as over a range, without a warning from numpy."""
    stamps = [10_000 * (place + 1) for place in range(8)]
    engine = loaded(stamps, [column], together=False)
    for function, extension in ALLOWED:
        expression = f"{function}(x[25s] {extension})"
        single = [sample.value for sample in engine.instant(expression, at_s * 1000).value]
        several = answers(engine, expression, at_s * 1000 + 60_000, 1000)
        wanted = several.get(("0", at_s * 1000))
        assert close(single[0] if single else None, wanted, 1.0), (expression, single, wanted)


def test_an_extended_selector_alone_has_a_sample_on_each_edge():
    """x[1m] anchored, asked by itself, is the window from its start to its end."""
    store = MemoryQueryable()
    store.add(Labels.of(name_="x"), [10_000, 50_000, 80_000], [1.0, 5.0, 8.0])
    engine = Engine(store)
    (anchored,) = engine.instant("x[50s] anchored", 90_000).value
    assert list(zip(anchored.timestamps.tolist(), anchored.values.tolist(), strict=True)) == [
        (40_000, 1.0),
        (50_000, 5.0),
        (80_000, 8.0),
        (90_000, 8.0),
    ]
    (smoothed,) = engine.instant("x[50s] smoothed", 70_000).value
    assert smoothed.timestamps.tolist() == [20_000, 50_000, 70_000]
    assert smoothed.values.tolist() == pytest.approx([2.0, 5.0, 7.0])
    assert len(engine.instant("x[10s] anchored", 200_000).value) == 0


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        (
            "sum_over_time(x[1m] anchored)",
            "anchored modifier can only be used with: changes, delta, increase, rate, resets - not with sum_over_time",
        ),
        (
            "quantile_over_time(0.5, (x[1m] smoothed))",
            "smoothed modifier can only be used with: delta, increase, rate - not with quantile_over_time",
        ),
        (
            "resets(x[1m] smoothed)",
            "smoothed modifier can only be used with: delta, increase, rate - not with resets",
        ),
        (
            "absent_over_time(x[1m] anchored)",
            "anchored modifier can only be used with: changes, delta, increase, rate, resets - not with absent_over_time",
        ),
    ],
)
def test_other_functions_are_refused(expression, message):
    """The text names what is allowed and what was asked for, as Prometheus does."""
    with pytest.raises(ExecutionError) as caught:
        Engine(MemoryQueryable()).instant(expression, 0)
    assert str(caught.value) == message


def test_a_smoothed_counter_rises_from_zero_behind_a_reset():
    """Between 100 and 10 the counter restarted: at two fifths of the way it held 4, so the rise from there is 6."""
    store = MemoryQueryable()
    store.add(Labels.of(name_="x_total"), [0, 10_000], [100.0, 10.0])
    (sample,) = Engine(store).instant("increase(x_total[6s] smoothed)", 10_000).value
    assert math.isclose(sample.value, 6.0)
