"""Quiet hours and hours: on a wall clock, past midnight, by weekday; against a walk through the minutes."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agent.errors import SchemaError
from agent.notify.hours import Hours, QuietHours, hours_from_json, hours_to_json, quiet_until
from agent.notify.people import Person
from agent.schema import read

MINUTE_MS = 60_000
PARIS = ZoneInfo("Europe/Paris")
NIGHT = "{severities: [warning], times: '22:00-07:00'}"
WEEKEND = "{times: '00:00-24:00', weekdays: [saturday, sunday]}"


def ms(text: str, zone: ZoneInfo = PARIS) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp() * 1000)


def quiet(*texts: str) -> list[QuietHours]:
    return [read(QuietHours, text, "q.yml") for text in texts]


def shows(at_ms: int, hours: Hours, zone: ZoneInfo) -> bool:
    """Say whether a clock on the wall shows a time inside the hours, by looking at weekday and minute alone."""
    now = datetime.fromtimestamp(at_ms / 1000, zone)
    minute, weekday = now.hour * 60 + now.minute, (now.weekday() + 1) % 7
    days = {day for first, last in hours.weekdays for day in range(first, last + 1)} or set(range(7))
    start, end = hours.times
    if start < end:
        return weekday in days and start <= minute < end
    return (weekday in days and minute >= start) or ((weekday - 1) % 7 in days and minute < end)


SPANS = st.tuples(st.integers(0, 95), st.integers(1, 96)).filter(lambda pair: pair[0] != pair[1])
DAYS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)).map(lambda pair: tuple(sorted(pair))), max_size=2)
STARTS = ["2026-03-28T12:00", "2026-10-24T12:00", "2026-07-01T12:00"]


@settings(max_examples=60, deadline=None)
@given(SPANS, DAYS, st.sampled_from(STARTS), st.integers(0, 150))
@example((9, 10), [], "2026-10-24T12:00", 60)
@example((9, 10), [], "2026-03-28T12:00", 58)
@example((88, 10), [], "2026-10-24T12:00", 62)
def test_a_span_ends_and_opens_when_a_walk_through_the_minutes_says_so(span, days, start, quarters):
    hours = Hours((span[0] * 15, span[1] * 15), tuple(days))
    at_ms = ms(start) + quarters * 15 * MINUTE_MS
    inside = shows(at_ms, hours, PARIS)
    ends_ms = hours.ends_ms(at_ms, PARIS)
    assert (ends_ms is not None) == inside
    if ends_ms is not None:
        walked = at_ms
        while walked < ends_ms:
            assert shows(walked, hours, PARIS)
            walked += 15 * MINUTE_MS
        assert ends_ms > at_ms
    opens_ms = hours.opens_ms(at_ms, PARIS)
    walked = at_ms
    while not shows(walked, hours, PARIS):
        walked += 15 * MINUTE_MS
    assert opens_ms == walked


def test_a_night_ends_in_the_morning_of_the_person():
    (night,) = quiet(NIGHT)
    cases = {
        "2026-01-05T21:59": None,
        "2026-01-05T22:00": "06T07:00",
        "2026-01-06T06:59": "06T07:00",
        "2026-01-06T07:00": None,
    }
    for moment, ends in cases.items():
        expected = ms(f"2026-01-{ends}") if ends else None
        assert night.ends_ms("warning", ms(moment), PARIS) == expected, moment
    assert night.ends_ms("critical", ms("2026-01-05T23:00"), PARIS) is None
    tokyo = QuietHours(night.times, ("warning",), (), ZoneInfo("Asia/Tokyo"))
    assert tokyo.ends_ms("warning", ms("2026-01-05T16:00"), PARIS) == ms("2026-01-06T07:00", ZoneInfo("Asia/Tokyo"))


def test_the_last_morning_counts_where_nights_and_a_weekend_follow_one_another():
    rules = quiet(NIGHT, WEEKEND)
    assert quiet_until(rules, "warning", ms("2026-01-09T23:00"), PARIS) == ms("2026-01-12T07:00")
    assert quiet_until(rules, "info", ms("2026-01-10T12:00"), PARIS) == ms("2026-01-12T00:00")
    assert quiet_until(rules, "critical", ms("2026-01-10T12:00"), PARIS) == 0


def test_quiet_hours_that_never_end_do_not_hang():
    always = quiet("{times: '00:00-24:00'}")
    until_ms = quiet_until(always, "warning", ms("2026-01-05T12:00"), PARIS)
    assert until_ms > ms("2026-02-01T00:00")


@pytest.mark.parametrize("hours", [None, Hours((480, 1080), ((1, 5),), PARIS), Hours((1320, 420))])
def test_hours_are_written_down_and_read_back(hours):
    assert hours_from_json(hours_to_json(hours)) == hours


def test_hours_are_said_in_words():
    assert str(Hours((480, 1080), ((1, 5),))) == "monday-friday 08:00-18:00"
    assert str(Hours((1320, 420), ((6, 6),), PARIS)) == "saturday 22:00-07:00 Europe/Paris"


@pytest.mark.parametrize(
    ("quiet", "severity"),
    [
        (["{times: '00:00-24:00'}"], "info"),
        (["{times: '00:00-24:00', severities: [warning]}"], "warning"),
        (["{times: '18:00-09:00'}", "{times: '09:00-18:00', severities: [warning]}"], "warning"),
        (
            ["{times: '00:00-24:00', weekdays: ['monday:saturday']}", "{times: '00:00-24:00', weekdays: [sunday]}"],
            "info",
        ),
        (["{times: '00:00-24:00', weekdays: ['saturday', 'sunday']}", "{times: '18:00-09:00'}"], ""),
        (["{times: '00:00-23:59'}"], ""),
    ],
)
def test_quiet_hours_without_an_end_are_refused_with_the_severity_that_nobody_would_hear_of(quiet, severity):
    text = f"email: ana@example.org\nquiet_hours: [{', '.join(quiet)}]\n"
    if not severity:
        assert read(Person, text, "e.yml").quiet
        return
    with pytest.raises(SchemaError, match=rf"e\.yml:2:\d+: .*severity {severity} would wait for ever"):
        read(Person, text, "e.yml")
