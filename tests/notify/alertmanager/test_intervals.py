"""Time intervals in every zone and month: hand-picked instants, and random ones against sets that are written out in full."""

from __future__ import annotations

import calendar
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.notify.intervals import DAYS, MONTHS, IntervalSpec, contains
from agent.schema import read


def spec(text: str) -> IntervalSpec:
    return read(IntervalSpec, text, "alertmanager.yml")


def at(moment: str) -> int:
    """Return an instant; a moment without an offset is UTC's."""
    found = datetime.fromisoformat(moment)
    return int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp() * 1000)


NINE = "{times: [{start_time: '09:00', end_time: '10:00'}], location: %s}"
NIGHT = "{times: [{start_time: '02:00', end_time: '03:00'}], location: Europe/Paris}"
INSTANTS = [
    # in winter and in summer nine o'clock is another instant
    (NINE % "Europe/Paris", "2026-03-28T09:30+01:00", True),
    (NINE % "Europe/Paris", "2026-03-29T09:30+02:00", True),
    (NINE % "Europe/Paris", "2026-03-29T09:30+01:00", False),
    (NINE % "Australia/Lord_Howe", "2026-04-03T22:29+00:00", True),  # its clocks are changed by half an hour
    (NINE % "Australia/Lord_Howe", "2026-04-04T22:29+00:00", False),
    (NINE % "Australia/Lord_Howe", "2026-04-04T22:30+00:00", True),
    (NINE % "Australia/Lord_Howe", "2026-04-04T23:29+00:00", True),
    (NINE % "Asia/Kathmandu", "2026-01-05T03:15+00:00", True),
    (NINE % "UTC", "2026-01-05T09:59:59.999+00:00", True),
    (NINE % "UTC", "2026-01-05T10:00:00+00:00", False),
    # the hour that is left out, and the one that comes twice
    (NIGHT, "2026-03-29T00:59:59+00:00", False),
    (NIGHT, "2026-03-29T01:00:00+00:00", False),
    (NIGHT, "2026-10-25T00:00:00+00:00", True),
    (NIGHT, "2026-10-25T01:59:59+00:00", True),
    (NIGHT, "2026-10-25T02:00:00+00:00", False),
    # a zone decides which day, month and year it is
    ("{weekdays: [monday], location: Pacific/Auckland}", "2026-01-04T12:00", True),
    ("{weekdays: [monday], location: America/New_York}", "2026-01-05T04:59", False),
    ("{months: [january], location: America/New_York}", "2026-01-01T04:59", False),
    ("{months: [december], location: America/New_York}", "2026-01-01T04:59", True),
    ("{years: ['2026'], location: Pacific/Kiritimati}", "2025-12-31T10:00", True),
    # days from the end of months of all lengths
    ("days_of_month: ['-1']", "2027-02-28T00:00", True),
    ("days_of_month: ['-1']", "2028-02-28T00:00", False),
    ("days_of_month: ['-1']", "2028-02-29T23:59", True),
    ("days_of_month: ['-1']", "2026-04-30T00:00", True),
    ("days_of_month: ['-1']", "2026-12-31T00:00", True),
    ("days_of_month: ['-31']", "2026-01-01T00:00", True),
    ("days_of_month: ['-31']", "2026-02-01T00:00", False),
    ("days_of_month: ['-31:-1']", "2026-02-01T00:00", True),
    ("days_of_month: ['-31:-28']", "2026-02-01T00:00", True),
    ("days_of_month: ['-31:-28']", "2026-02-02T00:00", False),
    ("days_of_month: ['-31:-29']", "2026-02-01T00:00", False),
    ("days_of_month: ['-3:-2']", "2026-01-28T00:00", False),
    ("days_of_month: ['-3:-2']", "2026-01-30T00:00", True),
    ("days_of_month: ['-3:-2']", "2026-01-31T00:00", False),
    # ranges that a month is too short for end with it, and those that begin after it are not in it
    ("days_of_month: ['28:31']", "2026-02-28T00:00", True),
    ("days_of_month: ['29:31']", "2026-02-28T00:00", False),
    ("days_of_month: ['30', '1']", "2026-03-01T00:00", True),
    ("days_of_month: ['1:-1']", "2026-02-28T23:59", True),
    # the last day of a month in which the clocks are changed, which Alertmanager takes for the one before
    ("{days_of_month: ['-1'], location: Europe/Paris}", "2026-03-31T12:00", True),
    ("{days_of_month: ['-1'], location: Europe/Paris}", "2026-03-30T12:00", False),
    ("{days_of_month: ['31'], location: Europe/Paris}", "2026-03-31T12:00", True),
    # names and numbers of months, in any case
    ("months: [JANUARY]", "2026-01-31T00:00", True),
    ("months: ['1']", "2026-02-01T00:00", False),
    ("months: ['10:december']", "2026-11-30T00:00", True),
    ("months: ['may:may']", "2026-05-01T00:00", True),
    ("years: ['2026:2028']", "2028-12-31T23:59", True),
    ("years: ['2026:2028']", "2029-01-01T00:00", False),
    ("weekdays: ['sunday:saturday']", "2026-01-10T00:00", True),
    ("weekdays: ['saturday', 'SUNDAY']", "2026-01-11T00:00", True),
    # every field that is given must have a range around it; a field without ranges asks nothing
    ("{weekdays: [monday], days_of_month: ['5'], months: [january], years: ['2026']}", "2026-01-05T00:00", True),
    ("{weekdays: [monday], days_of_month: ['6'], months: [january], years: ['2026']}", "2026-01-05T00:00", False),
    ("{weekdays: [tuesday], days_of_month: ['5'], months: [january], years: ['2026']}", "2026-01-05T00:00", False),
    ("{}", "1970-01-01T00:00", True),
]


