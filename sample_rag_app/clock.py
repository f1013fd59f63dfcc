"""The service's one source of time, passed in so that a test can move it by hand."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Clock:
    """Three ways to ask for time: elapsed seconds (never steps back), seconds since 1970, and a pause."""

    elapsed: Callable[[], float] = time.perf_counter
    unix: Callable[[], float] = time.time
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    def now_ms(self) -> int:
        """Return the elapsed time in whole milliseconds, for everything that expires."""
        return int(self.elapsed() * 1000)
