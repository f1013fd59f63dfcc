"""Time intervals: when a route is mute or active, and people's quiet hours. Pure functions of an instant and a time zone.

The words and bounds are Alertmanager's (timeinterval.go); what amtool refuses (ranges past midnight) is only for people.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from agent.schema import Convert, suggest

DAYS: Final = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
MONTHS: Final = tuple(name.lower() for name in calendar.month_name)
_TIME: Final = re.compile(r"(?:([01]\d|2[0-3]):([0-5]\d))|(?:24:00)")
Range = tuple[int, int]
"""First and last, both inclusive, but for times: minutes of the day, end exclusive."""


def minute_of_day(text: str) -> int:
    """Return the minutes of `HH:MM` (00:00 to 24:00); raise ValueError."""
    match = _TIME.fullmatch(text)
    if match is None:
        message = f'not a time of day: "{text}"; write it like 09:30, up to 24:00'
        raise ValueError(message)
    return 24 * 60 if match[1] is None else int(match[1]) * 60 + int(match[2])


def _times(value: Any) -> Range:
    if not isinstance(value, dict) or set(value) != {"start_time", "end_time"}:
        message = "a time range needs start_time and end_time, and nothing else"
        raise ValueError(message)
    start, end = minute_of_day(str(value["start_time"])), minute_of_day(str(value["end_time"]))
    if start >= end:
        message = "start time cannot be equal or greater than end time; for a night write two ranges"
        raise ValueError(message)
    return start, end


def _range(text: str, number: Any) -> Range:
    first, separator, last = str(text).strip().lower().partition(":")
    start = number(first)
    end = number(last) if separator else start
    return start, end


def _named(names: Sequence[str], what: str, *, numbers: bool) -> Any:
    def number(text: str) -> int:
        if text in names and text:
            return names.index(text)
        if numbers and text.isdigit() and 1 <= int(text) < len(names):
            return int(text)
        message = f'not a {what}: "{text}"{suggest(text, [name for name in names if name])}'
        raise ValueError(message)

    return number


def _ordered(found: Range, text: str) -> Range:
    if found[0] > found[1]:
        message = f'the range "{text}" ends before it begins'
        raise ValueError(message)
    return found


def _weekdays(text: Any) -> Range:
    return _ordered(_range(text, _named(DAYS, "weekday", numbers=False)), text)


def _months(text: Any) -> Range:
    return _ordered(_range(text, _named(MONTHS, "month", numbers=True)), text)


def _years(text: Any) -> Range:
    return _ordered(_range(text, int), text)


def _days_of_month(text: Any) -> Range:
    start, end = _range(text, int)
    if not (1 <= abs(start) <= 31 and 1 <= abs(end) <= 31):
        message = f'not days of a month: "{text}"; they count from 1 to 31, or from -31 to -1 from the end'
        raise ValueError(message)
    if start < 0 < end:
        message = f'the range "{text}" begins from the end of the month and ends from its start'
        raise ValueError(message)
    if (start > 0) == (end > 0):
        return _ordered((start, end), str(text))
    return start, end


def _location(text: str) -> ZoneInfo:
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        message = f'not a time zone: "{text}"; write it like Europe/Paris'
        raise ValueError(message) from error


UTC: Final = ZoneInfo("UTC")
TimeZone = Annotated[ZoneInfo, Convert(_location, "a time zone like Europe/Paris")]


Weekdays = Annotated[Range, Convert(_weekdays, "a weekday or monday:friday")]
"""Days of the week, Sunday being 0, both included."""


@dataclass(frozen=True, slots=True)
class IntervalSpec:
    """One interval: all fields that are given must contain the instant; of the ranges in a field one must."""

    __title__ = "time interval"
    times: tuple[Annotated[Range, Convert(_times, "start_time and end_time")], ...] = ()
    weekdays: tuple[Weekdays, ...] = ()
    days_of_month: tuple[Annotated[Range, Convert(_days_of_month, "days like 1:15 or -3:-1")], ...] = ()
    months: tuple[Annotated[Range, Convert(_months, "a month or january:march")], ...] = ()
    years: tuple[Annotated[Range, Convert(_years, "a year or 2026:2028")], ...] = ()
    location: TimeZone = UTC

    def contains(self, at_ms: int) -> bool:
        """Say whether the instant lies inside."""
        now = datetime.fromtimestamp(at_ms / 1000, self.location)
        minute, weekday = now.hour * 60 + now.minute, (now.weekday() + 1) % 7
        return (
            (not self.times or any(start <= minute < end for start, end in self.times))
            and _inside(self.weekdays, weekday)
            and (not self.days_of_month or any(_in_month(each, now) for each in self.days_of_month))
            and _inside(self.months, now.month)
            and _inside(self.years, now.year)
        )


def _inside(ranges: Sequence[Range], value: int) -> bool:
    return not ranges or any(start <= value <= end for start, end in ranges)


def _in_month(days: Range, now: datetime) -> bool:
    """Count negative days from the month's end; a range that begins after the month's end contains nothing."""
    length = calendar.monthrange(now.year, now.month)[1]
    start, end = (day if day > 0 else length + 1 + day for day in days)
    return start <= length and max(start, 1) <= now.day <= min(end, length)


def boundaries(intervals: Sequence[IntervalSpec], at_ms: int, days: int = 2) -> list[int]:
    """Return the instants within some days after `at_ms` at which an interval may begin or end, in order.

    Between two of them nothing changes. On a day on which the clocks are changed, every quarter of an hour is one.
    """
    found: set[int] = set()
    for each in intervals:
        minutes = {0, *(edge for times in each.times for edge in times)}
        today = datetime.fromtimestamp(at_ms / 1000, each.location).replace(hour=0, minute=0, second=0, microsecond=0)
        for number in range(days + 1):
            day, following = (today + timedelta(days=number + after) for after in (0, 1))
            on_change = day.utcoffset() != following.utcoffset()
            for minute in range(0, 1441, 15) if on_change else minutes:
                found.add(int((day + timedelta(minutes=minute)).timestamp() * 1000))
            found.update(int((day + timedelta(minutes=minute)).timestamp() * 1000) for minute in minutes)
    return sorted(each for each in found if each > at_ms)


def contains(intervals: Sequence[IntervalSpec], at_ms: int) -> bool:
    """Say whether any of the intervals contains the instant."""
    return any(each.contains(at_ms) for each in intervals)
