"""The shipped objectives: as asked for, on series that the service really has; each fault burns its own budget alone."""

from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path

import pytest
import yaml
from prometheus_client import generate_latest

from agent.app import Bench
from agent.collect import parse_exposition
from agent.query import ast, parse
from agent.replay import run_tests
from agent.slo import Dialect, Events, Setting, Slo, compile_slos, load_slos, rule_file
from sample_rag_app.metrics import Metrics
from tests.shipped.objectives import HEALTHY, MINUTE_MS, Watched, asked, handed_in

START_MS = 1_767_600_000_000
PAGE, TICKET = "critical", "warning"


@pytest.fixture(scope="module")
def slos(root: Path) -> dict[str, Slo]:
    """The shipped objectives by id."""
    found = load_slos(["rules/slos/*.yml"], root)
    assert found.warnings == found.unkept == ()
    return {each.id: each for each in found.slos}


@pytest.mark.parametrize(
    ("id_", "objective", "alert"),
    [
        ("rag-availability", 99.9, "AvailabilityBudgetBurn"),
        ("rag-answer-time", 95, "AnswerTimeBudgetBurn"),
        ("rag-cached-answers", 99, "CachedAnswerBudgetBurn"),
        ("rag-ingestion", 99.9, "IngestionBudgetBurn"),
    ],
)
def test_an_objective_has_the_share_that_was_asked_for_and_an_alert_of_its_own(slos, id_, objective, alert):
    assert slos[id_].objective == objective
    assert slos[id_].alerting.name == alert


def test_thresholds_in_seconds_are_those_that_were_asked_for(slos):
    bounds = {id_: re.findall(r'le="([\d.]+)"', slo.indicator.error_query) for id_, slo in slos.items()}
    assert bounds == {
        "rag-availability": [],
        "rag-answer-time": ["2.5"],
        "rag-cached-answers": ["0.5"],
        "rag-ingestion": [],
    }


def _selectors(slo: Slo) -> list[ast.VectorSelector]:
    assert isinstance(slo.indicator, Events)
    queries = (slo.indicator.error_query, slo.indicator.total_query)
    trees = [parse(query.replace("{{.window}}", "5m")) for query in queries]
    return [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.VectorSelector)]


def test_every_series_that_an_objective_reads_is_on_the_services_page_from_the_start(slos):
    page = [
        labels.merged({"job": "rag"})
        for labels, *_ in parse_exposition(generate_latest(Metrics().registry).decode()).samples
    ]
    for slo in slos.values():
        for selector in _selectors(slo):
            assert any(all(each.matches(labels.get(each.name)) for each in selector.matchers) for labels in page), (
                selector
            )


