"""When a crontab line comes due: five fields, as crontab(5) has them, on the wall clock of a time zone. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from agent.errors import InvalidInput
from agent.slo.budget.periods import zone_of

_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS: Final[tuple[tuple[str, int, int, tuple[str, ...]], ...]] = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of the month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of the week", 0, 7, _DAYS),
)
_PART: Final = re.compile(r"(\*|(\w+)(?:-(\w+))?)(?:/([0-9]+))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Cron:
    """The minutes at which a line comes due."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either: bool
    """Both kinds of days are restricted, and a day of either kind will do: crontab's own rule."""

    def due(self, day: date) -> bool:
        """Say whether it comes due on a day."""
        by_date, by_weekday = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return day.month in self.months and (by_date or by_weekday if self.either else by_date and by_weekday)


def parse_cron(text: str) -> Cron:
    """Return the line's meaning; raise InvalidInput that names the field."""
    fields = text.split()
    if len(fields) != len(_FIELDS):
        names = ", ".join(name for name, *_ in _FIELDS)
        message = f'cron "{text}" has {len(fields)} fields; it takes five: {names}'
        raise InvalidInput(message)
    minutes, hours, days, months, weekdays = (
        _field(each, *bounds, text) for each, bounds in zip(fields, _FIELDS, strict=True)
    )
    either = not fields[2].startswith("*") and not fields[4].startswith("*")
    return Cron(minutes, hours, days, months, frozenset(each % 7 for each in weekdays), either)


def instants(cron: Cron, time_zone: str, start_ms: int, end_ms: int) -> Iterator[int]:
    """Give, rising, each instant in [start_ms, end_ms) at which it comes due; a time that comes twice counts the first time."""
    zone = zone_of(time_zone)
    day = datetime.fromtimestamp(start_ms / 1000, UTC).astimezone(zone).date() - timedelta(days=1)
    last = datetime.fromtimestamp(end_ms / 1000, UTC).astimezone(zone).date()
    while day <= last:
        if cron.due(day):
            for hour in sorted(cron.hours):
                for minute in sorted(cron.minutes):
                    at = int(datetime.combine(day, time(hour, minute), zone).timestamp() * 1000)
                    if start_ms <= at < end_ms:
                        yield at
        day += timedelta(days=1)


def _field(text: str, name: str, least: int, most: int, words: tuple[str, ...], line: str) -> frozenset[int]:
    found: set[int] = set()
    for part in text.lower().split(","):
        match = _PART.fullmatch(part)
        if match is None:
            raise _wrong(line, name, part)
        every, first, last, step = match.groups()
        start = least if every == "*" else _number(first, least, most, words, line, name)
        end = most if every == "*" or (step and not last) else start
        end = _number(last, least, most, words, line, name) if last else end
        if end < start or step == "0":
            raise _wrong(line, name, part)
        found.update(range(start, end + 1, int(step or 1)))
    return frozenset(found)


def _number(text: str, least: int, most: int, words: tuple[str, ...], line: str, name: str) -> int:
    if text in words:
        return words.index(text) + least
    if text.isdecimal() and least <= int(text) <= most:
        return int(text)
    raise _wrong(line, name, text)


def _wrong(line: str, name: str, part: str) -> InvalidInput:
    bounds = next(f"{least} to {most}" for each, least, most, _ in _FIELDS if each == name)
    return InvalidInput(f'cron "{line}": "{part}" is no {name}; write {bounds}, *, a list, a range or a step')
