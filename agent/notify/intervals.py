"""Time intervals: when a route is mute or active, and people's quiet hours. Pure functions of an instant and a time zone.

The words and bounds are Alertmanager's (timeinterval.go); what amtool refuses (ranges past midnight, friday:monday) is only
for escalation.yml, as `OwnIntervalSpec`.
"""

from __future__ import annotations

import calendar
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from agent.schema import Convert, suggest

DAYS: Final = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
MONTHS: Final = tuple(name.lower() for name in calendar.month_name)
_TIME: Final = re.compile(r"(?:([01]\d|2[0-3]):([0-5]\d))|(?:24:00)")
_MINUTE_MS: Final = 60_000
_SHORTEST_MONTH: Final = 28
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


def _own_times(value: Any) -> Range:
    """Read `22:00-06:00`, or Alertmanager's form; a range may pass midnight."""
    if isinstance(value, dict) and set(value) == {"start_time", "end_time"}:
        start, end = minute_of_day(str(value["start_time"])), minute_of_day(str(value["end_time"]))
    elif isinstance(value, str) and value.count("-") == 1:
        start, end = (minute_of_day(each.strip()) for each in value.split("-"))
    else:
        message = f'not a range of times: "{value}"; write it like 22:00-06:00'
        raise ValueError(message)
    if start == end:
        message = f"the range from {value} to the same minute is empty; leave times out for the whole day"
        raise ValueError(message)
    return start, end


def _range(text: str, number: Any) -> Range:
    first, separator, last = str(text).lower().partition(":")
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


def _own_weekdays(text: Any) -> Range:
    return _range(text, _named(DAYS, "weekday", numbers=False))


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
    if _in_shortest_month(start) > _in_shortest_month(end):
        message = f'the range "{text}" ends before it begins, in February at least'
        raise ValueError(message)
    return start, end


def _in_shortest_month(day: int) -> int:
    """Return a day's number in a month of 28 days, as Alertmanager counts it: the last is the 27th there."""
    return day if day > 0 else _SHORTEST_MONTH + day


def _location(text: str) -> ZoneInfo:
    if text == "Local":
        return _local()
    if not text:
        return UTC
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        message = f'not a time zone: "{text}"; write it like Europe/Paris'
        raise ValueError(message) from error


def _local() -> ZoneInfo:
    """Return the machine's zone: TZ where it names one, else /etc/localtime, else UTC."""
    named = os.environ.get("TZ", "").removeprefix(":")
    try:
        if named:
            return ZoneInfo(named)
        with _LOCALTIME.open("rb") as file:
            return ZoneInfo.from_file(file, key="Local")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


_LOCALTIME: Final = Path("/etc/localtime")
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
        minute = now.hour * 60 + now.minute
        return self._on(now) and (not self.times or any(start <= minute < end for start, end in self.times))

    def _on(self, day: datetime) -> bool:
        return (
            _inside(self.weekdays, (day.weekday() + 1) % 7)
            and (not self.days_of_month or any(_in_month(each, day) for each in self.days_of_month))
            and _inside(self.months, day.month)
            and _inside(self.years, day.year)
        )


@dataclass(frozen=True, slots=True)
class OwnIntervalSpec(IntervalSpec):
    """One interval of escalation.yml: times may pass midnight and weekdays the end of the week.

    What passes midnight belongs to the day on which it begins: `22:00-06:00` on fridays ends on saturday morning.
    """

    times: tuple[Annotated[Range, Convert(_own_times, "times like 22:00-06:00")], ...] = ()
    weekdays: tuple[Annotated[Range, Convert(_own_weekdays, "a weekday or friday:monday")], ...] = ()

    def contains(self, at_ms: int) -> bool:
        """Say whether the instant lies inside."""
        now = datetime.fromtimestamp(at_ms / 1000, self.location)
        minute, yesterday = now.hour * 60 + now.minute, now - timedelta(days=1)
        if not self.times:
            return self._on(now)
        return any(
            (self._on(now) and minute >= start and (minute < end or end < start))
            or (end < start and minute < end and self._on(yesterday))
            for start, end in self.times
        )


def _inside(ranges: Sequence[Range], value: int) -> bool:
    """Say whether a range has the value, both ends included; one that ends before it begins goes round."""
    return not ranges or any(
        start <= value <= end if start <= end else value >= start or value <= end for start, end in ranges
    )


def _in_month(days: Range, now: datetime) -> bool:
    """Count negative days from the month's end; a range that begins after the month's end contains nothing."""
    length = calendar.monthrange(now.year, now.month)[1]
    start, end = (day if day > 0 else length + 1 + day for day in days)
    return start <= length and max(start, 1) <= now.day <= min(end, length)


def boundaries(intervals: Sequence[IntervalSpec], at_ms: int, days: int = 2) -> list[int]:
    """Return the instants within some days after `at_ms` at which an interval may begin or end, in order.

    Between two of them nothing changes. On a day on which the clocks are changed, every minute is one.
    """
    found: set[int] = set()
    for each in intervals:
        minutes = {0, *(edge for times in each.times for edge in times)}
        today = datetime.fromtimestamp(at_ms / 1000, each.location).replace(hour=0, minute=0, second=0, microsecond=0)
        for number in range(days + 1):
            day, following = (today + timedelta(days=number + after) for after in (0, 1))
            begin_ms, end_ms = int(day.timestamp() * 1000), int(following.timestamp() * 1000)
            if day.utcoffset() == following.utcoffset():
                found.update(begin_ms + minute * _MINUTE_MS for minute in minutes)
            else:
                found.update(range(begin_ms, end_ms, _MINUTE_MS))
    return sorted(each for each in found if each > at_ms)


def contains(intervals: Sequence[IntervalSpec], at_ms: int) -> bool:
    """Say whether any of the intervals contains the instant."""
    return any(each.contains(at_ms) for each in intervals)
