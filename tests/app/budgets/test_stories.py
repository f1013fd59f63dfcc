"""SLOs in a running agent: what a service counts becomes budgets, series, alerts and states, over restarts and reloads."""

from __future__ import annotations

import json
import re
import shutil
from concurrent.futures import Future

import pytest
from structlog.testing import capture_logs

from agent.errors import InvalidInput, SchemaError, StorageError
from agent.slo import Severity
from agent.slo.budget import State
from tests.app.budgets.story import ANSWERS, SLOS
from tests.serving import Request, serving


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


@pytest.mark.parametrize("how", ["restart", "reload"])
async def test_the_page_of_a_service_that_does_not_answer_outlasts_a_restart_and_other_objectives(story, how):
    await story.start()
    await story.serve(100, rounds=240)
    await story.serve(100, 80, rounds=20)
    assert ("critical", "firing") in story.alerts_of("AnswersBurn")
    story.page.clear()
    story.page["not a page"] = "at all"
    for _ in range(15):
        await story.round(60)
    before = story.reading().tiers[0]

    if how == "restart":
        await story.stop()
        await story.start()
    else:
        story.write("slos.yml", SLOS.replace("objective: 99.9", "objective: 99.8"))
        await story.agent.reload()
    for _ in range(3):
        await story.round(60)

    assert (story.reading().tiers[0].open, story.reading().tiers[0].since_ms) == (True, before.since_ms)
    assert ("critical", "firing") in story.alerts_of("AnswersBurn")


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


async def test_a_state_that_lasts_is_an_alert_in_words_and_ends_with_it(story):
    await story.start()
    await story.serve(100, 1, rounds=3)
    kept, answers = dict(story.page), story.page
    answers.clear()
    answers["no page"] = "at all"
    for _ in range(5):
        await story.round(60)
    assert story.alerts_of("SLONoData") == []
    await story.round(60)
    (alert,) = [each for each in story.agent.alerts() if each.name == "SLONoData"]
    assert alert.labels["burnline_slo"] == "rag-answers"
    assert alert.labels["sloth_slo"] == "answers"
    assert alert.severity == "warning"
    assert "nothing is known of rag answers" in alert.annotations["summary"]
    assert "only 30s of 30d were seen, too little to say what is left of the budget" in alert.annotations["description"]
    assert alert.annotations["runbook_url"] == "/runbooks/slo-no-data"

    answers.clear()
    answers.update(kept)
    await story.round()
    assert story.alerts_of("SLONoData") == []


async def test_groups_that_are_silent_for_one_reason_are_told_of_together(story):
    """Five times the same address of a target that is away would leave no room for anything else."""
    story.write("slos.yml", SLOS.replace("sum(rate", "sum by (route) (rate") + "    burnline: {group_by: [route]}\n")
    for route in "abc":
        story.page[f'requests_total{{code="200",route="{route}"}}'] = 100
    await story.start()
    await story.round()
    await story.round()
    story.page.clear()
    story.page["no page"] = "at all"
    for _ in range(6):
        await story.round(60)
    (alert,) = [each for each in story.agent.alerts() if each.name == "SLONoData"]

    assert alert.annotations["summary"].endswith(" (route=a, route=b, route=c)")
    assert alert.annotations["summary"].count("http") == 1
    assert re.match(r"Since \w{3} \d+ \w{3} \d\d:\d\d UTC\. While it lasts", alert.annotations["description"])


async def test_a_restart_neither_ends_nor_repeats_the_alert_about_a_state(story):
    await story.start()
    await story.serve(100, 1, rounds=3)
    kept = dict(story.page)
    story.page.clear()
    story.page["no page"] = "at all"
    for _ in range(6):
        await story.round(60)
    (before,) = [each for each in story.agent.alerts() if each.name == "SLONoData"]
    await story.stop()
    await story.start()
    (after,) = [each for each in story.agent.alerts() if each.name == "SLONoData"]
    assert (after.labels, after.active_at_ms) == (before.labels, before.active_at_ms)
    await story.round()
    assert story.alerts_of("SLONoData") == [("warning", "firing")]
    story.page.clear()
    story.page.update(kept)
    await story.round()
    assert story.alerts_of("SLONoData") == []
    await story.stop()
    await story.start()
    assert story.alerts_of("SLONoData") == []


