"""Times that recur, as cron writes them."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import pytest

from agent.slo import parse_cron

MONDAY = datetime(2026, 1, 5)  # noqa: DTZ001 - local times have no zone


def begins(text: str, days: int = 31) -> list[datetime]:
    cron = parse_cron(text)
    minutes = (MONDAY + timedelta(minutes=number) for number in range(days * 1440))
    return [each for each in minutes if cron.matches(each)]


@pytest.mark.parametrize(
    ("text", "count", "first"),
    [
        ("0 3 * * *", 31, datetime(2026, 1, 5, 3)),  # noqa: DTZ001
        ("*/15 * * * *", 31 * 96, MONDAY),
        ("30 22 * * sun", 4, datetime(2026, 1, 11, 22, 30)),  # noqa: DTZ001
        ("0 0 * * 7", 4, datetime(2026, 1, 11)),  # noqa: DTZ001
        ("0 0 1 * *", 1, datetime(2026, 2, 1)),  # noqa: DTZ001
        ("0 9-17/4 * * mon-fri", 23 * 3, datetime(2026, 1, 5, 9)),  # noqa: DTZ001
        ("5,10 0 * feb *", 8, datetime(2026, 2, 1, 0, 5)),  # noqa: DTZ001
    ],
)
def test_it_begins_when_cron_would_begin_it(text, count, first):
    found = begins(text)

    assert (len(found), found[0]) == (count, first)


def test_where_both_kinds_of_days_are_given_either_is_enough():
    days = {each.day for each in begins("0 0 15 * mon", days=14)}

    assert days == {5, 12, 15}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("@daily", "has 1 fields; cron has five"),
        ("60 * * * *", '"60" is no minute; it goes from 0 to 59'),
        ("* * 0 * *", '"0" is no day of month; it goes from 1 to 31'),
        ("* * * foo *", '"foo" is no month'),
        ("5-1 * * * *", '"5-1" holds no minute'),
        ("*/0 * * * *", '"*/0" holds no minute'),
        ("1..3 * * * *", '"1..3" is no minute of cron'),
        ("0 0 30 2 *", '"0 0 30 2 *" never comes: no such month has a day 30'),
        ("0 0 31 4,6,9,11 *", "never comes"),
    ],
)
def test_a_wrong_field_is_named(text, reason):
    with pytest.raises(ValueError, match=re.escape(reason)):
        parse_cron(text)


@pytest.mark.parametrize("text", ["0 0 29 2 *", "0 0 31 1,2 *", "0 0 31 2 mon", "0 0 30-31 4 *"])
def test_what_comes_now_and_then_is_read(text):
    assert parse_cron(text).days
