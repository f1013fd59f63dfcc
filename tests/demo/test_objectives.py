"""The demo speaks of minutes of a period as of minutes: what failed, at which pace, and nothing of what is left."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from agent.demo.objectives import objective_of, promise_of, seen_of
from agent.demo.table import ShownObjective, Snapshot, render
from agent.web.slos import BudgetView, SloView, StandingView, TierView, WindowView

DAY_MS = 86_400_000


def budget(bad, total, *, objective=99.9, paging=False):
    ratio = bad / total if total else None
    burn = None if ratio is None else ratio / (1 - objective / 100)
    period = WindowView(DAY_MS, bad, total, ratio, burn, 115_000 / DAY_MS)
    tier = TierView("page", "page.quick", 60_000, 5_000, 14.4, open=paging)
    return BudgetView("value", period, seen_ms=115_000, elapsed_ms=DAY_MS, earned=False, tiers=(tier,))


def slo(name, bad, total, **more):
    return SloView(f"rag-{name}", "rag", name, 99.9, "events", "1d", (budget(bad, total, **more),))


def standing(*slos):
    return StandingView(0, 0, slos)


def test_a_row_says_what_was_promised_what_failed_and_how_fast_the_budget_burns():
    shown = objective_of(slo("availability", 57, 2_280, paging=True))

    assert shown == ShownObjective("rag-availability", "99.9 %", "97.500 %", "57 of 2,280", "25x", pages=True)


def test_without_traffic_there_is_no_number():
    assert objective_of(slo("ingestion", 0, 0)) == ShownObjective(
        "rag-ingestion", "99.9 %", "no traffic", "–", "–", pages=False
    )


def test_the_summary_speaks_of_the_objective_that_suffered_most_and_says_how_little_was_seen():
    """2.5 % bad burn 25 times what 0.1 % allow: a day at that pace is 57.6 minutes."""
    found = promise_of(standing(slo("ingestion", 0, 0), slo("answers", 3, 1_000), slo("availability", 57, 2_280)))

    assert found == (
        "rag-availability: 57 of 2,280 failed in 115 s, 25 times what 99.9 % allow; "
        "at this pace the budget of 24 h is gone in 57 min"
    )


@pytest.mark.parametrize("slos", [(), (slo("answers", 1, 2_000),), (slo("ingestion", 0, 0),)])
def test_a_promise_that_is_kept_is_not_spoken_of(slos):
    assert promise_of(standing(*slos)) == ""


def test_the_panel_has_a_row_for_each_objective_and_says_how_much_was_seen():
    stands = standing(slo("availability", 57, 2_280, paging=True), slo("ingestion", 0, 0))
    drawn = io.StringIO()
    snapshot = Snapshot(
        30, "x", {}, objectives=[objective_of(each) for each in stands.slos], seen=seen_of(stands), alerts=()
    )
    Console(file=drawn, width=110).print(render(snapshot))

    assert "115 s of 24 h seen" in drawn.getvalue()
    assert "57 of 2,280" in drawn.getvalue()
    assert drawn.getvalue().count("pages somebody") == 1
