"""The thin loop around the verbs: flush what is due, start to send what is due, sleep until the next instant."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

import structlog

from agent.notify.dispatcher import Dispatcher
from agent.notify.sender import Sender

LONGEST_SLEEP_SECONDS: Final = 5.0
SHORTEST_SLEEP_SECONDS: Final = 0.02

_log = structlog.get_logger("burnline.notify")


def now_ms() -> int:
    """Return the wall clock."""
    return time.time_ns() // 1_000_000


async def run(
    dispatcher: Dispatcher, sender: Sender, stop: asyncio.Event, clock_ms: Callable[[], int] = now_ms
) -> None:
    """Drive both until `stop` is set, then flush and send once more and wait a little for what is under way.

    `dispatcher.changed` is taken over: it wakes the loop. A fault in one round is logged and does not end the paging.
    """
    wake = asyncio.Event()
    dispatcher.changed = wake.set
    stopping = asyncio.create_task(stop.wait())
    try:
        while not stop.is_set():
            wake.clear()
            _round(dispatcher, sender, clock_ms())
            waking = asyncio.create_task(wake.wait())
            seconds = _seconds_to_wait(dispatcher, sender, clock_ms())
            await asyncio.wait({waking, stopping}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            waking.cancel()
    finally:
        stopping.cancel()
        _round(dispatcher, sender, clock_ms())
        await sender.finish()


def _round(dispatcher: Dispatcher, sender: Sender, at_ms: int) -> None:
    try:
        dispatcher.flush(at_ms)
        sender.start_due(at_ms)
    except Exception:  # noqa: BLE001 - the next round must come, whatever went wrong in this one: people rely on it to be woken
        _log.exception("a round of notifications failed")


def _seconds_to_wait(dispatcher: Dispatcher, sender: Sender, at_ms: int) -> float:
    dues = [due for due in (dispatcher.next_due(), sender.next_due()) if due is not None]
    seconds = (min(dues) - at_ms) / 1000 if dues else LONGEST_SLEEP_SECONDS
    return min(max(seconds, SHORTEST_SLEEP_SECONDS), LONGEST_SLEEP_SECONDS)
