"""A budget that was filled from recorded samples is the one that was counted as they came."""

from __future__ import annotations

import random

import pytest

from agent.replay.slos import prior
from agent.replay.slos.history import History
from agent.replay.slos.prior import past_of
from agent.slo import Events, Rolling, Timeslices
from agent.slo.budget import Engine
from tests.replay.slos.recorded import Both, Target
from tests.slo.budget.service import DAY, HOUR, MINUTE, START, Told, metric, objective, slo

CODES = Events(
    'sum by (route) (rate(requests_total{code="500"}[{{.window}}]))',
    "sum by (route) (rate(requests_total[{{.window}}]))",
)
WEEK = Rolling(7 * DAY)
OBJECTIVES = [
    objective(slo("events", 99, CODES, window=WEEK, group_by=("route",))),
    objective(slo("slices", 99, CODES, window=WEEK, group_by=("route",), budgeting=Timeslices(5 * MINUTE, 0.9))),
]


def lived(days: float, *, down=range(0)):
    """Live a while, scraped every minute; return what was recorded, the live engine, and the last instant."""
    rng, both, target = random.Random(7), Both(), Target()
    live = Engine(OBJECTIVES, interval_ms=MINUTE)
    counters = {
        metric("requests_total", code=code, route=route): 0.0 for code in ("200", "500") for route in ("/a", "/b")
    }
    for number in range(int(days * DAY / MINUTE) + 1):
        at_ms = START + number * MINUTE
        for labels in counters:
            counters[labels] += rng.randrange(100) if labels["code"] == "200" else rng.random() < 0.05
        if number % 2000 == 1999:
            counters = dict.fromkeys(counters, 0.0)
        both.scraped(target, at_ms, None if number in down else counters)
        live.row(at_ms, both)
    return both, live, at_ms


@pytest.fixture(scope="module")
def four_days():
    return lived(4)


@pytest.mark.parametrize("together", [1, 16])
def test_a_new_engine_that_is_filled_reads_as_the_one_that_was_there(four_days, together, monkeypatch):
    monkeypatch.setattr(prior, "_TOGETHER", together)
    both, live, until_ms = four_days
    engine = Engine(OBJECTIVES, interval_ms=MINUTE)
    engine.row(until_ms, Told())

    past = past_of(History(both.kept, OBJECTIVES, MINUTE), OBJECTIVES, until_ms - 7 * DAY, until_ms - 1)
    taken = past.fill(engine)

    assert set(taken) == {each.key for each in live.read(until_ms)}
    assert 0 not in taken.values()
    for ours in engine.read(until_ms):
        theirs = live.read(until_ms).find(ours.key)
        # The last minute is in the row that live engines have and the new one does not.
        assert ours.period.coverage == pytest.approx(theirs.period.coverage, abs=0.002)
        assert ours.period.bad == pytest.approx(theirs.period.bad, abs=2)
        assert ours.period.total == pytest.approx(theirs.period.total, rel=0.001)
        assert ours.window(DAY).bad == pytest.approx(theirs.window(DAY).bad, abs=2)


def test_what_the_engine_has_seen_itself_is_never_counted_twice(four_days):
    both, live, until_ms = four_days
    before = [(each.key, each.period.bad, each.period.total) for each in live.read(until_ms)]
    past = past_of(History(both.kept, OBJECTIVES, MINUTE), OBJECTIVES, until_ms - 7 * DAY, until_ms)

    assert set(past.fill(live).values()) == {0}
    assert [(each.key, each.period.bad, each.period.total) for each in live.read(until_ms)] == before


def test_a_stretch_in_which_the_target_failed_is_not_seen():
    both, live, until_ms = lived(1, down=range(300, 900))
    engine = Engine(OBJECTIVES, interval_ms=MINUTE)
    engine.row(until_ms, Told())

    past_of(History(both.kept, OBJECTIVES, MINUTE), OBJECTIVES, until_ms - 7 * DAY, until_ms - 1).fill(engine)

    for ours in engine.read(until_ms):
        theirs = live.read(until_ms).find(ours.key)
        assert ours.window(DAY).coverage == pytest.approx(840 / 1440, abs=0.01)
        assert ours.window(DAY).coverage == pytest.approx(theirs.window(DAY).coverage, abs=0.01)
        if ours.key.slo == "rag-events":
            assert ours.period.total == pytest.approx(theirs.period.total, rel=0.01)


def test_there_is_no_past_where_there_are_no_samples():
    past = past_of(History(Both().kept, OBJECTIVES, MINUTE), OBJECTIVES, START, START + HOUR)

    assert dict(past.slots()) == {}
    assert past.oldest_ms is None


def test_what_a_target_counted_before_it_failed_for_good_is_part_of_the_past():
    """Rows of the past are a minute apart, and scrapes are not: those before the failure stand in the same row."""
    both, target = Both(), Target()
    counters = {metric("requests_total", code=code, route="/a"): 0.0 for code in ("200", "500")}
    for number in range(40):
        at_ms = START + number * 15_000
        for labels in counters:
            counters[labels] += 10
        both.scraped(target, at_ms, counters if number < 21 else None)

    past = past_of(History(both.kept, OBJECTIVES, 15_000), OBJECTIVES, START - HOUR, at_ms)

    events = next(slots for key, slots in past.slots() if key.slo == "rag-events")
    assert (sum(each.bad for each in events), sum(each.total for each in events)) == (200, 400)
