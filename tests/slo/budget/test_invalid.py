"""Numbers that cannot be right are SLOInvalid, with words: nothing of them is counted, and what was right before stays."""

from __future__ import annotations

import pytest

from agent.slo import Events, Good
from agent.slo.budget.engine import Engine
from agent.slo.budget.readings import State
from tests.slo.budget.service import (
    BY_ROUTE,
    EVENTS,
    MINUTE,
    START,
    Memory,
    Service,
    metric,
    objective,
    run,
    slo,
)


@pytest.mark.parametrize(
    ("indicator", "counters", "words"),
    [
        (
            EVENTS,
            {"errors_total": 3, "requests_total": 1},
            "3 bad events of 1: the queries do not count the same events",
        ),
        (
            Good("sum(rate(good_total[{{.window}}]))", "sum(rate(requests_total[{{.window}}]))"),
            {"good_total": 3, "requests_total": 1},
            "3 good events of 1: the queries do not count the same events",
        ),
    ],
)
def test_more_bad_or_good_events_than_events_are_no_ratio(indicator, counters, words):
    service = Service(Engine([objective(slo(indicator=indicator))]), **dict.fromkeys(counters, 0.0))
    for _ in range(40):
        for name, by in counters.items():
            service.rise(name, by)
        service.scraped()

    reading = service.read()
    assert (reading.state, reading.words) == (State.INVALID, words)
    assert reading.window(5 * MINUTE).total == 0


def test_an_error_that_is_counted_a_moment_before_its_request_waits_for_it():
    service = Service(requests_total=0.0, errors_total=0.0)
    for number in range(100):
        service.rise("errors_total", 5 if number % 2 else 0)
        service.rise("requests_total", 0 if number % 2 else 5)
        service.scraped()

    reading = service.read()
    assert reading.state is State.VALUE
    assert reading.window(5 * MINUTE).total == 50
    assert reading.window(5 * MINUTE).bad <= 50


def test_an_slo_that_was_wrong_is_believed_again_after_five_minutes_of_being_right():
    service = Service(requests_total=0.0, errors_total=0.0)
    run(service, 20, requests=1, errors=30)
    assert service.read().state is State.INVALID
    run(service, 19)
    assert service.read().state is State.INVALID
    run(service, 3)
    assert service.read().state is State.VALUE


def test_queries_that_do_not_fit_are_not_believed_again_for_silence():
    """Between rare events nothing contradicts them: each would count as all bad, and SLOInvalid never last until it is told."""
    service = Service(requests_total=0.0, errors_total=0.0)
    told = []
    for _ in range(30):
        run(service, 1, requests=1, errors=3)
        told += [change for _ in range(40) for change in service.scraped()]

    reading = service.read()
    assert told == []
    assert (reading.state, reading.period.total) == (State.INVALID, 1)
    assert reading.since_ms < START + 20 * MINUTE
    assert reading.words.endswith("for 20 rows with events before it counts again")


def test_what_was_wrong_once_and_idles_is_believed_after_a_while_but_on_probation():
    service = Service(requests_total=0.0, errors_total=0.0)
    run(service, 2, requests=1, errors=30)
    run(service, 420, requests=0)
    assert service.read().state is State.NO_TRAFFIC
    run(service, 1, requests=1, errors=3)
    assert (service.read().state, service.read().period.total) == (State.INVALID, 0)


@pytest.mark.parametrize(("errors", "state"), [(3, State.INVALID), (0, State.VALUE)], ids=["still wrong", "mended"])
def test_a_restart_believes_what_was_wrong_only_if_it_is_right_now(errors, state):
    """Else every restart would count some rows of which all is bad, until they are found to be wrong once more."""
    kept = Memory()
    service = Service(Engine([objective()], kept=kept), requests_total=0.0, errors_total=0.0)
    run(service, 5, requests=1, errors=30)
    service.engine = Engine([objective()], kept=kept)
    run(service, 6, requests=1, errors=errors)

    reading = service.read()
    assert reading.state is state
    assert reading.period.bad == 0


