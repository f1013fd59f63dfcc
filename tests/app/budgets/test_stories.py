"""SLOs in a running agent: what a service counts becomes budgets, series, alerts and states, over restarts and reloads."""

from __future__ import annotations

from agent.slo import Severity
from agent.slo.budget import State


async def test_the_alert_fires_at_the_instant_at_which_the_tier_opens(story):
    await story.start()
    await story.serve(100, rounds=4)
    assert story.alerts_of("AnswersBurn") == []
    seen = []
    for _ in range(8):
        await story.serve(100, 80)
        tiers = {tier.burn.severity for tier in story.reading().tiers if tier.open}
        fires = {severity for severity, state in story.alerts_of("AnswersBurn") if state == "firing"}
        seen.append((Severity.PAGE in tiers, "critical" in fires))
    assert all(open_ == fired for open_, fired in seen)
    assert seen[-1] == (True, True)
    assert (await story.values("slo:bad_events:increase5m")).popitem()[1] == 640


async def test_a_service_that_is_down_makes_no_data_and_neither_opens_nor_ends_an_alert(story):
    await story.start()
    await story.serve(100, rounds=2)
    await story.serve(100, 80, rounds=6)
    assert ("critical", "firing") in story.alerts_of("AnswersBurn")
    story.page.clear()
    story.page["not a page"] = "at all"
    await story.round()
    assert story.reading().state is State.NO_DATA
    assert ("critical", "firing") in story.alerts_of("AnswersBurn")
    assert story.alerts_of("SLONoData") == []
    for _ in range(5):
        await story.round(60)
    assert story.alerts_of("SLONoData") == [("warning", "firing")]
