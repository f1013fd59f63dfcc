"""Where periods begin: months of 28 days, days of 23 and 25 hours, and zones that are not whole hours away."""

from __future__ import annotations

import cProfile
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.errors import InvalidInput
from agent.slo import BudgetStep, Calendar, Exclusion, Rolling
from agent.slo.budget import gone, judge
from agent.slo.budget.engine import Engine
from agent.slo.budget.exclusions import excluded_ms, intervals
from agent.slo.budget.periods import longest_ms, period
from agent.slo.budget.series import series_of
from tests.slo.budget.service import DAY, HOUR, MINUTE, SECOND, Service, objective, slo


def at(text: str, zone: str = "UTC") -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


@pytest.mark.parametrize(
    ("window", "now", "start", "end", "zone"),
    [
        (Calendar("month"), "2026-02-28T23:59:59", "2026-02-01", "2026-03-01", "UTC"),
        (Calendar("month"), "2028-02-29T12:00", "2028-02-01", "2028-03-01", "UTC"),
        (Calendar("month"), "2026-03-01T00:00", "2026-03-01", "2026-04-01", "UTC"),
        (Calendar("day", time_zone="Europe/Madrid"), "2026-03-29T12:00", "2026-03-29", "2026-03-30", "Europe/Madrid"),
        (Calendar("day", time_zone="Europe/Madrid"), "2026-10-25T12:00", "2026-10-25", "2026-10-26", "Europe/Madrid"),
        (Calendar("day", time_zone="Asia/Kathmandu"), "2026-05-05T00:01", "2026-05-05", "2026-05-06", "Asia/Kathmandu"),
        (Calendar("week"), "2026-11-22T12:00", "2026-11-16", "2026-11-23", "UTC"),
        (Calendar("quarter"), "2026-06-30T23:59", "2026-04-01", "2026-07-01", "UTC"),
        (Calendar("year"), "2028-12-31T23:59", "2028-01-01", "2029-01-01", "UTC"),
        (Calendar("month", 2, start="2026-01-15"), "2026-03-14T00:00", "2026-01-15", "2026-03-15", "UTC"),
        (
            Calendar("week", 2, start="2026-01-05 09:00:00"),
            "2026-01-19T08:59",
            "2026-01-05T09:00",
            "2026-01-19T09:00",
            "UTC",
        ),
        (Calendar("month", start="2026-01-31"), "2026-03-01T00:00", "2026-02-28", "2026-03-31", "UTC"),
        (Calendar("month", start="2030-01-01"), "2026-02-10T00:00", "2026-02-01", "2026-03-01", "UTC"),
    ],
)
def test_a_calendar_period_begins_and_ends_on_the_wall_clock(window, now, start, end, zone):
    found = period(window, at(now, zone), 0)

    assert (found.start_ms, found.end_ms) == (at(start, zone), at(end, zone))


def test_a_day_has_23_or_25_hours_when_the_clocks_change():
    madrid = Calendar("day", time_zone="Europe/Madrid")

    assert period(madrid, at("2026-03-29T12:00", "Europe/Madrid"), 0).length_ms == 23 * HOUR
    assert period(madrid, at("2026-10-25T12:00", "Europe/Madrid"), 0).length_ms == 25 * HOUR


@settings(max_examples=150, deadline=None)
@given(
    st.integers(0, 4_000_000_000),
    st.sampled_from(["day", "week", "month", "quarter", "year"]),
    st.sampled_from(
        ["UTC", "Europe/Madrid", "America/Santiago", "Asia/Kathmandu", "Pacific/Apia", "Africa/Casablanca"]
    ),
    st.integers(1, 5),
)
def test_periods_cover_time_without_gap_or_overlap(second, unit, zone, count):
    window = Calendar(unit, count, zone)
    found = period(window, second * 1000, 0)

    assert found.start_ms <= second * 1000 < found.end_ms
    assert period(window, found.end_ms, 0).start_ms == found.end_ms
    assert period(window, found.start_ms - 1, 0).end_ms == found.start_ms
    assert found.length_ms <= longest_ms(window, 0)


def test_a_rolling_period_ends_now():
    assert period(Rolling(7 * DAY), 10 * DAY, 0).start_ms == 3 * DAY
    assert period(Rolling(), 40 * DAY, 30 * DAY).start_ms == 10 * DAY


