"""Queries off the event loop: two worker threads, each with an engine of its own, so that a long one stops nothing else."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from agent.errors import QueryLimit
from agent.query import Engine, Queryable, Result, Scalar, Vector

T = TypeVar("T")

THREADS: Final = 2
WAITING: Final = 32
"""Queries that may wait for a thread; one more is refused, so that a flood of them cannot fill the memory."""
TIMEOUT_SECONDS: Final = 120.0


class Questions:
    """Answers queries over a store. `close` lets go of the threads."""

    def __init__(self, queryable: Queryable) -> None:
        self._queryable = queryable
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="query")
        self._own = threading.local()
        self._under_way = 0
        self._computing = 0
        self._counting = threading.Lock()

    @property
    def busy(self) -> bool:
        """Say whether a thread still computes."""
        return self._computing > 0

    async def instant(self, query: str, at_ms: int, timeout_ms: int | None = None) -> Result:
        """Answer at an instant; raise QueryError."""
        expired = _deadline(timeout_ms)
        return await self._run(lambda engine: engine.instant(query, at_ms, expired=expired))

    async def range(
        self, query: str, start_ms: int, end_ms: int, step_ms: int, timeout_ms: int | None = None
    ) -> Result:
        """Answer over a range; raise QueryError."""
        expired = _deadline(timeout_ms)
        return await self._run(lambda engine: engine.range(query, start_ms, end_ms, step_ms, expired=expired))

    async def number(self, query: str, at_ms: int) -> float | None:
        """Return the first value of an instant query that is a number, or None."""
        value = (await self.instant(query, at_ms)).value
        found = value.value if isinstance(value, Scalar) else None
        if isinstance(value, Vector) and len(value):
            found = float(value.values[0])
        return None if found is None or math.isnan(found) else found

    async def work(self, work: Callable[[], T]) -> T:
        """Run other reading work in the same threads."""
        return await self._run(lambda _: work())

    def close(self) -> None:
        """Let go of the threads; queries that wait are dropped."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _run(self, work: Callable[[Engine], T]) -> T:
        if self._under_way >= THREADS + WAITING:
            message = "too many queries wait for an answer; try again in a moment"
            raise QueryLimit(message, timeout=True)
        self._under_way += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, self._compute, work)
        finally:
            self._under_way -= 1

    def _compute(self, work: Callable[[Engine], T]) -> T:
        with self._counting:
            self._computing += 1
        try:
            return work(self._engine())
        finally:
            with self._counting:
                self._computing -= 1

    def _engine(self) -> Engine:
        engine: Engine | None = getattr(self._own, "engine", None)
        if engine is None:
            engine = self._own.engine = Engine(self._queryable)
        return engine


def _deadline(timeout_ms: int | None) -> Callable[[], bool]:
    ends = time.monotonic() + min(TIMEOUT_SECONDS, timeout_ms / 1000 if timeout_ms else TIMEOUT_SECONDS)
    return lambda: time.monotonic() > ends
