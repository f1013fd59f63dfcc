"""How the demo speaks of objectives: what was promised, what failed, how fast the budget burns. Pure functions of views.

The demo sees minutes of a period, so nothing here says what is left of a budget.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.demo.table import ShownObjective
from agent.web import span
from agent.web.slos import promised, sli

if TYPE_CHECKING:
    from agent.web.slos import BudgetView, SloView, StandingView

_LONG_MS: Final = 300_000


def objective_of(slo: SloView) -> ShownObjective:
    """Return an objective by all that was seen of it."""
    budget = slo.budgets[0]
    pages = any(each.open and each.severity == "page" for each in budget.tiers)
    good = sli(slo, budget) if budget.period.total else "no traffic"
    return ShownObjective(slo.id, promised(slo.objective), good, _failed(budget), _burn(budget), pages)


def seen_of(standing: StandingView) -> str:
    """Say how much of the period was seen: `18 s of 2 days seen`."""
    budgets = [slo.budgets[0] for slo in standing.slos]
    if not budgets:
        return ""
    seen = max(budgets, key=lambda each: each.seen_ms)
    return f"{_seen(seen)} of {span(seen.elapsed_ms)} seen"


def promise_of(standing: StandingView) -> str:
    """Say of the worst objective what it would come to; nothing where all are kept."""
    slo = max(standing.slos, key=lambda each: each.budgets[0].period.burn or 0.0, default=None)
    budget = slo.budgets[0] if slo else None
    if slo is None or budget is None or (budget.period.burn or 0.0) <= 1:
        return ""
    burn = budget.period.burn or 1.0
    return (
        f"{slo.id}: {_failed(budget)} failed in {_seen(budget)}, {burn:,.0f} times what {promised(slo.objective)} allow; "
        f"at this pace the budget of {span(budget.elapsed_ms)} is gone in {span(round(budget.elapsed_ms / burn))}"
    )


def _seen(budget: BudgetView) -> str:
    """Return how long was seen, in seconds up to some minutes: they are all that there is."""
    return f"{budget.seen_ms // 1000} s" if budget.seen_ms < _LONG_MS else span(budget.seen_ms)


def _failed(budget: BudgetView) -> str:
    period = budget.period
    return f"{period.bad or 0:,.0f} of {period.total:,.0f}" if period.total else "–"


def _burn(budget: BudgetView) -> str:
    burn = budget.period.burn
    return "–" if burn is None else f"{burn:,.0f}x" if burn >= 10 else f"{burn:.1f}x"
