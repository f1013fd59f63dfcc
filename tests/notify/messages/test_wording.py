"""Numbers, spans and instants as somebody woken at night reads them."""

from __future__ import annotations

import math

import pytest

from agent.notify.messages.wording import counted, moment, number, span, zone
from tests.notify.messages.stories import AT_MS, MINUTE_MS


@pytest.mark.parametrize(
    ("duration_ms", "shown"),
    [(0, "0s"), (-5, "0s"), (59_999, "59s"), (60_000, "1m"), (3_599_000, "59m"), (3_900_000, "1h 05m"),
     (86_400_000, "1d 0h"), (190_000_000, "2d 4h")],
)  # fmt: skip
def test_a_span_has_its_two_largest_units(duration_ms, shown):
    assert span(duration_ms) == shown


@pytest.mark.parametrize(
    ("timezone", "minutes", "shown"),
    [
        ("", 0, "14:02 UTC"),
        ("Europe/Paris", 0, "15:02 CET (14:02 UTC)"),
        ("Europe/Paris", -24 * 60, "Sun 4 Jan 15:02 CET (14:02 UTC)"),
        ("America/New_York", -24 * 60 * 180, "Wed 9 Jul 10:02 EDT (14:02 UTC)"),
        ("Mars/Olympus", 0, "14:02 UTC"),
    ],
)
def test_an_instant_is_local_and_utc_with_the_date_on_another_day(timezone, minutes, shown):
    assert moment(AT_MS + minutes * MINUTE_MS, AT_MS, zone(timezone)) == shown


def test_an_impossible_instant_does_not_fail():
    assert moment(10**18, AT_MS, zone("")) == "an unknown time"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.134, "0.134"),
        (2.0, "2"),
        (1234567.0, "1234567"),
        (0.123456, "0.1235"),
        (math.nan, "NaN"),
        (-math.inf, "-Inf"),
    ],
)
def test_a_number_is_short(value, shown):
    assert number(value) == shown


def test_one_alert_is_not_many():
    assert [counted(count, "alert") for count in (0, 1, 2)] == ["0 alerts", "1 alert", "2 alerts"]
