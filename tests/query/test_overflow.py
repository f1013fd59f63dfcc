"""Sums of what is too large or infinite: terms are added in the order of time, or of the series, as in Prometheus."""

from __future__ import annotations

import math

import pytest

from agent.model import STALE_NAN, Labels
from agent.query import Engine, MemoryQueryable

HUGE, INF, NAN = 1e308, math.inf, math.nan


@pytest.mark.parametrize(
    ("terms", "total", "mean"),
    [
        ((HUGE, HUGE, -HUGE), INF, HUGE / 3),
        ((-INF, HUGE, HUGE, HUGE), -INF, -INF),
        ((HUGE, HUGE, -INF), NAN, -INF),
        ((HUGE, HUGE, HUGE, INF), INF, INF),
        ((INF, 1.0, -INF), NAN, NAN),
        ((NAN, HUGE, HUGE), NAN, NAN),
        ((1.0, -INF, 2.0, 3.0), -INF, -INF),
    ],
)
@pytest.mark.parametrize("beside", [False, True])
def test_an_infinite_term_does_not_hide_that_the_others_overflow(terms, total, mean, beside):
    """A finite sum that overflows on its way meets an infinity of the other sign where it stands; a mean never overflows."""
    store = MemoryQueryable(together=beside)
    for place, term in enumerate(terms):
        store.add(Labels.of(name_="across", n=str(place)), [0], [term])
    store.add(Labels.of(name_="along"), [1000 * place for place in range(len(terms))], list(terms))
    store.add(Labels.of(name_="along", beside="x"), [500], [1.0])
    engine = Engine(store)
    for function, expected in (("sum", total), ("avg", mean)):
        for expression in (f"{function}(across)", f'{function}_over_time(along{{beside=""}}[1m])'):
            (sample,) = engine.instant(expression, 10_000).value
            assert sample.value == pytest.approx(expected, nan_ok=True), expression


def test_a_spread_does_not_depend_on_what_else_the_series_held():
    """Samples outside of a window, so large that their sum is no number, take no part in its deviation."""
    store = MemoryQueryable()
    column = [HUGE, HUGE, -HUGE, -HUGE] * 8 + [1.0, 3.0] + [STALE_NAN] + [HUGE, HUGE, -HUGE, -HUGE] * 8
    store.add(Labels.of(name_="x"), [1000 * row for row in range(len(column))], column)
    for start_ms in (0, 33_000):
        found = Engine(store).range("stddev_over_time(x[2s])", start_ms, 60_000, 1000).value
        (series,) = found
        assert series.values[series.timestamps == 33_000].tolist() == [1.0]
