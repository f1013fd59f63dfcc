"""Time that does not count against a budget, as intervals. Pure: what is excluded is taken off when a window is read.

So an exclusion that is written down after the fact counts too, and one that is taken back is as if it had never been.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache

from agent.errors import InvalidInput
from agent.slo.budget.periods import DAY_MS, zone_of
from agent.slo.cron import Cron, parse_cron
from agent.slo.model import Exclusion

Interval = tuple[int, int]
"""Milliseconds: from, and until (exclusive)."""


def check(exclusion: Exclusion) -> None:
    """Raise InvalidInput where it excludes nothing that could be found."""
    if exclusion.cron:
        _parsed(exclusion.cron)
        zone_of(exclusion.time_zone)
        if exclusion.duration_ms <= 0:
            message = f'exclusion "{exclusion.reason}": a cron needs a duration, such as 30m'
            raise InvalidInput(message)
    elif exclusion.start_ms is None or exclusion.end_ms is None or exclusion.start_ms >= exclusion.end_ms:
        message = f'exclusion "{exclusion.reason}": it needs a start before its end, or a cron and a duration'
        raise InvalidInput(message)


def intervals(exclusions: Sequence[Exclusion], start_ms: int, end_ms: int) -> list[Interval]:
    """Return what is excluded in [start_ms, end_ms), rising and apart from each other."""
    return _joined(
        (max(start, start_ms), min(end, end_ms))
        for each in exclusions
        for start, end in _of(each, start_ms, end_ms)
        if start < end_ms and end > start_ms
    )


def excluded_ms(exclusions: Sequence[Exclusion], start_ms: int, end_ms: int) -> int:
    """Return how much of [start_ms, end_ms) is excluded."""
    return sum(end - start for start, end in intervals(exclusions, start_ms, end_ms))


def _of(exclusion: Exclusion, start_ms: int, end_ms: int) -> Iterable[Interval]:
    if not exclusion.cron:
        yield exclusion.start_ms or 0, exclusion.end_ms or 0
        return
    # Whole days are asked for, so that windows that move on find their answers again.
    first = (start_ms - exclusion.duration_ms) // DAY_MS
    for number in range(first, end_ms // DAY_MS + 1):
        for at in _on_day(_parsed(exclusion.cron), exclusion.time_zone, number * DAY_MS):
            yield at, at + exclusion.duration_ms


@lru_cache(maxsize=256)
def _parsed(text: str) -> Cron:
    try:
        return parse_cron(text)
    except ValueError as error:
        message = f"cannot read when an exclusion recurs: {error}"
        raise InvalidInput(message) from error


@lru_cache(maxsize=4096)
def _on_day(cron: Cron, time_zone: str, start_ms: int) -> tuple[int, ...]:
    """Return the instants of 24 hours from `start_ms` on at which it comes due; a local time that comes twice counts once."""
    zone = zone_of(time_zone)
    first, last = (
        datetime.fromtimestamp(at / 1000, UTC).astimezone(zone).date() for at in (start_ms - 1, start_ms + DAY_MS)
    )
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    found = (
        int(local.replace(tzinfo=zone).timestamp() * 1000)
        for day in days
        for hour in sorted(cron.hours)
        for minute in sorted(cron.minutes)
        if cron.matches(local := datetime.combine(day, time(hour, minute)))
    )
    return tuple(sorted({each for each in found if start_ms <= each < start_ms + DAY_MS}))


def _joined(found: Iterable[Interval]) -> list[Interval]:
    joined: list[Interval] = []
    for start, end in sorted(found):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined
