"""One at a time, and whoever asks while one waits shares it: a hundred signals in a moment are two reloads, not a hundred."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Turns(Generic[T]):
    """Calls `verb`, never twice at once. A call that begins after the asking is enough for all who asked before."""

    def __init__(self, verb: Callable[[], Awaitable[T]]) -> None:
        self._verb = verb
        self._lock = asyncio.Lock()
        self._waiting: asyncio.Task[T] | None = None

    async def __call__(self) -> T:
        """Return what the next turn gives; who stops waiting does not stop it."""
        if self._waiting is None:
            self._waiting = asyncio.create_task(self._turn(), name="turn")
            self._waiting.add_done_callback(_seen)
        return await asyncio.shield(self._waiting)

    async def idle(self) -> None:
        """Wait for the turn that is under way."""
        async with self._lock:
            return

    async def _turn(self) -> T:
        async with self._lock:
            self._waiting = None
            return await self._verb()


def _seen(task: asyncio.Task[T]) -> None:
    """Take note of a failure for which nobody waits any more."""
    if not task.cancelled():
        task.exception()