@pytest.mark.parametrize(("text", "moment", "expected"), INSTANTS)
def test_an_instant_is_inside_or_not(text, moment, expected):
    assert spec(text).contains(at(moment)) is expected


def test_of_several_intervals_one_is_enough_and_of_none_none_is():
    pair = (spec("weekdays: [monday]"), spec("months: [january]"))
    assert [contains(pair, at(each)) for each in ("2026-02-02", "2026-01-06", "2026-02-03")] == [True, True, False]
    assert not contains((), at("2026-01-05"))


def range_of(values: tuple[int, ...]) -> st.SearchStrategy[tuple[int, int]]:
    return st.tuples(st.sampled_from(values), st.sampled_from(values)).map(lambda pair: (min(pair), max(pair)))


ZONES = ("UTC", "Europe/Paris", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Kolkata")
drawn = st.fixed_dictionaries(
    {"location": st.sampled_from(ZONES)},
    optional={
        "times": st.lists(range_of(tuple(range(0, 1441, 15))).filter(lambda pair: pair[0] < pair[1]), max_size=2),
        "weekdays": st.lists(range_of(tuple(range(7))), max_size=2),
        "days": st.lists(range_of(tuple(range(1, 32))) | range_of(tuple(range(-31, 0))), max_size=2),
        "months": st.lists(range_of(tuple(range(1, 13))), max_size=2),
        "years": st.lists(range_of((2025, 2026, 2027)), max_size=2),
    },
)


def written(made: dict) -> str:
    """Write what was drawn as a file would."""
    clock = "{:02d}:{:02d}".format
    lines = [f"location: {made['location']}"]
    for name, ranges in made.items():
        match name:
            case "times":
                each = [
                    f"{{start_time: '{clock(*divmod(a, 60))}', end_time: '{clock(*divmod(b, 60))}'}}" for a, b in ranges
                ]
            case "weekdays":
                each = [f"'{DAYS[a]}:{DAYS[b]}'" for a, b in ranges]
            case "months":
                each = [f"'{MONTHS[a]}:{b}'" for a, b in ranges]
            case "days" | "years":
                each = [f"'{a}:{b}'" for a, b in ranges]
            case _:
                continue
        lines.append(f"{'days_of_month' if name == 'days' else name}: [{', '.join(each)}]")
    return "\n".join(lines)


def slowly(made: dict, at_ms: int) -> bool:
    """Say the same by writing all days of the month and all minutes of the day down."""
    now = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms)
    now = now.astimezone(ZoneInfo(made["location"]))
    days = list(range(1, calendar.monthrange(now.year, now.month)[1] + 1))
    wanted: set[int] = set()
    for first, last in made.get("days", ()):
        if first > 0:
            wanted.update(day for day in days if first <= day <= last)
        else:
            wanted.update(day for back, day in enumerate(reversed(days), 1) if first <= -back <= last)
    checks = {
        "times": lambda: any(now.hour * 60 + now.minute in range(*each) for each in made["times"]),
        "weekdays": lambda: any((now.isoweekday() % 7) in range(a, b + 1) for a, b in made["weekdays"]),
        "days": lambda: now.day in wanted,
        "months": lambda: any(now.month in range(a, b + 1) for a, b in made["months"]),
        "years": lambda: any(now.year in range(a, b + 1) for a, b in made["years"]),
    }
    return all(check() for name, check in checks.items() if made.get(name))


@given(drawn, st.integers(at("2025-01-01"), at("2028-01-01")))
def test_it_is_what_writing_all_days_and_minutes_down_says(made, at_ms):
    assert spec(written(made)).contains(at_ms) is slowly(made, at_ms)
