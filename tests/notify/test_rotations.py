"""Taking turns on a wall clock: against a slow definition that walks the clock, through both changes of summer time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agent.errors import SchemaError
from agent.notify import load_routing
from agent.notify.rotations import Rotation, Team
from agent.schema import read
from tests.notify.story import ESCALATION

HOUR_MS = 3_600_000
STEP_MS = 15 * 60_000
ZONES = ["UTC", "Europe/Paris", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kolkata", "America/Sao_Paulo"]


def ms(text: str, zone: str = "UTC") -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


def team_of(text: str) -> Team:
    return read(Team, text, "team.yml")


def walk(rotation: Rotation, from_ms: int, until_ms: int):
    """Give (instant, turn) every quarter of an hour by the slow definition: a turn ends when the clock has shown its end.

    A clock that is set back shows some times twice; that a turn began is not undone by that.
    """
    turn, at_ms = 0, from_ms
    ends = rotation.starts + timedelta(milliseconds=rotation.every)
    while at_ms < until_ms:
        shown = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(rotation.timezone).replace(tzinfo=None)
        while shown >= ends:
            turn, ends = turn + 1, ends + timedelta(milliseconds=rotation.every)
        yield at_ms, turn
        at_ms += STEP_MS


@settings(max_examples=25, deadline=None)
@given(
    zone=st.sampled_from(ZONES),
    day=st.sampled_from(["2026-03-26", "2026-10-22", "2026-04-02", "2026-10-01", "2026-06-01"]),
    minute=st.integers(0, 24 * 4 - 1).map(lambda number: number * 15),
    hours=st.sampled_from([2, 8, 12, 24, 48, 72, 168]),
)
@example(zone="Europe/Paris", day="2026-03-28", minute=150, hours=24)
@example(zone="Europe/Paris", day="2026-10-24", minute=150, hours=24)
@example(zone="Europe/Paris", day="2026-10-24", minute=150, hours=2)
def test_whose_turn_it_is_follows_from_the_wall_clock(zone, day, minute, hours):
    starts = datetime.fromisoformat(day) + timedelta(minutes=minute)
    rotation = Rotation(starts, hours * HOUR_MS, ZoneInfo(zone))
    begins = rotation.begins_ms(0)
    for at_ms, turn in walk(rotation, begins, begins + 9 * 24 * HOUR_MS):
        assert rotation.turn(at_ms) == turn, datetime.fromtimestamp(at_ms / 1000, ZoneInfo(zone))


def test_a_week_begins_at_nine_all_the_year_round():
    rotation = Rotation(datetime.fromisoformat("2026-01-05T09:00"), 7 * 24 * HOUR_MS, ZoneInfo("Europe/Paris"))
    for turn in range(-60, 120):
        shown = datetime.fromtimestamp(rotation.begins_ms(turn) / 1000, ZoneInfo("Europe/Paris"))
        assert (shown.hour, shown.minute, shown.weekday()) == (9, 0, 0)


def test_a_start_with_an_offset_means_that_instant():
    text = "{starts: '2026-01-05T09:00+00:00', every: 1w, timezone: America/New_York}"
    rotation = read(Rotation, text, "r.yml")
    assert rotation.begins_ms(0) == ms("2026-01-05T09:00")
    shown = datetime.fromtimestamp(rotation.begins_ms(20) / 1000, ZoneInfo("America/New_York"))
    assert (shown.hour, shown.weekday()) == (4, 0)


SEARCH = """
members: [ana, bob, chris]
rotation: {every: 1w, starts: "2026-01-05T09:00", timezone: Europe/Paris}
overrides: [{person: eve, from: "2026-01-07T18:00", until: "2026-01-08T09:00"}]
"""


def test_the_shifts_of_some_weeks_are_whole_and_say_who_is_replaced():
    shifts = team_of(SEARCH).shifts("search", ms("2026-01-08T00:00"), ms("2026-01-20T00:00"))
    shown = [
        (
            each.people,
            each.instead_of,
            str(datetime.fromtimestamp(each.begins_ms / 1000, ZoneInfo("Europe/Paris")))[:16],
        )
        for each in shifts
    ]
    assert shown == [
        (("eve",), ("ana",), "2026-01-07 18:00"),
        (("ana",), (), "2026-01-08 09:00"),
        (("bob",), (), "2026-01-12 09:00"),
        (("chris",), (), "2026-01-19 09:00"),
    ]
    assert [each.ends_ms for each in shifts[:-1]] == [each.begins_ms for each in shifts[1:]]


@given(st.integers(ms("2026-01-01T00:00"), ms("2026-02-20T00:00")))
def test_whoever_is_on_call_is_whoever_the_shift_of_that_instant_names(at_ms):
    team = team_of(SEARCH)
    first = team.shifts("search", at_ms, at_ms + 1)[0]
    assert first.begins_ms <= at_ms < first.ends_ms
    assert first.people == team.on_call(at_ms)
    assert set(team.next_on_call(at_ms)).isdisjoint(team.on_call(at_ms))


@pytest.mark.parametrize(
    ("moment", "following"),
    [
        ("2026-01-05T12:00", "bob"),
        ("2026-01-07T20:00", "bob"),
        ("2026-01-13T00:00", "chris"),
        ("2026-01-20T00:00", "ana"),
    ],
)
def test_who_is_next_comes_after_whoever_has_the_turn(moment, following):
    assert team_of(SEARCH).next_on_call(ms(moment)) == (following,)


def test_whoever_covers_is_not_their_own_next():
    text = SEARCH.replace("person: eve", "person: bob")
    assert team_of(text).next_on_call(ms("2026-01-07T20:00")) == ("chris",)


def test_without_a_rotation_everybody_stands_and_nobody_is_next():
    team = team_of("members: [ana, bob]")
    assert team.on_call(0) == ("ana", "bob")
    assert team.next_on_call(0) == ()
    assert [each.people for each in team.shifts("t", 0, HOUR_MS)] == [("ana", "bob")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("teams: {t: {members: []}}", "a team needs at least one member"),
        ("teams: {t: {members: [anna]}}", 'undefined person "anna" in a team; did you mean "ana"?'),
        ("teams: {t: {members: [ana], rotation: {starts: '2026-01-05', every: 5m}}}", "a turn lasts an hour at least"),
        ("teams: {t: {members: [ana], rotation: {starts: monday}}}", 'not a moment: "monday"; write it like 2026'),
        (
            "teams: {t: {members: [ana], rotation: {starts: '2026-01-05', timezone: Europe/Pari}}}",
            'not a time zone: "Europe/Pari"',
        ),
        (
            "teams: {t: {members: [ana], overrides: [{person: bob, from: '2026-01-06', until: '2026-01-05'}]}}",
            'the override of "bob" ends before it begins',
        ),
        (
            (
                "teams: {t: {members: [ana], overrides: [{person: bob, from: '2026-01-05', until: '2026-01-07'}, "
                "{person: chris, from: '2026-01-06', until: '2026-01-08'}]}}"
            ),
            '"chris" and "bob" override the same time from 2026-01-06T00:00 on; keep one',
        ),
        ("teams: {t: {members: [ana], overrides: [{person: zoe, from: '2026-01-05', until: '2026-01-07'}]}}", '"zoe"'),
        (
            "people: {zoe: {phone: '0612345678'}}",
            'not a phone number in international form: "0612345678"; write it like',
        ),
        ("people: {zoe: {quiet_hours: {times: '22-7'}}}", 'not a time of day: "22"; write it like 09:30'),
        ("people: {zoe: {quiet_hours: {times: '08:00-08:00'}}}", "is empty; the whole day is 00:00-24:00"),
        ("people: {zoe: {quiet_hours: [{times: '08:00-09:00', severitys: [a]}]}}", 'did you mean "severities"?'),
        ("policies: {critical: {by: []}}", "say by which channels, like by: [slack, sms]"),
        ("policies: {critical: {by: [webhook]}}", "people are reached by email, slack or sms"),
        ("policies: {warning: {by: [slack], in_hours: [email]}}", "say which hours"),
        (
            "policies: {warning: {by: [slack], in_hours: [slack], hours: {times: '08:00-09:00'}}}",
            "slack stands in by as",
        ),
        ("receivers: {a: {notify: [{team: search, on_call: nxt}]}}", 'did you mean "next"?'),
        ("receivers: {a: {notify: [{person: ana, on_call: next, by: [sms]}]}}", "only a team has somebody who is next"),
        (
            "receivers: {a: {notify: [{team: all, on_call: next, by: [sms]}]}}",
            'team "all" has no rotation, so nobody is next',
        ),
        (
            "receivers: {a: {notify: [{person: chris, severities: [info, warning]}]}}",
            '"chris" cannot be told of warning',
        ),
        ("receivers: {a: {repeat: 3}}", "there is no chain to repeat"),
        (
            "receivers: {a: {repeat: 11, escalate: [{after: 1m, notify: [{person: ana, by: [sms]}]}]}}",
            "the chain can start over 10 times at most, found 11",
        ),
    ],
)
def test_what_is_wrong_with_people_is_said_with_its_place(tmp_path, text, said):
    base = ESCALATION.replace("teams:\n", "teams:\n  all: {members: [ana, bob]}\n")
    section = text.partition(":")[0]
    inner = text.partition(": ")[2]
    merged = (
        base + f"{section}: {inner}\n"
        if f"\n{section}:" not in base
        else base.replace(
            f"\n{section}:\n", f"\n{section}:\n  {inner.strip('{}') if inner.count('{') == 1 else inner[1:-1]}\n", 1
        )
    )
    (tmp_path / "a.yml").write_text("route: {receiver: a}\nreceivers: [{name: a}]\n")
    (tmp_path / "e.yml").write_text(merged)
    with pytest.raises(SchemaError) as caught:
        load_routing(tmp_path / "a.yml", tmp_path / "e.yml", {})
    assert said in str(caught.value)
    assert all(each.startswith(f"{tmp_path}/e.yml:") for each in caught.value.problems)
