"""What only a running agent can say: how its rules stand, what an expression gives now, which targets are behind it.

Asked from a thread, beside the agent's event loop; what cannot be answered is left out, for the rest still helps.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from concurrent.futures import TimeoutError as TookTooLong
from typing import TYPE_CHECKING, Any, Final, TypeVar

from agent import rules
from agent.app.expressions import selectors_of
from agent.errors import BurnlineError
from agent.model import Labels
from agent.query import Vector

if TYPE_CHECKING:
    from agent.app.agent import Agent

T = TypeVar("T")
_PATIENCE_SECONDS: Final = 10
_LOOK_BACK_MS: Final = 300_000
_MOST: Final = 6
_UP: Final = "up"


class Running:
    """Fulfils `Live` for one agent, whose event loop is `loop`."""

    def __init__(self, agent: Agent, loop: asyncio.AbstractEventLoop) -> None:
        self._agent = agent
        self._loop = loop
        self._groups: Sequence[rules.GroupStatus] | None = None

    def rules(self) -> Sequence[rules.GroupStatus]:
        """Return the rule groups, looked at once."""
        if self._groups is None:
            self._groups = self._agent.evaluator.status()
        return self._groups

    def values(self, expression: str) -> Sequence[tuple[Labels, float]]:
        """Return what an expression gives now."""
        result = self._asked(self._agent.questions.instant(expression, self._agent.clock()))
        if result is None or not isinstance(result.value, Vector):
            return ()
        vector = result.value
        return [(labels, float(value)) for labels, value in zip(vector.labels, vector.values, strict=True)]

    def targets(self, expression: str, labels: Labels) -> Sequence[tuple[str, str]]:
        """Return the targets behind an alert's expression, with their health."""
        now_ms, own = self._agent.clock(), dict(labels.pairs)
        health = {
            (each.labels.get("job"), each.labels.get("instance")): f"{each.health}"
            + (f", {each.last_error}" if each.last_error else "")
            for each in self._agent.collection.statuses()
        }
        found: dict[tuple[str, str], None] = {}
        for matchers in _tried(lambda: selectors_of(expression)) or ():
            series = _tried(lambda each=matchers: self._agent.store.series(each, now_ms - _LOOK_BACK_MS, now_ms))  # type: ignore[misc]
            for one in series or ():
                if all(own.get(name, one.get(name)) == one.get(name) for name in ("job", "instance")):
                    found |= dict.fromkeys(_behind((one.get("job"), one.get("instance")), health))
        named = [(" ".join(each), health.get(each, "not scraped by this agent")) for each in sorted(found) if any(each)]
        named.sort(key=lambda each: each[1] == _UP)
        left = [health for _, health in named[_MOST:]]
        bad = sum(health != _UP for health in left)
        more = f"{bad} of them not {_UP}" if bad else _UP
        return [*named[:_MOST], *([(f"and {len(left)} more targets", more)] if left else [])]

    def _asked(self, question: Coroutine[Any, Any, T]) -> T | None:
        try:
            return asyncio.run_coroutine_threadsafe(question, self._loop).result(_PATIENCE_SECONDS)
        except (BurnlineError, TookTooLong):
            return None


def _behind(series: tuple[str, str], health: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the targets whose samples are in a series: of one that a rule sums up over instances all of its job."""
    job, instance = series
    return [each for each in sorted(health) if not instance and each[0] == job] or [series]


def _tried(ask: Callable[[], T]) -> T | None:
    try:
        return ask()
    except BurnlineError:
        return None
