"""A what-if in sentences, as one would tell a colleague: what would have been told, what a change changes, what is not known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import tzinfo
from typing import Final

from agent.model import format_duration
from agent.replay.slos.account import BudgetAccount, SloReport, Spell, VersionAccount, median
from agent.replay.words import duration, moment, times
from agent.slo import Calendar, Severity
from agent.slo.budget import Objective, Unit

WEIGHTY: Final = 0.05
"""The part of a budget from which on a page that is gone would be missed."""
_WHOLE: Final = 0.98
"""Coverage from which on a period counts as known."""


def share(fraction: float) -> str:
    """Return a part of a budget in per cent: `2.1 %`, `0.03 %`."""
    return f"{100 * fraction:.2g} %" if fraction < 0.1 else f"{100 * fraction:,.0f} %"


def headline(report: SloReport, version: VersionAccount) -> str:
    """Return what a version would have told in all, in one or two sentences."""
    span = f"In {duration(report.until_ms - report.from_ms)}"
    pages, tickets = version.of(Severity.PAGE), version.of(Severity.TICKET)
    if not pages and not tickets and not report.interrupted and (dark := _dark(report, version)):
        return f"{span} {dark}, so it is not known who would have been told."
    said = f"{span} {_told(pages, tickets)}."
    false = len(version.false(report.false_below))
    if false:
        those = {1: "1 page"}.get(false, f"{false:,} pages")
        said += f" {those} cost less than {share(report.false_below)} of a budget: false."
    held = [each for each in version.held if each.severity is Severity.PAGE]
    if held:
        said += f" {times(len(held), 'page')} more would have come without a least number of events."
    return said


def _told(pages: Sequence[Spell], tickets: Sequence[Spell]) -> str:
    if not pages and not tickets:
        return "nobody would have been told"
    kinds = [times(len(each), noun) for each, noun in ((pages, "page"), (tickets, "ticket")) if each]
    return f"{' and '.join(kinds)} would have been told"


def _dark(report: SloReport, version: VersionAccount) -> str:
    """Say that there is nothing to judge by; "" where there is."""
    counted = all(each.objective.unit is not Unit.TIME for each in version.budgets)
    if all(each.reading.left is None for each in version.budgets):
        wrong = next((each.words for each in version.budgets if each.invalid_ms), None)
        if wrong is not None:
            return f"nothing was counted (SLOInvalid: {wrong})"
        return f"no samples were found of {'the events that are counted' if counted else 'what the objectives read'}"
    newest_ms = report.newest_ms
    if counted and report.oldest_ms is not None and newest_ms is not None and newest_ms < report.from_ms:
        there = f"there are some from {moment(report.oldest_ms)} to {moment(newest_ms)}"
        return f"no samples were found of the events that are counted ({there})"
    return ""


def differences(report: SloReport) -> Iterator[str]:
    """Give what the second version would have changed, SLO by SLO; what it would not have changed is said together."""
    before, after = ({each.key: each for each in version.budgets} for version in report.versions[:2])
    same = []
    for key in before | after:
        if key not in before or key not in after:
            which = report.versions[0 if key in before else 1].name
            yield f"{key} is only in the version {which}."
            continue
        changed, effect = change_of(before[key].objective, after[key].objective), effect_of(before[key], after[key])
        if effect:
            yield f"{key}: {changed}: {'; '.join(effect)}."
        elif changed != _SAME:
            yield f"{key}: {changed} changes nothing that anybody would have been told."
        else:
            same.append(str(key))
    if same and len(same) == len(before):
        yield "Both versions are the same."


_SAME: Final = "the same"


def change_of(before: Objective, after: Objective) -> str:
    """Return what is different about an SLO: `99.5 instead of 99.9 %`."""
    said = []
    if before.slo.objective != after.slo.objective:
        said.append(f"{after.slo.objective:g} instead of {before.slo.objective:g} %")
    if before.period_ms != after.period_ms:
        said.append(f"a period of {format_duration(after.period_ms)} instead of {format_duration(before.period_ms)}")
    elif before.burns != after.burns:
        said.append("other burn-rate windows")
    if before.slo.min_events != after.slo.min_events:
        said.append(f"at least {after.slo.min_events:,} events instead of {before.slo.min_events:,}")
    if before.slo.indicator != after.slo.indicator:
        said.append("another indicator")
    if before.slo.exclusions != after.slo.exclusions:
        said.append("other exclusions")
    if before.slo.budgeting != after.slo.budgeting:
        said.append("another way of budgeting")
    return " and ".join(said) or _SAME


def effect_of(before: BudgetAccount, after: BudgetAccount) -> list[str]:
    """Return what another version of an SLO does to who is told, and to its budget."""
    said = []
    for severity, noun in ((Severity.PAGE, "page"), (Severity.TICKET, "ticket")):
        had, has = before.of(severity), after.of(severity)
        gone = [each for each in had if not each.overlaps(has)]
        came = [each for each in has if not each.overlaps(had)]
        if gone:
            said.append(f"{times(len(gone), noun)} fewer, {_weight(gone)}")
        if came:
            said.append(f"{times(len(came), noun)} more, {_weight(came)}")
        later = _later(had, has)
        if later:
            said.append(f"{noun}s that stay come {duration(abs(later))} {'later' if later > 0 else 'earlier'}")
    left = before.reading.left, after.reading.left
    if said and left[0] is not None and left[1] is not None:
        said.append(f"{_left(left[1])} of the budget is left instead of {_left(left[0])}")
    return said


def _weight(spells: Sequence[Spell]) -> str:
    heavy = [each for each in spells if each.burned > WEIGHTY]
    most = max(each.burned for each in spells)
    if len(spells) == 1:
        return f"which cost {share(most)} of the budget"
    if not heavy:
        return f"none of which cost more than {share(most)} of the budget"
    return f"{len(heavy)} of which cost more than {share(WEIGHTY)} of the budget, up to {share(most)}"


def _later(had: Sequence[Spell], has: Sequence[Spell]) -> int:
    """Return by how much those that are in both come later, in the middle."""
    apart = [new.opened_ms - old.opened_ms for new in has for old in had if new.overlaps([old])]
    return median(apart) or 0


def _left(fraction: float) -> str:
    return share(fraction) if fraction >= 0 else f"{100 * fraction:,.0f} %"


def left(account: BudgetAccount) -> str:
    """Return what was left at the end: `62 %`, or `?` where nothing was seen."""
    return "?" if account.reading.left is None else _left(account.reading.left)


def caveats(report: SloReport, zone: tzinfo | None = None) -> Iterator[str]:
    """Give what is to be known before the numbers are believed: how far back samples go, what could not be counted, the step."""
    for text, names in _shared(report):
        yield f"{_listed(names)}: {text}"
    if report.oldest_ms is not None and report.oldest_ms > report.from_ms:
        yield f"The samples begin at {moment(report.oldest_ms, zone)}: before, nothing is known."
    if report.step_ms > report.interval_ms:
        yield (
            f"Looked at every {format_duration(report.step_ms)}, while targets are scraped every "
            f"{format_duration(report.interval_ms)}: sums are exact, and what opens or closes is seen up to "
            f"{format_duration(report.step_ms)} later than live."
        )
    if any(each.objective.unit is Unit.TIME for version in report.versions for each in version.budgets):
        yield "Indicators that are no sums of counters were asked at each step and weigh time, as live."
    yield from report.notes


def _shared(report: SloReport) -> Iterator[tuple[str, list[str]]]:
    """Give what is to be said of budgets, each sentence with all that it is true of."""
    said: dict[str, list[str]] = {}
    for account in report.versions[0].budgets if report.versions else ():
        for text in _unknown(account):
            said.setdefault(text, []).append(str(account.key))
    yield from said.items()


def _unknown(account: BudgetAccount) -> Iterator[str]:
    period = account.reading.period
    if account.reading.left is None and not account.invalid_ms:
        yield "no samples of its indicator were found, so nothing is known of its budget."
        return
    if account.reading.left is not None and period.coverage < _WHOLE:
        window, seen = account.objective.slo.window, f"coverage {100 * period.coverage:.2g} %"
        known = duration(round(period.coverage * period.window_ms))
        if isinstance(window, Calendar):
            yield f"the budget of this {window.unit} so far is known in part; {seen}."
        else:
            yield f"the budget of {format_duration(period.window_ms)} is known for {known}; {seen}."
    if account.invalid_ms:
        yield f"for {duration(account.invalid_ms)} nothing was counted (SLOInvalid): {account.words}."
    if account.no_data_ms:
        yield f"for {duration(account.no_data_ms)} nothing was known (SLONoData), and alerts stayed as they were."


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
