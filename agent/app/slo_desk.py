"""Objectives of a running agent, as the API and the pages ask about them: views of the engine's readings, and gates' overrides.

It reckons nothing: numbers are those of the readings, verdicts those of the room slo. Overrides are events of the journal.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from agent.app.slo_views import group_budgets, override_view, slo_view
from agent.journal import Append, Event, Position, Prune, Write
from agent.web.slos import (
    GateAnswer,
    GateAsked,
    GateView,
    OverrideView,
    ReportAnswer,
    ReportAsked,
    SloView,
    StandingView,
    urgency,
)

if TYPE_CHECKING:
    from agent.slo import Slo, SloSet
    from agent.slo.budget import CompositeReading, Judgement, Reading, Readings, Stretch

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


@dataclass(frozen=True, slots=True)
class _Scene:
    """Everything of one instant: objectives by id, the places of the budgets of each, composites."""

    now_ms: int
    readings: Readings
    slos: Mapping[str, Slo]
    numbers: Mapping[str, Sequence[int]]
    composites: Mapping[str, CompositeReading]

    def budgets(self, slo_id: str) -> Sequence[Reading]:
        """Return the budgets of an SLO, none where none is kept."""
        return [self.readings.of(number) for number in self.numbers.get(slo_id, ())]


class SloDesk:
    """Fulfils `web.slos.SloHandles` for one agent."""

    def __init__(
        self,
        budgets: Callable[[], Budgets],
        journal: Callable[[], Journal],
        clock: Callable[[], int],
        alerts_kept_ms: Callable[[], int] = lambda: _KEPT_MS,
    ) -> None:
        self._budgets, self._journal, self._clock, self._alerts_kept_ms = budgets, journal, clock, alerts_kept_ms

    async def status(self, names: Sequence[str] = ()) -> StandingView:
        """Return how objectives stand."""
        return await asyncio.to_thread(self._status, names)

    async def gate(self, asked: GateAsked) -> GateAnswer:
        """Say whether budgets let a change through."""
        return (await asyncio.to_thread(self._judged, asked))[0]

    async def override(self, asked: GateAsked, by: str, reason: str) -> GateAnswer:
        """Record for each SLO that says no that somebody let the change through; the answer comes when it is on the disk."""
        answer, shut = await asyncio.to_thread(self._judged, asked)
        if not shut:
            return answer
        at_ms = self._clock()
        writes = [
            Append(
                GATE_KIND,
                each.slo,
                at_ms,
                {"by": by, "reason": reason, "verdict": each.verdict, "left": each.left, "why": list(each.reasons)},
            )
            for each in shut
        ]
        await asyncio.wrap_future(self._journal().write(Prune(GATE_KIND, at_ms - _KEPT_MS), *writes))
        passed = OverrideView(at_ms, by, reason, answer.verdict)
        return GateAnswer(answer.verdict, answer.at_ms, answer.least, answer.slos, passed)

    async def report(self, asked: ReportAsked) -> ReportAnswer:
        """Report on a period."""
        return await asyncio.to_thread(self._report, asked)

    def _report(self, asked: ReportAsked) -> ReportAnswer:
        from agent.app.slo_reports import report_on

        return report_on(self._budgets(), self._journal(), asked, self._clock(), self._alerts_kept_ms())

    def _status(self, names: Sequence[str]) -> StandingView:
        scene = self._scene()
        wanted = named(scene.slos, names) if names else list(scene.slos)
        overrides = self._overrides(scene)
        views = [self._view(scene, each, overrides.get(each, ())) for each in wanted]
        views.sort(key=lambda each: (min(urgency(budget) for budget in each.budgets), each.id))
        note = "" if scene.slos else "no objectives: slo_files in burnline.yml names none (docs/slo.md)"
        return StandingView(scene.now_ms, scene.readings.at_ms, tuple(views), note)

    def _view(self, scene: _Scene, slo_id: str, overrides: Sequence[OverrideView]) -> SloView:
        composite = scene.composites.get(slo_id)
        readings = scene.budgets(slo_id)
        budgets = group_budgets(scene.slos[slo_id], readings, composite, scene.readings)
        return slo_view(scene.slos[slo_id], readings, budgets, composite, overrides)

    def _overrides(self, scene: _Scene) -> Mapping[str, Sequence[OverrideView]]:
        """Return each SLO's overrides of its period, the newest first."""
        starts = scene.readings.period_start_ms
        since_ms = int(starts.min()) if len(starts) else scene.now_ms
        found: dict[str, list[OverrideView]] = defaultdict(list)
        for event in reversed(self._journal().events(GATE_KIND, since_ms=max(since_ms, 0), limit=_MOST_READ)):
            if len(found[event.subject]) < _MOST_SHOWN:
                found[event.subject].append(override_view(event.at_ms, event.value))
        return found

    def _judged(self, asked: GateAsked) -> tuple[GateAnswer, list[GateView]]:
        """Return the answer, and what of it is no go."""
        from agent.slo.budget import Verdict, worst

        scene = self._scene()
        wanted = named(scene.slos, asked.names)
        views = [_gate_view(self._judge(scene, slo, asked.least), needed) for slo, needed in _with_needs(scene, wanted)]
        order = [each.value for each in Verdict]
        views.sort(key=lambda each: (order.index(each.verdict), bool(each.needed_by)))
        verdict = worst(Verdict(each.verdict) for each in views)
        answer = GateAnswer(verdict.value, scene.readings.at_ms, asked.least, tuple(views))
        return answer, [each for each in views if each.verdict != Verdict.GO]

    def _judge(self, scene: _Scene, slo_id: str, least: float) -> Judgement | str:
        """Return the judgement, or the id of what is none of the objectives."""
        from agent.slo.budget import judge, judge_composite

        slo = scene.slos.get(slo_id)
        if slo is None:
            return slo_id
        composite = scene.composites.get(slo_id)
        if composite is not None:
            parts = {each.id: reading for each in slo.parts for reading in scene.budgets(each.id)[:1]}
            return judge_composite(composite, parts, scene.now_ms, least)
        return judge(slo, scene.budgets(slo_id), scene.now_ms, least)

    def _scene(self) -> _Scene:
        budgets = self._budgets()
        readings = budgets.latest
        found: dict[str, list[int]] = defaultdict(list)
        for number, key in enumerate(readings.layout.keys):
            found[key.slo].append(number)
        return _Scene(
            self._clock(),
            readings,
            {each.id: each for each in budgets.slos.slos},
            found,
            {each.slo.id: each for each in budgets.composites(readings)},
        )


