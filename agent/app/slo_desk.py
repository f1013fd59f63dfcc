"""Objectives of a running agent, as the API and the pages ask about them; a gate's override is recorded here.

It reckons nothing. What puts answers together is loaded when somebody first asks.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Final, Protocol

from agent.journal import Append, Event, Position, Prune, Write

if TYPE_CHECKING:
    from agent.app.slo_replays import SloReplays
    from agent.query import Limits
    from agent.slo import Setting, SloSet
    from agent.slo.budget import CompositeReading, Readings, Stretch
    from agent.store import Store
    from agent.web.slos import (
        GateAnswer,
        GateAsked,
        GateView,
        OverrideView,
        ReplayAsked,
        ReportAnswer,
        ReportAsked,
        StandingView,
    )

GATE_KIND: Final = "slo_gate"
_KEPT_MS: Final = 400 * 86_400_000
"""Overrides are kept for a yearly report, and a little longer."""
_MOST_READ: Final = 10_000
_MOST_SHOWN: Final = 20


class Budgets(Protocol):
    """What the desk asks of the engine in the agent; any thread may."""

    @property
    def slos(self) -> SloSet:
        """The objectives in force."""
        ...

    @property
    def setting(self) -> Setting:
        """How they are compiled: the default period, the windows."""
        ...

    @property
    def latest(self) -> Readings:
        """The budgets as of the newest count."""
        ...

    def composites(self, readings: Readings) -> Sequence[CompositeReading]:
        """Return the objectives that are made of others."""
        ...

    def between(self, from_ms: int, until_ms: int, *, excluding: bool = True) -> Stretch:
        """Return what happened in a stretch of the past."""
        ...


class Journal(Protocol):
    """What the desk asks of the journal."""

    def write(self, *writes: Write) -> Future[None]:
        """Write; the future is done when it is on the disk."""
        ...

    def events(self, kind: str, subject: str | None = None, *, since_ms: int = 0, limit: int = 1000) -> Sequence[Event]:
        """Return the newest events of a kind, oldest first."""
        ...

    def newest(self, kind: str, before: Position, *, subject: str | None = None, limit: int = 1000) -> Sequence[Event]:
        """Return the events of a kind that are next before a position, newest first."""
        ...


class SloDesk:
    """Fulfils `web.slos.SloHandles` for one agent; `stop` it before its samples go."""

    def __init__(
        self,
        budgets: Callable[[], Budgets],
        journal: Callable[[], Journal],
        clock: Callable[[], int],
        store: Callable[[], Store],
        *,
        limits: Callable[[], Limits],
        alerts_kept_ms: Callable[[], int] = lambda: _KEPT_MS,
    ) -> None:
        self._budgets, self._journal, self._clock, self._alerts_kept_ms = budgets, journal, clock, alerts_kept_ms
        self._store, self._limits = store, limits
        self._replays: SloReplays | None = None

    async def status(self, names: Sequence[str] = ()) -> StandingView:
        """Return how objectives stand."""
        return await asyncio.to_thread(self._status, names)

    async def gate(self, asked: GateAsked) -> GateAnswer:
        """Say whether budgets let a change through."""
        return await asyncio.to_thread(self._judged, asked)

    async def override(self, asked: GateAsked, by: str, reason: str) -> GateAnswer:
        """Record for each SLO that says no that somebody let the change through; the answer comes when it is on the disk."""
        from agent.web.slos import GateAnswer, OverrideView

        answer = await asyncio.to_thread(self._judged, asked)
        at_ms = self._clock()
        passed = [_passed(each, by, reason, at_ms) for each in answer.slos if each.verdict != "go"]
        if not passed:
            return answer
        await asyncio.wrap_future(self._journal().write(Prune(GATE_KIND, at_ms - _KEPT_MS), *passed))
        recorded = OverrideView(at_ms, by, reason, answer.verdict)
        return GateAnswer(answer.verdict, answer.at_ms, answer.least, answer.slos, recorded)

    async def report(self, asked: ReportAsked) -> ReportAnswer:
        """Report on a period."""
        return await asyncio.to_thread(self._report, asked)

    async def replay(self, asked: ReplayAsked) -> dict[str, Any]:
        """Play objectives over the samples that are kept; cancelled, it ends at the next row."""
        if self._replays is None:
            from agent.app.slo_replays import SloReplays

            self._replays = SloReplays(self._budgets, self._store, self._limits, self._clock)
        return await self._replays.play(asked)

    async def stop(self) -> None:
        """End what is played."""
        if self._replays is not None:
            await self._replays.stop()

    def _report(self, asked: ReportAsked) -> ReportAnswer:
        from agent.app.slo_reports import report_on

        return report_on(self._budgets(), self._journal(), asked, self._clock(), self._alerts_kept_ms())

    def _status(self, names: Sequence[str]) -> StandingView:
        from agent.app.slo_scene import Scene

        scene = Scene.of(self._budgets(), self._clock())
        return scene.standing(names, self._overrides(scene.since_ms))

    def _judged(self, asked: GateAsked) -> GateAnswer:
        from agent.app.slo_scene import Scene

        return Scene.of(self._budgets(), self._clock()).judged(asked)

    def _overrides(self, since_ms: int) -> Mapping[str, Sequence[OverrideView]]:
        """Return each SLO's overrides since an instant, the newest first."""
        from agent.app.slo_views import override_view

        found: dict[str, list[OverrideView]] = defaultdict(list)
        for event in reversed(self._journal().events(GATE_KIND, since_ms=since_ms, limit=_MOST_READ)):
            if len(found[event.subject]) < _MOST_SHOWN:
                found[event.subject].append(override_view(event.at_ms, event.value))
        return found


def _passed(view: GateView, by: str, reason: str, at_ms: int) -> Append:
    value = {"by": by, "reason": reason, "verdict": view.verdict, "left": view.left, "why": list(view.reasons)}
    return Append(GATE_KIND, view.slo, at_ms, value)
