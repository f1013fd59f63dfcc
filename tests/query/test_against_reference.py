"""The vectorised range functions against plain ones, over dense and gappy series with resets, NaN, stale markers, infinity."""

from __future__ import annotations

import math

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agent.model import STALE_NAN, Labels
from agent.query import Engine, MemoryQueryable
from tests.query import reference

FUNCTIONS = [
    "rate", "increase", "delta", "irate", "idelta", "deriv", "predict_linear", "double_exponential_smoothing",
    "count_over_time", "present_over_time", "first_over_time", "last_over_time", "sum_over_time", "avg_over_time",
    "min_over_time", "max_over_time", "stdvar_over_time", "stddev_over_time", "quantile_over_time", "mad_over_time",
    "changes", "resets", "ts_of_first_over_time", "ts_of_last_over_time",
]  # fmt: skip
ARGUMENTS = {
    "predict_linear": "x[{}], 600",
    "double_exponential_smoothing": "x[{}], 0.3, 0.6",
    "quantile_over_time": "0.3, x[{}]",
}

counters = st.integers(0, 50).map(float)
numbers = st.one_of(
    counters,
    st.floats(-1e6, 1e6, allow_subnormal=False).map(lambda value: round(value, 3)),
    st.sampled_from([math.nan, math.inf, -math.inf, 0.0, 1e300, -1e300, 1e-300]),
)
cells = st.one_of(st.none(), st.just("stale"), numbers)


@st.composite
def tables(draw):
    """Make a few series over shared instants: None is no sample, "stale" a stale marker."""
    steps = draw(st.lists(st.integers(1, 40), min_size=1, max_size=14))
    stamps = [sum(steps[: index + 1]) * 1000 for index in range(len(steps))]
    kind = draw(st.sampled_from([counters, numbers, cells]))
    width = draw(st.integers(1, 4))
    return stamps, [draw(st.lists(kind, min_size=len(stamps), max_size=len(stamps))) for _ in range(width)]


def loaded(stamps, columns, *, together):
    store = MemoryQueryable(together=together)
    for number, column in enumerate(columns):
        points = [
            (at, STALE_NAN if value == "stale" else value)
            for at, value in zip(stamps, column, strict=True)
            if value is not None
        ]
        store.add(Labels.of(name_="x", n=str(number)), [at for at, _ in points], [value for _, value in points])
    return Engine(store, delayed_name_removal=True, lookback_ms=30_000)


def plain(stamps, column):
    return [
        (at, None if value == "stale" else value) for at, value in zip(stamps, column, strict=True) if value is not None
    ]


def close(ours, theirs, scale):
    if ours is None or theirs is None:
        return ours is theirs
    if math.isnan(theirs) or math.isinf(theirs):
        return ours == theirs or (math.isnan(ours) and math.isnan(theirs))
    return math.isclose(ours, theirs, rel_tol=1e-9, abs_tol=1e-9 * scale)


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("together", [False, True], ids=["by timestamps", "one gappy block"])
@settings(max_examples=60, deadline=None)
@given(table=tables(), range_s=st.integers(1, 120), step_s=st.integers(1, 50))
@example(table=([1000, 2000, 3000], [[5.0, 3.0, 4.0]]), range_s=10, step_s=1)
@example(table=([1000, 2000, 3000], [[math.inf, 3.0, 4.0]]), range_s=10, step_s=1)
@example(table=([1000, 2000, 3000, 4000], [[1e300, 1.0, -1e300, "stale"], [None, 1.0, None, 2.0]]), range_s=3, step_s=2)
def test_range_functions_do_what_their_definitions_say(function, together, table, range_s, step_s):
    """Every step and every series equals the plain computation."""
    stamps, columns = table
    if function in ("deriv", "predict_linear", "stdvar_over_time", "stddev_over_time", "double_exponential_smoothing"):
        columns = [
            [None if isinstance(value, float) and abs(value) > 1e100 else value for value in column]
            for column in columns
        ]
    expression = f"{function}({ARGUMENTS.get(function, 'x[{}]').format(f'{range_s}s')})"
    end_ms = stamps[-1] + 20_000
    got = {
        (series.labels.get("n"), at): value
        for series in loaded(stamps, columns, together=together).range(expression, 0, end_ms, step_s * 1000).value
        for at, value in zip(series.timestamps.tolist(), series.values.tolist(), strict=True)
    }
    for number, column in enumerate(columns):
        for at in range(0, end_ms + 1, step_s * 1000):
            points = reference.window(plain(stamps, column), at, range_s * 1000)
            theirs = reference.evaluate(function, points, at, range_s * 1000)
            scale = max((abs(value) for _, value in points if math.isfinite(value)), default=1.0)
            if function == "stdvar_over_time":
                scale *= scale
            ours = got.get((str(number), at))
            assert close(
                ours, theirs, max(scale, 1.0) if function not in ("sum_over_time", "avg_over_time") else 0.0
            ), f"{expression} at {at}: {ours} is not {theirs} for {points}"


