"""Time intervals at the instants where they begin and end: bounds, months, years, zones. Instants are chosen by hand."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import SchemaError
from agent.notify.intervals import IntervalSpec, OwnIntervalSpec, boundaries, contains
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


OWN = [
    ("times: ['22:00-06:00']", "2026-01-05T22:00", True),
    ("times: ['22:00-06:00']", "2026-01-06T05:59", True),
    ("times: ['22:00-06:00']", "2026-01-06T06:00", False),
    ("times: ['22:00-24:00']", "2026-01-05T23:59", True),
    ("times: ['22:00-24:00']", "2026-01-06T00:00", False),
    ("times: [{start_time: '22:00', end_time: '06:00'}]", "2026-01-06T00:00", True),
    ("times: ['09:00-17:00']", "2026-01-06T08:59", False),
    ("{times: ['22:00-06:00'], weekdays: [friday]}", "2026-01-09T23:00", True),  # a Friday
    ("{times: ['22:00-06:00'], weekdays: [friday]}", "2026-01-10T05:00", True),  # its night goes on
    ("{times: ['22:00-06:00'], weekdays: [friday]}", "2026-01-09T05:00", False),  # that of Thursday
    ("{times: ['22:00-06:00'], weekdays: [friday]}", "2026-01-10T23:00", False),
    ("weekdays: ['friday:monday']", "2026-01-09T00:00", True),
    ("weekdays: ['friday:monday']", "2026-01-11T12:00", True),
    ("weekdays: ['friday:monday']", "2026-01-12T23:59", True),
    ("weekdays: ['friday:monday']", "2026-01-13T00:00", False),
    ("{times: ['22:00-06:00'], days_of_month: ['-1']}", "2026-02-01T05:00", True),
]


@pytest.mark.parametrize(("text", "moment", "expected"), OWN)
def test_an_interval_of_escalation_yml_may_pass_midnight_and_the_end_of_the_week(text, moment, expected):
    made = read(OwnIntervalSpec, text, "escalation.yml")
    at_ms = int(datetime.fromisoformat(moment).replace(tzinfo=ZoneInfo("UTC")).timestamp() * 1000)
    assert made.contains(at_ms) is expected


@pytest.mark.parametrize(
    "text", ["times: ['22:00']", "times: ['22:00-22:00']", "times: ['25:00-06:00']", "weekdays: [f]"]
)
def test_an_interval_of_escalation_yml_that_makes_no_sense_is_refused(text):
    with pytest.raises(SchemaError, match=r"escalation\.yml:1"):
        read(OwnIntervalSpec, text, "escalation.yml")


def test_local_is_the_zone_of_the_machine(monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    made = read(
        IntervalSpec, "{times: [{start_time: '09:00', end_time: '10:00'}], location: Local}", "alertmanager.yml"
    )
    at_ms = int(datetime(2026, 1, 5, 3, 45, tzinfo=ZoneInfo("UTC")).timestamp() * 1000)
    assert made.contains(at_ms)


@given(
    st.lists(
        st.sampled_from(
            [
                "{times: ['22:00-06:00'], location: Europe/Paris}",
                "{times: ['09:17-17:43'], weekdays: ['friday:monday'], location: America/St_Johns}",
                "{weekdays: [saturday, sunday]}",
                "{times: ['02:15-02:45'], location: Europe/Paris}",
                "{days_of_month: ['-1'], times: ['23:00-01:00'], location: Australia/Lord_Howe}",
            ]
        ),
        min_size=1,
        max_size=3,
    ),
    st.sampled_from(
        ["2026-03-28T20:07", "2026-10-24T21:59", "2026-01-30T12:00", "2026-04-04T01:30", "2026-10-03T15:01"]
    ),
)
def test_nothing_begins_or_ends_between_two_boundaries_also_where_the_clocks_are_changed(texts, moment):
    specs = [read(OwnIntervalSpec, text, "escalation.yml") for text in texts]
    begin_ms = int(datetime.fromisoformat(moment).replace(tzinfo=ZoneInfo("UTC")).timestamp() * 1000)
    edges = set(boundaries(specs, begin_ms))
    inside = contains(specs, begin_ms)
    minute_ms = 60_000
    for at_ms in range(begin_ms - begin_ms % minute_ms + minute_ms, begin_ms + 36 * 60 * minute_ms, minute_ms):
        if contains(specs, at_ms) is not inside:
            assert at_ms in edges, datetime.fromtimestamp(at_ms / 1000, ZoneInfo("UTC"))
            inside = not inside
