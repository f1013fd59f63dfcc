"""The engine against a slow exact sum over random lives of counters, and against PromQL's increase within its extrapolation."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.query import Engine as Promql
from agent.query import MemoryQueryable, parse
from agent.slo import Events, Exclusion, Good, Rolling
from agent.slo.budget.engine import Engine
from agent.slo.budget.readings import State
from tests.slo.budget.service import DAY, HOUR, MINUTE, SECOND, START, Service, objective, slo

STEP = 15 * SECOND


@dataclass(frozen=True)
class Step:
    """What happens before a scrape; `down` that it fails, `restart` that the process is another one."""

    good: int
    bad: int
    restart: bool
    down: bool
    gap: int


STEPS = st.builds(
    Step,
    good=st.integers(0, 50),
    bad=st.one_of(st.just(0), st.integers(0, 50)),
    restart=st.sampled_from([False] * 9 + [True]),
    down=st.sampled_from([False] * 7 + [True]),
    gap=st.sampled_from([1] * 8 + [2, 40]),
)


def played(engine: Engine, steps):
    """Play steps; return the service and, by instant, what an exact count of counter deltas gives: (bad, all)."""
    service = Service(engine)
    before: dict | None = None
    rows: list[tuple[int, Fraction, Fraction]] = []
    for step in steps:
        if step.restart:
            service.values.clear()
        # A series is born with its first event, as a client library has it.
        if step.good:
            service.rise("requests_total", step.good, code="200")
        if step.bad:
            service.rise("requests_total", step.bad, code="500")
        if step.down:
            service.down(step.gap * STEP)
            continue
        service.scraped(step.gap * STEP)
        now = {labels: Fraction(value) for labels, value in service.values.items()}
        if before is not None and now:
            rose = {
                labels: value - before.get(labels, 0) if value >= before.get(labels, 0) else value
                for labels, value in now.items()
            }
            bad = sum((value for labels, value in rose.items() if labels["code"] == "500"), Fraction(0))
            rows.append((service.at_ms, bad, sum(rose.values(), Fraction(0))))
        before = {**(before or {}), **now}
    return service, rows


CODES = Events('sum(rate(requests_total{code="500"}[{{.window}}]))', "sum(rate(requests_total[{{.window}}]))")


@settings(max_examples=25, deadline=None)
@given(st.lists(STEPS, min_size=2, max_size=60))
def test_every_window_is_the_exact_sum_of_counter_deltas(steps):
    service, rows = played(Engine([objective(slo(indicator=CODES))]), steps)

    reading = service.read()
    for window in (*reading.windows, reading.period):
        # The rows of a window are those after the checkpoint at its start.
        start = service.at_ms - window.window_ms
        inside = [each for each in rows if each[0] > start]
        assert (window.bad, window.total) == (sum(each[1] for each in inside), sum(each[2] for each in inside))
        assert 0 <= window.coverage <= 1
        assert window.ratio is None or window.ratio == float(Fraction(window.bad) / Fraction(window.total))


@settings(max_examples=12, deadline=None)
@given(st.lists(STEPS, min_size=2, max_size=50))
def test_counting_the_good_ones_gives_the_same_as_counting_the_bad_ones(steps):
    good = Good('sum(rate(requests_total{code="200"}[{{.window}}]))', "sum(rate(requests_total[{{.window}}]))")
    service, _ = played(Engine([objective(slo(indicator=CODES)), objective(slo("good", indicator=good))]), steps)

    bad, good_ = service.read(0), service.read(1)
    assert [(each.bad, each.total) for each in bad.windows] == [(each.bad, each.total) for each in good_.windows]


@settings(max_examples=12, deadline=None)
@given(st.lists(STEPS, min_size=10, max_size=60), st.integers(0, 100), st.integers(1, 40))
def test_what_is_excluded_is_in_neither_number_and_can_be_excluded_afterwards(steps, first, length):
    start, end = START + first * STEP, START + (first + length) * STEP
    excluded = slo("excluded", indicator=CODES, exclusions=(Exclusion("maintenance", start, end),))
    service, rows = played(Engine([objective(slo(indicator=CODES)), objective(excluded)]), steps)

    period = service.read(1).period
    kept = [each for each in rows if not start < each[0] <= end]
    assert (period.bad, period.total) == (sum(each[1] for each in kept), sum(each[2] for each in kept))
    whole = service.engine.read(service.at_ms, excluding=False).of(1).period
    assert (whole.bad, whole.total) == (service.read(0).period.bad, service.read(0).period.total)


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 20)), min_size=22, max_size=40), st.sets(st.integers(3, 38))
)
def test_promql_increase_agrees_within_its_extrapolation(events, restarts):
    """Of five minutes it sees 20 scrapes, 19 steps, and guesses the first step from the others: at most that is between us."""
    service = Service(requests_total=0.0, errors_total=0.0)
    times, pages = [], []
    # A restart is seen at 0: one that is hidden behind later events would be hidden from both.
    zeros = [(number, (0, 0)) for number in restarts]
    for number, (good, bad) in sorted([*enumerate(events), *zeros], key=lambda each: each[0]):
        if (number, (good, bad)) in zeros:
            service.values = dict.fromkeys(service.values, 0.0)
        service.rise("requests_total", good + bad)
        service.rise("errors_total", bad)
        service.scraped()
        times.append(service.at_ms)
        pages.append(list(service.values.values()))
    queryable = MemoryQueryable()
    for column, labels in enumerate(service.values):
        queryable.add(labels, times, [page[column] for page in pages])
    window = service.read().window(5 * MINUTE)

    edge = [now if now < before else now - before for before, now in zip(pages[-21], pages[-20], strict=True)]
    for name, ours, guessed in (("requests_total", window.total, edge[0]), ("errors_total", window.bad, edge[1])):
        found = Promql(queryable).instant(parse(f"increase({name}[5m])"), service.at_ms).value
        seen = ours - guessed
        assert seen - 1e-6 <= float(found.values[0]) <= seen * 300 / 285 + 1e-6


def test_busy_days_and_quiet_nights_leave_75_percent_where_the_mean_of_ratios_says_minus_1567():
    """16 hours at 100 requests a second without an error, 8 hours at one a second of which 5 % fail, 99.9 %, for 30 days."""
    engine = Engine([objective(slo(window=Rolling(30 * DAY)), burns=())], interval_ms=30 * MINUTE)
    service = Service(engine, requests_total=0.0, errors_total=0.0)
    service.scraped()
    ratios = []
    for number in range(30 * 48):
        night = number % 48 >= 32
        service.rise("requests_total", 1_800 if night else 180_000)
        service.rise("errors_total", 90 if night else 0)
        service.scraped(30 * MINUTE)
        ratios.append(0.05 if night else 0.0)

    assert service.read().left == pytest.approx(1 - 1_440 / 5_788_800 / 0.001, abs=1e-9)
    assert service.read().left == pytest.approx(0.75, abs=0.005)
    assert 1 - np.mean(ratios) / 0.001 == pytest.approx(-15.67, abs=0.01)


def test_no_division_by_zero_can_poison_a_budget():
    service = Service(requests_total=0.0, errors_total=0.0)
    for number in range(400):
        service.rise("requests_total", 10 * (number % 100 == 50))
        service.scraped()

    reading = service.read()
    assert (reading.state, reading.left) == (State.NO_TRAFFIC, 1.0)
    assert [each.ratio for each in reading.windows if each.window_ms <= 5 * MINUTE] == [None]
    assert reading.period.ratio == 0.0
    assert reading.period.coverage == pytest.approx(400 * STEP / (30 * DAY), rel=0.01)


def test_errors_without_a_series_are_none_while_the_total_lives():
    service = Service(requests_total=0.0)
    for _ in range(HOUR // STEP):
        service.rise("requests_total", 100)
        service.scraped()

    assert service.read().state is State.VALUE
    assert service.read().window(HOUR).ratio == 0.0
