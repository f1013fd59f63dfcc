"""API v2 over a real dispatcher on a clock that the test moves: no scrapes, no rules, nothing sent."""

from __future__ import annotations

from pathlib import Path

from agent.app.alertmanager import Alertmanager
from agent.app.routes import route_test, routes_json
from agent.journal import MemoryJournal
from agent.notify import Dispatcher, load_routing
from agent.telemetry import Telemetry
from agent.web import FakeHandles, create_app

NOW = 1_767_600_000_000  # Monday 2026-01-05, 08:00 UTC


class Served:
    """One agent that is only its routing. `now` is its clock."""

    def __init__(self, folder: Path, routes: str, clock=None) -> None:
        (folder / "alertmanager.yml").write_text(routes)
        self.now = NOW
        self.clock = clock or (lambda: self.now)
        self.telemetry = Telemetry()
        routing = load_routing(folder / "alertmanager.yml", None, {})
        self.dispatcher = Dispatcher(routing, MemoryJournal(), {}, self.clock())
        self.handles = _Handles(self)

    def app(self):
        agent = Alertmanager(lambda: self.dispatcher, self.clock, self.telemetry, self.clock())
        return create_app(self.handles, telemetry=self.telemetry, alertmanager=agent)


class _Handles(FakeHandles):
    """The fake, but for the routing."""

    def __init__(self, served: Served) -> None:
        super().__init__()
        self.served = served

    async def routes(self):
        return routes_json(self.served.dispatcher.routing, self.served.clock())

    async def route_test(self, labels):
        import asyncio

        return await asyncio.to_thread(route_test, self.served.dispatcher.routing, labels, self.served.clock())
