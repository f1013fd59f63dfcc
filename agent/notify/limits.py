"""How many messages may leave in a span of time: values from escalation.yml, and a book of what left when.

A limit `5/15m` holds over every window of 15 minutes, so it is never passed by a burst at the edge of two. Critical messages
count only critical ones, so they never wait behind others; the others count all. The first critical message of an incident at
a target waits for no limit over a longer time than LONGEST_FOR_FIRST_MS. Nothing here reads a clock or sends.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Final, NamedTuple

from agent.model import format_duration, parse_duration
from agent.notify.notification import Channel
from agent.schema import Convert

LONGEST_WINDOW_MS: Final = 24 * 3_600_000
LONGEST_FOR_FIRST_MS: Final = 15 * 60_000
"""Limits over at most this are what a phone and its carrier bear, and hold for all; longer ones hold back what is known."""


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `count` messages in any `window_ms`."""

    count: int
    window_ms: int

    def __str__(self) -> str:
        return f"{self.count}/{format_duration(self.window_ms)}"


def parse_limit(text: str) -> Limit:
    """Read `5/15m`; raise ValueError with how to write it."""
    count, separator, window = text.partition("/")
    if not separator or not count.strip().isdecimal() or int(count) < 1:
        message = f'not a limit: "{text}"; write how many in how long, like 5/15m'
        raise ValueError(message)
    window_ms = parse_duration(window.strip())
    if not 0 < window_ms <= LONGEST_WINDOW_MS:
        message = f'not a limit: "{text}"; the time must be longer than nothing and at most a day'
        raise ValueError(message)
    return Limit(int(count), window_ms)


LimitText = Annotated[Limit, Convert(parse_limit, "a limit like 5/15m")]


@dataclass(frozen=True, slots=True)
class ChannelLimits:
    """The limits of one channel: for each of its targets, for its provider, and for updates at its provider.

    An update is a message that follows another of its incident at the same target.
    """

    per_target: tuple[Limit, ...] = ()
    per_provider: tuple[Limit, ...] = ()
    updates: tuple[Limit, ...] = ()


def _limits(*texts: str) -> tuple[Limit, ...]:
    return tuple(parse_limit(text) for text in texts)


DEFAULTS: Final[Mapping[Channel, ChannelLimits]] = {
    Channel.SMS: ChannelLimits(per_target=_limits("1/1m", "5/15m", "12/1h", "20/3h")),
    Channel.SLACK: ChannelLimits(per_target=_limits("3/3s"), updates=_limits("50/1m")),
    Channel.EMAIL: ChannelLimits(per_provider=_limits("10/1s")),
}
"""What holds where escalation.yml says nothing: what people and carriers bear, and what Slack and mail relays allow."""


class Bucket(NamedTuple):
    """Something with limits: its name (`sms:+3360…`, `slack/updates`) and how many may leave."""

    name: str
    limits: tuple[Limit, ...]

    def for_first(self) -> Bucket:
        """Return it as it holds for the first critical message of an incident at its target: without its long limits."""
        return self._replace(limits=tuple(each for each in self.limits if each.window_ms <= LONGEST_FOR_FIRST_MS))


class Held(NamedTuple):
    """Until when a bucket has no room, why in words, and what it is: a `limit`, a `pause` or an open `circuit`."""

    until_ms: int
    why: str
    kind: str = "limit"


@dataclass(slots=True)
class _Left:
    """When messages left: all of them, and the critical ones; oldest first."""

    every: list[int]
    critical: list[int]

    def of(self, *, critical: bool) -> list[int]:
        return self.critical if critical else self.every


class Limiter:
    """Remembers what left by which bucket. Times may come out of order, as they do after a restart."""

    def __init__(self) -> None:
        self._left: dict[str, _Left] = {}
        self._paused: dict[str, Held] = {}

    def take(self, buckets: Iterable[Bucket], at_ms: int, *, critical: bool) -> None:
        """Note that a message leaves at `at_ms`."""
        for bucket in buckets:
            if not bucket.limits:
                continue
            left = self._left.setdefault(bucket.name, _Left([], []))
            longest_ms = max(limit.window_ms for limit in bucket.limits)
            for times in (left.every, left.critical) if critical else (left.every,):
                insort(times, at_ms)
                _forget(times, at_ms - longest_ms)

    def give_back(self, buckets: Iterable[Bucket], at_ms: int, *, critical: bool) -> None:
        """Take back that a message left at `at_ms`: it never reached anybody."""
        for bucket in buckets:
            left = self._left.get(bucket.name)
            for times in (left.every, left.critical) if left and critical else (left.every,) if left else ():
                if at_ms in times:
                    times.remove(at_ms)

    def pause(self, name: str, until_ms: int, why: str) -> None:
        """Let nothing leave by a bucket until then, because its provider said so."""
        if until_ms > self._paused.get(name, Held(0, "")).until_ms:
            self._paused[name] = Held(until_ms, why, "pause")

    def held(self, buckets: Iterable[Bucket], at_ms: int, *, critical: bool) -> Held | None:
        """Say until when, and why, nothing may leave by these buckets; None where something may."""
        found = [each for bucket in buckets if (each := self._held(bucket, at_ms, critical=critical))]
        return max(found, key=lambda each: each.until_ms, default=None)

    def room(self, buckets: Iterable[Bucket], at_ms: int, *, critical: bool) -> int | None:
        """Return how many may leave now, None for as many as there are."""
        rooms = [
            limit.count - _within(self._left[bucket.name].of(critical=critical), at_ms - limit.window_ms)
            if bucket.name in self._left
            else limit.count
            for bucket in buckets
            for limit in bucket.limits
        ]
        return max(0, min(rooms)) if rooms else None

    def set_back(self, by_ms: int) -> None:
        """Move everything back with a clock that was set back."""
        for left in self._left.values():
            left.every[:] = [each - by_ms for each in left.every]
            left.critical[:] = [each - by_ms for each in left.critical]
        self._paused = {name: held._replace(until_ms=held.until_ms - by_ms) for name, held in self._paused.items()}

    def _held(self, bucket: Bucket, at_ms: int, *, critical: bool) -> Held | None:
        paused = self._paused.get(bucket.name)
        if paused and paused.until_ms <= at_ms:
            del self._paused[bucket.name]
            paused = None
        left = self._left.get(bucket.name)
        found = [paused] if paused else []
        for limit in bucket.limits if left else ():
            times = left.of(critical=critical) if left else []
            if _within(times, at_ms - limit.window_ms) >= limit.count:
                free_ms = times[-limit.count] + limit.window_ms
                found.append(Held(free_ms, f"{bucket.name} gets at most {limit} {_what(limit, critical=critical)}"))
        return max(found, key=lambda each: each.until_ms, default=None)


def _what(limit: Limit, *, critical: bool) -> str:
    """Name the messages that a limit holds back."""
    if not critical:
        return "messages"
    return "critical messages" + (
        ", but for the first of an incident" if limit.window_ms > LONGEST_FOR_FIRST_MS else ""
    )


def _within(times: list[int], after_ms: int) -> int:
    """Count the times later than `after_ms`, of sorted ones."""
    return len(times) - bisect_right(times, after_ms)


def _forget(times: list[int], before_ms: int) -> None:
    while times and times[0] <= before_ms:
        del times[0]
