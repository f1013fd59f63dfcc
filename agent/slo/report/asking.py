"""Which period a report is asked for: words like `last-month`, `2026-10`, `30d`, to instants in a time zone. Pure.

Periods of the calendar begin at local midnight, so a month has 28 to 31 days and one of them may have 23 or 25 hours. Whatever
it is, the period before it is the same kind of thing, for the trend.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final

from agent.errors import InvalidInput
from agent.model import parse_duration
from agent.schema import suggest
from agent.slo.budget import lasted
from agent.slo.model import Calendar, Slo
from agent.slo.times import time_zone

UNITS: Final = ("day", "week", "month", "quarter", "year")
_WORDS: Final = ("today", "yesterday", *(f"{which}-{unit}" for which in ("this", "last") for unit in UNITS))
_MOST_DAYS: Final = 400
_HINT: Final = "write last-month, this-week, 30d, 2026-10, 2026-Q3, 2026-10-05 or 2026-10-01..2026-10-14"
_DATE: Final = re.compile(r"(\d{4})(?:-(?:(\d{2})(?:-(\d{2}))?|[qQ]([1-4])))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time with a name for people."""

    title: str
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class Asked:
    """The period of a report, the one before it, and the zone in which its days begin; `now_ms` is when it is made."""

    span: Span
    before: Span
    zone: tzinfo
    zone_name: str
    now_ms: int

    @property
    def until_ms(self) -> int:
        """Where what can be known ends: the period's end, or now."""
        return min(self.span.end_ms, self.now_ms)

    @property
    def is_over(self) -> bool:
        """Whether the period has ended."""
        return self.span.end_ms <= self.now_ms

    def days(self) -> list[Span]:
        """Return the local days of the period so far, each with its date as title; the first and last may be parts."""
        found, start = [], self.span.start_ms
        while start < self.until_ms:
            day = self.local(start).date()
            end = min(_midnight(day + timedelta(days=1), self.zone), self.until_ms)
            found.append(Span(day.isoformat(), start, end))
            start = end
        return found

    def local(self, at_ms: int) -> datetime:
        """Return an instant as it is on the wall."""
        return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(self.zone)


def asked(text: str, zone_name: str, now_ms: int) -> Asked:
    """Read a period: raise InvalidInput with what could be meant, for one that has not begun, and for over 400 days."""
    try:
        zone = time_zone(zone_name)
    except ValueError as error:
        message = f"cannot make a report: {error}"
        raise InvalidInput(message) from error
    try:
        span, before = _rolling(text, now_ms) or _calendar(text.strip().lower(), zone, now_ms)
    except OverflowError as error:
        message = f'cannot report on "{text}": it, or the period before it, lies beyond the calendar; {_HINT}'
        raise InvalidInput(message) from error
    if span.start_ms > now_ms:
        message = f'cannot report on "{text}": it has not begun; this-month is the month under way'
        raise InvalidInput(message)
    if span.end_ms - span.start_ms > _MOST_DAYS * 86_400_000:
        message = f'cannot report on "{text}": it is longer than the {_MOST_DAYS} days that budgets are kept for'
        raise InvalidInput(message)
    return Asked(span, before, zone, zone_name, now_ms)


def shared_zone(slos: Iterable[Slo]) -> str:
    """Return the time zone that all calendars of `slos` are in, else UTC."""
    zones = {each.window.time_zone for each in slos if isinstance(each.window, Calendar)}
    return zones.pop() if len(zones) == 1 else "UTC"


def _rolling(text: str, now_ms: int) -> tuple[Span, Span] | None:
    try:
        length = parse_duration(text.strip())
    except ValueError:
        return None
    if length <= 0:
        message = f'cannot report on "{text}": nothing happens in no time; {_HINT}'
        raise InvalidInput(message)
    said = lasted(length)
    return (
        Span(f"the last {said}", now_ms - length, now_ms),
        Span(f"the {said} before", now_ms - 2 * length, now_ms - length),
    )


def _calendar(text: str, zone: tzinfo, now_ms: int) -> tuple[Span, Span]:
    today = datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(zone).date()
    first, second, apart = text.partition("..")
    if second:
        unit, begin = _named(first, text, today)
        last_unit, last = _named(apart, text, today)
        end = _next(last_unit, last)
        if end <= begin:
            message = f'cannot report on "{text}": it ends before it begins'
            raise InvalidInput(message)
        days = end - begin
        title, earlier = (f"{at:%-d %B %Y} to {to:%-d %B %Y}" for at, to in _ranges(begin, end, days))
        return _span(title, begin, end, zone), _span(earlier, begin - days, begin, zone)
    unit, begin = _named(text, text, today)
    previous = _begin(unit, begin - timedelta(days=1))
    return (
        _span(_title(unit, begin), begin, _next(unit, begin), zone),
        _span(_title(unit, previous), previous, begin, zone),
    )


def _ranges(begin: date, end: date, days: timedelta) -> list[tuple[date, date]]:
    one = timedelta(days=1)
    return [(begin, end - one), (begin - days, begin - one)]


def _named(text: str, whole: str, today: date) -> tuple[str, date]:
    """Return the unit that a word or a date means, and its first day."""
    aliases = {"today": "this-day", "yesterday": "last-day"}
    which, _, unit = aliases.get(text, text).partition("-")
    if unit in UNITS and which in ("this", "last"):
        begin = _begin(unit, today)
        return unit, begin if which == "this" else _begin(unit, begin - timedelta(days=1))
    found = _DATE.fullmatch(text)
    if found is None:
        message = f'"{whole}" is no period; {_HINT}{suggest(text, _WORDS)}'
        raise InvalidInput(message)
    year, month, day, quarter = found.groups()
    try:
        begin = date(int(year), int(month or (int(quarter) * 3 - 2 if quarter else 1)), int(day or 1))
    except ValueError as error:
        message = f'"{whole}" is no period: {error}'
        raise InvalidInput(message) from error
    return "day" if day else "month" if month else "quarter" if quarter else "year", begin


def _begin(unit: str, day: date) -> date:
    match unit:
        case "week":
            return day - timedelta(days=day.weekday())
        case "month":
            return day.replace(day=1)
        case "quarter":
            return day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
        case "year":
            return day.replace(month=1, day=1)
        case _:
            return day


def _next(unit: str, begin: date) -> date:
    # 31, 92 and 366 days on is always in the next one, and never beyond.
    days = {"day": 1, "week": 7, "month": 31, "quarter": 92, "year": 366}[unit]
    return _begin(unit, begin + timedelta(days=days))


def _title(unit: str, begin: date) -> str:
    match unit:
        case "week":
            return f"the week of {begin:%-d %B %Y}"
        case "month":
            return f"{begin:%B %Y}"
        case "quarter":
            return f"Q{(begin.month + 2) // 3} {begin.year}"
        case "year":
            return str(begin.year)
        case _:
            return f"{begin:%-d %B %Y}"


def _span(title: str, begin: date, end: date, zone: tzinfo) -> Span:
    return Span(title, _midnight(begin, zone), _midnight(end, zone))


def _midnight(day: date, zone: tzinfo) -> int:
    return int(datetime.combine(day, time(), zone).timestamp() * 1000)
