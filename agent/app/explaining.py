"""Who explains to the web room: one who loads what explains when somebody first asks, since most agents are never asked."""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from agent.app.agent import Agent
    from agent.app.explanation.explainer import Explainer
    from agent.web.explaining import Explanation, PersonAccount, Question


class Explaining:
    """Fulfils `web.explaining.Explainer` for one agent."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    def now_ms(self) -> int:
        """Return the agent's clock."""
        return self._agent.clock()

    async def explain(self, question: Question) -> Explanation:
        """Explain an alert."""
        return await (await self._explainer()).explain(question)

    async def explain_person(self, name: str, since_ms: int, at_ms: int | None) -> PersonAccount:
        """Explain what somebody was told."""
        return await (await self._explainer()).explain_person(name, since_ms, at_ms)

    async def _explainer(self) -> Explainer:
        """Load in a thread: twenty modules from a slow disk must not hold up the event loop."""
        page = await asyncio.to_thread(import_module, "agent.app.explanation.explainer")
        return cast("Explainer", page.Explainer(self._agent))
