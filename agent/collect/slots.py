"""The thin loop of everything that is collected: sleep to the next slot, call the verb with the slot's time, skip what passed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any


def next_slot(now_ms: int, interval_ms: int, offset_ms: int) -> int:
    """Return the first slot (k · interval + offset) that is not before `now_ms`."""
    return now_ms + (offset_ms - now_ms) % interval_ms


async def run_in_slots(
    verb: Callable[[int], Awaitable[Any]],
    interval_ms: int,
    offset_ms: int,
    missed: Callable[[int], None],
    *,
    now: Callable[[], float],
    sleep: Callable[[float], Awaitable[None]],
) -> None:
    """Call `verb(slot)` at each slot until cancelled. `now` gives unix seconds; `missed` is told how many slots passed.

    The verb is given the slot, not the clock, so that samples lie evenly; two calls never overlap. A clock that is set back
    by more than an interval is followed, also while the loop sleeps.
    """
    last = None
    while True:
        now_ms = round(now() * 1000)
        if last is not None and now_ms < last - interval_ms:
            last = None
        slot = next_slot(now_ms if last is None else max(now_ms, last + 1), interval_ms, offset_ms)
        if last is not None and slot - last > interval_ms:
            missed((slot - last) // interval_ms - 1)
        await sleep(max(0.0, (slot - now_ms) / 1000))
        if round(now() * 1000) < slot - interval_ms:
            continue
        await verb(slot)
        last = slot
