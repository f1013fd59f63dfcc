"""Queries off the event loop: worker threads of their own, so that a long one stops nothing else, rules least of all.

Each query is bound by the limits of the configuration as it is then, and by its client: one that has hung up is not
computed any further.
"""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

from agent.app.expressions import refuse_for_range
from agent.config import QuerySection
from agent.errors import QueryLimit
from agent.query import Engine, Limits, Queryable, Result, Scalar, Vector

if TYPE_CHECKING:
    from agent.query import Explanation

T = TypeVar("T")

WAITING: Final = 32
"""Queries that may wait for a thread; one more is refused, so that a flood of them cannot fill the memory."""


def limits_of(section: QuerySection) -> Limits:
    """Return the bounds that the configuration sets to every query."""
    return Limits(
        lookback_ms=section.lookback_delta,
        max_samples=section.max_samples,
        max_bytes=section.max_memory,
        max_points=section.max_points,
    )


class Questions:
    """Answers queries over a store. `close` lets go of the threads.

    `gone` of a question says whether nobody waits for its answer any more; it is asked from a thread.
    """

    def __init__(self, queryable: Queryable, section: QuerySection | None = None) -> None:
        self._section = section or QuerySection()
        self._engine = Engine(queryable, limits_of(self._section))
        self._most = self._section.max_concurrency
        self._threads = ThreadPoolExecutor(self._most, thread_name_prefix="query")
        self._under_way = 0
        self._computing = 0
        self._counting = threading.Lock()

    def apply(self, section: QuerySection) -> None:
        """Take over other limits, all but the number of threads."""
        self._section = section
        self._engine.limits = limits_of(section)

    @property
    def busy(self) -> bool:
        """Say whether a thread still computes."""
        return self._computing > 0

    async def instant(
        self,
        query: str,
        at_ms: int,
        timeout_ms: int | None = None,
        *,
        lookback_ms: int | None = None,
        gone: Callable[[], bool] | None = None,
    ) -> Result:
        """Answer at an instant; raise QueryError."""
        expired = self._deadline(timeout_ms, gone)
        return await self._run(
            lambda: self._engine.instant(query, at_ms, expired=expired, lookback_ms=lookback_ms), expired
        )

    async def range(
        self,
        query: str,
        start_ms: int,
        end_ms: int,
        step_ms: int,
        timeout_ms: int | None = None,
        *,
        lookback_ms: int | None = None,
        gone: Callable[[], bool] | None = None,
    ) -> Result:
        """Answer over a range; raise QueryError, or InvalidInput where the expression is of a type without ranges."""
        expired = self._deadline(timeout_ms, gone)

        def work() -> Result:
            refuse_for_range(self._engine.kind(query))
            return self._engine.range(query, start_ms, end_ms, step_ms, expired=expired, lookback_ms=lookback_ms)

        return await self._run(work, expired)

    async def explain(
        self,
        query: str,
        start_ms: int,
        end_ms: int,
        step_ms: int,
        timeout_ms: int | None = None,
        *,
        lookback_ms: int | None = None,
        gone: Callable[[], bool] | None = None,
    ) -> Explanation:
        """Answer what a query takes, at an instant (step 0) or over a range; raise QueryError."""
        expired = self._deadline(timeout_ms, gone)
        ask = partial(self._engine.explain, query, start_ms, end_ms, step_ms, clock=time.perf_counter)
        return await self._run(lambda: ask(expired=expired, lookback_ms=lookback_ms), expired)

    async def number(self, query: str, at_ms: int) -> float | None:
        """Return the first value of an instant query that is a number, or None."""
        value = (await self.instant(query, at_ms)).value
        found = value.value if isinstance(value, Scalar) else None
        if isinstance(value, Vector) and len(value):
            found = float(value.values[0])
        return None if found is None or math.isnan(found) else found

    async def work(self, work: Callable[[], T]) -> T:
        """Run other reading work in the same threads."""
        return await self._run(work, lambda: False)

    def close(self) -> None:
        """Let go of the threads; queries that wait are dropped."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _run(self, work: Callable[[], T], expired: Callable[[], bool]) -> T:
        if self._under_way >= self._most + WAITING:
            message = "too many queries wait for an answer; try again in a moment"
            raise QueryLimit(message, timeout=True)
        self._under_way += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, self._compute, work, expired)
        finally:
            self._under_way -= 1

    def _compute(self, work: Callable[[], T], expired: Callable[[], bool]) -> T:
        if expired():
            message = "query timed out in query queue"
            raise QueryLimit(message, timeout=True)
        with self._counting:
            self._computing += 1
        try:
            return work()
        finally:
            with self._counting:
                self._computing -= 1

    def _deadline(self, timeout_ms: int | None, gone: Callable[[], bool] | None) -> Callable[[], bool]:
        """Return what says that a query need not go on: its time is up, counted from now, or nobody waits for it."""
        most = self._section.timeout
        ends = time.monotonic() + min(most, timeout_ms or most) / 1000
        return lambda: time.monotonic() > ends or (gone is not None and gone())
