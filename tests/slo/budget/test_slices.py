"""Budgets that count slices of time, and SLOs made of others."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agent.slo import Composite, Events, Exclusion, Part, RatioTimeslices, Timeslices
from agent.slo.budget.composites import composite
from agent.slo.budget.engine import Engine
from agent.slo.budget.readings import State
from tests.slo.budget.service import DAY, HOUR, MINUTE, SECOND, START, Memory, Service, objective, slo

STEP = 15 * SECOND
SLICE = 5 * MINUTE


def sliced(budgeting, **other) -> Service:
    engine = Engine([objective(slo(objective=99.0, budgeting=budgeting, **other))])
    service = Service(engine, requests_total=0.0, errors_total=0.0)
    service.at_ms -= STEP
    service.scraped()
    return service


def play(service: Service, minutes: list[tuple[int, int]]) -> None:
    """Play (bad, all) per slice, spread over its scrapes."""
    for bad, total in minutes:
        for number in range(20):
            service.rise("requests_total", total if number == 3 else 0)
            service.rise("errors_total", bad if number == 3 else 0)
            service.scraped()


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 20), st.integers(0, 100)).map(lambda t: (min(t), t[1])), min_size=1, max_size=8)
)
def test_slices_are_what_a_slow_count_says(events):
    services = [sliced(Timeslices(SLICE, 0.95)), sliced(RatioTimeslices(SLICE))]
    for service in services:
        play(service, events)

    busy = [(bad, total) for bad, total in events if total]
    hard, soft = (service.read().period for service in services)
    assert (hard.bad, hard.total) == (sum(total - bad < 0.95 * total for bad, total in busy), len(busy))
    assert soft.total == len(busy)
    assert soft.bad == pytest.approx(sum(bad / total for bad, total in busy), abs=1e-6 * len(events))


def test_a_slice_at_its_target_is_good():
    service = sliced(Timeslices(SLICE, 0.95))
    play(service, [(5, 100), (6, 100)])

    assert service.read().period.bad == 1


def test_a_slice_of_which_less_than_half_was_seen_is_none():
    service = sliced(Timeslices(SLICE, 0.95))
    play(service, [(0, 100)])
    for _ in range(12):
        service.down()
    service.rise("requests_total", 100)
    for _ in range(8):
        service.scraped()

    assert service.read().period.total == 1


def test_a_gap_makes_no_slices():
    service = sliced(Timeslices(SLICE, 0.95))
    play(service, [(0, 100)])
    service.rise("requests_total", 100)
    service.scraped(HOUR)
    play(service, [(0, 100)])

    assert service.read().period.total == 2
    assert service.read().window(HOUR).coverage < 0.2


def test_slices_can_be_excluded():
    excluded = sliced(Timeslices(SLICE, 0.95), exclusions=(Exclusion("move", START + SLICE, START + 2 * SLICE),))
    play(excluded, [(0, 100), (100, 100), (0, 100)])

    assert (excluded.read().period.bad, excluded.read().period.total) == (0, 2)


def test_a_budget_of_slices_burns_by_slices():
    service = sliced(Timeslices(SLICE, 0.95))
    play(service, [(0, 100)] * 10)
    play(service, [(4, 100)] * 12)
    assert service.read().window(HOUR).ratio == 0.0
    play(service, [(6, 100)] * 12)

    assert service.read().window(HOUR).ratio == 1.0
    assert service.read().left == pytest.approx(1 - (12 / 34) / 0.01)
    assert service.read().left_events == pytest.approx(0.34 - 12)
    assert service.read().tiers[0].open


def parts(*errors: int):
    names = [f"part{number}" for number in range(len(errors))]
    queries = [Events(*(f"sum(rate({each}_{kind}[{{{{.window}}}}]))" for kind in ("errors", "all"))) for each in names]
    objectives = [objective(slo(each, indicator=events)) for each, events in zip(names, queries, strict=True)]
    service = Service(Engine(objectives))
    for _ in range(21):
        for each, by in zip(names, errors, strict=True):
            service.rise(f"{each}_all", 100 if by >= 0 else 0)
            service.rise(f"{each}_errors", max(by, 0))
        service.scraped()
    return service.engine.read(service.at_ms)


def whole(*weights: float):
    listed = tuple(Part(f"rag-part{number}", weight) for number, weight in enumerate(weights))
    return slo("whole", indicator=Composite(), parts=listed)


def test_a_composite_weighs_its_parts_and_says_which_is_to_blame():
    found = composite(whole(1, 3), [parts(10, 2)], 5 * MINUTE)

    assert found.ratio == pytest.approx((0.10 + 3 * 0.02) / 4)
    assert found.left == pytest.approx(1 - found.ratio / 0.001)
    assert found.shares == {"rag-part0": pytest.approx(0.625), "rag-part1": pytest.approx(0.375)}
    assert found.coverage == pytest.approx(1)


def test_a_part_without_traffic_says_nothing():
    found = composite(whole(1, 3), [parts(10, -1)])

    assert found.ratio == pytest.approx(0.10)
    assert parts(10, -1).of(1).state is State.NO_TRAFFIC


def test_a_composite_of_nothing_known_is_no_number():
    found = composite(whole(1), [parts(-1)])

    assert (found.ratio, found.left, found.shares) == (None, None, {})


def test_a_part_that_is_not_there_is_named():
    with pytest.raises(KeyError, match="rag-part1"):
        composite(whole(1, 1), [parts(1)])


TOO_SHORT = "its slices of 1m are shorter than the 2m between scrapes of requests_total: make slices longer, or scrape more often"


def paced(engine: Engine, *, apart_ms: int, minutes: int, step_ms: int = STEP) -> list[str]:
    """Scrape so far apart, with rows by another target in between; return what is said after each row."""
    service, said = Service(engine, engine.last_ms or START, requests_total=0.0, errors_total=0.0), []
    for number in range(1, minutes * MINUTE // step_ms + 1):
        if number * step_ms % apart_ms == 0:
            service.rise("requests_total", 100)
            service.scraped(step_ms)
        else:
            service.at_ms += step_ms
            engine.row(service.at_ms, service.scrapes)
        reading = service.read()
        said.append(f"{reading.state}: {reading.words}" if reading.words else str(reading.state))
    return said


@pytest.mark.parametrize("step_ms", [STEP, 2 * MINUTE])
@pytest.mark.parametrize("budgeting", [Timeslices(MINUTE, 0.95), RatioTimeslices(MINUTE)])
def test_slices_shorter_than_scrapes_are_apart_are_invalid_and_say_what_to_do(budgeting, step_ms):
    engine = Engine([objective(slo(objective=99.0, budgeting=budgeting))], interval_ms=2 * MINUTE)

    assert paced(engine, apart_ms=2 * MINUTE, minutes=20, step_ms=step_ms)[-1] == f"SLOInvalid: {TOO_SHORT}"


@pytest.mark.parametrize("apart_ms", [STEP, MINUTE])
def test_slices_as_long_as_scrapes_are_apart_count(apart_ms):
    engine = Engine([objective(slo(objective=99.0, budgeting=Timeslices(MINUTE, 0.95)))], interval_ms=2 * MINUTE)
    said = paced(engine, apart_ms=apart_ms, minutes=20)

    assert not any("SLOInvalid" in each for each in said)
    assert engine.read(engine.last_ms).of(0).period.total >= 17


def test_slices_that_are_too_short_are_invalid_over_a_restart_until_scrapes_are_closer():
    of, kept = objective(slo(objective=99.0, budgeting=Timeslices(MINUTE, 0.95))), Memory()
    paced(Engine([of], interval_ms=2 * MINUTE, kept=kept), apart_ms=2 * MINUTE, minutes=20)
    again = Engine([of], interval_ms=2 * MINUTE, kept=kept)

    said = paced(again, apart_ms=2 * MINUTE, minutes=10)

    assert all(each.startswith("SLOInvalid: its slices of 1m are shorter than the ") for each in said)
    assert said[-1] == f"SLOInvalid: {TOO_SHORT}"
    assert paced(again, apart_ms=STEP, minutes=10)[-1] == "value"


def test_an_hour_without_the_agent_or_a_failed_scrape_makes_no_slice_too_short():
    service = sliced(Timeslices(MINUTE, 0.95))
    for number in range(60):
        service.rise("requests_total", 100)
        service.down() if number % 3 else service.scraped()
        service.scraped(2 * MINUTE if number % 10 == 0 else STEP)

        assert service.read().state is not State.INVALID


def slowly_sliced(events: list[tuple[int, int, int]], ends: set[int]) -> tuple[int, int]:
    """Return (bad, all) of the slices that ended, each once, by adding up the events in each."""
    found = []
    for end in ends:
        inside = [(bad, total) for at, bad, total in events if end - SLICE < at <= end]
        bad, total = (sum(each) for each in zip(*inside, strict=True)) if inside else (0, 0)
        found.append((total - bad < 0.95 * total, total))
    return sum(bad for bad, total in found if total), sum(1 for _, total in found if total)


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 15), st.integers(0, 3), st.integers(0, HOUR // 1000), st.booleans()), max_size=5)
)
@example([(7, 0, 0, False), (1, 0, 420, False), (8, 3, 60, False), (1, 0, 300, False)])
def test_a_slice_is_counted_once_however_often_the_clock_is_set_back_into_it(lives):
    """Each life: so many scrapes with so many errors of 20 requests, then the clock is set back; or the agent begins anew."""
    of, kept = objective(slo(objective=99.0, budgeting=Timeslices(SLICE, 0.95))), Memory()
    service = Service(Engine([of], interval_ms=MINUTE, kept=kept), requests_total=0.0, errors_total=0.0)
    service.scraped()
    events, ends = [], set()
    for scrapes, errors, back_s, again in [*lives, (1, 0, 0, False)]:
        for number in range(scrapes):
            before, back = service.at_ms, 0 if number or not events else back_s * 1000
            service.rise("requests_total", 20)
            service.rise("errors_total", errors)
            service.scraped(MINUTE - min(back, service.at_ms - START - MINUTE))
            now = service.at_ms
            if now <= before:  # what was counted beyond it counts now; slices that end after it are to end again
                events = [(min(at, now), bad, total) for at, bad, total in events]
                ends = {each for each in ends if each <= now}
            else:
                ends |= {each for each in [(before // SLICE + 1) * SLICE] if each <= now}
            events.append((now, errors, 20))
        if again:
            service.engine = Engine([of], interval_ms=MINUTE, kept=kept)

    found = service.read().period
    assert (found.bad, found.total) == slowly_sliced(events, ends)


def test_a_slice_before_a_clock_that_jumped_ahead_and_came_back_is_counted_once():
    service = sliced(Timeslices(SLICE, 0.95))
    play(service, [(0, 100), (10, 100)])
    service.rise("requests_total", 100)
    for _ in range(16):
        service.scraped()
    service.scraped(DAY)
    assert service.read().period.total == 3
    service.scraped(-DAY + 2 * MINUTE)

    assert (service.read().period.bad, service.read().period.total) == (1, 3)
    service.rise("requests_total", 100)
    play(service, [(0, 100)])
    assert service.read().period.total == 4
