"""A what-if over what an agent recorded tells what that agent told: the same instants, the same budget."""

from __future__ import annotations

from agent.app import StoreRecords
from agent.app.budgets.budgeting import TIER_KIND
from agent.replay.slos import Version, Wanted, try_slos
from agent.slo import Severity


async def test_a_replay_opens_and_closes_when_the_agent_did(story):
    await story.start()
    first_ms = story.clock.now_ms + 15_000
    await story.serve(100, rounds=6)
    await story.serve(100, 80, rounds=8)
    story.page.clear()  # the process is another one
    await story.serve(100, rounds=20)
    await story.serve(100, 60, rounds=6)
    await story.serve(100, rounds=60, after_s=30)
    budgets, until_ms = story.agent.budgets, story.clock.now_ms
    version = Version.of("as given", budgets.slos.slos, budgets.setting)
    wanted = Wanted([version], first_ms, until_ms, step_ms=15_000)
    report = try_slos(wanted, StoreRecords(story.agent.store))

    (account,) = report.versions[0].budgets
    lived = [
        (each.value["tier"], each.value["opened"], each.at_ms)
        for each in story.agent.journal.events(TIER_KIND, "rag-answers")
    ]
    assert _spells(lived, "page")
    for severity in (Severity.PAGE, Severity.TICKET):
        spells = [(each.opened_ms, each.closed_ms) for each in account.of(severity)]
        assert spells == _spells(lived, severity.value)
    ours, theirs = account.reading, story.reading()
    assert (ours.period.bad, ours.period.total, ours.left) == (theirs.period.bad, theirs.period.total, theirs.left)


def _spells(lived, severity):
    """Return from when to when any tier of a severity was open."""
    found, tiers = [], set()
    for tier, opened, at_ms in lived:
        if not tier.startswith(severity):
            continue
        if opened:
            if not tiers:
                found.append((at_ms, None))
            tiers.add(tier)
        else:
            tiers.discard(tier)
            if not tiers:
                found[-1] = (found[-1][0], at_ms)
    return found
