"""Instants as a routing test writes them: since its start, at a moment, or at a time of day. Values only."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from agent.model import format_duration, parse_duration
from agent.schema import Convert

_CLOCK: Final = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?")
_EXAMPLES: Final = "5m10s since the start, 2026-01-05T03:00 or 07:00"


@dataclass(frozen=True, slots=True)
class When:
    """One instant; exactly one of the three is set."""

    text: str
    after_ms: int | None = None
    moment: datetime | None = None
    clock: tuple[int, int, int] | None = None

    def at_ms(self, start_ms: int, zone: ZoneInfo) -> int:
        """Return the instant. A time of day is the first one at or after the start, in `zone`."""
        if self.after_ms is not None:
            return start_ms + self.after_ms
        if self.moment is not None:
            return moment_ms(self.moment, zone)
        assert self.clock is not None
        hour, minute, second = self.clock
        begun = datetime.fromtimestamp(start_ms / 1000, zone)
        found = begun.replace(hour=hour, minute=minute, second=second, microsecond=0)
        if found < begun:
            found += timedelta(days=1)
        return moment_ms(found, zone)


def moment_ms(moment: datetime, zone: ZoneInfo) -> int:
    """Return a moment in ms since the epoch; one without an offset is in `zone`."""
    return round((moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp() * 1000)


def parse_moment(text: str) -> datetime:
    """Read `2026-01-05T03:00`, with or without an offset; raise ValueError."""
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        message = f'not a moment: "{text}"; write it like 2026-01-05T03:00 or 2026-01-05T03:00:00Z'
        raise ValueError(message) from error


def parse_when(text: str) -> When:
    """Read an instant; raise ValueError."""
    if match := _CLOCK.fullmatch(text):
        return When(text, clock=(int(match[1]), int(match[2]), int(match[3] or 0)))
    if "T" in text:
        return When(text, moment=parse_moment(text))
    try:
        return When(text, after_ms=parse_duration(text))
    except ValueError as error:
        raise ValueError(f'not an instant: "{text}"; write it like {_EXAMPLES}') from error


def parse_zone(text: str) -> ZoneInfo:
    """Return an IANA time zone; raise ValueError."""
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f'unknown time zone "{text}"; write it like Europe/Paris') from error


def since(at_ms: int, start_ms: int) -> str:
    """Write an instant as a test would: `5m10s`."""
    return format_duration(at_ms - start_ms)


Instant = Annotated[When, Convert(parse_when, f"an instant like {_EXAMPLES}")]
Zone = Annotated[ZoneInfo, Convert(parse_zone, "a time zone like Europe/Paris")]
Moment = Annotated[datetime, Convert(parse_moment, "a moment like 2026-01-05T03:00")]
