"""How numbers, spans and instants read to somebody woken at night. Pure functions."""

from __future__ import annotations

import math
from datetime import UTC, datetime, tzinfo
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

SHORT_SEVERITY: Final = {"critical": "CRIT", "warning": "WARN", "info": "INFO"}


def span(duration_ms: int) -> str:
    """Return a span in its two largest units: `45s`, `12m`, `3h 05m`, `2d 4h`."""
    seconds = max(0, duration_ms) // 1000
    if seconds < 60:
        return f"{seconds}s"
    minutes = seconds // 60
    if minutes < 60:
        return f"{minutes}m"
    hours = minutes // 60
    if hours < 24:
        return f"{hours}h {minutes % 60:02d}m"
    return f"{hours // 24}d {hours % 24}h"


def zone(name: str) -> tzinfo:
    """Return the IANA zone `name`; UTC where it is empty or unknown, because a page must not fail on it."""
    if not name or name.upper() == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


def moment(at_ms: int, seen_ms: int, where: tzinfo) -> str:
    """Return an instant as local and UTC time of day, with the date where it is not the day of `seen_ms`.

    `15:02 CET (14:02 UTC)`, `14:02 UTC`, `Mon 5 Jan 23:50 UTC`.
    """
    return f"{clock(at_ms, seen_ms, where)}" + ("" if where is UTC else f" ({clock(at_ms, seen_ms, UTC, date=False)})")


def moment_in(at_ms: int, seen_ms: int, name: str) -> str:
    """Return `moment` in the IANA zone `name`."""
    return moment(at_ms, seen_ms, zone(name))


def clock_in(at_ms: int, seen_ms: int, name: str) -> str:
    """Return `clock` in the IANA zone `name`."""
    return clock(at_ms, seen_ms, zone(name))


def clock(at_ms: int, seen_ms: int, where: tzinfo, *, date: bool = True) -> str:
    """Return an instant in one zone: `14:02 UTC`, with the date in front where it is another day than `seen_ms`."""
    try:
        at, seen = datetime.fromtimestamp(at_ms / 1000, where), datetime.fromtimestamp(seen_ms / 1000, where)
    except (OverflowError, OSError, ValueError):
        return "an unknown time"
    day = f"{at:%a} {at.day} {at:%b} " if date and at.date() != seen.date() else ""
    return f"{day}{at:%H:%M %Z}"


def number(value: float) -> str:
    """Return a number as people write it: up to four significant digits, no exponent within a million."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    if value == int(value) and abs(value) < 1e7:
        return str(int(value))
    return f"{value:.4g}"


def counted(count: int, noun: str) -> str:
    """Return `1 alert`, `3 alerts`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
