"""Webhooks that take notes: what came when, and how it was answered. Each has a port of its own, so that it can refuse."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import web

from tests.peers.alertmanager.scenarios import HANG, REFUSE, Fault
from tests.peers.processes import free_port

ANSWER_SECONDS: Final = 0.04
"""How long an answer takes: longer than a tick is late, so that a repeat_interval as long as the tick is never over by then."""


def now_ms() -> int:
    """Return the wall clock's time: both sides live by it."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True)
class Arrival:
    """One request: when it came, what it said, and the status it was answered with (HANG: it never was)."""

    at_ms: int
    body: Mapping[str, Any]
    status: int


@dataclass
class Hook:
    """One webhook of one side; `at_ms` of its faults count from the story's start."""

    name: str
    faults: Sequence[Fault]
    port: int = field(default_factory=free_port)
    arrivals: list[Arrival] = field(default_factory=list)

    def status(self, after_ms: int) -> int:
        """Return how a request is answered that comes so long after the story's start."""
        return next((each.status for each in self.faults if each.at_ms <= after_ms < each.until_ms), 200)


class Hooks:
    """All webhooks of one side of a story, served by the running event loop. `at_ms` of arrivals are wall-clock times."""

    def __init__(self, names: Sequence[str], faults: Sequence[Fault]) -> None:
        self.start_ms = 0
        self.hooks = {name: Hook(name, [each for each in faults if each.hook == name]) for name in names}
        self._by_port = {hook.port: hook for hook in self.hooks.values()}
        self._sites: dict[str, web.TCPSite] = {}
        self._runner: web.AppRunner | None = None
        self._doors: list[asyncio.Task[None]] = []

    @property
    def urls(self) -> dict[str, str]:
        """The address of each webhook by name."""
        return {name: f"http://127.0.0.1:{hook.port}/" for name, hook in self.hooks.items()}

    async def open(self) -> None:
        """Begin to listen."""
        application = web.Application(client_max_size=1 << 26)
        application.router.add_post("/{tail:.*}", self._take)
        self._runner = web.AppRunner(application, handler_cancellation=True, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        for name in self.hooks:
            await self._listen(name)

    def begin(self, start_ms: int) -> None:
        """Say when the story starts; doors close and open from then on."""
        self.start_ms = start_ms
        for hook in self.hooks.values():
            for fault in hook.faults:
                if fault.status == REFUSE:
                    self._doors.append(asyncio.create_task(self._shut(hook.name, fault)))

    async def close(self) -> None:
        """Stop to listen."""
        for door in self._doors:
            door.cancel()
        await asyncio.gather(*self._doors, return_exceptions=True)
        if self._runner:
            await self._runner.cleanup()

    async def _listen(self, name: str) -> None:
        assert self._runner
        site = self._sites[name] = web.TCPSite(self._runner, "127.0.0.1", self.hooks[name].port)
        await site.start()

    async def _shut(self, name: str, fault: Fault) -> None:
        await sleep_until(self.start_ms + fault.at_ms)
        await self._sites.pop(name).stop()
        await sleep_until(self.start_ms + fault.until_ms)
        await self._listen(name)

    async def _take(self, request: web.Request) -> web.Response:
        at_ms = now_ms()
        assert request.transport
        hook = self._by_port[request.transport.get_extra_info("sockname")[1]]
        status = hook.status(at_ms - self.start_ms)
        hook.arrivals.append(Arrival(at_ms, json.loads(await request.read()), status))
        if status == HANG:
            await asyncio.sleep(3600)  # until whoever asked loses patience
        await asyncio.sleep(ANSWER_SECONDS)
        answer = web.Response(status=status, text="" if status == 200 else f"the hook answers {status} for a while")
        answer.force_close()
        return answer


async def sleep_until(at_ms: int) -> None:
    """Sleep until an instant: the real Alertmanager has no clock that could be moved by hand."""
    await asyncio.sleep(max(0, at_ms - now_ms()) / 1000)
