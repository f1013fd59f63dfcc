"""Compiled objectives before the real promtool 2.42 and vmalert: they accept the rules, and Prometheus computes the promise."""

from __future__ import annotations

import subprocess

import pytest

from agent.slo import (
    Alerting,
    Dialect,
    Events,
    Good,
    RatioTimeslices,
    Raw,
    Setting,
    Slo,
    Timeslices,
    compile_slos,
    rule_file,
)

pytestmark = pytest.mark.peers

BAD, ALL = 'sum(rate(requests_total{code="500"}[{{.window}}]))', "sum(rate(requests_total[{{.window}}]))"
OBJECTIVES = {
    "events": {},
    "good": {"indicator": Good(BAD.replace("500", "200"), ALL)},
    "division": {"indicator": Raw(f"{BAD} / {ALL}")},
    "ratio": {"indicator": Raw("avg_over_time(broken[{{.window}}])")},
    "slices": {"budgeting": Timeslices(300_000, 0.9)},
    "slice-ratios": {"budgeting": RatioTimeslices(300_000)},
    "grouped": {
        "indicator": Events(*(each.replace("sum(", "sum by (route) (") for each in (BAD, ALL))),
        "group_by": ("route",),
    },
}
# By hand: 600 requests a minute; from the 170th minute on 60 of them fail. At 180 that are 600 of the hour's 36,000, a
# sixtieth, 16.7 times what may, and 600 of all 108,000.
TESTS = """
rule_files: [rules.yml]
evaluation_interval: 1m
group_eval_order: [burnline-slo-period-rag-events, burnline-slo-rag-events]
tests:
  - interval: 1m
    input_series:
      - {series: 'requests_total{code="200"}', values: "0+600x170 102540+540x10"}
      - {series: 'requests_total{code="500"}', values: "0+0x170 60+60x10"}
    promql_expr_test:
      - {expr: 'round(max(slo:bad_events:increase1h{sloth_slo="events"}))', eval_time: 180m, exp_samples: [{value: 600}]}
      - {expr: 'round(max(slo:total_events:increase1h{sloth_slo="events"}))', eval_time: 180m, exp_samples: [{value: 36000}]}
      - {expr: 'round(max(slo:bad_events:increase6h{sloth_slo="events"}))', eval_time: 180m, exp_samples: [{value: 600}]}
      - {expr: 'round(max(slo:sli_error:ratio_rate1h{sloth_slo=~"events|good|division"}), 0.0001)', eval_time: 180m,
         exp_samples: [{value: 0.0167}]}
      - {expr: 'count(slo:sli_error:ratio_rate1h)', eval_time: 160m, exp_samples: [{value: 6}]}
    alert_rule_test:
      - {alertname: Burns-events, eval_time: 169m}
      - alertname: Burns-events
        eval_time: 180m
        exp_alerts:
          - exp_labels: {sloth_id: rag-events, sloth_service: rag, sloth_slo: events, burnline_slo: rag-events,
                         severity: critical, sloth_severity: page}
            exp_annotations:
              summary: "rag events: 600 of 36000 bad in 1h, the budget is used up"
              description: >-
                99.9 % have to be good over 30d. In the last 1h 600 of 36000 were bad: the budget burned 16.7 times as fast as
                it may. In the last 6h 600 of 108000 were bad: the budget burned 5.6 times as fast as it may. The budget is
                used up.
              value: 1.667% bad
              threshold: 1.44% in 1h
          - exp_labels: {sloth_id: rag-events, sloth_service: rag, sloth_slo: events, burnline_slo: rag-events,
                         severity: warning, sloth_severity: ticket}
            exp_annotations:
              summary: "rag events: 600 of 108000 bad in 1d, the budget is used up"
              description: >-
                99.9 % have to be good over 30d. In the last 1d 600 of 108000 were bad: the budget burned 5.6 times as fast as
                it may. In the last 3d 600 of 108000 were bad: the budget burned 5.6 times as fast as it may. The budget is
                used up.
              value: 0.5556% bad
              threshold: 0.3% in 1d
"""


def promtool(program, folder, *words):
    done = subprocess.run([program, *words], cwd=folder, capture_output=True, text=True, check=False, timeout=50)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def folder(tmp_path):
    slos = [
        Slo("rag", name, 99.9, **{"indicator": Events(BAD, ALL), "alerting": Alerting(f"Burns-{name}")} | more)
        for name, more in OBJECTIVES.items()
    ]
    for dialect in Dialect:
        wanted = slos if dialect is Dialect.BURNLINE else slos[:4]
        (tmp_path / f"{dialect}.yml").write_text(rule_file(compile_slos(wanted, Setting(dialect)), dialect))
    return tmp_path


@pytest.mark.parametrize("dialect", Dialect)
def test_promtool_accepts_every_kind_of_objective(folder, peer, dialect):
    code, said = promtool(peer("promtool", "prometheus"), folder, "check", "rules", f"{dialect}.yml")

    assert code == 0, said
    assert "SUCCESS" in said


@pytest.mark.parametrize("dialect", Dialect)
def test_vmalert_accepts_every_kind_of_objective(folder, peer, dialect):
    """VictoriaMetrics' evaluator of rules, which parses them as MetricsQL and runs their templates once."""
    code, said = promtool(peer("vmalert", "victoria-metrics"), folder, "-dryRun", f"-rule={dialect}.yml")

    assert code == 0, said


def test_prometheus_computes_what_the_rules_promise_and_pages(folder, peer):
    """Three hours of traffic in its own engine: counts, ratios, and the page with its text."""
    (folder / "rules.yml").write_text((folder / "burnline.yml").read_text())
    (folder / "test.yml").write_text(TESTS)

    code, said = promtool(peer("promtool", "prometheus"), folder, "test", "rules", "test.yml")

    assert code == 0, said