@pytest.mark.parametrize(
    "window",
    [Calendar("fortnight"), Calendar("month", 0), Calendar("month", start="soon"), Calendar("day", time_zone="Mars")],
)
def test_what_is_no_period_is_refused(window):
    with pytest.raises(InvalidInput):
        longest_ms(window, 0)


def test_a_budget_of_the_month_begins_anew_at_local_midnight():
    month = slo(window=Calendar("month", time_zone="Europe/Madrid"), exclusions=())
    began = at("2026-02-28T20:00", "Europe/Madrid")
    service = Service(Engine([objective(month)], interval_ms=5 * MINUTE), began, requests_total=0.0, errors_total=0.0)
    midnight = at("2026-03-01", "Europe/Madrid")
    left = {}
    while service.at_ms < midnight + HOUR:
        service.rise("requests_total", 1000)
        service.rise("errors_total", int(service.at_ms < midnight - HOUR))
        service.scraped(5 * MINUTE)
        left[service.at_ms] = service.read().left

    assert left[midnight - 5 * MINUTE] < 0.3
    assert left[midnight] == 1.0
    assert left[midnight + 5 * MINUTE] == 1.0
    assert service.engine.read(midnight - 1).of(0).period.window_ms == 28 * DAY


def test_a_calendar_budget_is_not_gone_before_its_period_ends():
    month = slo(window=Calendar("month"), objective=99.0)
    service = Service(Engine([objective(month)]), at("2026-02-27T00:00"), requests_total=0.0, errors_total=0.0)
    for _ in range(20):
        service.rise("requests_total", 1000)
        service.rise("errors_total", 6)
        service.scraped()

    assert service.read().left == pytest.approx(0.4)
    assert service.read().exhaustion_ms is None