@pytest.mark.parametrize("dialect", Dialect)
def test_they_compile_without_a_warning_and_promtool_accepts_the_rules(slos, peer, tmp_path: Path, dialect):
    compiled = compile_slos(slos.values(), Setting(dialect))
    assert [each.warnings for each in compiled] == [()] * len(slos)
    promtool = peer("promtool", "prometheus")
    (tmp_path / "rules.yml").write_text(rule_file(compiled, dialect), encoding="utf-8")
    done = subprocess.run(
        [promtool, "check", "rules", str(tmp_path / "rules.yml")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_says_why_its_number_in_a_comment_above_it(root: Path, slos):
    text = (root / "rules" / "slos" / "rag.yml").read_text(encoding="utf-8")
    for slo in slos.values():
        above = re.search(rf"((?:  #.*\n)+)  - name: {slo.name}\n", text)
        assert above, slo.name
        assert f"{slo.objective:g} %" in above[1], slo.name
        assert len(above[1].split()) > 40, slo.name


def test_each_says_what_is_promised_where_to_read_on_and_what_to_do_with_little_budget_left(root: Path, slos):
    for slo in slos.values():
        assert slo.description.endswith("."), slo.id
        runbook = slo.alerting.annotations["runbook_url"].removeprefix("/runbooks/")
        assert f"`{slo.name}`" in (root / "sample_rag_app" / "documents" / f"{runbook}.md").read_text(encoding="utf-8")
        assert slo.alerting.labels["job"] == "rag", "the label by which the routes compare it with the classic alerts"
        assert [step.below for step in slo.budget_policy] == sorted((s.below for s in slo.budget_policy), reverse=True)
        assert re.fullmatch(r"([A-Z][a-z]+)+", slo.alerting.name)


def test_files_hold_nothing_that_sloth_would_misread(root: Path):
    """Our own block is the only key that sloth does not know, and it passes over such."""
    document = yaml.safe_load((root / "rules" / "slos" / "rag.yml").read_text(encoding="utf-8"))
    assert set(document) - {"burnline"} == {"version", "service", "slos"}
    for slo in document["slos"]:
        assert set(slo) - {"burnline"} == {"name", "objective", "description", "sli", "alerting"}
        assert set(slo["alerting"]) == {"name", "labels", "annotations", "page_alert", "ticket_alert"}


FAULTS = {
    "healthy": (HEALTHY, set()),
    "nobody asks": (lambda app: None, set()),
    "all fail": (asked(failed=100), {("AvailabilityBudgetBurn", PAGE), ("AvailabilityBudgetBurn", TICKET)}),
    "2 in 100 fail": (asked(good=98, failed=2), {("AvailabilityBudgetBurn", PAGE)}),
    "new answers take 3 s": (asked(good=40, seconds=3), {("AnswerTimeBudgetBurn", PAGE)}),
    "2.4 s": (asked(good=40, seconds=2.4), set()),
    "the cache takes 0.6 s": (asked(cached=100, cached_seconds=0.6), {("CachedAnswerBudgetBurn", TICKET)}),
    "the cache takes 0.4 s": (asked(cached=100, cached_seconds=0.4), set()),
    "documents are lost": (
        handed_in(good=5, failed=5),
        {("IngestionBudgetBurn", PAGE), ("IngestionBudgetBurn", TICKET)},
    ),
    "documents arrive": (handed_in(good=10), set()),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_burns_exactly_its_own_budget(root: Path, tmp_path: Path, fault):
    traffic, alerts = FAULTS[fault]
    service = Watched(root, tmp_path, START_MS, MINUTE_MS)
    service.rounds(15, HEALTHY)
    assert service.firing() == set()
    service.rounds(65, traffic)
    assert service.firing() == alerts


def test_two_lost_documents_of_a_quiet_day_tell_nobody_and_a_lost_batch_does(root: Path, tmp_path: Path):
    service = Watched(root, tmp_path, START_MS, MINUTE_MS)
    service.rounds(10, handed_in(good=1))
    service.rounds(2, handed_in(failed=1))
    service.rounds(5)
    assert service.firing() == set()
    service.round(handed_in(failed=6))
    assert service.firing() == {("IngestionBudgetBurn", PAGE), ("IngestionBudgetBurn", TICKET)}


def test_a_client_that_sends_nonsense_burns_nothing(root: Path, tmp_path: Path):
    service = Watched(root, tmp_path, START_MS, MINUTE_MS)

    def nonsense(app: Metrics) -> None:
        HEALTHY(app)
        app.request_errors.labels("validation").inc(500)
        app.rate_limited.labels("client").inc(500)

    service.rounds(30, nonsense)
    assert service.firing() == set()


SERIES = {
    ("sli_error:ratio_rate5m", "5m"): 3 / 7,
    ("sli_error:ratio_rate1h", "1h"): 3 / 7,
    ("sli_error:ratio_atleast1h", "1h"): 0.186,
    ("bad_events:increase1h", "1h"): 3,
    ("total_events:increase1h", "1h"): 7,
    ("period_error_budget_remaining:ratio", "30d"): 0.62,
}
"""What is recorded of availability when 3 of 7 questions failed in an hour; 62 % of 43 minutes' worth of budget is left."""


def test_the_words_of_a_page_are_made_alike_by_a_prometheus(slos, peer, tmp_path: Path):
    """3 of 7 is 428.6 times one in a thousand; 62 % of 30 days are gone in 62 minutes at that pace."""
    (tmp_path / "rules.yml").write_text(rule_file(compile_slos([slos["rag-availability"]], Setting(recordings=False))))
    own = 'sloth_id="rag-availability", sloth_service="rag", sloth_slo="availability"'
    series = [
        {"series": f'slo:{name}{{{own}, sloth_window="{window}"}}', "values": f"{value}x5"}
        for (name, window), value in SERIES.items()
    ]
    identity = {"sloth_id": "rag-availability", "sloth_service": "rag", "sloth_slo": "availability"}
    fires = {
        "exp_labels": {
            **identity,
            "burnline_slo": "rag-availability",
            "job": "rag",
            "severity": PAGE,
            "sloth_severity": "page",
        },
        "exp_annotations": {
            "summary": "rag availability: 3 of 7 bad in 1h, budget gone in 1h 2m (62% left)",
            "description": (
                "Questions get an answer. 99.9 % have to be good over 30d. In the last 1h 3 of 7 were bad: the budget burned "
                "428.6 times as fast as it may. 62% of the budget is left and at this pace it is gone in 1h 2m."
            ),
            "value": "42.86% bad",
            "threshold": "1.44% in 1h",
            "runbook_url": "/runbooks/error-budget-burn",
        },
    }
    case = {"eval_time": "2m", "alertname": "AvailabilityBudgetBurn", "exp_alerts": [fires]}
    test = {"interval": "1m", "input_series": series, "alert_rule_test": [case]}
    (tmp_path / "tests.yml").write_text(
        yaml.safe_dump({"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": [test]})
    )
    promtool = peer("promtool", "prometheus")
    done = subprocess.run(
        [promtool, "test", "rules", str(tmp_path / "tests.yml")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert run_tests(tmp_path / "tests.yml", Bench(), stopwatch=time.perf_counter).passed
