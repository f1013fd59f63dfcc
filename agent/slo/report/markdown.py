"""A report as Markdown that pastes into a ticket: tables of what matters, a bar per day, and no HTML.

Days that neither burned anything nor went unseen have no line. What people wrote is escaped, so it stays text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from agent.slo.report.numbers import amount, incident_length, kept, length, moment, percent, stretch, times
from agent.slo.report.values import Day, Report, SloReport, Worst
from agent.slo.report.verdicts import ENOUGH, worst_words
from agent.slo.times import time_zone
from agent.sparklines import sparkline

_SPECIAL: Final = re.compile(r"([\\`*\[\]|<>~#])|(?<!\w)_|_(?!\w)")
_WHOLE: Final = 0.995


def markdown(report: Report) -> str:
    """Return the report."""
    lines = [f"# SLO report: {report.title}", "", report.span, "", f"**{text(report.summary[0])}**", ""]
    lines += [f"- {text(each)}" for each in report.summary[1:]]
    lines += ["", *_overview(report)] if report.slos else []
    for each in report.slos:
        lines += ["", *_section(each, report)]
    lines += ["", *(f"*{text(each)}*\n" for each in report.notes)]
    return "\n".join(lines).rstrip() + "\n"


def text(said: str) -> str:
    """Return text as it stands on one line of Markdown, in or outside a table."""
    return _SPECIAL.sub(lambda found: f"\\{found.group(0)}", " ".join(said.split()))


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], right: str = "") -> list[str]:
    """Return a table; `right` names the columns that are numbers."""
    rule = ["---:" if name in right.split(",") else "---" for name in head]
    return [f"| {' | '.join(each)} |" for each in (head, rule, *rows)]


def _overview(report: Report) -> list[str]:
    head = ("SLO", "verdict", "good", "promised", "budget spent", "before", "seen", "day by day")
    rows = [
        (
            text(each.title),
            each.verdict.value if each.verdict != "missed" else "**missed**",
            kept(each.figures.ratio, each.objective),
            f"{each.objective:g} %",
            percent(each.figures.spent),
            percent(each.before.spent if each.before.coverage >= ENOUGH else None),
            percent(each.figures.coverage),
            bars(each),
        )
        for each in report.slos
    ]
    return _table(head, rows, "good,promised,budget spent,before,seen")


def bars(slo: SloReport) -> str:
    """Return a bar per day, as high as what it burned; a blank where less than half of it was seen."""
    seen = [float("nan") if each.figures.coverage < ENOUGH else _burned(each) for each in slo.days]
    return sparkline(seen, lowest=0.0).replace(" ", "·")


def _section(slo: SloReport, report: Report) -> Iterator[str]:
    yield f"## {text(slo.title)}"
    yield ""
    if slo.description:
        yield text(slo.description)
        yield ""
    yield text(" ".join(f"{each[:1].upper()}{each[1:]}." for each in (slo.words, slo.trend) if each))
    yield from _days(slo, report)
    for title, rows, head in _lists(slo, report):
        if rows:
            yield ""
            yield f"**{title}**"
            yield ""
            yield from _table(head, rows)


def _days(slo: SloReport, report: Report) -> Iterator[str]:
    """Give the days that matter: the worst, and those that were seen in part; the rest in a sentence.

    Of days that nobody saw another table tells.
    """
    worst = {each.day.date: each for each in slo.worst}
    days = [each for each in slo.days if each.figures.coverage > 0 or each.figures.total]
    told = [each for each in days if each.date in worst or each.figures.coverage < _WHOLE]
    if told:
        rows = [_day(each, worst.get(each.date), report) for each in told]
        yield ""
        yield from _table(("day", "bad", "budget burned", worst_words(slo), "seen"), rows, "bad,budget burned,seen")
    rest = [_burned(each) for each in days if each not in told]
    if rest and told:
        yield ""
        yield f"{times(len(rest), 'other day')}: at most {percent(max(rest))} each."


def _day(day: Day, worst: Worst | None, report: Report) -> tuple[str, ...]:
    figures, hour = day.figures, ""
    if worst is not None and worst.hour_from_ms is not None:
        hour = f"{amount(worst.hour_bad)} bad from {moment(worst.hour_from_ms, time_zone(report.zone))[-5:]}"
    bad = percent(figures.ratio) if figures.bad is None else f"{amount(figures.bad)} of {amount(figures.total)}"
    return day.date, bad, percent(_burned(day)), hour, percent(figures.coverage)


def _burned(day: Day) -> float:
    """Return what a day burned of the period's budget; of a composite, of its own."""
    return (day.figures.spent if day.share is None else day.share) or 0.0


def _lists(slo: SloReport, report: Report) -> Iterator[tuple[str, Sequence[Sequence[str]], Sequence[str]]]:
    zone = time_zone(report.zone)
    incidents = [
        (
            each.severity,
            stretch(each.began_ms, report.until_ms if each.ended_ms is None else each.ended_ms, zone)
            + (" and on" if each.ended_ms is None else "")
            + (", began before" if each.earlier else ""),
            incident_length(each.length_ms, each.pages, each.paged_ms),
            f"{amount(each.bad)} of {amount(each.total)}",
            percent(each.share),
        )
        for each in slo.incidents
    ]
    yield "Incidents", incidents, ("severity", "when", "for", f"bad {slo.unit} meanwhile", "budget burned")
    taken = [
        (
            text(each.reason),
            text(each.when),
            str(each.times),
            length(each.length_ms),
            f"{amount(each.bad)} of {amount(each.total)}",
        )
        for each in slo.exclusions
    ]
    yield "Not counted", taken, ("reason", "when", "times", "in all", f"bad {slo.unit} left out")
    overrides = [
        (moment(each.at_ms, zone), text(each.by), text(each.reason), text(each.verdict), percent(each.left))
        for each in slo.overrides
    ]
    yield "Gates overridden", overrides, ("when", "by", "reason", "the gate said", "budget left then")
    gaps = [(stretch(each.from_ms, each.until_ms, zone), length(each.until_ms - each.from_ms)) for each in slo.gaps]
    yield "Not seen", gaps, ("when", "for")
    blame = [(text(each.slo), percent(each.share)) for each in slo.blame]
    yield "Who burned it", blame, ("part", "of what was burned")
