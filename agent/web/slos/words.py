"""How an objective stands, in the words that the page and the command line share. Pure functions of the views.

Shares are cut, never rounded up: 99.896 % is not shown as 99.9 % beside a promise of 99.9 %.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final, NamedTuple

from agent.web.slos.values import BudgetView, SloView, StandingView, TierView
from agent.web.words import Tone, counted, since

_MINUTE: Final = 60_000
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
_BAR: Final = 8
_EIGHTHS: Final = " ▏▎▍▌▋▊▉█"
UNKNOWN: Final = frozenset({"SLONoData", "SLOInvalid"})


class Note(NamedTuple):
    """A line under a row: `tone` is bad, watch, unknown or good."""

    tone: Tone
    text: str


def promised(objective: float) -> str:
    """Return an objective as it was written: `99.9 %`."""
    return f"{objective:g} %"


def sli(slo: SloView, budget: BudgetView) -> str:
    """Return the share of good events over the period, with two digits more than the objective has; `–` without traffic."""
    ratio = budget.period.ratio
    if ratio is None:
        return "–"
    _, _, decimals = f"{slo.objective:g}".partition(".")
    digits = min(len(decimals) + (2 if decimals else 1), 6)
    return f"{_cut(100 * (1 - ratio), digits):.{digits}f} %"


def left(fraction: float | None) -> str:
    """Return the part of a budget that is left: `62 %`, `4.3 %`, `−38 %`, `–` where nothing is known."""
    if fraction is None:
        return "–"
    percent = 100 * fraction
    if percent < -100_000:
        return "under −100,000 %"
    shown = round(percent) if percent <= -10 else _cut(percent, 1 if abs(percent) < 10 and percent else 0)
    return f"{shown:,g} %".replace("-", "−")


def left_of(budget: BudgetView) -> str:
    """Return the part of a budget that is left, `~98 %` where it is reckoned from less than half of the period.

    A bad beginning says how fast a budget burns, and not that it is gone: then `–`.
    """
    if budget.earned or budget.left is None:
        return left(budget.left)
    return f"~{left(budget.left)}" if budget.left >= 0 else "–"


def spent(budget: BudgetView) -> bool:
    """Say whether nothing of a budget is left, and enough was seen to say so."""
    return budget.earned and budget.left is not None and budget.left <= 0


def bar(fraction: float | None, width: int = _BAR) -> str:
    """Return a bar of `width` characters, filled as far as a budget is left."""
    eighths = round(min(max(fraction or 0.0, 0.0), 1.0) * width * 8)
    full, rest = divmod(eighths, 8)
    return ("█" * full + (_EIGHTHS[rest] if rest else "")).ljust(width)


def allowance(slo: SloView, budget: BudgetView) -> str:
    """Say what is left in events, or in minutes: `1,204 more may fail`, `43 min of outage`; "" where too little is known."""
    if budget.left is None or not budget.earned:
        return ""
    if slo.unit == "events" and budget.left_events is not None:
        if budget.period.total == 0:
            return "nothing happened yet"
        many = budget.left_events
        return f"{_whole(-many)} too many failed" if many < 0 else f"{_whole(math.floor(many + 1e-9))} more may fail"
    if slo.unit == "slices" and budget.left_events is not None:
        many = math.floor(abs(budget.left_events) + 1e-9)
        words = counted(many, "slice", "slices")
        return f"{words} too many bad" if budget.left_events < 0 else f"{words} more may be bad"
    return outage(budget)


def outage(budget: BudgetView) -> str:
    """Say how long a full outage the budget still stands: `43 min of outage`; "" where too little is known."""
    if budget.left_ms is None or not budget.earned:
        return ""
    whole = _exact(int(abs(budget.left_ms)))
    return f"{whole} of outage too much" if budget.left_ms < 0 else f"{whole} of outage"


def burn(budget: BudgetView, window_ms: int) -> str:
    """Return how many times as fast as it may a budget burns over a window: `0.4x`; `–` where nothing is known."""
    found = next((each.burn for each in budget.windows if each.window_ms == window_ms), None)
    if found is None:
        return "–"
    if found >= 99.95:
        return f"{found:,.0f}x"
    return f"{found:.1f}x" if found >= 0.05 or found == 0 else "<0.1x"


def until_gone(budget: BudgetView, at_ms: int) -> str:
    """Return how long the budget lasts at the pace of the last hour: `5h20m`, `gone`; `–` where it lasts the period."""
    if spent(budget):
        return "gone"
    return _brief(budget.gone_ms - at_ms) if budget.gone_ms is not None and budget.gone_ms > at_ms else "–"


def seen(budget: BudgetView) -> str:
    """Say how much of the period up to now was seen: `100 %`."""
    shown = _cut(100 * budget.period.coverage, 0 if budget.earned else 1)
    return f"{shown:g} %" if shown or not budget.period.coverage else "<0.1 %"


def idle(budget: BudgetView) -> bool:
    """Say whether there is nothing to say of a group: it has no traffic, and nothing of its budget burned."""
    whole = budget.left is None or budget.left >= 1
    return bool(budget.group) and budget.state == "no traffic" and whole and not any(each.open for each in budget.tiers)


def busy(slo: SloView) -> list[BudgetView]:
    """Return the budgets of an SLO that are worth a look, the worst first: all but the idle ones."""
    return [each for each in slo.budgets if not idle(each)]


def idle_of(slo: SloView, most: int = 5) -> str:
    """Name the idle groups of an SLO in a line; "" where there are none."""
    found = [each for each in slo.budgets if idle(each)]
    if not found:
        return ""
    (label, *others), first = found[0].group, ", ".join(group(each) for each in found[:most])
    if not others:
        first = f"{label}=" + ", ".join(each.group[label] for each in found[:most])
    more = f" and {len(found) - most} more" if len(found) > most else ""
    return f"no traffic, and a whole budget: {first}{more}"


def urgency(budget: BudgetView) -> tuple[int, float, bool]:
    """Return what sorts budgets, the worst first: pages, spent, unknown ones, tickets, then by what is left, idle ones last."""
    open_now = {each.severity for each in budget.tiers if each.open}
    if "page" in open_now:
        rank = 0
    elif spent(budget):
        rank = 1
    elif budget.state in UNKNOWN:
        rank = 2
    else:
        rank = 3 if open_now else 4
    return rank, budget.left if budget.left is not None else 1.0, idle(budget)


def tone(budget: BudgetView) -> Tone:
    """Return how worried a row looks."""
    calm = Tone.GOOD if budget.earned else Tone.UNKNOWN
    return (Tone.BAD, Tone.BAD, Tone.UNKNOWN, Tone.WATCH, calm)[urgency(budget)[0]]


def notes(slo: SloView, budget: BudgetView, at_ms: int) -> Iterator[Note]:
    """Give what has to be said of a budget beside its numbers: what is open, why there is no number, how young it is."""
    for severity, colour in (("page", Tone.BAD), ("ticket", Tone.WATCH)):
        tiers = [each for each in budget.tiers if each.open and each.severity == severity]
        if tiers:
            yield Note(colour, _fires(budget, severity, tiers, at_ms))
    if budget.state in UNKNOWN:
        begun = f" since {since(budget.since_ms, at_ms)}" if budget.since_ms else ""
        yield Note(Tone.UNKNOWN, f"{budget.state}{begun}: {budget.why}")
    elif budget.state == "no traffic":
        yield Note(Tone.UNKNOWN, "no traffic in the last 5 min")
    if not budget.earned:
        of = _of(budget.seen_ms, max(budget.whole_ms, budget.elapsed_ms))
        yield Note(Tone.UNKNOWN, f"young: {of} seen{_reckoned(slo, budget)}")
    if not budget.group:
        yield from notes_of_all(slo)


def notes_of_all(slo: SloView) -> Iterator[Note]:
    """Give what is said of an SLO once, whatever groups it has: that its errors may be misnamed, the step of its policy in force.

    That is by the group that has the least left.
    """
    if slo.never_bad and any(each.state not in UNKNOWN for each in slo.budgets):
        why = "nothing was ever bad, or a name in it is wrong"
        yield Note(Tone.UNKNOWN, f"no target ever had a series like {slo.never_bad}: {why}")
    step = next((each for each in slo.policy if each.in_force), None)
    if step is not None:
        yield Note(Tone.WATCH, f"below {promised(100 * step.below)}: {step.action}")


def unseen(budget: BudgetView) -> str:
    """Say why tiers may be quiet though they burn over their limits: of how little their windows are; "" where that is not so."""
    seen_of = {each.window_ms: each.coverage for each in budget.windows}
    spans = sorted({each.long_ms for each in budget.tiers if each.partly and not each.open})
    parts = ", ".join(f"{_cut(100 * seen_of.get(each, 0.0), 1):g} % of {_brief(each)}" for each in spans)
    if not parts:
        return ""
    return (
        f"The unseen part of a window counts as clean while less than half of it was seen (so far {parts}): "
        "such a tier compares less with its limit than what it shows as now."
    )


def blame(slo: SloView) -> str:
    """Say which parts of a composite burned its budget: `retrieve 80 %, rerank 20 %`; "" where nothing burned."""
    parts = sorted(slo.blame, key=lambda each: -each.share)
    return ", ".join(f"{each.slo} {100 * each.share:.0f} %" for each in parts)


def group(budget: BudgetView) -> str:
    """Return a group's labels: `tenant=acme, region=eu`."""
    return ", ".join(f"{name}={value}" for name, value in budget.group.items())


