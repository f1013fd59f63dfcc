"""One piece of work at a time, in a thread, in the order of asking; what takes too long goes on beside the others.

So rules of different groups never see half a round, and one slow rule holds up nobody but itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

T = TypeVar("T")

PATIENCE_SECONDS: Final = 0.5
"""How long a piece of work has the lane for itself."""
_MOST: Final = 8
"""Threads: where so many pieces of work are slow at once, the others wait for one of them."""


class Lane:
    """Threads of which one works at a time, but for those that were overtaken. It belongs to one event loop."""

    def __init__(self, name: str, *, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._threads = ThreadPoolExecutor(_MOST, thread_name_prefix=name)
        self._patience_seconds = patience_seconds
        self._turn = asyncio.Lock()
        self._overtaken: set[asyncio.Future[Any]] = set()

    async def run(self, work: Callable[[], T], overtaken: Callable[[], object] = lambda: None) -> T:
        """Run `work` when its turn comes and return what it returns; `overtaken` is called where it loses the lane.

        Whoever is cancelled meanwhile does not stop the work: it keeps the lane until it is done, or overtaken.
        """
        await self._turn.acquire()
        return await self._begin(work, overtaken)

    async def alone(self, work: Callable[[], T]) -> T:
        """Run `work` while nothing else runs, not even what was overtaken; it is not overtaken itself."""
        while True:
            await self._turn.acquire()
            if not self._overtaken:
                break
            self._turn.release()
            await asyncio.wait(tuple(self._overtaken))
        return await self._begin(work, None)

    async def stop(self) -> None:
        """Wait for what runs; nothing can be run afterwards."""
        await asyncio.to_thread(self._threads.shutdown, wait=True)

    async def _begin(self, work: Callable[[], T], overtaken: Callable[[], object] | None) -> T:
        """Run `work`, holding the lane; let go of it when it is done or the patience is at its end, whatever is first."""
        loop = asyncio.get_running_loop()
        try:
            future = loop.run_in_executor(self._threads, work)
        except RuntimeError:
            self._turn.release()
            raise

        def overtake() -> None:
            assert overtaken is not None
            self._overtaken.add(future)
            self._turn.release()
            overtaken()

        timer = None if overtaken is None else loop.call_later(self._patience_seconds, overtake)

        def done(_: object) -> None:
            if timer is not None:
                timer.cancel()
            if future in self._overtaken:
                self._overtaken.discard(future)
            else:
                self._turn.release()

        future.add_done_callback(done)
        return await asyncio.shield(future)
