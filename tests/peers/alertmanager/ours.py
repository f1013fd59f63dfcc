"""A story played to our Dispatcher in strict mode, with its real webhook receivers, in real time."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Any

from agent.errors import InvalidInput
from agent.journal import Journal
from agent.model import Alert, Labels, Matcher, MatchOp
from agent.notify import Dispatcher, Routing, load_routing, receivers_for
from agent.notify import Silence as WantedSilence
from agent.notify.messages import Renderer
from tests.peers.alertmanager.hooks import Hooks, now_ms
from tests.peers.alertmanager.scenarios import EXTERNAL_URL, Config, Expire, Post, Reload, Scenario, Silence, Told


class Ours:
    """One Dispatcher and the loop that wakes it."""

    name = "ours"

    def __init__(self, scenario: Scenario, hooks: Hooks, folder: Path) -> None:
        self._scenario, self._hooks, self._folder = scenario, hooks, folder
        self._renderer = Renderer()
        self._journal = Journal.open(":memory:")
        self._silences: dict[str, str] = {}
        self._due = asyncio.Event()
        self._loop: asyncio.Task[None] | None = None
        self.dispatcher: Dispatcher | None = None

    def start(self, began_ms: int | None) -> int:
        """Begin to dispatch, in the running loop, as if this had begun with the other side: both sweep groups at one instant."""
        began_ms = now_ms() if began_ms is None else began_ms
        self._folder.mkdir(parents=True, exist_ok=True)
        routing = self.routing(self._scenario.config)
        receivers = receivers_for(routing, self._renderer)
        self.dispatcher = Dispatcher(
            routing,
            self._journal,
            receivers,
            began_ms,
            external_url=EXTERNAL_URL,
            now_ms=now_ms,
            log=_Quiet(),
        )
        self.dispatcher.changed = self._due.set
        self._loop = asyncio.create_task(self._run(self.dispatcher))
        return began_ms

    async def open(self) -> None:
        """Be open already."""

    async def close(self) -> None:
        """End without sending what is left."""
        if self._loop:
            self._loop.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._loop
        if self.dispatcher:
            async with asyncio.timeout(20):
                await self.dispatcher.close(now_ms())
        self._journal.close()

    def routing(self, config: Config) -> Routing:
        """Return the routing of a configuration in strict mode."""
        file = self._folder / "alertmanager.yml"
        file.write_text(self._scenario.text(config, self._hooks.urls))
        return load_routing(file, strict=True)

    async def post(self, action: Post, start_ms: int) -> None:
        """Hand alerts over."""
        assert self.dispatcher
        self.dispatcher.put([_alert(each, start_ms) for each in action.alerts], now_ms())

    async def silence(self, action: Silence, start_ms: int) -> None:
        """Set a silence, or change the one that was set by this name."""
        assert self.dispatcher
        matchers = tuple(Matcher(name, MatchOp(operator), value) for name, operator, value in action.matchers)
        starts_ms, ends_ms = start_ms + action.starts_ms, start_ms + action.ends_ms
        known = self._silences.get(action.name, "")
        wanted = WantedSilence(known, matchers, starts_ms, ends_ms, "story", action.name, now_ms())
        with contextlib.suppress(InvalidInput):
            made, _ = self.dispatcher.silences.put(wanted, now_ms())
            self._silences[action.name] = made.id

    async def expire(self, action: Expire) -> None:
        """End a silence."""
        assert self.dispatcher
        with contextlib.suppress(InvalidInput):
            self.dispatcher.silences.expire(self._silences[action.name], now_ms())

    async def reload(self, action: Reload) -> None:
        """Change the configuration."""
        assert self.dispatcher
        routing = self.routing(action.config)
        await self.dispatcher.reload(routing, receivers_for(routing, self._renderer), now_ms())

    async def _run(self, dispatcher: Dispatcher) -> None:
        """Wake the dispatcher when something is due, as the agent does."""
        while True:
            self._due.clear()
            due, now = dispatcher.next_due(), now_ms()
            if due is not None and due <= now:
                dispatcher.tick(now)
                await asyncio.sleep(0.002)  # so that what stays due does not eat the processor
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(None if due is None else (due - now) / 1000):
                    await self._due.wait()


def _alert(told: Told, start_ms: int) -> Alert:
    starts_ms = 0 if told.starts_ms is None else start_ms + told.starts_ms
    ends_ms = 0 if told.ends_ms is None else start_ms + told.ends_ms
    labels = Labels({name: value for name, value in told.labels.items() if value})
    url = told.as_posted(start_ms)["generatorURL"]
    return Alert(labels, Labels(told.annotations), starts_ms, ends_ms, url)


class _Quiet:
    """The stories' failures are wanted."""

    def warning(self, event: str, /, **facts: object) -> Any:
        """Say nothing."""

    def error(self, event: str, /, **facts: object) -> Any:
        """Say nothing."""