async def test_an_slo_by_groups_of_which_none_was_ever_seen_is_no_silence(story):
    grouped = SLOS.replace("sum(rate", "sum by (route) (rate") + "    burnline: {group_by: [route]}\n"
    story.write("slos.yml", grouped)
    await story.start()
    for _ in range(6):
        await story.round(60)
    (alert,) = [each for each in story.agent.alerts() if each.name == "SLONoData"]
    assert "no series that it counts was ever seen" in alert.annotations["summary"]


async def test_numbers_that_cannot_be_right_are_a_state_and_an_alert(story):
    story.write("slos.yml", SLOS.replace("sum(rate(requests_total[{{.window}}]))", "rate(requests_total[{{.window}}])"))
    story.page['requests_total{code="200"}'] = 100
    await story.start()
    for _ in range(7):
        story.page['requests_total{code="200"}'] += 100
        story.page['requests_total{code="500"}'] = story.page.get('requests_total{code="500"}', 0) + 1
        await story.round(60)
    assert story.reading().state is State.INVALID
    (alert,) = [each for each in story.agent.alerts() if each.name == "SLOInvalid"]
    assert "gives 2 series" in alert.annotations["summary"]


SAMPLED = """
version: prometheus/v1
service: rag
slos:
  - name: fresh
    objective: 99
    sli: {raw: {error_ratio_query: "max(max_over_time(stale_ratio[{{.window}}]))"}}
    alerting: {page_alert: {disable: true}, ticket_alert: {disable: true}}
"""


async def test_a_ratio_that_cannot_be_counted_is_asked_for_at_the_row_and_weighs_time(story):
    story.write("slos.yml", SAMPLED)
    story.page["stale_ratio"] = 0.0
    await story.start()
    await story.round()
    for _ in range(9):
        await story.round()
    story.page["stale_ratio"] = 1.0
    for _ in range(10):
        await story.round()
    reading = story.reading("rag-fresh")
    assert reading.state is State.VALUE
    assert 0.3 < reading.window(5 * 60_000).ratio < 0.6
    (labels,) = await story.values("sloth_slo_info")
    assert 'burnline_counts="time"' in labels


def part(name: str, weight: int, bad: str) -> str:
    """An objective of a composite with an indicator of its own."""
    queries = {"bad": bad, "total": "requests_total"}
    sources = (
        f'{side}: {{metricSource: {{type: Prometheus, spec: {{query: "{query}"}}}}}}' for side, query in queries.items()
    )
    indicator = f"{{metadata: {{name: {name}}}, spec: {{ratioMetric: {{counter: true, {', '.join(sources)}}}}}}}"
    return f"    - {{displayName: {name}, target: 0.99, compositeWeight: {weight}, indicator: {indicator}}}\n"


PARTS = """
apiVersion: openslo/v1
kind: SLO
metadata: {name: chain}
spec:
  service: rag
  budgetingMethod: Occurrences
  timeWindow: [{duration: 30d, isRolling: true}]
  objectives:
"""


async def test_a_composite_is_the_mean_of_its_parts_by_weight(story):
    story.write("slos.yml", PARTS + part("retrieve", 1, "errors_total") + part("generate", 3, "slow_total"))
    story.page["slow_total"] = 0
    story.page["errors_total"] = 0
    await story.start()
    for _ in range(3):
        story.page["slow_total"] += 4
        await story.serve(100, 8)
    (chain,) = story.agent.budgets.composites(story.agent.budgets.latest)
    assert chain.ratio == pytest.approx((0.08 * 1 + 0.04 * 3) / 4)
    assert chain.shares == {"rag-chain-0": pytest.approx(0.4), "rag-chain-1": pytest.approx(0.6)}


class Disk:
    """A disk that has no room for what a journal is told of budgets, until it is no longer full."""

    def __init__(self, journal, monkeypatch) -> None:
        self.full = True
        self._write = journal.write
        monkeypatch.setattr(journal, "write", self.write)

    def write(self, *writes):
        if self.full and any(getattr(each, "kind", "") == "slo_budget" for each in writes):
            failed = Future()
            failed.set_exception(StorageError("cannot write the journal: No space left on device"))
            return failed
        return self._write(*writes)


