"""Instants as people write and read them: a duration back, seconds since the epoch, or a date and a time; and lengths of time.

What cannot be read is refused with the name of the option or parameter that it was written for. It looks at no clock.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

from agent.errors import InvalidInput
from agent.model.durations import format_duration, parse_duration

_NUMBER: Final = re.compile(r"\d{9,18}(\.\d+)?")
_LATEST_MS: Final = 253_402_214_400_000
"""In the last days of the year 9999: later there are no dates."""


def parse_instant(text: str, before_ms: int, option: str) -> int:
    """Return a duration before `before_ms`, seconds since the epoch, or a time as in RFC 3339 (local if it has no zone), in ms.

    Raises InvalidInput that names `option`.
    """
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
        return moment.timestamp() if moment.year > 1970 else 0.0
    except (ValueError, OverflowError) as error:
        message = f'{option}: not a time: "{text}"; write a duration such as 7d, or a time such as 2026-01-05T09:00'
        raise InvalidInput(message) from error


def parse_length(text: str, option: str) -> int:
    """Return a duration in ms; raise InvalidInput where it is none, or no longer than nothing."""
    try:
        found = parse_duration(text)
    except ValueError as error:
        raise InvalidInput(f"{option}: {error}") from error
    if found <= 0:
        raise InvalidInput(f"{option}: {format_duration(found)} is no length of time")
    return found


def format_local(at_ms: int) -> str:
    """Return an instant in the local time zone, to the second: `2026-01-05 09:00:00`."""
    return f"{datetime.fromtimestamp(at_ms / 1000).astimezone():%Y-%m-%d %H:%M:%S}"
