"""Whether the state of a budget lets a change through: go, stop, or unknown, each with its reasons in words and numbers. Pure.

A gate that guesses is worse than none. Where less than half of a period was seen, what is left is a span, from the case that the
rest was clean to the case that it was as bad as what was seen can prove; a verdict is given where both ends agree. Of the
period of a calendar the rest is also what is still to come.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from agent.slo.budget.composites import CompositeReading
from agent.slo.budget.objective import Key, Unit
from agent.slo.budget.readings import ENOUGH, Reading, State
from agent.slo.budget.wording import counts, gone, lasted, remaining, rough, times
from agent.slo.evidence import upper_bound
from agent.slo.model import BudgetStep, Severity, Slo

LEAST: Final = 0.1
"""The part of a budget that has to be left, unless somebody asks for another."""
STALE_MS: Final = 5 * 60_000
"""Beyond this age the newest count says nothing about now."""
LEAST_SEEN_MS: Final = 60 * 60_000
"""Before so much of a period was seen, nothing is concluded about the rest of it, however many events there were."""
_LOOK_MS: Final = 60_000
"""Time that is weighed by a ratio counts as one look a minute: its milliseconds are no events that chance could tell apart."""
_MOST_GROUPS: Final = 3


class Verdict(StrEnum):
    """What a gate says. Of several the first of these is the verdict of all: stop, unknown, go."""

    STOP = "stop"
    UNKNOWN = "unknown"
    GO = "go"


@dataclass(frozen=True, slots=True)
class Reason:
    """One line of a verdict."""

    verdict: Verdict
    text: str


@dataclass(frozen=True, slots=True)
class Judgement:
    """One SLO at a gate. `left` is the least of its groups'; `step` is its policy's step in force, None where none is."""

    slo: Slo
    verdict: Verdict
    reasons: tuple[Reason, ...]
    left: float | None = None
    step: BudgetStep | None = None


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the verdict of all: any stop stops, any unknown leaves it unknown."""
    found = set(verdicts)
    return next((each for each in Verdict if each in found), Verdict.GO)


def step_of(slo: Slo, left: float | None) -> BudgetStep | None:
    """Return the step of the budget policy that is in force: the lowest of those that begin above what is left."""
    steps = [each for each in slo.budget_policy if left is not None and left < each.below]
    return min(steps, key=lambda each: each.below, default=None)


def judge(slo: Slo, readings: Sequence[Reading], now_ms: int, least: float = LEAST) -> Judgement:
    """Judge an SLO by its budgets, one or one per group; `least` is the fraction that has to be left.

    A group without data beside others that have some (a tenant that left) is judged by what is left of it.
    """
    if not readings:
        why = "no group of it was seen yet" if slo.group_by else "no budget is kept of it"
        return Judgement(slo, Verdict.UNKNOWN, (Reason(Verdict.UNKNOWN, why),))
    silent = all(each.state is State.NO_DATA for each in readings)
    found = [(each, _of_one(each, now_ms, least, unheard=silent)) for each in readings]
    known = [each.left for each in readings if each.left is not None]
    reasons = found[0][1] if not slo.group_by else _grouped(found)
    step = step_of(slo, certain_left(readings))
    return Judgement(slo, worst(each.verdict for each in reasons), tuple(reasons), min(known, default=None), step)


def judge_composite(
    composite: CompositeReading, parts: Mapping[str, Reading], now_ms: int, least: float = LEAST
) -> Judgement:
    """Judge an SLO that is made of others, by what is left of it, and by pages and silence of its parts (by id)."""
    slo, reasons = composite.slo, []
    for part in slo.parts:
        reading = parts.get(part.id)
        if reading is None:
            reasons.append(Reason(Verdict.UNKNOWN, f"its part {part.id} has no budget"))
            continue
        said = [*_pages(reading), *_silence(reading, now_ms, unheard=True)]
        reasons += [Reason(each.verdict, f"its part {part.id}: {each.text}") for each in said]
    # Its parts had no traffic, though they were looked at: nothing burned.
    left = 1.0 if composite.left is None and composite.coverage >= ENOUGH else composite.left
    have = [(part.weight, parts[part.id]) for part in slo.parts if part.id in parts]
    earned = composite.coverage >= ENOUGH and all(reading.earned for _, reading in have)
    reasons += _budget(left, _composite_span(slo, have), earned, least, "a part was seen too briefly")
    step = step_of(slo, left if earned else None)
    return Judgement(slo, worst(each.verdict for each in reasons), tuple(reasons), left, step)


def certain_left(readings: Sequence[Reading]) -> float | None:
    """Return the least that is left of these budgets, at best where less than half of a period was seen; None where unknown."""
    known = [each.left if each.earned else span_left(each)[1] for each in readings if each.left is not None]
    return min(known, default=None)


def span_left(reading: Reading) -> tuple[float, float]:
    """Return what is left of a budget at worst and at best, whatever the part of its period was that was not seen."""
    budget = reading.objective.slo.budget
    best, most = _span(reading)
    return 1 - most / budget, 1 - best / budget