def test_two_series_where_one_was_promised_are_invalid_and_named():
    service = Service(Engine([objective(slo(indicator=BY_ROUTE))]))
    for route in ("/ask", "/search"):
        service.rise("requests_total", 0, route=route)
    run(service, 3, route="/ask")

    assert service.read().state is State.INVALID
    assert service.read().words == (
        'its query gives 2 series, {route="/ask"} and {route="/search"}: add them (sum), or name the label in group_by'
    )


def test_a_label_that_changed_with_a_deploy_is_still_one_series():
    indicator = Events("sum(rate(errors_total[{{.window}}]))", "sum by (version) (rate(requests_total[{{.window}}]))")
    service = Service(Engine([objective(slo(indicator=indicator))]))
    run(service, 5, version="1")
    service.values = {}
    run(service, 5, version="2")

    assert service.read().state is State.VALUE
    assert service.read().window(5 * MINUTE).total == 900


def test_a_counter_that_is_no_number_is_invalid_and_named():
    service = Service(requests_total=0.0, errors_total=0.0)
    run(service, 5)
    service.values[metric("errors_total")] = float("nan")
    service.scraped()

    assert (service.read().state, service.read().words) == (State.INVALID, "errors_total is NaN")


@pytest.mark.parametrize("name", ["requests_total", "errors_total"])
@pytest.mark.parametrize("value", ["NaN", "+Inf", "-Inf"])
def test_a_counter_that_is_no_number_for_a_while_leaves_nothing_of_it_in_the_budget(name, value):
    """An infinite sum would stay infinite for the whole period, and say that all of the budget is left."""
    service, right = (Service(requests_total=0.0, errors_total=0.0) for _ in range(2))
    for each in (service, right):
        run(each, 5, errors=1)
    true = service.values[metric(name)]
    service.values[metric(name)] = float(value)
    for each in (service, right):
        each.scraped()

    assert (service.read().state, service.read().words) == (State.INVALID, f"{name} is {value}")

    service.values[metric(name)] = true
    for each in (service, right):
        run(each, 5, errors=1)

    assert service.read().state is State.VALUE
    assert (service.read().period.bad, service.read().period.total) == (9, 900)
    assert service.read().left == right.read().left


@pytest.mark.parametrize("name", ["requests_total", "errors_total"])
def test_a_counter_that_rises_beyond_what_can_be_counted_is_invalid_and_counts_nothing(name):
    service = Service(requests_total=0.0, errors_total=0.0)
    run(service, 5)
    service.rise(name, 1e300)
    service.scraped()

    words = f"{name} rose by 1e+300 at once, and what rises so fast counts no events"
    assert (service.read().state, service.read().words) == (State.INVALID, words)
    assert service.read().period.total == 400


def test_an_objective_whose_bad_events_have_no_series_says_what_it_looks_for_until_one_comes():
    service = Service(requests_total=0.0)
    for _ in range(5):
        service.rise("requests_total", 100)
        service.scraped()

    assert (service.read().state, service.read().left) == (State.VALUE, 1)
    assert service.read().never_bad == "errors_total"

    service.rise("errors_total", 0)
    service.scraped()
    assert service.read().never_bad == ""


def test_a_bucket_that_is_not_there_is_invalid_and_the_others_are_named():
    indicator = Good('sum(rate(seconds_bucket{le="2.5"}[{{.window}}]))', "sum(rate(seconds_count[{{.window}}]))")
    service = Service(Engine([objective(slo(indicator=indicator))]))
    for _ in range(3):
        service.rise("seconds_count", 10)
        for le in ("10", "2", "+Inf"):
            service.rise("seconds_bucket", 10, le=le)
        service.scraped()

    assert service.read().state is State.INVALID
    assert service.read().words == 'no series is seconds_bucket{le="2.5"}; its buckets are le=2, 10, +Inf'