async def test_a_full_disk_stops_neither_counting_nor_paging_and_what_was_not_written_is_later(story, monkeypatch):
    agent = await story.start()
    await story.serve(100, rounds=2)
    disk = Disk(agent.journal, monkeypatch)
    await story.serve(100, 80, rounds=6)
    assert ("critical", "firing") in story.alerts_of("AnswersBurn")
    assert any("Error budgets are not safe on the disk" in each for each in agent.notices())
    disk.full = False
    await story.serve(100)
    assert not any("Error budgets" in each for each in agent.notices())
    await story.stop()
    await story.start()
    assert (story.reading().period.bad, story.reading().period.total) == (480, 800)


async def test_other_objectives_that_come_while_the_disk_is_full_begin_with_all_that_was_counted(story, monkeypatch):
    agent = await story.start()
    await story.serve(100, rounds=2)
    disk = Disk(agent.journal, monkeypatch)
    await story.serve(100, 80, rounds=6)
    story.write("slos.yml", SLOS.replace("objective: 99.9", "objective: 99.95"))
    await agent.reload()
    await story.serve(100)
    assert (story.reading().period.bad, story.reading().period.total) == (480, 800)
    assert ("critical", "firing") in story.alerts_of("AnswersBurn")
    disk.full = False
    await story.serve(100)
    await story.stop()
    await story.start()
    assert (story.reading().period.bad, story.reading().period.total) == (480, 900)


async def test_alerts_are_asked_only_while_a_tier_of_their_slo_is_open_or_something_of_them_is_active(story):
    await story.start()
    await story.serve(100, rounds=4)

    def evaluations() -> list:
        """Those of the page, the newest last."""
        (group,) = [each for each in story.agent.evaluator.status() if "burnline-slo" in each.key.name]
        return list(group.rules[0].evaluations)[::-1]

    assert [(each.series, each.error) for each in evaluations()] == [(0, "")] * 4
    await story.serve(100, 80, rounds=8)
    opened = next(number for number, each in enumerate(evaluations()) if each.series)
    assert [each.results for each in evaluations()[opened:]] == [1] * (12 - opened)
    assert ("critical", "firing") in story.alerts_of("AnswersBurn")


async def test_files_that_went_do_not_end_all_objectives_unless_somebody_asks(story):
    await story.start()
    story.write("burnline.yml", story.configure().read_text().replace("[slos.yml]", '["slos/*.yml"]'))
    (story.folder / "slos").mkdir()
    (story.folder / "slos.yml").rename(story.folder / "slos" / "one.yml")
    await story.agent.reload()
    (story.folder / "slos" / "one.yml").unlink()
    with pytest.raises(InvalidInput, match="no SLO is there any longer"):
        await story.agent._turns()
    assert [each.id for each in story.agent.budgets.slos.slos] == ["rag-answers"]
    await story.agent.reload()
    assert story.agent.budgets.slos.slos == ()


async def test_the_agents_own_metrics_say_how_budgets_are(story):
    await story.start()
    await story.serve(100, rounds=2)
    status, text = await story.get("/metrics")
    assert status == 200
    assert 'burnline_slo_budgets{state="value"} 1.0' in text
    assert "burnline_slo_durable 1.0" in text
    assert "burnline_slo_row_duration_seconds_count" in text


async def test_a_target_that_fails_after_a_restart_counts_once_it_is_back(story):
    await story.start()
    await story.serve(100, 1, rounds=4)
    await story.stop()
    answers = {name: value + 500 for name, value in story.page.items()}
    story.page.clear()
    story.page["no page"] = "at all"
    await story.start()
    await story.round()
    await story.stop()  # its mark outlives an agent that never saw it
    await story.start()
    await story.round()
    story.page.clear()
    story.page.update(answers)
    await story.round()
    assert (story.reading().period.bad, story.reading().period.total) == (3 + 500, 300 + 500)


