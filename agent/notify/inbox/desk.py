"""What the inbox's services share: where messages go, which faults are set, what time it is, and when to stop waiting."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextvars import ContextVar

from aiohttp import web

from agent.notify.inbox.arrivals import Arrival, Arrivals
from agent.notify.inbox.faults import Fault, FaultKind, Faults

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Desk:
    """The inbox's one state. `now_ms` is the clock that stamps arrivals, by default the machine's."""

    def __init__(self, *, capacity: int = 1000, seed: int = 0, now_ms: Callable[[], int] | None = None) -> None:
        self.arrivals = Arrivals(capacity)
        self.faults = Faults(seed)
        self.now_ms = now_ms or (lambda: time.time_ns() // 1_000_000)
        self.stopping = asyncio.Event()
        self.unanswered: set[int] = set()
        """Ids of arrivals whose sender was gone, or was cut off, before the answer left: it cannot know that they arrived."""
        self._news = asyncio.Condition()
        self._taken: ContextVar[list[int]] = ContextVar("taken by this request")

    async def take(self, kind: str, to: str, text: str, **more: str) -> Arrival:
        """Keep a message and wake who waits for it."""
        made = self.arrivals.add(kind, self.now_ms(), to, text, **more)
        if (taken := self._taken.get(None)) is not None:
            taken.append(made.id)
        async with self._news:
            self._news.notify_all()
        return made

    async def until(self, enough: Callable[[], bool]) -> None:
        """Wait until `enough()`, asked after each arrival."""
        async with self._news:
            await self._news.wait_for(enough)

    async def watched(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Handle a request, and note what it brought where nobody is there any more to hear the answer."""
        taken: list[int] = []
        self._taken.set(taken)
        answer = await handler(request)
        if taken and (request.transport is None or request.transport.is_closing()):
            self.unanswered.update(taken)
        return answer

    async def dawdle(self, fault: Fault | None) -> None:
        """Wait as long as a SLOW fault says, or until the inbox stops."""
        if fault is None or fault.kind is not FaultKind.SLOW:
            return
        try:
            async with asyncio.timeout(fault.delay_ms / 1000):
                await self.stopping.wait()
        except TimeoutError:
            return


def break_connection(request: web.Request) -> web.Response:
    """Cut the request's connection without an answer."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)
