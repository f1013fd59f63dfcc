"""Gathers what a running agent knows, and lets a thread put the answer together."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from agent.app.explanation.answering import explain
from agent.app.explanation.evidence import Evidence, Seen
from agent.app.explanation.live import Running
from agent.app.explanation.people import explain_person
from agent.errors import StorageError
from agent.journal import Prune
from agent.web.explaining import Explanation, PersonAccount, Question

if TYPE_CHECKING:
    from agent.app.agent import Agent


class Explainer:
    """Explains for one agent; `Explaining` loads it when somebody first asks."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    async def explain(self, question: Question) -> Explanation:
        """Explain an alert."""
        await self._on_disk()
        return await asyncio.to_thread(explain, self._evidence(), question)

    async def explain_person(self, name: str, since_ms: int, at_ms: int | None) -> PersonAccount:
        """Explain what somebody was told."""
        await self._on_disk()
        return await asyncio.to_thread(explain_person, self._evidence(), name, since_ms, at_ms)

    async def _on_disk(self) -> None:
        """Wait until what was decided until now can be read; where the disk refuses, what it has must do."""
        nothing = Prune("agent.explained", 0)  # a write that changes nothing is done when those before it are
        with contextlib.suppress(StorageError):
            await asyncio.wrap_future(self._agent.journal.write(nothing))

    def _evidence(self) -> Evidence:
        agent, now_ms = self._agent, self._agent.clock()
        live = Running(agent, asyncio.get_running_loop())
        return Evidence(
            at_ms=now_ms,
            view=agent.dispatcher.view(now_ms),
            routing=agent.dispatcher.routing,
            silences=agent.dispatcher.silences,
            events=agent.journal.events,
            newest=agent.journal.newest,
            seen=lambda: self._seen(live),
            external=agent.built.settings.external_labels,
            live=live,
        )

    def _seen(self, live: Running) -> list[Seen]:
        found = [
            Seen(alert, rule.name, group.key.name, group.key.file)
            for group in live.rules()
            for rule in group.rules
            for alert in rule.alerts
        ]
        return [*found, *(Seen(alert) for alert in self._agent.own.active)]
