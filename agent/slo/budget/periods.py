"""Where a budget's period begins and ends at an instant: rolling, or by the calendar of a time zone. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

from agent.errors import InvalidInput
from agent.slo.model import Calendar, Window
from agent.slo.times import time_zone

_DAYS: Final = {"day": 1, "week": 7}
_MONTHS: Final = {"month": 1, "quarter": 3, "year": 12}
_MONDAY: Final = datetime(1970, 1, 5)  # noqa: DTZ001 - a time on the wall, of whichever zone
_NEW_YEAR: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - as above
_LONGEST_DAYS: Final = {"day": 1, "week": 7, "month": 31, "quarter": 92, "year": 366}
DAY_MS: Final = 86_400_000
HOUR_MS: Final = 3_600_000


@dataclass(frozen=True, slots=True)
class Period:
    """From `start_ms` to `end_ms`, which of a rolling one is now."""

    start_ms: int
    end_ms: int

    @property
    def length_ms(self) -> int:
        """How long it is: a month has 28 to 31 days, and one of them may have 23 or 25 hours."""
        return self.end_ms - self.start_ms


def period(window: Window, at_ms: int, default_ms: int) -> Period:
    """Return the period that `at_ms` is in; `default_ms` for a rolling one that says no length of its own."""
    if not isinstance(window, Calendar):
        length = window.period_ms or default_ms
        return Period(at_ms - length, at_ms)
    zone = zone_of(window.time_zone)
    anchor = _anchor(window)
    local = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(zone).replace(tzinfo=None)
    number = _estimate(window, anchor, local)
    while _instant(_begins(window, anchor, number + 1), zone) <= at_ms:
        number += 1
    while _instant(_begins(window, anchor, number), zone) > at_ms:
        number -= 1
    return Period(*(_instant(_begins(window, anchor, each), zone) for each in (number, number + 1)))


def longest_ms(window: Window, default_ms: int) -> int:
    """Return how long the period can be at most; raise InvalidInput where the window is none."""
    if not isinstance(window, Calendar):
        return window.period_ms or default_ms
    zone_of(window.time_zone)
    _anchor(window)
    return _LONGEST_DAYS[window.unit] * window.count * DAY_MS + HOUR_MS


def zone_of(name: str) -> tzinfo:
    """Return the time zone; raise InvalidInput for a name that is none."""
    try:
        return time_zone(name)
    except ValueError as error:
        message = f"cannot keep a budget by that calendar: {error}"
        raise InvalidInput(message) from error


def _anchor(window: Calendar) -> datetime:
    if window.unit not in _LONGEST_DAYS or window.count < 1:
        message = f"a calendar window of {window.count} {window.unit}: the units are {', '.join(_LONGEST_DAYS)}, the least is 1"
        raise InvalidInput(message)
    if not window.start:
        return _MONDAY if window.unit in _DAYS else _NEW_YEAR
    try:
        return datetime.fromisoformat(window.start).replace(tzinfo=None)
    except ValueError as error:
        message = f'the calendar begins at "{window.start}": write it like 2026-01-01 00:00:00'
        raise InvalidInput(message) from error


def _begins(window: Calendar, anchor: datetime, number: int) -> datetime:
    """Return the local time at which period `number` after the anchor begins; the 31st is the last day of a shorter month."""
    if window.unit in _DAYS:
        return anchor + timedelta(days=number * window.count * _DAYS[window.unit])
    months = anchor.month - 1 + number * window.count * _MONTHS[window.unit]
    year, month = anchor.year + months // 12, months % 12 + 1
    following = datetime(year + month // 12, month % 12 + 1, 1)  # noqa: DTZ001 - a date, of whichever zone
    return anchor.replace(year=year, month=month, day=min(anchor.day, (following - timedelta(days=1)).day))


def _estimate(window: Calendar, anchor: datetime, local: datetime) -> int:
    days = window.count * (_DAYS.get(window.unit) or _MONTHS[window.unit] * 30.436875)
    return math.floor((local - anchor) / timedelta(days=days))


def _instant(local: datetime, zone: tzinfo) -> int:
    """Return the instant of a time on the wall: of two the earlier; one that the clocks skip is when it would have been."""
    return int(local.replace(tzinfo=zone).timestamp() * 1000)