def month_of(*, until: str, bad: float, began="2026-03-01T00:00", zone="Europe/Madrid"):
    """Return how a calendar month stands that had 1,000 requests a minute until an instant, a share of them bad."""
    of = objective(slo(window=Calendar("month", time_zone=zone)), ())
    start, end = at(began, zone), at(until, zone)
    service = Service(Engine([of], interval_ms=HOUR), start - MINUTE, requests_total=0.0, errors_total=0.0)
    service.scraped(MINUTE)
    step = min(HOUR, (end - start) // 5)
    while service.at_ms < end:
        service.rise("requests_total", 1000 * step / MINUTE)
        service.rise("errors_total", bad * 1000 * step / MINUTE)
        service.scraped(step)
    return service


@pytest.mark.parametrize(
    ("until", "bad", "verdict", "says"),
    [
        ("2026-03-01T00:05", 0.02, "unknown", "young: 5m of 30d23h seen"),  # 100 of 5,000: nothing is proved yet
        ("2026-03-01T00:05", 0.0, "unknown", "young: 5m of 30d23h seen"),
        ("2026-03-02T00:00", 0.5, "stop", "young: 1d of 30d23h seen; at best"),  # a month's budget, in a day
        ("2026-03-05T00:00", 0.0, "go", "young: 4d of 30d23h seen; at worst"),
        ("2026-03-15T00:00", 0.0005, "go", "young: 14d of 30d23h seen"),
        ("2026-03-17T00:00", 0.0005, "go", "50 % of the budget is left"),
        ("2026-03-17T00:00", 0.02, "stop", "the budget is overspent"),
    ],
)
def test_a_calendar_budget_is_young_until_half_of_its_period_is_over(until, bad, verdict, says):
    service = month_of(until=until, bad=bad)
    reading = service.read()
    found = judge(reading.objective.slo, [reading], reading.at_ms)

    assert reading.earned is (until > "2026-03-16T12")
    assert reading.period.coverage == 1.0
    assert (found.verdict, found.reasons[-1].text[: len(says)]) == (verdict, says)


def test_the_first_minutes_of_a_month_are_told_as_little_and_what_may_still_fail_stays_true():
    reading = month_of(until="2026-03-01T00:05", bad=0.02).read()

    assert reading.left == pytest.approx(-19)
    assert reading.left_events == pytest.approx(0.001 * 5000 - 100)
    assert gone(reading) == "only 5m of 30d23h were seen, too little to say what is left of the budget"


def test_the_recorded_coverage_of_a_month_counts_what_is_still_to_come_as_not_seen():
    service = month_of(until="2026-03-08T00:00", bad=0.0)
    recorded = {labels.get("__name__"): value for labels, value in series_of(service.engine.read(service.at_ms), "")}

    assert recorded["slo:period_coverage:ratio"] == pytest.approx(7 * 24 / (31 * 24 - 1))


def test_a_policy_is_not_in_force_by_what_the_first_minutes_of_a_month_burned():
    reading = month_of(until="2026-03-01T00:05", bad=0.02).read()
    of = replace(reading.objective.slo, budget_policy=(BudgetStep(0.1, "Freeze deploys."),))

    assert judge(of, [reading], reading.at_ms).step is None


NIGHTLY = Exclusion("backup", cron="30 2 * * *", duration_ms=HOUR, time_zone="Europe/Madrid")


@pytest.mark.parametrize(
    ("exclusions", "start", "end", "wanted"),
    [
        ((Exclusion("x", 10, 20),), 0, 30, [(10, 20)]),
        ((Exclusion("x", 10, 20),), 15, 18, [(15, 18)]),
        ((Exclusion("x", 10, 20),), 20, 30, []),
        ((Exclusion("x", 10, 20), Exclusion("y", 15, 25), Exclusion("z", 25, 26)), 0, 30, [(10, 26)]),
        ((NIGHTLY,), at("2026-01-10", "Europe/Madrid"), at("2026-01-12", "Europe/Madrid"),
         [(at(f"2026-01-{day}T02:30", "Europe/Madrid"), at(f"2026-01-{day}T03:30", "Europe/Madrid")) for day in (10, 11)]),
    ],
)  # fmt: skip
def test_exclusions_are_intervals_within_what_is_asked(exclusions, start, end, wanted):
    assert intervals(exclusions, start, end) == wanted


@pytest.mark.parametrize(("day", "times"), [("2026-03-29", 1), ("2026-10-25", 1), ("2026-06-01", 1)])
def test_a_nightly_exclusion_comes_once_a_night_when_the_clocks_change_too(day, times):
    start = at(day, "Europe/Madrid")

    assert excluded_ms((NIGHTLY,), start, start + 23 * HOUR) == times * HOUR


def test_a_long_exclusion_that_began_before_the_window_is_found():
    weekly = Exclusion("freeze", cron="0 0 * * sat", duration_ms=2 * DAY)

    assert excluded_ms((weekly,), at("2026-11-22T12:00"), at("2026-11-22T13:00")) == HOUR


def test_the_same_nights_excluded_for_other_reasons_are_taken_off_at_once():
    """Each service of hundreds says why its own backup does not count; a row must not pay for the words."""
    calls = {}
    for reasons in (1, 30):
        nightly = [replace(NIGHTLY, reason=f"backup {number % reasons}") for number in range(30)]
        each = [objective(slo(f"answers-{number}", exclusions=(one,))) for number, one in enumerate(nightly)]
        service = Service(Engine(each), at("2026-03-01T12:00"), requests_total=0.0, errors_total=0.0)
        for _ in range(6):
            service.scraped(DAY)
        profile = cProfile.Profile()
        profile.runcall(service.scraped)
        calls[reasons] = sum(entry.callcount for entry in profile.getstats())

    assert calls[30] < 1.1 * calls[1]


def test_a_window_that_is_excluded_as_a_whole_has_no_traffic_and_full_coverage():
    began = at("2026-01-10T02:00")
    excluded = slo(exclusions=(Exclusion("backup", began, began + DAY),))
    service = Service(Engine([objective(excluded)]), began, requests_total=0.0, errors_total=0.0)
    for _ in range(40):
        service.rise("requests_total", 100)
        service.rise("errors_total", 100)
        assert service.scraped() == ()

    window = service.read().window(5 * MINUTE)
    assert (window.total, window.ratio, window.coverage) == (0, None, 1.0)
    assert service.engine.read(service.at_ms, excluding=False).of(0).window(5 * MINUTE).ratio == 1.0
    assert datetime.fromtimestamp(began / SECOND, UTC).year == 2026
