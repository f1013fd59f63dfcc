"""Dates and time zones of specifications: local times as they are written, instants as milliseconds, calendars' anchors."""

from __future__ import annotations

import zoneinfo
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Final

from agent.schema import suggest
from agent.slo.model import Calendar

UNITS: Final = ("day", "week", "month", "quarter", "year")
_LAST_DAY: Final = 28
"""The last day that every month has."""


def time_zone(name: str) -> tzinfo:
    """Return the zone that `name` (IANA) means; raise ValueError with a suggestion."""
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        near = suggest(name, sorted(zoneinfo.available_timezones()))
        message = f'no time zone "{name}"; name one like Europe/Paris or UTC{near}'
        raise ValueError(message) from error


def local_time(text: str) -> datetime:
    """Read a local time like 2026-01-01T00:00 or 2026-01-01 00:00:00, or a date; raise ValueError."""
    try:
        read = datetime.fromisoformat(text)
    except ValueError as error:
        message = f'"{text}" is no local time; write it like 2026-01-01T00:00'
        raise ValueError(message) from error
    if read.tzinfo is not None:
        message = f'"{text}" has an offset; write the local time, and the zone as the time zone'
        raise ValueError(message)
    return read


def instant_ms(text: str, zone: tzinfo) -> int:
    """Return the instant that `text` means, in `zone` where it has no offset of its own; raise ValueError."""
    try:
        read = datetime.fromisoformat(text)
    except ValueError as error:
        message = f'"{text}" is no time; write it like 2026-03-01T22:00 or 2026-03-01T22:00:00Z'
        raise ValueError(message) from error
    read = read if read.tzinfo else read.replace(tzinfo=zone)
    try:
        read.astimezone(UTC).astimezone(zone)
    except OverflowError as error:
        message = f'"{text}" is not within the years 1 to 9999, here and in UTC'
        raise ValueError(message) from error
    return round(read.timestamp() * 1000)


def instant_text(at_ms: int, zone: tzinfo) -> str:
    """Return the instant in the form that `instant_ms` reads, in `zone` with its offset."""
    at = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=at_ms)
    local = at.astimezone(zone)
    offset = local.utcoffset() or timedelta()
    exact = local if offset % timedelta(minutes=1) == timedelta() else at.astimezone(timezone.utc)  # noqa: UP017
    return exact.isoformat(timespec="milliseconds" if at_ms % 1000 else "seconds").replace("+00:00", "Z")


def calendar(unit: str, count: int, zone: str, start: str) -> Calendar:
    """Make a calendar window; raise ValueError where it could mean several things.

    A `start` that is where the unit begins anyway is left out, so that equal windows are equal values.
    """
    time_zone(zone)
    if unit not in UNITS:
        message = f'no calendar unit "{unit}"; one of {", ".join(UNITS)}{suggest(unit, UNITS)}'
        raise ValueError(message)
    if count < 1:
        message = f"a window of {count} {unit}s holds nothing; count from 1"
        raise ValueError(message)
    if not start:
        if count > 1:
            message = f"where does the first window of {count} {unit}s begin? say start, such as 2026-01-01"
            raise ValueError(message)
        return Calendar(unit, count, zone)
    begin = local_time(start)
    if unit in ("month", "quarter", "year") and begin.day > _LAST_DAY:
        message = (
            f"a window that begins on day {begin.day} has no beginning in some months; begin on a day up to {_LAST_DAY}"
        )
        raise ValueError(message)
    natural = count == 1 and _begins(unit, begin)
    return Calendar(unit, count, zone, "" if natural else begin.isoformat())


def _begins(unit: str, at: datetime) -> bool:
    """Say whether a unit begins at a local time of itself."""
    if at.timetz().replace(tzinfo=None) != datetime.min.time():
        return False
    match unit:
        case "day":
            return True
        case "week":
            return at.isoweekday() == 1
        case "month":
            return at.day == 1
        case "quarter":
            return at.day == 1 and at.month % 3 == 1
        case _:
            return at.day == 1 and at.month == 1


def begin_text(window: Calendar) -> str:
    """Return a local time at which a window begins, as OpenSLO writes it."""
    begin = local_time(window.start) if window.start else datetime(2024, 1, 1)  # noqa: DTZ001 - a Monday, a quarter, a year
    return begin.isoformat(sep=" ", timespec="seconds")
