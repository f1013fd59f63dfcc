"""Times as people write them on the command line: a duration back, seconds since the epoch, or a date and a time; and lengths."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

from agent.errors import InvalidInput
from agent.model import format_duration, parse_duration

_NUMBER: Final = re.compile(r"\d{9,}(\.\d+)?")
_LATEST_MS: Final = 253_402_214_400_000
"""In the last days of the year 9999: later there are no dates."""


def instant(text: str, before_ms: int, option: str) -> int:
    """Return a duration before `before_ms`, seconds since the epoch, or a time as in RFC 3339 (local where it says no zone)."""
    if text == "now":
        return before_ms
    try:
        found = before_ms - parse_duration(text)
    except ValueError:
        found = round(1000 * (float(text) if _NUMBER.fullmatch(text) else _date(text, option)))
    if found > _LATEST_MS:
        message = f"{option}: {text} is after the year 9999; numbers are seconds since 1970"
        raise InvalidInput(message)
    return max(0, found)


def _date(text: str, option: str) -> float:
    """Return seconds since the epoch, 0 for what was before it."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        message = f'{option}: not a time: "{text}"; write a duration such as 7d, or a time such as 2026-01-05T09:00'
        raise InvalidInput(message) from error
    return moment.timestamp() if moment.year > 1970 else 0.0


def length(text: str, option: str) -> int:
    """Return a duration in ms; raise InvalidInput where it is none, or no longer than nothing."""
    try:
        found = parse_duration(text)
    except ValueError as error:
        raise InvalidInput(f"{option}: {error}") from error
    if found <= 0:
        raise InvalidInput(f"{option}: {format_duration(found)} is no length of time")
    return found


def said(at_ms: int) -> str:
    """Return an instant as people here write it, to the second."""
    return f"{datetime.fromtimestamp(at_ms / 1000).astimezone():%Y-%m-%d %H:%M:%S}"