def overall(standing: StandingView) -> Note:
    """Return the verdict over all SLOs, for the head of the page and the last line of the table."""
    all_of = [(slo, budget) for slo in standing.slos for budget in slo.budgets]
    if not standing.slos:
        return Note(Tone.UNKNOWN, standing.note or "no SLOs")
    paging = {slo.id for slo, budget in all_of if urgency(budget)[0] == 0}
    empty = {slo.id for slo, budget in all_of if spent(budget)}
    blind = {slo.id for slo, budget in all_of if budget.state in UNKNOWN}
    tickets = {slo.id for slo, budget in all_of if urgency(budget)[0] == 3} - paging
    objectives = counted(len(standing.slos), "objective")
    parts = [
        (paging, f"{{}} {'pages' if len(paging) == 1 else 'page'}"),
        (empty, "the budget of {} is spent"),
        (blind, "nothing is known of {}"),
        (tickets, "a ticket of {} is open"),
    ]
    found = [(f"{len(of):,}", words) for of, words in parts if of]
    said = ", ".join(
        words.format(many if number else f"{many} of {objectives}") for number, (many, words) in enumerate(found)
    )
    young = {slo.id for slo, budget in all_of if not budget.earned}
    if young and not said:
        return Note(Tone.UNKNOWN, f"{objectives}, {len(young)} too young to say what is left")
    if not said:
        return Note(Tone.GOOD, f"{objectives}, every budget has something left")
    return Note(Tone.BAD if paging or empty else Tone.UNKNOWN if blind else Tone.WATCH, said)