def test_increase_forgets_what_came_before_its_window():
    """Between 1 and 0 lies a reset: the increase is 0, though the counter held infinities before the window."""
    columns = [[-1e300, -math.inf, 1.0, 0.0], [1.0, 2.0, 1.0, 0.0]]
    engine = loaded([5000, 6000, 7000, 8000], columns, together=False)
    for series in engine.range("increase(x[2s])", 1000, 8000, 1000).value:
        assert dict(zip(series.timestamps.tolist(), series.values.tolist(), strict=True))[8000] == 0.0


@pytest.mark.parametrize("together", [False, True], ids=["by timestamps", "one gappy block"])
@settings(max_examples=100, deadline=None)
@given(table=tables(), step_s=st.integers(1, 50))
def test_selectors_find_the_newest_sample_unless_it_is_stale(together, table, step_s):
    """Left-open lookback; a stale marker hides what is older."""
    stamps, columns = table
    end_ms = stamps[-1] + 40_000
    engine = loaded(stamps, columns, together=together)
    got = {
        (series.labels.get("n"), at): value
        for series in engine.range("x", 0, end_ms, step_s * 1000).value
        for at, value in zip(series.timestamps.tolist(), series.values.tolist(), strict=True)
    }
    for number, column in enumerate(columns):
        for at in range(0, end_ms + 1, step_s * 1000):
            theirs = reference.newest(plain(stamps, column), at, 30_000)
            assert close(got.get((str(number), at)), theirs, 0.0)


@settings(max_examples=60, deadline=None)
@given(table=tables(), at_s=st.integers(0, 300))
def test_an_instant_is_a_step_of_a_range(table, at_s):
    """Asking at an instant gives what a range query has there, for selectors, functions, operators and aggregations."""
    stamps, columns = table
    engine = loaded(stamps, columns, together=False)
    at = at_s * 1000
    for expression in (
        "x",
        "rate(x[20s])",
        "x > 3 or x",
        "sum(x)",
        "max by (n) (x) / x",
        "x and on (n) (x > 1)",
        "count(x)",
    ):
        instant = {sample.labels: sample.value for sample in engine.instant(expression, at).value}
        ranged = {
            series.labels: value
            for series in engine.range(expression, at - 20_000, at + 20_000, 10_000).value
            for stamp, value in zip(series.timestamps.tolist(), series.values.tolist(), strict=True)
            if stamp == at
        }
        assert instant.keys() == ranged.keys()
        assert all(close(instant[each], ranged[each], 0.0) for each in instant), expression


groups = st.lists(st.tuples(st.integers(0, 3), numbers), min_size=1, max_size=12)


@settings(max_examples=150, deadline=None)
@given(members=groups)
@example(members=[(0, 1e100), (0, 1.0), (0, -1e100), (0, 1.0)])
@example(members=[(0, 1e308), (0, 1e308), (1, -1e308)])
def test_aggregations_do_what_their_definitions_say(members):
    """Sums, means, extremes, counts, variances and quantiles of groups equal the plain ones."""
    store = MemoryQueryable()
    expected = {}
    for number, (group, value) in enumerate(members):
        store.add(Labels.of(name_="x", g=str(group), n=str(number)), [1000], [value])
        expected.setdefault(str(group), []).append(value)
    engine = Engine(store)
    for operator, plainly in {
        "sum": reference.exact_sum,
        "avg": reference.mean,
        "min": lambda values: reference.extreme(values, min),
        "max": lambda values: reference.extreme(values, max),
        "count": len,
        "group": lambda _: 1,
        "quantile": lambda values: reference.quantile(0.7, values),
    }.items():
        expression = f"{operator} by (g) ({'0.7, ' if operator == 'quantile' else ''}x)"
        got = {sample.labels.get("g"): sample.value for sample in engine.instant(expression, 1000).value}
        assert got.keys() == expected.keys()
        for group, values in expected.items():
            if operator in ("sum", "avg") and overflows(values):
                continue
            theirs = plainly(values)
            if operator in ("sum", "avg"):
                scale = 1e-3 * max((abs(value) for value in values if math.isfinite(value)), default=0.0)
                assert close(got[group], theirs, min(scale, 1e-3)), (expression, values, got[group], theirs)
            else:
                assert close(got[group], theirs, 0.0), (expression, values, got[group], theirs)


def overflows(values):
    """Say whether a plain sum on the way is beyond a float."""
    return sum(abs(value) for value in values if math.isfinite(value)) == math.inf
