"""From an engine's sums to a report: every number is a difference of its running sums, asked for one stretch at a time. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Final, Protocol

from agent.slo.budget import Key, Objective, Stretch, Unit, WindowReading, intervals, lasted, weighed
from agent.slo.model import Exclusion, Severity, Slo
from agent.slo.report.asking import Asked, Span
from agent.slo.report.incidents import Spell, Turn, spells
from agent.slo.report.numbers import moment
from agent.slo.report.values import (
    Day,
    Figures,
    Gap,
    Incident,
    Override,
    Point,
    Report,
    Share,
    SloReport,
    Taken,
    Verdict,
    Worst,
)
from agent.slo.report.verdicts import ENOUGH, notes, pace, sentence, span_words, summary, trend, verdict

HOUR_MS: Final = 3_600_000
_GRAINS: Final = ((2 * 86_400_000, HOUR_MS), (3 * HOUR_MS, 300_000), (0, 60_000))
"""From which length of a report on its worst stretches and its gaps are told in hours, five minutes, minutes."""
_MOST_POINTS: Final = 130
_STEPS: Final = (*(minutes * 60_000 for minutes in (1, 5, 15, 60, 360, 1440)), 10 * 86_400_000)
"""Between the points of a curve, of which there are at most 130: in a month every six hours."""
_WORST: Final = 3
_BURNED: Final = 1.5
"""Times its part of the budget that a day has to burn to be one of the worst."""
_SEEN: Final = 0.99
"""The part of a day from which on nothing is missing of it that anybody would miss."""
_ORDER: Final = (Verdict.MISSED, Verdict.UNKNOWN, Verdict.MET, Verdict.IDLE)


class Past(Protocol):
    """Who knows the sums: an engine, or who guards it."""

    def between(self, from_ms: int, until_ms: int, *, excluding: bool = True) -> Stretch:
        """Return what happened in a stretch, of all budgets."""
        ...


@dataclass(frozen=True, slots=True)
class Material:
    """What a report is made of: the sums, the objectives it is about, what alerts did (oldest first), and gates' overrides.

    alerts_since_ms: from when on it is known what alerts did.
    """

    past: Past
    slos: Sequence[Slo]
    turns: Sequence[Turn] = ()
    overrides: Sequence[Override] = ()
    alerts_since_ms: int = 0
    notes: Sequence[str] = field(default_factory=tuple)


def make_report(material: Material, period: Asked) -> Report:
    """Return the report of a period; objectives of which no budget is kept are named in its notes."""
    making = _Making(material, period)
    found = sorted(
        making.reports(), key=lambda each: (_ORDER.index(each.verdict), -(each.figures.spent or 0.0), each.title)
    )
    reported = {each.id for each in found}
    untold = [each.id for each in material.slos if each.id not in reported]
    absent = [each for each in untold if each in making.kept]
    unkept = [each for each in untold if each not in making.kept]
    return Report(
        title=period.span.title,
        before=period.before.title,
        start_ms=period.span.start_ms,
        end_ms=period.span.end_ms,
        until_ms=period.until_ms,
        made_ms=period.now_ms,
        zone=period.zone_name,
        span=span_words(period),
        summary=tuple(summary(found, period)),
        slos=tuple(found),
        notes=(*notes(period, unkept, absent, material.alerts_since_ms), *material.notes),
    )


class _Making:
    """One report under way; stretches are asked for once."""

    def __init__(self, material: Material, period: Asked) -> None:
        self._material, self._period = material, period
        self._slos = {each.id: each for each in material.slos}
        self._between = lru_cache(maxsize=None)(material.past.between)
        self._start, self._until = period.span.start_ms, period.until_ms
        # What happens just now belongs to the period, and what does at the end of one that is over to the next.
        self._edge = self._until + (self._until == period.now_ms)
        self._grain = next(each for least, each in _GRAINS if period.until_ms - period.span.start_ms >= least)
        self._days = period.days()
        self._spells = spells(material.turns, {each.id: each.group_by for each in material.slos})
        self._whole = self._between(self._start, self._until)
        self._before = self._between(period.before.start_ms, period.before.end_ms)

    @property
    def kept(self) -> set[str]:
        """The SLOs of which budgets are kept, though maybe of no group that was there then."""
        return {key.slo for key in self._whole.layout.keys}

    def reports(self) -> Iterator[SloReport]:
        layout = self._whole.layout
        for key, objective in self._whole.reported():
            if key.slo in self._slos:
                yield self._of_budget(_Budget(key, objective))
        for slo in self._material.slos:
            if slo.parts and all(Key(part.id) in layout.numbers for part in slo.parts):
                yield self._of_composite(slo)

    def _of_budget(self, budget: _Budget) -> SloReport:
        slo, key = budget.objective.slo, budget.key
        whole, before = budget.figures(self._whole), budget.figures(self._before)
        days = tuple(self._day(budget, each, whole) for each in self._days)
        incidents = tuple(self._incident(budget, each, whole) for each in self._spells_of(key))
        what = verdict(whole, slo.budget)
        return SloReport(
            id=slo.id,
            service=str(slo.service),
            name=str(slo.name),
            objective=slo.objective,
            unit=budget.unit,
            verdict=what,
            words=sentence(what, whole, slo, budget.unit, self._period),
            figures=whole,
            before=before,
            trend=trend(whole, before, slo, self._period),
            days=days,
            curve=tuple(self._curve(budget, whole)),
            group={str(name): str(value) for name, value in key.group.pairs},
            description=" ".join(slo.description.split()),
            worst=tuple(self._worst(budget, whole, days, incidents)),
            incidents=incidents,
            exclusions=tuple(self._taken(budget)),
            overrides=self._overrides(slo.id),
            gaps=tuple(self._gaps(key, days)),
        )

    def _of_composite(self, slo: Slo) -> SloReport:
        whole, before = (_composite_figures(slo, each) for each in (self._whole, self._before))
        days = []
        for day in self._days:
            figures = _composite_figures(slo, self._between(day.start_ms, day.end_ms))
            days.append(Day(day.title, day.start_ms, day.end_ms, figures))
        what = verdict(whole, slo.budget)
        shares = weighed(slo, _parts(slo, self._whole), self._until).shares
        return SloReport(
            id=slo.id,
            service=str(slo.service),
            name=str(slo.name),
            objective=slo.objective,
            unit="composite",
            verdict=what,
            words=sentence(what, whole, slo, "composite", self._period),
            figures=whole,
            before=before,
            trend=trend(whole, before, slo, self._period),
            days=tuple(days),
            description=" ".join(slo.description.split()),
            overrides=self._overrides(slo.id),
            blame=tuple(Share(str(name), share) for name, share in sorted(shares.items(), key=lambda each: -each[1])),
        )

    def _day(self, budget: _Budget, day: Span, whole: Figures) -> Day:
        figures = budget.figures(self._between(day.start_ms, day.end_ms))
        return Day(day.title, day.start_ms, day.end_ms, figures, _share(figures.bad, whole))

    def _curve(self, budget: _Budget, whole: Figures) -> Iterator[Point]:
        """Give what was left of the budget, from all of it on; nothing where there is no budget."""
        if not whole.allowed:
            return
        left, step = 1.0, next(each for each in _STEPS if each * _MOST_POINTS >= self._until - self._start)
        yield Point(self._start, left)
        for start in range(self._start, self._until, step):
            end = min(start + step, self._until)
            window = budget.window(self._between(start, end))
            left -= budget.scale * window.bad / whole.allowed
            yield Point(end, left, window.coverage >= ENOUGH)

    def _spells_of(self, key: Key) -> Iterator[Spell]:
        for spell in self._spells.get(key, ()):
            if spell.touches(self._start, self._edge):
                yield spell

    def _incident(self, budget: _Budget, spell: Spell, whole: Figures) -> Incident:
        began, ended = self._part_of(spell)
        pages = [self._part_of(each) for each in spell.pages if each.touches(self._start, self._edge)]
        figures = budget.figures(self._between(began, ended))
        return Incident(
            severity=(Severity.PAGE if pages else Severity.TICKET).value,
            began_ms=began,
            ended_ms=None if spell.ended_ms is None or spell.ended_ms > self._until else ended,
            earlier=began > spell.began_ms,
            length_ms=ended - began,
            bad=figures.bad,
            total=figures.total,
            share=_share(figures.bad, whole),
            pages=len(pages),
            paged_ms=sum(until_ms - from_ms for from_ms, until_ms in pages),
        )

    def _part_of(self, spell: Spell) -> tuple[int, int]:
        """Return from when until when it lasted in the period."""
        ended = self._until if spell.ended_ms is None else min(spell.ended_ms, self._until)
        return max(spell.began_ms, self._start), ended

    def _worst(
        self, budget: _Budget, whole: Figures, days: Sequence[Day], incidents: Sequence[Incident]
    ) -> Iterator[Worst]:
        """Give the days that burned more than their part of the budget, the worst first, with their worst hour."""
        burned = [each for each in days if (each.share or 0.0) > _BURNED * pace(whole)]
        for day in sorted(burned, key=lambda each: -(each.share or 0.0))[:_WORST]:
            hours = [(budget.window(self._between(*hour)).bad, hour[0]) for hour in self._hours(day)]
            bad, hour_from = max(hours, key=lambda each: (each[0], -each[1]))
            there = tuple(
                number
                for number, each in enumerate(incidents)
                if each.began_ms < day.end_ms and each.began_ms + each.length_ms > day.start_ms
            )
            yield Worst(day, hour_from if bad else None, bad * budget.scale if bad else None, self._grain, there)

    def _gaps(self, key: Key, days: Sequence[Day]) -> Iterator[Gap]:
        """Give the hours of which less than half was seen, joined; where all of a day was seen, its hours are not asked."""
        begin: int | None = None
        for day in days:
            for start, end in self._hours(day) if day.figures.coverage < _SEEN else ((day.start_ms, day.end_ms),):
                dark = day.figures.coverage < _SEEN and self._dark(key, start, end)
                if dark and begin is None:
                    begin = start
                elif not dark and begin is not None:
                    yield Gap(begin, start)
                    begin = None
        if begin is not None:
            yield Gap(begin, self._until)

    def _hours(self, day: Day) -> list[tuple[int, int]]:
        edges = range(day.start_ms, day.end_ms, self._grain)
        return [(start, min(start + self._grain, day.end_ms)) for start in edges]

    def _dark(self, key: Key, start_ms: int, end_ms: int) -> bool:
        # What is excluded would break a gap in two, though nothing was seen in it either.
        return self._between(start_ms, end_ms, excluding=False).find(key).coverage < ENOUGH

    def _taken(self, budget: _Budget) -> Iterator[Taken]:
        for each in budget.objective.slo.exclusions:
            found = intervals((each,), self._start, self._until)
            if found:
                windows = [budget.window(self._between(start, end, excluding=False)) for start, end in found]
                yield Taken(
                    reason=str(each.reason),
                    when=self._when(each),
                    times=len(found),
                    length_ms=sum(end - start for start, end in found),
                    bad=budget.scale * sum(window.bad for window in windows),
                    total=budget.scale * sum(window.total for window in windows),
                )

    def _when(self, exclusion: Exclusion) -> str:
        if exclusion.cron:
            return f"cron {exclusion.cron} for {lasted(exclusion.duration_ms)} ({exclusion.time_zone})"
        start, end = exclusion.start_ms or 0, exclusion.end_ms or 0
        return f"{moment(start, self._period.zone)} to {moment(end, self._period.zone)}"

    def _overrides(self, slo: str) -> tuple[Override, ...]:
        return tuple(
            each for each in self._material.overrides if each.slo == slo and self._start <= each.at_ms < self._edge
        )


@dataclass(frozen=True)
class _Budget:
    """One budget, and how its numbers are told."""

    key: Key
    objective: Objective

    @cached_property
    def scale(self) -> float:
        return 1e-3 if self.objective.budget_unit is Unit.TIME else 1.0

    @cached_property
    def unit(self) -> str:
        return "seconds" if self.objective.budget_unit is Unit.TIME else self.objective.budget_unit.value

    def window(self, stretch: Stretch) -> WindowReading:
        return stretch.find(self.key)

    def figures(self, stretch: Stretch) -> Figures:
        window, budget = self.window(stretch), self.objective.slo.budget
        return Figures(
            length_ms=window.window_ms,
            coverage=window.coverage,
            bad=self.scale * window.bad,
            total=self.scale * window.total,
            ratio=window.ratio,
            spent=window.burn,
            allowed=budget * self.scale * window.total,
            allowed_ms=budget * window.window_ms,
            spent_ms=None if window.ratio is None else window.ratio * window.window_ms,
        )


def _share(bad: float | None, whole: Figures) -> float | None:
    """Return which part of the whole period's budget so many bad events are; None where it has none."""
    return bad / whole.allowed if bad is not None and whole.allowed else None


def _parts(slo: Slo, stretch: Stretch) -> Mapping[str, WindowReading]:
    return {part.id: stretch.find(Key(part.id)) for part in slo.parts}


def _composite_figures(slo: Slo, stretch: Stretch) -> Figures:
    length = stretch.until_ms - stretch.from_ms
    found = weighed(slo, _parts(slo, stretch), stretch.until_ms)
    return Figures(
        length_ms=length,
        coverage=found.coverage,
        ratio=found.ratio,
        spent=found.burn,
        allowed_ms=slo.budget * length,
        spent_ms=None if found.ratio is None else found.ratio * length,
    )
