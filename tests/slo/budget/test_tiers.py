"""What few events prove, what holds a page while nothing comes, and what a page says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from agent.slo.budget.engine import Engine
from agent.slo.budget.readings import Amounts, Reading
from agent.slo.budget.reckoning import certain
from agent.slo.budget.wording import gone, said
from agent.slo.evidence import LEAST_BAD, lower_bound
from agent.slo.model import Severity
from tests.slo.budget.service import DAY, HOUR, MINUTE, SECOND, Memory, Service, objective, slo

STEP = 15 * SECOND


def window(bad: float, total: float, coverage: float = 1.0) -> Amounts:
    return Amounts(*(np.asarray([[each]]) for each in (bad, total, coverage * HOUR, float(HOUR))))


def certain_of(bad: float, total: float, coverage: float = 1.0, least: int = 1000) -> float:
    return float(certain(window(bad, total, coverage), np.asarray([float(least)]))[0, 0])


@pytest.mark.parametrize(
    ("bad", "total", "sure"),
    [
        # Wilson's score interval by hand, z = 1.645: (k + z²/2 - z·sqrt(k(n-k)/n + z²/4)) / (n + z²).
        (3, 7, 0.1864),
        (3, 3, 0.5258),
        (10, 100, 0.0610),
        (999, 999, 0.9973),
    ],
)
def test_few_events_count_as_what_they_prove(bad, total, sure):
    assert certain_of(bad, total) == pytest.approx(sure, abs=5e-4)
    assert certain_of(bad, total) == pytest.approx(lower_bound(bad, total), rel=1e-12)


def test_one_or_two_failures_prove_nothing_and_many_events_need_no_proof():
    assert [np.isnan(certain_of(bad, 10)) for bad in range(5)] == [True] * LEAST_BAD + [False] * (5 - LEAST_BAD)
    assert certain_of(1, 1000) == 0.001
    assert certain_of(1, 10, least=0) == 0.1
    assert np.isnan(certain_of(0, 0))


def test_what_was_not_seen_counts_as_clean_while_it_is_more_than_half():
    assert certain_of(5000, 10_000, coverage=0.5) == 0.5
    assert certain_of(5000, 10_000, coverage=0.1) == pytest.approx(0.05)


def failing(service: Service, minutes: int, every: int, *, bad: bool):
    """Give the changes of so many minutes with one request each `every` minutes."""
    for number in range(minutes * 4):
        if number % (4 * every) == 0:
            service.rise("requests_total", 1)
            service.rise("errors_total", int(bad))
        yield from service.scraped()


def quiet_service() -> Service:
    service = Service(Engine([objective()], interval_ms=5 * MINUTE), requests_total=0.0, errors_total=0.0)
    for number in range(4 * 288):
        service.rise("requests_total", int(number % 2 == 0))
        service.scraped(5 * MINUTE)
    return service


def test_ten_requests_an_hour_page_at_the_third_failure_once_and_hold_between_requests():
    service = quiet_service()
    began = service.at_ms

    changes = [each for each in failing(service, 60, 6, bad=True) if each.burn.name == "page.quick"]

    assert [(each.opened, (each.at_ms - began) // MINUTE) for each in changes] == [(True, 12)]
    assert "3 of " in said(changes[0])


def test_one_failed_request_in_an_hour_pages_nobody_though_it_is_a_tenth_of_all():
    service = quiet_service()
    service.rise("requests_total", 1)
    service.rise("errors_total", 1)
    found = [*service.scraped(), *failing(service, 59, 6, bad=False)]

    assert found == []
    assert service.read().window(HOUR).burn > 80


def test_a_good_request_ends_what_only_quiet_held_open():
    service = quiet_service()
    list(failing(service, 30, 6, bad=True))
    assert service.read().tiers[0].open

    closed = [each.burn.name for each in failing(service, 12, 6, bad=False) if not each.opened]

    assert "page.quick" in closed


def test_a_page_without_any_traffic_is_over_when_the_long_window_is_empty():
    service = quiet_service()
    list(failing(service, 30, 6, bad=True))
    for _ in range(65 * 4):
        service.scraped()

    assert not service.read().tiers[0].open


def burst_before_silence(silent_minutes: int) -> tuple[Service, list]:
    """Return a service that served well for four hours, failed four times and was idle since, and what changed since."""
    service = Service(Engine([objective()]), requests_total=0.0, errors_total=0.0)
    service.scraped()
    for _ in range(4 * 240):
        service.rise("requests_total", 15)
        service.scraped()
    for _ in range(4):
        service.rise("requests_total", 1)
        service.rise("errors_total", 1)
        service.scraped()
    return service, [change for _ in range(4 * silent_minutes) for change in service.scraped()]


def test_a_few_old_errors_page_nobody_when_only_the_traffic_around_them_is_forgotten():
    _, changes = burst_before_silence(540)

    assert changes == []


def test_the_same_errors_page_when_one_more_request_fails():
    service, _ = burst_before_silence(57)
    service.rise("requests_total", 1)
    service.rise("errors_total", 1)

    assert [(each.opened, each.burn.name) for each in service.scraped()] == [(True, "page.quick")]


def opened(errors: float) -> list:
    """Return what changes in an hour at 100 requests a second, after two clean ones."""
    service = Service(Engine([objective()], interval_ms=5 * MINUTE), requests_total=0.0, errors_total=0.0)
    for _ in range(26):
        service.rise("requests_total", 30_000)
        service.scraped(5 * MINUTE)
    changes = []
    for _ in range(240):
        service.rise("requests_total", 1500)
        service.rise("errors_total", 1500 * errors)
        changes += service.scraped()
    return changes


def test_a_page_says_how_many_of_how_many_how_fast_and_when_the_budget_is_gone():
    words = said(opened(0.02)[0])

    assert words.startswith("page rag-answers: ")
    assert "5,400 of 360,000 events in 1h were bad (1.5 %), 15 times" in words
    assert "times what the budget allows, and still 600 of 30,000 events in 5m; " in words
    assert words.endswith("; only 2h50m of 30d were seen, too little to say what is left of the budget")


def served(*stretches: tuple[int, float, float]) -> Service:
    """Return a service after rows of so many requests and errors each."""
    service = Service(requests_total=0.0, errors_total=0.0)
    service.scraped()
    for rows, requests, errors in stretches:
        for _ in range(rows):
            service.rise("requests_total", requests)
            service.rise("errors_total", errors)
            service.scraped()
    return service


def grown(reading: Reading) -> Reading:
    """Return a reading as if the whole period had been like what was seen of it."""
    return replace(reading, period=replace(reading.period, coverage=1.0))


def test_a_page_is_as_old_as_its_alert_when_the_quick_tier_ends_before_the_slow_one_and_after_a_restart():
    kept = Memory()
    service = Service(Engine([objective()], kept=kept), requests_total=0.0, errors_total=0.0)
    opened: dict[str, list[int]] = {}

    def go_on(minutes: int, errors: int = 0) -> None:
        for _ in range(minutes):
            service.rise("requests_total", 1000)
            service.rise("errors_total", errors)
            for change in service.scraped(MINUTE):
                if change.opened:
                    opened.setdefault(change.burn.name, []).append(change.at_ms)

    def pages() -> dict[str, int | None]:
        tiers = service.read().tiers
        return {each.burn.name: each.since_ms for each in tiers if each.open and each.burn.severity is Severity.PAGE}

    go_on(8 * 60)
    go_on(20, errors=300)
    quick, slow = opened["page.quick"], opened["page.slow"]
    assert quick[0] < slow[0]
    assert pages() == {"page.quick": quick[0], "page.slow": quick[0]}
    go_on(10)
    assert pages() == {"page.slow": quick[0]}
    service.engine = Engine([objective()], kept=kept)
    go_on(1)
    assert pages() == {"page.slow": quick[0]}
    assert {each.since_ms for each in service.read().tiers if each.open and each.burn.severity is Severity.TICKET} == {
        opened["ticket.quick"][0]
    }
    go_on(30)
    assert pages() == {}
    go_on(5, errors=900)
    assert set(pages().values()) == {min(quick[1], slow[1])}
    assert quick[1] > quick[0]


def test_what_is_left_is_said_in_words():
    assert gone(Service(requests_total=0.0).engine.read(0).of(0)) == "nothing is known of the budget yet"
    # A quarter of what may fail did, all of it in the last hour, and by that hour 1.5 times as fast as it may.
    assert gone(grown(served((1200, 10_000, 0), (240, 10_000, 15)).read())) == (
        "75 % of the budget is left, and at this pace it is gone in 15d"
    )


def test_what_burns_no_faster_than_it_may_never_empties_a_rolling_budget():
    reading = served((300, 10_000, 5)).read()

    assert reading.exhaustion_ms is None
    assert gone(grown(reading)) == "50 % of the budget is left"


def test_numbers_of_a_budget_agree_with_each_other():
    service = served((720, 1000, 0), (240, 1000, 2))
    reading = service.read()

    assert reading.left == pytest.approx(0.5)
    assert reading.left_events == pytest.approx(960 - 480)
    assert reading.left_ms == pytest.approx(0.5 * 0.001 * 30 * DAY)
    assert reading.exhaustion_ms == pytest.approx(service.at_ms + 0.5 * 30 * DAY / 2, rel=1e-9)
    assert reading.window(HOUR).burn == pytest.approx(2)
    assert not reading.earned


def test_a_budget_that_does_not_burn_is_never_gone():
    service = Service(requests_total=0.0, errors_total=0.0)
    for _ in range(20):
        service.rise("requests_total", 1000)
        service.scraped()

    assert (service.read().exhaustion_ms, service.read().left) == (None, 1.0)


def test_an_earlier_instant_reads_as_it_did_then():
    service = Service(Engine([objective(slo())]), requests_total=0.0, errors_total=0.0)
    then = {}
    for number in range(400):
        service.rise("requests_total", 100)
        service.rise("errors_total", number % 3)
        service.scraped()
        then[service.at_ms] = service.read()
    for at_ms, reading in list(then.items())[50::50]:
        again = service.engine.read(at_ms).of(0)
        assert (again.windows, again.period, again.left, again.exhaustion_ms) == (
            reading.windows, reading.period, reading.left, reading.exhaustion_ms)  # fmt: skip
        assert [each.open for each in again.tiers] == [each.open for each in reading.tiers]
