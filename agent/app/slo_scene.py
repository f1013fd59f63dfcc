"""All objectives at one instant, for whoever asks: views of how they stand, and verdicts of the gate. It reckons nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Self

from agent.app.slo_views import group_budgets, slo_view
from agent.errors import InvalidInput
from agent.schema import suggest
from agent.slo.budget import Judgement, Verdict, judge, judge_composite, worst
from agent.web.slos import GateAnswer, GateAsked, GateView, OverrideView, SloView, StandingView, urgency

if TYPE_CHECKING:
    from agent.app.slo_desk import Budgets
    from agent.slo import Slo
    from agent.slo.budget import CompositeReading, Reading, Readings


@dataclass(frozen=True, slots=True)
class Scene:
    """Objectives by id, the places of the budgets of each in `readings`, and composites by id."""

    now_ms: int
    readings: Readings
    slos: Mapping[str, Slo]
    numbers: Mapping[str, Sequence[int]]
    composites: Mapping[str, CompositeReading]

    @classmethod
    def of(cls, budgets: Budgets, now_ms: int) -> Self:
        """Return what an engine says now."""
        readings = budgets.latest
        found: dict[str, list[int]] = defaultdict(list)
        for number, key in enumerate(readings.layout.keys):
            found[key.slo].append(number)
        composites = {each.slo.id: each for each in budgets.composites(readings)}
        return cls(now_ms, readings, {each.id: each for each in budgets.slos.slos}, found, composites)

    @property
    def since_ms(self) -> int:
        """The beginning of the longest period."""
        starts = self.readings.period_start_ms
        return max(int(starts.min()), 0) if len(starts) else self.now_ms

    def budgets(self, slo_id: str) -> Sequence[Reading]:
        """Return the budgets of an SLO, none where none is kept."""
        return [self.readings.of(number) for number in self.numbers.get(slo_id, ())]

    def standing(self, names: Sequence[str], overrides: Mapping[str, Sequence[OverrideView]]) -> StandingView:
        """Return how SLOs stand, the worst first; all of them without names. Raises InvalidInput."""
        wanted = named(self.slos, names) if names else list(self.slos)
        views = [self._view(each, overrides.get(each, ())) for each in wanted]
        views.sort(key=lambda each: (min(urgency(budget) for budget in each.budgets), each.id))
        note = "" if self.slos else "no objectives: slo_files in burnline.yml names none (docs/slo.md)"
        return StandingView(self.now_ms, self.readings.at_ms, tuple(views), note)

    def judged(self, asked: GateAsked) -> GateAnswer:
        """Return the verdict on SLOs and on what they depend on, those that say no first. Raises InvalidInput."""
        needed = self._with_needs(named(self.slos, asked.names))
        views = [_gate_view(self._judge(slo_id, asked.least), by) for slo_id, by in needed]
        order = [each.value for each in Verdict]
        views.sort(key=lambda each: (order.index(each.verdict), bool(each.needed_by)))
        verdict = worst(Verdict(each.verdict) for each in views)
        return GateAnswer(verdict.value, self.readings.at_ms, asked.least, tuple(views))

    def _view(self, slo_id: str, overrides: Sequence[OverrideView]) -> SloView:
        slo, readings, composite = self.slos[slo_id], self.budgets(slo_id), self.composites.get(slo_id)
        budgets = group_budgets(slo, readings, composite, self.readings)
        own = [each for each in overrides if not readings or each.at_ms >= readings[0].period_start_ms]
        return slo_view(slo, readings, budgets, composite, own)

    def _judge(self, slo_id: str, least: float) -> Judgement | str:
        """Return the judgement, or the id of what is none of the objectives."""
        slo = self.slos.get(slo_id)
        if slo is None:
            return slo_id
        composite = self.composites.get(slo_id)
        if composite is not None:
            parts = {each.id: reading for each in slo.parts for reading in self.budgets(each.id)[:1]}
            return judge_composite(composite, parts, self.now_ms, least)
        return judge(slo, self.budgets(slo_id), self.now_ms, least)

    def _with_needs(self, wanted: Sequence[str]) -> list[tuple[str, tuple[str, ...]]]:
        """Return ids and those that they depend on, however far, each with who needs it where nobody asked for it."""
        needed: dict[str, list[str]] = {each: [] for each in wanted}
        waiting = list(wanted)
        while waiting:
            slo_id = waiting.pop(0)
            slo = self.slos.get(slo_id)
            for other in map(str, slo.depends_on if slo else ()):
                if other not in needed:
                    needed[other] = []
                    waiting.append(other)
                if other not in wanted and slo_id not in needed[other]:
                    needed[other].append(slo_id)
        return [(each, tuple(by)) for each, by in needed.items()]


def named(slos: Mapping[str, Slo], names: Iterable[str]) -> list[str]:
    """Return the ids that names mean, in the files' order, each once.

    A name is an id, a service, `all`, or a glob of these. Raises InvalidInput with a suggestion where nothing has it.
    """
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


def _gate_view(judged: Judgement | str, needed_by: tuple[str, ...]) -> GateView:
    if isinstance(judged, str):
        why = "no file of slo_files has it, so nothing is known of it"
        return GateView(judged, "unknown", (why,), needed_by=needed_by)
    step = judged.step
    policy = f"below {100 * step.below:g} %: {step.action}" if step else ""
    reasons = tuple(
        each.text for each in judged.reasons if each.verdict is judged.verdict or each.verdict is not Verdict.GO
    )
    return GateView(judged.slo.id, judged.verdict.value, reasons, judged.left, policy, needed_by)
