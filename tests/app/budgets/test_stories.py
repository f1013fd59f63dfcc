"""SLOs in a running agent: what a service counts becomes budgets, series, alerts and states, over restarts and reloads."""

from __future__ import annotations

import json
import shutil

import pytest

from agent.errors import SchemaError
from agent.slo import Severity
from agent.slo.budget import State
from tests.app.budgets.story import SLOS


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


async def test_the_recorded_series_can_be_asked_for_over_http_with_the_labels_of_the_file(story):
    story.write("slos.yml", SLOS.replace("service: rag\n", "service: rag\nlabels: {team: search}\n"))
    await story.start()
    await story.serve(100, 1, rounds=2)

    status, text = await story.get(f"/api/v1/query?query=slo:total_events:increase5m&time={story.clock.now_ms / 1000}")
    assert status == 200, text
    (found,) = json.loads(text)["data"]["result"]
    assert found["metric"]["team"] == "search"
    assert found["metric"]["sloth_id"] == "rag-answers"
    assert float(found["value"][1]) == 100


async def test_a_counter_that_is_born_with_its_first_error_counts_it(story):
    await story.start()
    await story.serve(100, rounds=3)
    assert "errors_total" not in story.page
    await story.serve(100, 3)
    assert story.reading().period.bad == 3


async def test_a_target_that_is_taken_out_is_forgotten_and_what_it_counted_stays(story):
    await story.start()
    await story.serve(100, 2, rounds=3)
    before = story.reading().period
    story.targets = []
    story.configure()
    await story.agent.reload()
    for _ in range(6):  # intervals are a day long here, and patience is four of them
        await story.round(86_400)
    found = story.reading()
    assert (found.state, found.period.bad, found.period.total) == (State.NO_DATA, before.bad, before.total)
    assert "nothing was heard" in found.words


async def test_after_a_restart_what_happened_meanwhile_counts_once(story):
    await story.start()
    await story.serve(100, 1, rounds=4)
    await story.stop()
    story.page["requests_total"] += 1_000
    story.page["errors_total"] += 10
    await story.start()
    await story.round()
    await story.serve(100, 1)
    period = story.reading().period
    assert (period.bad, period.total) == (3 + 10 + 1, 300 + 1_000 + 100)


async def test_after_a_restart_a_counter_that_began_anew_meanwhile_counts_from_nothing(story):
    await story.start()
    story.page["process_start_time_seconds"] = 1_000
    await story.serve(100, 1, rounds=4)
    await story.stop()
    story.page.update(process_start_time_seconds=2_000, requests_total=5_000, errors_total=7)
    await story.start()
    await story.round()
    assert (story.reading().period.bad, story.reading().period.total) == (3 + 7, 300 + 5_000)


async def test_where_the_last_counted_page_is_lost_the_target_begins_anew(story):
    await story.start()
    await story.serve(100, 1, rounds=4)
    await story.stop()
    shutil.rmtree(story.folder / "data" / "samples")
    story.page["requests_total"] += 1_000
    await story.start()
    await story.round()
    assert story.reading().period.total == 300
    await story.serve(50)
    assert story.reading().period.total == 350


async def test_an_objective_that_is_taken_out_ends_its_series_and_alerts_and_finds_its_past_when_it_is_back(story):
    await story.start()
    await story.serve(100, rounds=2)
    await story.serve(100, 80, rounds=6)
    assert ("critical", "firing") in story.alerts_of("AnswersBurn")
    assert story.reading().period.bad == 480

    story.write("slos.yml", SLOS.replace("name: answers", "name: others").replace("AnswersBurn", "OthersBurn"))
    found = await story.agent.reload()
    assert found.slos.added == ("rag-others",)
    assert found.slos.removed == ("rag-answers",)
    assert not found.groups
    await story.round()
    assert story.alerts_of("AnswersBurn") == []
    assert [each for each in await story.values("slo:total_events:increase5m") if "answers" in each] == []

    story.write("slos.yml", SLOS)
    await story.agent.reload()
    await story.round()
    assert story.reading().period.bad == 480


async def test_another_percentage_is_judged_over_what_was_counted(story):
    await story.start()
    await story.serve(100, 1, rounds=5)
    assert story.reading().left == pytest.approx(1 - 4 / 400 / 0.001)
    story.write("slos.yml", SLOS.replace("objective: 99.9", "objective: 98"))
    found = await story.agent.reload()
    assert found.slos.changed == ("rag-answers",)
    assert story.reading().left == pytest.approx(0.5)


async def test_a_reload_that_changes_no_budget_keeps_the_engine(story):
    await story.start()
    await story.serve(100, 1, rounds=2)
    engine = story.agent.budgets._engine
    story.write("slos.yml", "# a comment moves every line\n" + SLOS)
    await story.agent.reload()
    assert story.agent.budgets._engine is engine


async def test_a_broken_slo_file_keeps_the_former_ones_and_says_where_it_is_broken(story):
    await story.start()
    await story.serve(100, 1, rounds=2)
    story.write("slos.yml", SLOS.replace("objective: 99.9", "objective: 100"))
    with pytest.raises(SchemaError, match=r"slos\.yml:6:16: "):
        await story.agent.reload()
    await story.serve(100, 1)
    assert story.reading().period.total == 200


async def test_a_broken_slo_file_refuses_the_start(story):
    story.write("slos.yml", SLOS.replace("objective: 99.9", "objective: 100"))
    with pytest.raises(SchemaError, match=r"slos\.yml:6:16: "):
        await story.start()


async def test_slos_that_came_with_a_reload_are_counted_and_the_last_one_that_goes_ends_all(story):
    story.write("slos.yml", SLOS)
    story.slo_section = ""
    await story.start()
    await story.serve(100, 1, rounds=2)
    story.write("slos.yml", SLOS.replace("name: answers", "name: others"))
    await story.agent.reload()
    await story.serve(100, 1)
    assert story.reading("rag-others").period.total == 100
    (story.folder / "burnline.yml").write_text(story.configure().read_text().replace("slo_files: [slos.yml]", ""))
    story.clock.now_ms += 1_000
    await story.agent.reload()
    assert await story.values("slo:total_events:increase5m") == {}
    assert len(story.agent.budgets.latest) == 0