def named(slos: Mapping[str, Slo], names: Iterable[str]) -> list[str]:
    """Return the ids that names mean, in the files' order, each once.

    A name is an id, a service, `all`, or a glob of these. Raises InvalidInput with a suggestion where nothing has it.
    """
    from fnmatch import fnmatchcase

    from agent.errors import InvalidInput
    from agent.schema import suggest

    found: dict[str, None] = {}
    for name in names:
        exact = [each.id for each in slos.values() if name in ("all", each.id, each.service)]
        alike = [each.id for each in slos.values() if fnmatchcase(each.id, name) or fnmatchcase(each.service, name)]
        if not exact and not alike:
            known = sorted({*slos, *(each.service for each in slos.values())})
            there = f"; there are {', '.join(known[:10])}" + (f" and {len(known) - 10} more" if len(known) > 10 else "")
            hint = suggest(name, known) or (there if known else "; slo_files in burnline.yml names none")
            raise InvalidInput(f'no SLO or service is called "{name}"{hint}')
        found.update(dict.fromkeys(exact or alike))
    return [each for each in slos if each in found]


def _with_needs(scene: _Scene, wanted: Sequence[str]) -> list[tuple[str, tuple[str, ...]]]:
    """Return the wanted ids and those that they depend on, however far, each with who needs it where nobody asked for it."""
    needed: dict[str, list[str]] = {each: [] for each in wanted}
    waiting = list(wanted)
    while waiting:
        slo_id = waiting.pop(0)
        slo = scene.slos.get(slo_id)
        for other in map(str, slo.depends_on if slo else ()):
            if other not in needed:
                needed[other] = []
                waiting.append(other)
            if other not in wanted and slo_id not in needed[other]:
                needed[other].append(slo_id)
    return [(each, tuple(by)) for each, by in needed.items()]


def _gate_view(judged: Judgement | str, needed_by: tuple[str, ...]) -> GateView:
    if isinstance(judged, str):
        why = "no file of slo_files has it, so nothing is known of it"
        return GateView(judged, "unknown", (why,), needed_by=needed_by)
    step = judged.step
    policy = f"below {100 * step.below:g} %: {step.action}" if step else ""
    reasons = tuple(each.text for each in judged.reasons if each.verdict is judged.verdict or each.verdict != "go")
    return GateView(judged.slo.id, judged.verdict.value, reasons, judged.left, policy, needed_by)
