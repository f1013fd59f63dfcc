"""Long reading beside all that runs: in a thread at half its speed, and no longer than somebody waits for it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from agent.errors import NotNow

_BREATH_SECONDS: Final = 0.005


class Stopped(NotNow):
    """Say that nobody waits any more, so nothing more is read."""


class Pace:
    """Call it between pieces of work, in their thread: it rests for as long as they took, and raises Stopped once it is `over`.

    `rest` passes the time.
    """

    def __init__(self, over: Callable[[], bool], rest: Callable[[float], None] = time.sleep) -> None:
        self._over, self._rest = over, rest
        self._began = time.thread_time()

    def __call__(self, _: int = 0) -> None:
        """Rest, where it is time to."""
        if self._over():
            message = "the agent ends, or nobody waits for the answer"
            raise Stopped(message)
        worked = time.thread_time() - self._began
        if worked > _BREATH_SECONDS:
            self._rest(worked)
            self._began = time.thread_time()
