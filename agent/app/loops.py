"""Thin loops: sleep until an instant, call a verb, go on. What is done at the instant is in the rooms.

A loop outlives the failure of one round: a bug in one rule must not stop the paging. The failure is logged with its trace.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

Clock = Callable[[], int]
"""Returns now in milliseconds since the epoch."""

_NAP_SECONDS: Final = 60.0
"""A sleep is cut into naps, so that a clock that was set is noticed within a minute."""
_REST_SECONDS: Final = 0.01

_log = structlog.get_logger()


def wall_clock() -> int:
    """Return now in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


async def at_slots(
    name: str,
    next_slot: Callable[[int], int],
    verb: Callable[[int], Awaitable[object]],
    clock: Clock,
    missed: Callable[[int], object] = lambda _: None,
) -> None:
    """Call `verb(slot_ms)` at each slot for ever; slots that pass while the verb runs are skipped and told to `missed`.

    `next_slot(at_ms)` returns the first slot after `at_ms`; slots are equally far apart. A clock that is set back by more
    than a slot is followed: the slots go on from where it stands.
    """
    slot = next_slot(clock())
    while True:
        slot = await _slept_to(slot, next_slot, clock)
        await attempt(name, verb, slot)
        following = next_slot(slot)
        interval = next_slot(following) - following
        skipped = max(0, (clock() - following) // interval)
        if skipped:
            missed(skipped)
        slot = following + skipped * interval


async def _slept_to(slot: int, next_slot: Callable[[int], int], clock: Clock) -> int:
    """Sleep until the slot, or an earlier one where the clock is set back meanwhile; return which it was."""
    while (now := clock()) < slot:
        sooner = next_slot(now)
        if next_slot(sooner) < slot:
            slot = sooner
        await asyncio.sleep(min((slot - now) / 1000, _NAP_SECONDS))
    return slot


async def when_due(
    name: str,
    next_due: Callable[[], int | None],
    verb: Callable[[int], Awaitable[object]],
    changed: asyncio.Event,
    clock: Clock,
) -> None:
    """Call `verb(now)` whenever `next_due()` (None: nothing is due) has come, for ever; `changed` says that it may have moved."""
    while True:
        changed.clear()
        due, now = next_due(), clock()
        if due is not None and due <= now:
            await attempt(name, verb, now)
            # A short rest, so that something that stays due (a full transport) does not eat the processor.
            await asyncio.sleep(_REST_SECONDS)
            continue
        wait = _NAP_SECONDS if due is None else min((due - now) / 1000, _NAP_SECONDS)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait):
                await changed.wait()


async def attempt(name: str, verb: Callable[[int], Awaitable[object]], at_ms: int) -> None:
    """Call a verb once; log what it raises and go on."""
    try:
        await verb(at_ms)
    except Exception:  # noqa: BLE001  # the loop must outlive any failure of one round; the trace is logged
        _log.exception("round failed", loop=name, at_ms=at_ms)