def _span(reading: Reading) -> tuple[float, float]:
    """Return the error ratio of the whole period at best (the rest clean) and at worst (the rest as bad as may be)."""
    window, seen = reading.period, reading.known
    look = _LOOK_MS if reading.objective.budget_unit is Unit.TIME else 1
    ratio = window.ratio or 0.0
    rest = upper_bound(window.bad / look, window.total / look) if reading.seen_ms >= LEAST_SEEN_MS else 1.0
    return seen * ratio, seen * ratio + (1 - seen) * rest


def _composite_span(slo: Slo, parts: Sequence[tuple[float, Reading]]) -> tuple[float, float]:
    weights = sum(weight for weight, _ in parts)
    if not weights or len(parts) < len(slo.parts):
        return -float("inf"), float("inf")
    spans = [(weight, _span(reading)) for weight, reading in parts]
    best, most = (sum(weight * span[end] for weight, span in spans) / weights for end in (0, 1))
    return 1 - most / slo.budget, 1 - best / slo.budget


def _of_one(reading: Reading, now_ms: int, least: float, *, unheard: bool) -> list[Reason]:
    reasons = [*_pages(reading), *_silence(reading, now_ms, unheard=unheard)]
    young = f"young: {rough(reading.seen_ms)} of {lasted(reading.length_ms)} seen"
    text = gone(reading) if reading.left is not None and reading.left < least else ""
    return [*reasons, *_budget(reading.left, span_left(reading), reading.earned, least, young, text)]


def _pages(reading: Reading) -> Iterable[Reason]:
    tiers = [each for each in reading.told if each.open and each.burn.severity is Severity.PAGE]
    if not tiers:
        return
    begun = min((each.since_ms for each in tiers if each.since_ms), default=None)
    since = f" for {rough(reading.at_ms - begun)}" if begun else ""
    burned = []
    for window in (reading.window(each.burn.long_ms) for each in tiers):
        pace = times(window) if window.burn is not None else "no traffic since"
        burned.append(f"{counts(reading, window)} in {lasted(window.window_ms)} were bad, {pace}")
    yield Reason(Verdict.STOP, f"its page is open{since}: {'; '.join(burned)}")


def _silence(reading: Reading, now_ms: int, *, unheard: bool) -> Iterable[Reason]:
    if reading.state is State.INVALID or (reading.state is State.NO_DATA and unheard):
        since = f" for {rough(reading.at_ms - reading.since_ms)}" if reading.since_ms else ""
        yield Reason(Verdict.UNKNOWN, f"{reading.state}{since}: {reading.words}")
    if now_ms - reading.at_ms > STALE_MS:
        yield Reason(
            Verdict.UNKNOWN, f"the newest count is {rough(now_ms - reading.at_ms)} old; nothing is known of now"
        )


def _budget(
    left: float | None, span: tuple[float, float], earned: bool, least: float, young: str, low: str = ""
) -> Iterable[Reason]:
    asked = f"the gate asks for {_percent(least)}"
    if left is None:
        yield Reason(Verdict.UNKNOWN, "nothing was seen of it in the whole period")
    elif earned:
        verdict = Verdict.GO if left >= least else Verdict.STOP
        yield Reason(verdict, f"{low or remaining(left)}; {asked}")
    elif span[0] >= least:
        yield Reason(Verdict.GO, f"{young}; at worst {_percent(span[0])} of the budget is left; {asked}")
    elif span[1] < least:
        yield Reason(Verdict.STOP, f"{young}; at best {remaining(span[1])}; {asked}")
    else:
        ends = f"{_percent(span[0]) if span[0] > 0 else 'none'} to {_percent(span[1])}"
        yield Reason(Verdict.UNKNOWN, f"{young}: {ends} of the budget may be left, which decides nothing; {asked}")


def _grouped(found: Sequence[tuple[Reading, list[Reason]]]) -> list[Reason]:
    """Return the worst groups' reasons under their labels, and how many more there are like them."""
    order = list(Verdict)
    ranked = sorted(found, key=lambda each: (order.index(worst(r.verdict for r in each[1])), _left(each[0])))
    overall = worst(reason.verdict for reason in ranked[0][1])
    alike = [each for each in ranked if worst(reason.verdict for reason in each[1]) is overall]
    lines = [
        Reason(reason.verdict, f"{group_words(reading.key)}: {reason.text}")
        for reading, reasons in alike[: _MOST_GROUPS if overall is not Verdict.GO else 1]
        for reason in reasons
        if reason.verdict is overall
    ]
    more = len(alike) - (_MOST_GROUPS if overall is not Verdict.GO else 1)
    if more > 0:
        lines.append(Reason(overall, f"and {more} more {'group' if more == 1 else 'groups'}"))
    return lines


def group_words(key: Key) -> str:
    """Return a group's labels as they are said: `tenant=acme, region=eu`."""
    return ", ".join(f"{name}={value}" for name, value in key.group.items())


def _left(reading: Reading) -> float:
    return reading.left if reading.left is not None else float("inf")


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.3g} %"
