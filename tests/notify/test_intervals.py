"""Time intervals at the instants where they begin and end: bounds, months, years, zones. Instants are chosen by hand."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from agent.errors import SchemaError
from agent.notify.intervals import IntervalSpec
from agent.schema import read


def inside(text: str, moment: str, zone: str = "UTC") -> bool:
    made = read(IntervalSpec, text, "intervals.yml")
    return made.contains(int(datetime.fromisoformat(moment).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000))


TABLE = [
    ("{}", "2026-01-05T00:00", True),
    ("times: [{start_time: '09:00', end_time: '17:00'}]", "2026-01-05T08:59:59", False),
    ("times: [{start_time: '09:00', end_time: '17:00'}]", "2026-01-05T09:00", True),
    ("times: [{start_time: '09:00', end_time: '17:00'}]", "2026-01-05T16:59:59", True),
    ("times: [{start_time: '09:00', end_time: '17:00'}]", "2026-01-05T17:00", False),
    (
        "times: [{start_time: '18:00', end_time: '24:00'}, {start_time: '00:00', end_time: '06:00'}]",
        "2026-01-05T23:59",
        True,
    ),
    ("weekdays: ['monday:friday']", "2026-01-05T12:00", True),  # a Monday
    ("weekdays: ['monday:friday']", "2026-01-09T23:59", True),
    ("weekdays: ['monday:friday']", "2026-01-10T00:00", False),
    ("weekdays: [sunday]", "2026-01-11T12:00", True),
    ("days_of_month: ['1:5', '-3:-1']", "2026-01-05T12:00", True),
    ("days_of_month: ['1:5', '-3:-1']", "2026-01-06T12:00", False),
    ("days_of_month: ['1:5', '-3:-1']", "2026-01-29T00:00", True),
    ("days_of_month: ['-1']", "2026-02-28T12:00", True),
    ("days_of_month: ['-1']", "2028-02-28T12:00", False),  # a leap year
    ("days_of_month: ['31']", "2026-02-28T12:00", False),  # it has no such day
    ("days_of_month: ['25:31']", "2026-02-28T12:00", True),
    ("days_of_month: ['1:-1']", "2026-02-28T12:00", True),
    ("months: ['december', '1:march']", "2026-03-31T23:59", True),
    ("months: ['december', '1:march']", "2026-04-01T00:00", False),
    ("years: ['2024:2025', '2027']", "2026-06-01T00:00", False),
    ("years: ['2024:2025', '2027']", "2027-06-01T00:00", True),
    ("{weekdays: [monday], times: [{start_time: '09:00', end_time: '10:00'}]}", "2026-01-06T09:30", False),
]


@pytest.mark.parametrize(("text", "moment", "expected"), TABLE)
def test_an_instant_is_inside_where_every_field_has_a_range_around_it(text, moment, expected):
    assert inside(text, moment) is expected


def test_a_location_moves_the_clock_with_its_summer_time():
    office = "{times: [{start_time: '09:00', end_time: '10:00'}], location: Europe/Paris}"
    assert inside(office, "2026-03-28T08:30")  # winter: UTC+1
    assert not inside(office, "2026-03-29T08:30")  # summer: UTC+2
    assert inside(office, "2026-03-29T07:30")
    assert inside(office, "2026-07-01T09:30", "Europe/Paris")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("times: [{start_time: '9:00', end_time: '10:00'}]", 'not a time of day: "9:00"'),
        ("times: [{start_time: '24:01', end_time: '24:02'}]", "not a time of day"),
        ("times: [{start_time: '10:00'}]", "needs start_time and end_time"),
        ("weekdays: [mondy]", 'did you mean "monday"?'),
        ("weekdays: ['1']", "not a weekday"),
        ("months: ['13']", "not a month"),
        ("months: ['december:january']", "ends before it begins"),
        ("days_of_month: ['0']", "count from 1 to 31"),
        ("days_of_month: ['32']", "count from 1 to 31"),
        ("days_of_month: ['5:1']", "ends before it begins"),
        ("days_of_month: ['-1:5']", "begins from the end"),
        ("years: ['2027:2026']", "ends before it begins"),
        ("location: Europe/Pariss", "not a time zone"),
    ],
)
def test_a_range_that_makes_no_sense_is_refused_with_its_place(text, words):
    with pytest.raises(SchemaError) as caught:
        read(IntervalSpec, text, "intervals.yml")
    (problem,) = caught.value.problems
    assert problem.startswith("intervals.yml:1:")
    assert words in problem
