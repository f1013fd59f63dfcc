"""Time that does not count against a budget, as intervals. Pure: what is excluded is taken off when a window is read.

So an exclusion that is written down after the fact counts too, and one that is taken back is as if it had never been.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

from agent.errors import InvalidInput
from agent.slo.budget.cron import Cron, instants, parse_cron
from agent.slo.budget.periods import zone_of
from agent.slo.model import Exclusion

Interval = tuple[int, int]
"""Milliseconds: from, and until (exclusive)."""


def check(exclusion: Exclusion) -> None:
    """Raise InvalidInput where it excludes nothing that could be found."""
    if exclusion.cron:
        parse_cron(exclusion.cron)
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
    cron, day = _parsed(exclusion.cron), 86_400_000
    first = (start_ms - exclusion.duration_ms) // day
    for number in range(first, end_ms // day + 1):
        for at in _on_day(cron, exclusion.time_zone, number * day):
            yield at, at + exclusion.duration_ms


@lru_cache(maxsize=256)
def _parsed(text: str) -> Cron:
    return parse_cron(text)


@lru_cache(maxsize=4096)
def _on_day(cron: Cron, time_zone: str, start_ms: int) -> tuple[int, ...]:
    return tuple(instants(cron, time_zone, start_ms, start_ms + 86_400_000))


def _joined(found: Iterable[Interval]) -> list[Interval]:
    joined: list[Interval] = []
    for start, end in sorted(found):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined
