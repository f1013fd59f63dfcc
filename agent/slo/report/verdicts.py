"""Whether promises were kept, in sentences that can be read in ten seconds. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from typing import Final

from agent.slo.budget import ENOUGH as _ENOUGH
from agent.slo.model import Slo
from agent.slo.report.asking import Asked
from agent.slo.report.numbers import amount, kept, length, moment, parts, percent, times
from agent.slo.report.values import Figures, SloReport, Verdict

ENOUGH: Final = _ENOUGH
_EVEN: Final = 0.02
"""A difference of what is spent that is none: two hundredths of a budget."""
_CLOSE: Final = 0.7
"""So much of a budget gone, and a promise that was kept is worth a word."""
_NAMED: Final = 5
_FEW_DAYS: Final = 2
_LITTLE: Final = 0.1
"""Days, or hours: what is less is told in smaller units."""
_DAY_MS: Final = 86_400_000
_NOISE: Final = 1 + 1e-9
"""0.1 % of 1,000 is one event, whatever 100 - 99.9 comes to."""


def verdict(figures: Figures, budget: float) -> Verdict:
    """Return what became of a promise.

    Where less than half of the period was seen it is unknown, unless it is missed even if the rest had been clean and as busy.
    """
    if figures.ratio is None:
        return Verdict.IDLE if figures.coverage >= ENOUGH else Verdict.UNKNOWN
    if figures.coverage < ENOUGH:
        return Verdict.MISSED if figures.ratio * figures.coverage > budget * _NOISE else Verdict.UNKNOWN
    return Verdict.MISSED if figures.ratio > budget * _NOISE else Verdict.MET


def sentence(what: Verdict, figures: Figures, slo: Slo, unit: str, period: Asked) -> str:
    """Return a verdict in words, with its numbers."""
    if what is Verdict.UNKNOWN and not figures.coverage:
        return "unknown: nothing was seen of it"
    if what is Verdict.UNKNOWN:
        return f"unknown: only {_seen(figures, period)} were seen"
    if what is Verdict.IDLE:
        return "no traffic: nothing could break the promise"
    so_far = "" if period.is_over else " so far"
    promised = f"{kept(figures.ratio, slo.objective)} good, {slo.objective:g} % promised"
    spent = f"{what}{so_far}: {promised}; {_spent(figures)}"
    if figures.bad is None or figures.allowed is None:
        return spent
    counts = f"{amount(figures.bad)} bad {unit}, {amount(figures.allowed)} allowed"
    seen = "" if figures.coverage >= ENOUGH else f", though only {_seen(figures, period)} were seen"
    return f"{spent} ({counts}){seen}"


def trend(figures: Figures, before: Figures, slo: Slo, period: Asked) -> str:
    """Return how a budget compares with the period before, empty where nothing is known of one of them."""
    if figures.spent is None:
        return ""
    if before.spent is None or before.coverage < ENOUGH:
        return f"too little is known of {period.before.title} to compare"
    change = figures.spent - before.spent
    word = "as" if abs(change) < _EVEN else "worse than" if change > 0 else "better than"
    spent = f"{percent(before.spent)} of the budget"
    return f"{word} in {period.before.title}: {kept(before.ratio, slo.objective)} good, {spent} spent"


def pace(figures: Figures) -> float:
    """Return the part of a period's budget that each of its days may burn, of those that were seen."""
    return _DAY_MS / max(figures.length_ms * figures.coverage, _DAY_MS)


def worst_words(slo: SloReport) -> str:
    """Return what the worst stretch of a day is: an hour, or in a short report minutes."""
    return "worst minutes" if slo.worst and slo.worst[0].hour_ms < 3_600_000 else "worst hour"


def summary(found: Sequence[SloReport], period: Asked) -> Iterator[str]:
    """Give what matters, the headline first."""
    if not found:
        yield "There are no objectives to report on."
        return
    by = {what: [each for each in found if each.verdict is what] for what in Verdict}
    yield _headline(found, by, period)
    if by[Verdict.MISSED]:
        named = (
            f"{each.title} ({kept(each.figures.ratio, each.objective)} of {each.objective:g} %)"
            for each in by[Verdict.MISSED]
        )
        yield f"Missed: {_listed(named, len(by[Verdict.MISSED]))}."
    if by[Verdict.UNKNOWN]:
        named = (f"{each.title} ({_little(each.figures, period)})" for each in by[Verdict.UNKNOWN])
        yield f"Unknown: {_listed(named, len(by[Verdict.UNKNOWN]))}."
    close = [each for each in by[Verdict.MET] if (each.figures.spent or 0.0) >= _CLOSE]
    if close:
        named = (f"{each.title} ({percent(each.figures.spent)} of its budget spent)" for each in close)
        yield f"Close: {_listed(named, len(close))}."
    yield from _worst_day(found)
    yield from _comparison(found, period)
    yield from _events(found)


def span_words(period: Asked) -> str:
    """Return the period's ends and length, with the time zone: `1 Oct 00:00 – 1 Nov 00:00, Europe/Paris, 745 hours …`."""
    start, end = (period.local(each) for each in (period.span.start_ms, period.span.end_ms))
    hours = (period.span.end_ms - period.span.start_ms) / 3_600_000
    text = f"{start:%a %-d %b %Y %H:%M} – {end:%a %-d %b %Y %H:%M}, {period.zone_name}"
    turned = (end.utcoffset() or timedelta()) - (start.utcoffset() or timedelta())
    if turned:
        way = "forward" if turned > timedelta() else "back"
        text += f"; {hours:g} hours, as the clocks went {way}"
    return text if period.is_over else f"{text}; as of {moment(period.now_ms, period.zone)}"


def notes(period: Asked, unkept: Sequence[str], absent: Sequence[str], alerts_since_ms: int) -> Iterator[str]:
    """Give how to read the numbers, and what is not in them."""
    yield (
        "A budget is what the objective allows of this period's own events, whatever window its alerts have; "
        "in minutes it is as much full outage."
    )
    if unkept:
        yield f"No budget is kept of {_listed(unkept, len(unkept))}."
    if absent:
        yield f"Of {_listed(absent, len(absent))} no group was there in this period."
    if alerts_since_ms > period.span.start_ms:
        since = moment(alerts_since_ms, period.zone)
        yield f"What alerts did is known since {since} (storage.alert_history): incidents before that are not listed."


def _headline(found: Sequence[SloReport], by: dict[Verdict, list[SloReport]], period: Asked) -> str:
    so_far = "" if period.is_over else " so far"
    count = len(found)
    for what, word in ((Verdict.MET, "met"), (Verdict.MISSED, "missed")):
        if len(by[what]) == count:
            every = "The objective was" if count == 1 else f"All {count} objectives were"
            return f"{every} {word}{so_far}."
    said = [
        f"{len(by[what])} {word}"
        for what, word in (
            (Verdict.MET, "met"),
            (Verdict.MISSED, "missed"),
            (Verdict.UNKNOWN, "unknown"),
            (Verdict.IDLE, "without traffic"),
        )
        if by[what]
    ]
    return f"Of {times(count, 'objective')}{so_far}: {', '.join(said)}."


def _worst_day(found: Sequence[SloReport]) -> Iterator[str]:
    worst = [(each.worst[0].day, each) for each in found if each.worst and len(each.days) > _FEW_DAYS]
    if worst:
        day, of = max(worst, key=lambda each: each[0].share or 0.0)
        at = date.fromisoformat(day.date)
        yield f"The worst day was {at:%a} {at.day} {at:%b}: {of.title} burned {parts(day.share)} its budget."


def _comparison(found: Sequence[SloReport], period: Asked) -> Iterator[str]:
    better = [each.title for each in found if each.trend.startswith("better")]
    worse = [each.title for each in found if each.trend.startswith("worse")]
    if better or worse:
        said = [
            f"{word}: {_listed(names, len(names))}" for word, names in (("worse", worse), ("better", better)) if names
        ]
        yield f"Compared with {period.before.title}, {'; '.join(said)}."


def _events(found: Sequence[SloReport]) -> Iterator[str]:
    incidents = [each for report in found for each in report.incidents]
    pages, tickets = sum(each.pages for each in incidents), sum(not each.pages for each in incidents)
    if incidents:
        lasting = length(sum(each.paged_ms for each in incidents))
        long = f" ({lasting} in all)" if pages else ""
        said = [f"{times(pages, 'page')}{long}"] if pages else []
        said += [times(tickets, "ticket")] if tickets else []
        yield f"{' and '.join(said)}."
    overrides = {(each.at_ms, each.by) for report in found for each in report.overrides}
    if overrides:
        often = {1: "once", 2: "twice"}.get(len(overrides), f"{len(overrides)} times")
        yield f"A deploy gate was overridden {often}."


def _spent(figures: Figures) -> str:
    spent = figures.spent or 0.0
    if spent > _NOISE:
        return f"the budget is spent {spent:,.3g} times" if spent >= 2 else f"{percent(spent)} of the budget is spent"
    minutes = f", {length(figures.spent_ms)} of {length(figures.allowed_ms)}"
    return f"{percent(spent)} of the budget is spent{minutes}"


def _little(figures: Figures, period: Asked) -> str:
    return f"only {_seen(figures, period)} seen" if figures.coverage else "nothing seen"


def _seen(figures: Figures, period: Asked) -> str:
    whole = period.until_ms - period.span.start_ms
    unit_ms, unit = (_DAY_MS, "days") if whole > 2 * _DAY_MS else (3_600_000, "hours")
    seen, of = figures.coverage * figures.length_ms / unit_ms, whole / unit_ms
    if seen < _LITTLE:
        return f"{length(seen * unit_ms)} of {length(whole)}"
    return f"{_floored(seen)} of {_floored(of)} {unit}"


def _floored(value: float) -> str:
    if value >= 10:
        return f"{int(value + 1e-6)}"
    return f"{int(value * 10 + 1e-6) / 10:g}"


def _listed(names: Iterable[str], count: int) -> str:
    listed = list(names)
    shown = ", ".join(listed[:_NAMED])
    return f"{shown} and {count - _NAMED} more" if count > _NAMED else shown
