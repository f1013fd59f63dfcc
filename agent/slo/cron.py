"""When something recurs: five fields as cron has them (minute, hour, day of month, month, day of week).

Lists, ranges, steps and names (`mon`, `jan`) are understood. As in cron, where both kinds of days are restricted, either
makes a match. It knows no time zone: it is asked about local times.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS: Final = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of week", 0, 7, _DAYS),
)
_LONGEST: Final = {2: 29, 4: 30, 6: 30, 9: 30, 11: 30}
_ITEM: Final = re.compile(r"(?:\*|(\w+)(?:-(\w+))?)(?:/(\d+))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Cron:
    """The minutes at which something begins."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    """0 is Sunday."""
    either_day: bool
    """Both kinds of days are restricted: one that matches is enough."""

    def matches(self, local: datetime) -> bool:
        """Say whether it begins in the minute of `local`."""
        if local.minute not in self.minutes or local.hour not in self.hours or local.month not in self.months:
            return False
        day, weekday = local.day in self.days, local.isoweekday() % 7 in self.weekdays
        return (day or weekday) if self.either_day else (day and weekday)


def parse_cron(text: str) -> Cron:
    """Read `0 3 * * sun`; raise ValueError that says which field is wrong."""
    fields = text.split()
    if len(fields) != len(_FIELDS):
        message = f'"{text}" has {len(fields)} fields; cron has five: minute hour day-of-month month day-of-week'
        raise ValueError(message)
    values = [_field(field, *meaning) for field, meaning in zip(fields, _FIELDS, strict=True)]
    minutes, hours, days, months, weekdays = values
    restricted = not fields[2].startswith("*") and not fields[4].startswith("*")
    if not restricted and min(days) > max(_LONGEST.get(month, 31) for month in months):
        message = f'"{text}" never comes: no such month has a day {min(days)}'
        raise ValueError(message)
    return Cron(minutes, hours, days, months, frozenset(day % 7 for day in weekdays), restricted)


def _field(text: str, name: str, least: int, most: int, names: tuple[str, ...]) -> frozenset[int]:
    found: set[int] = set()
    for item in text.split(","):
        match = _ITEM.fullmatch(item)
        if match is None:
            message = f'"{item}" is no {name} of cron; write a number from {least} to {most}, a range, a step or *'
            raise ValueError(message)
        first, last, step = match.groups()
        low = least if first is None else _number(first, name, least, most, names)
        high = most if first is None or (step and last is None) else low
        if last is not None:
            high = _number(last, name, least, most, names)
        if high < low or step == "0":
            message = f'"{item}" holds no {name}'
            raise ValueError(message)
        found.update(range(low, high + 1, int(step or 1)))
    return frozenset(found)


def _number(text: str, name: str, least: int, most: int, names: tuple[str, ...]) -> int:
    if text.lower() in names:
        return names.index(text.lower()) + (1 if names is _MONTHS else 0)
    if not text.isdecimal() or not least <= int(text) <= most:
        message = f'"{text}" is no {name}; it goes from {least} to {most}'
        raise ValueError(message)
    return int(text)
