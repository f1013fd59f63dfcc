"""Periods in words become instants: months of 28 to 31 days, hours that clocks skip, and the period before for the trend."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import InvalidInput
from agent.slo import Calendar, Rolling
from agent.slo.report import asked, shared_zone
from tests.slo.budget.service import DAY, HOUR, slo

NOW = "2026-11-21T18:30"


def ms(text: str, zone: str = "UTC") -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


@pytest.mark.parametrize(
    ("text", "start", "end", "title", "before"),
    [
        ("today", "2026-11-21", "2026-11-22", "21 November 2026", "20 November 2026"),
        ("yesterday", "2026-11-20", "2026-11-21", "20 November 2026", "19 November 2026"),
        ("this-week", "2026-11-16", "2026-11-23", "the week of 16 November 2026", "the week of 9 November 2026"),
        ("last-week", "2026-11-09", "2026-11-16", "the week of 9 November 2026", "the week of 2 November 2026"),
        ("this-month", "2026-11-01", "2026-12-01", "November 2026", "October 2026"),
        ("last-month", "2026-10-01", "2026-11-01", "October 2026", "September 2026"),
        ("last-quarter", "2026-07-01", "2026-10-01", "Q3 2026", "Q2 2026"),
        ("this-quarter", "2026-10-01", "2027-01-01", "Q4 2026", "Q3 2026"),
        ("last-year", "2025-01-01", "2026-01-01", "2025", "2024"),
        ("2026-02", "2026-02-01", "2026-03-01", "February 2026", "January 2026"),
        ("2024-02", "2024-02-01", "2024-03-01", "February 2024", "January 2024"),
        ("2026-Q1", "2026-01-01", "2026-04-01", "Q1 2026", "Q4 2025"),
        ("2026", "2026-01-01", "2027-01-01", "2026", "2025"),
        ("2026-10-05", "2026-10-05", "2026-10-06", "5 October 2026", "4 October 2026"),
        (
            "2026-10-01..2026-10-31",
            "2026-10-01",
            "2026-11-01",
            "1 October 2026 to 31 October 2026",
            "31 August 2026 to 30 September 2026",
        ),
        (
            "2026-09..2026-10",
            "2026-09-01",
            "2026-11-01",
            "1 September 2026 to 31 October 2026",
            "2 July 2026 to 31 August 2026",
        ),
    ],
)
def test_words_and_dates_mean_whole_local_periods(text, start, end, title, before):
    found = asked(text, "UTC", ms(NOW))

    assert (found.span.start_ms, found.span.end_ms) == (ms(start), ms(end))
    assert (found.span.title, found.before.title) == (title, before)
    assert found.before.end_ms == found.span.start_ms
    assert found.until_ms == min(ms(end), ms(NOW))


@pytest.mark.parametrize(("text", "days"), [("30d", 30), ("4w", 28), ("36h", 1.5)])
def test_a_duration_ends_now_and_the_one_before_ends_where_it_begins(text, days):
    found = asked(text, "UTC", ms(NOW))

    assert (found.span.end_ms - found.span.start_ms, found.span.end_ms) == (days * DAY, ms(NOW))
    assert found.before.start_ms == ms(NOW) - 2 * days * DAY


@pytest.mark.parametrize(
    ("text", "zone", "hours", "days"),
    [
        ("2026-03", "Europe/Paris", 743, 31),
        ("2026-10", "Europe/Paris", 745, 31),
        ("2026-03", "UTC", 744, 31),
        ("2026-02", "Europe/Paris", 672, 28),
        ("2024-02", "America/New_York", 696, 29),
        ("2026-03-29", "Europe/Paris", 23, 1),
        ("2026-10-25", "Europe/Paris", 25, 1),
        ("2026-09", "America/Santiago", 719, 30),
        ("2026-04", "Australia/Lord_Howe", 720.5, 30),
    ],
)
def test_a_month_is_as_long_as_its_clocks_say(text, zone, hours, days):
    found = asked(text, zone, ms("2026-12-01"))

    assert (found.span.end_ms - found.span.start_ms) / HOUR == hours
    assert len(found.days()) == days
    assert sum(each.end_ms - each.start_ms for each in found.days()) == hours * HOUR


def test_days_of_a_period_under_way_end_now():
    days = asked("this-month", "Europe/Paris", ms(NOW, "Europe/Paris")).days()

    assert [each.title for each in days] == [f"2026-11-{number:02}" for number in range(1, 22)]
    assert days[-1].end_ms == ms(NOW, "Europe/Paris")


@given(
    st.integers(ms("1990-01-01"), ms("2060-01-01")),
    st.sampled_from(["UTC", "Europe/Paris", "Asia/Kathmandu", "America/St_Johns"]),
)
def test_last_week_and_this_week_lie_end_to_end_whenever_it_is(now_ms, zone):
    last, this = (asked(text, zone, now_ms) for text in ("last-week", "this-week"))

    assert last.span == this.before
    assert last.span.end_ms == this.span.start_ms <= now_ms < this.span.end_ms
    assert [each.start_ms for each in last.days()[1:]] == [each.end_ms for each in last.days()[:-1]]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("last-mouth", 'is no period; write last-month, this-week, 30d.*did you mean "last-month"'),
        ("2026-13", "is no period: month must be in 1..12"),
        ("2026-02-30", "is no period: day is out of range"),
        ("2026-12", "it has not begun; this-month is the month under way"),
        ("2026-10-05..2026-10-01", "it ends before it begins"),
        ("2020..2026", "longer than the 400 days that budgets are kept for"),
        ("9999", "beyond the calendar"),
        ("0001", "beyond the calendar"),
        ("0001-01-01..9998-12-31", "beyond the calendar"),
        ("0s", "nothing happens in no time"),
        ("", "is no period"),
    ],
)
def test_what_is_no_period_is_refused_with_what_could_be_meant(text, words):
    with pytest.raises(InvalidInput, match=words):
        asked(text, "UTC", ms(NOW))


def test_a_time_zone_that_there_is_not_is_refused():
    with pytest.raises(InvalidInput, match=r'no time zone "Europe/Pariss".*Europe/Paris'):
        asked("last-month", "Europe/Pariss", ms(NOW))


def test_the_zone_is_that_of_the_calendars_where_they_agree():
    paris, tokyo = (slo(window=Calendar("month", time_zone=zone)) for zone in ("Europe/Paris", "Asia/Tokyo"))

    assert shared_zone([paris, slo(window=Rolling(DAY))]) == "Europe/Paris"
    assert shared_zone([paris, tokyo]) == "UTC"
    assert shared_zone([]) == "UTC"
