"""Drills come at a time of the wall clock, every so many days or weeks."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import SchemaError
from agent.notify.drill_schedule import DrillSpec, schedule_of
from agent.notify.escalation_file import EscalationFile
from agent.schema import read

PARIS = ZoneInfo("Europe/Paris")


def schedule(text):
    (spec,) = read(EscalationFile, f"drill: {{{text}}}", "escalation.yml", environment={}).drills
    assert isinstance(spec, DrillSpec)
    return schedule_of(spec, PARIS)


def ms(text, zone=PARIS):
    return int(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp() * 1000)


@pytest.mark.parametrize(
    ("said", "after", "due"),
    [
        ("at: 'Tue 10:00'", "2026-01-05T09:00", "2026-01-06T10:00"),
        ("at: 'tuesday 10:00'", "2026-01-06T10:00", "2026-01-13T10:00"),
        ("at: 'Tue 10:00'", "2026-01-06T09:59:59", "2026-01-06T10:00"),
        ("at: '10:00', every: 1d", "2026-01-06T10:00", "2026-01-07T10:00"),
        ("at: 'Sun 02:30'", "2026-03-28T12:00", "2026-03-29T03:00"),  # the clock skips from 2 to 3
        ("at: 'Sun 02:30'", "2026-10-24T12:00", "2026-10-25T02:30"),  # it shows it twice; the first time counts
    ],
)
def test_the_next_one_is_the_first_of_its_instants_that_is_later(said, after, due):
    assert schedule(said).next_ms(ms(after)) == ms(due)


@given(
    after=st.integers(ms("2026-01-01T00:00"), ms("2027-12-31T00:00")),
    weeks=st.integers(1, 5),
    day=st.integers(0, 6),
    hour=st.integers(4, 23),
)
def test_two_that_follow_one_another_are_as_many_weeks_apart_on_the_wall_clock(after, weeks, day, hour):
    names = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    made = schedule(f"at: '{names[day]} {hour:02}:00', every: {weeks}w")
    first = made.next_ms(after)
    second = made.next_ms(first)
    walls = [datetime.fromtimestamp(each / 1000, PARIS).replace(tzinfo=None) for each in (first, second)]
    assert first > after
    assert walls[1] - walls[0] == timedelta(weeks=weeks)
    assert (walls[0].weekday(), walls[0].hour) == (day, hour)
    assert made.next_ms(first - 1) == first


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ("at: 'Tuesday'", 'escalation.yml:1:13: not a time of day: "Tuesday"'),
        ("at: 'Tu 10:00'", "write it like Tue 10:00, or 10:00 for every day"),
        ("at: '10:00', every: 36h", "every so many days or weeks"),
        ("at: 'Tue 10:00', every: 1d", "every so many weeks"),
        ("at: 'Tue 10:00', within: 5s", "a minute at least"),
        ("every: 1w", 'the key "at" is missing'),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_place(said, problem):
    with pytest.raises(SchemaError) as caught:
        schedule(said)
    assert problem in str(caught.value) or ("at" in problem and "at" in str(caught.value))
