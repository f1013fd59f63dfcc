"""Thin loops: sleep until an instant, call a verb, go on. What is done at the instant is in the rooms.

A loop outlives the failure of one round: a bug in one rule must not stop the paging. The failure is logged with its trace.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog

Clock = Callable[[], int]
"""Returns now in milliseconds since the epoch."""

_log = structlog.get_logger()


def wall_clock() -> int:
    """Return now in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


async def sleep_until(at_ms: int, clock: Clock) -> None:
    """Sleep until the clock says `at_ms`; return at once where that is past."""
    while (left_ms := at_ms - clock()) > 0:  # noqa: ASYNC110  # it waits for the clock, not for an event
        # In short naps, so that a clock that was set back or forward is noticed within a minute.
        await asyncio.sleep(min(left_ms, 60_000) / 1000)


async def at_slots(
    name: str,
    next_slot: Callable[[int], int],
    verb: Callable[[int], Awaitable[object]],
    clock: Clock,
    missed: Callable[[int], object] = lambda _: None,
) -> None:
    """Call `verb(slot_ms)` at each slot for ever; slots that pass while the verb runs are skipped and told to `missed`.

    `next_slot(at_ms)` returns the first slot after `at_ms`.
    """
    slot = next_slot(clock())
    while True:
        await sleep_until(slot, clock)
        await attempt(name, verb, slot)
        following, now, skipped = next_slot(slot), clock(), 0
        while following <= now and next_slot(following) <= now:
            following, skipped = next_slot(following), skipped + 1
        if skipped:
            missed(skipped)
        slot = following


async def when_due(
    name: str,
    next_due: Callable[[], int | None],
    verb: Callable[[int], Awaitable[object]],
    changed: asyncio.Event,
    clock: Clock,
) -> None:
    """Call `verb(now)` whenever `next_due()` has come; `changed` says that it may have moved. None means nothing is due."""
    while True:
        due, now = next_due(), clock()
        if due is not None and due <= now:
            await attempt(name, verb, now)
            if (again := next_due()) is not None and again <= clock():
                # The verb could not get rid of what is due; a short rest keeps a stuck round from eating the processor.
                await asyncio.sleep(0.05)
            continue
        wait = 60.0 if due is None else min((due - now) / 1000, 60.0)
        changed.clear()
        try:
            async with asyncio.timeout(wait):
                await changed.wait()
        except TimeoutError:
            pass


async def attempt(name: str, verb: Callable[[int], Awaitable[object]], at_ms: int) -> None:
    """Call a verb once; log what it raises and go on."""
    try:
        await verb(at_ms)
    except Exception:  # noqa: BLE001  # the loop must outlive any failure of one round; the trace is logged
        _log.exception("round failed", loop=name, at_ms=at_ms)