def _reckoned(slo: SloView, budget: BudgetView) -> str:
    burn = budget.period.burn
    if budget.left is None:
        return ""
    if budget.left >= 0 or not burn:
        return "; what is left is reckoned from these"
    whole_ms = budget.whole_ms or slo.period_end_ms - slo.period_start_ms or budget.elapsed_ms
    return f"; at their pace a whole budget lasts {_brief(round(whole_ms / burn))}"


def _fires(budget: BudgetView, severity: str, tiers: list[TierView], at_ms: int) -> str:
    begun = min((each.since_ms for each in tiers if each.since_ms), default=None)
    paces = (f"{burn(budget, each.long_ms)} over {_brief(each.long_ms)} (limit {each.factor:.3g}x)" for each in tiers)
    when = f" since {since(begun, at_ms)} ({_brief(at_ms - begun)})" if begun else ""
    return f"{severity}{when}: burns {', '.join(paces)}"


def _of(seen_ms: int, whole_ms: int) -> str:
    """Return `3 of 30 days`, `2.5 of 24 h`, `35 s of 30 days`."""
    unit, words = (_DAY, "days") if whole_ms >= 2 * _DAY else (_HOUR, "h")
    part = seen_ms / unit
    shown = _exact(seen_ms) if part < 1 else f"{_cut(part, 0 if part >= 10 else 1):g}"
    return f"{shown} of {whole_ms / unit:.3g} {words}"


def _brief(span_ms: int) -> str:
    """Return a span in at most two units, written closely: `12d4h`, `5h20m`, `43m`, `26s`."""
    return _exact(span_ms).replace(" min", "m").replace(" ", "")


def _exact(span_ms: int) -> str:
    """Return a span in at most two units, days too: `12 d 4 h`, `5 h 20 min`, `43 min`, `26 s`."""
    for unit, words, lower, lower_words in ((_DAY, "d", _HOUR, "h"), (_HOUR, "h", _MINUTE, "min")):
        if span_ms >= unit:
            whole, rest = divmod(span_ms, unit)
            return f"{whole} {words}" + (f" {rest // lower} {lower_words}" if rest >= lower else "")
    return f"{span_ms // _MINUTE} min" if span_ms >= _MINUTE else f"{max(span_ms, 0) // 1000} s"


def _cut(value: float, digits: int) -> float:
    """Round down, but for what binary fractions lack: 99.9 stays 99.9."""
    scale = 10.0**digits
    return math.floor(value * scale + 1e-6) / scale


def _whole(value: float) -> str:
    return f"{math.ceil(value - 1e-9):,}"