async def test_over_a_restart_requests_wait_on_for_the_program_that_counts_the_answers(story):
    """It failed before the agent went down, and fails after: were nothing known of it, each request would be a bad one."""
    app = {"answers_total": 0}
    requests = "sum(rate(requests_total[{{.window}}]))"
    story.write("slos.yml", SLOS.replace("sum(rate(errors", f"{requests} - sum(rate(answers"))

    def answered(_: Request) -> str:
        return "".join(f"# TYPE {name} counter\n{name} {value}\n" for name, value in app.items()) or "no page"

    with serving(answered) as port:
        story.targets.append(f"127.0.0.1:{port}")
        await story.start()
        for _ in range(4):
            app["answers_total"] += 1000
            await story.serve(1000)
        await story.serve(0)  # a row may be counted before the second of two pages of its instant has come
        assert (story.reading().period.bad, story.reading().period.total) == (0, 3000)
        before = dict(app)
        app.clear()
        await story.serve(1000, rounds=4)
        await story.stop()
        await story.start()
        await story.serve(1000, rounds=4)
        assert story.reading().state is State.NO_DATA
        assert (story.reading().period.bad, story.reading().period.total) == (0, 3000)
        app["answers_total"] = before["answers_total"] + 9000
        await story.serve(1000)
        await story.serve(0)
        assert (story.reading().period.bad, story.reading().period.total) == (0, 12_000)


async def test_a_series_that_was_away_when_the_agent_stopped_is_compared_with_what_it_was(story):
    await story.start()
    await story.serve(100, 5, rounds=4)
    away = story.page.pop("errors_total")
    await story.serve(100, rounds=2)
    await story.stop()
    story.page["errors_total"] = away + 2
    story.page["requests_total"] += 100
    await story.start()
    await story.round()
    assert story.reading().period.bad == 15 + 2


async def test_a_clock_that_was_set_back_too_far_is_said_in_the_log_at_the_head_of_the_page_and_as_an_alert(story):
    await story.start()
    await story.serve(100, 1, rounds=3)
    await story.serve(100, 1, rounds=8, after_s=3600)
    with capture_logs() as lines:
        await story.serve(100, 80, after_s=-7 * 3600)
        await story.serve(100, 80, rounds=6, after_s=60)
        halted = [each["why"] for each in lines if each["event"] == "time stands still for budgets"]
        assert len(halted) == 1
        assert "set back by more than 6h" in halted[0]
        assert f"No burn alert can open or end: {halted[0]}." in story.agent.notices()
        (alert,) = [each for each in story.agent.alerts() if each.name == "SLONoData"]
        assert halted[0] in alert.annotations["summary"]

        await story.serve(100, 1, after_s=7 * 3600)
    assert "time goes on for budgets" in [each["event"] for each in lines]
    assert story.alerts_of("SLONoData") == []
    assert not any("No burn alert" in each for each in story.agent.notices())


BY_VERSION = SLOS.replace("sum(rate", "sum by (version) (rate") + ("    burnline: {group_by: [version]}\n")


async def test_a_version_that_is_asked_no_more_retires_its_series_end_and_the_journal_says_why(story):
    story.slo_section = "slo: {default_period: 1d}"
    story.write("slos.yml", BY_VERSION)
    await story.start()

    async def hours(count: int, *versions: str) -> None:
        for _ in range(count):
            for each in versions:
                name = f'requests_total{{version="{each}"}}'
                story.page[name] = story.page.get(name, 0) + 10
            await story.round(3600)

    async def told() -> set[str]:
        found = await story.values("slo:period_error_budget_remaining:ratio")
        return {each for each in ("1", "2", "other") if any(f'version="{each}"' in labels for labels in found)}

    await hours(3, "1", "2")
    assert await told() == {"1", "2"}
    await hours(25, "2")
    assert await told() == {"2"}
    (event,) = story.agent.journal.events("slo_group", ANSWERS)
    assert event.value["group"] == {"version": "1"}
    assert "its place is free" in event.value["words"]
    began = story.agent.budgets.began_ms  # the first page is what the second is compared with
    whole = story.agent.budgets.between(began, story.clock.now_ms)
    assert {key.group["version"]: whole.find(key).total for key in whole.layout.keys} == {"1": 20, "2": 270}

    await story.stop()
    await story.start()
    await hours(1, "2")
    assert await told() == {"2"}
    await hours(1, "1", "2")
    assert await told() == {"1", "2"}
