"""Random rules over random series through our evaluator and through promtool: the same alerts and the same ALERTS series.

Documented difference: a rule label whose template expands to nothing is absent from our ALERTS, as it is from the alert;
Prometheus writes the template's own text there. promtool 2.42 looks back five minutes inclusive; the series have a sample or
a staleness marker at every tick, so that this shows nowhere.
"""

from __future__ import annotations

import random
import subprocess

import pytest
import yaml

from agent.model import METRIC_NAME, STALE_NAN, Labels, format_float
from agent.query import Engine, MemoryQueryable
from agent.rules import Evaluator, RuleSet, Settings, State, read_rules
from tests.rules.world import MINUTE, series

pytestmark = pytest.mark.peers

TICKS = 40
CASES = 30
CHECKED = range(0, TICKS, 3)


def scenario(seed):
    """Return (rules, {series: values}) of one case: three instances that come, go and cross a threshold."""
    dice = random.Random(seed)
    rule = {
        "alert": f"Case{seed}",
        "expr": dice.choice([f"m{seed} > 5", f"half{seed} > 2.5", f"sum by (job) (m{seed}) > 9", f"m{seed} > 5 < 9"]),
        "labels": {"severity": "page", "who": "at {{ $labels.instance }}", "job": dice.choice(["", "fixed"])},
        "annotations": {"text": "{{ $labels.job }} {{ $value }} {{ humanize $value }}"},
    }
    if dice.random() < 0.8:
        rule["for"] = f"{dice.randrange(0, 6)}m"
    if dice.random() < 0.6:
        rule["keep_firing_for"] = f"{dice.randrange(1, 6)}m"
    record = {"record": f"half{seed}", "expr": f"m{seed} / 2", "labels": {"kind": "half"}}
    values = {}
    for instance in "abc":
        level, column = dice.randrange(0, 12), []
        for _ in range(TICKS):
            if dice.random() < 0.3:
                level = dice.choice([None, *range(12)])
            column.append(level)
        values[f'm{seed}{{instance="{instance}",job="j"}}'] = column
    return [record, rule], values


def ours(rules_text, values):
    """Evaluate minute by minute; return the memory with all that was written, and the active alerts after each tick."""
    memory = MemoryQueryable()
    for name, column in values.items():
        stamps = [tick * MINUTE for tick in range(TICKS)]
        memory.add(series(name), stamps, [STALE_NAN if value is None else float(value) for value in column])
    engine = Engine(memory)

    def sink(row):
        from agent.model import is_absent

        for labels, value, absent in zip(row.columns.labels, row.values, is_absent(row.values), strict=False):
            if not absent:
                memory.add(labels, [row.timestamp_ms], [value])

    rules = RuleSet(read_rules(rules_text, "rules.yml"))
    evaluator = Evaluator(
        rules,
        query=lambda expression, at_ms: engine.instant(expression, at_ms).value,
        sink=sink,
        notify=lambda *_: None,
        settings=Settings(interval_ms=MINUTE),
    )
    history = []
    for tick in range(TICKS):
        for key in evaluator.keys:
            assert evaluator.evaluate(key, tick * MINUTE).failures == ()
        history.append(
            {rule.name: rule.alerts for group in evaluator.status() for rule in group.rules if rule.is_alert}
        )
    return engine, history


def expected_alerts(alerts):
    return [
        {"exp_labels": dict(alert.labels.without("alertname")), "exp_annotations": dict(alert.annotations)}
        for alert in alerts
        if alert.state is State.FIRING
    ]


def expected_samples(engine, expression, tick):
    return [
        {"labels": written(sample.labels), "value": float(sample.value)}
        for sample in engine.instant(expression, tick * MINUTE).value
    ]


def written(labels: Labels):
    inner = ",".join(f'{name}="{value}"' for name, value in labels.items() if name != METRIC_NAME)
    return f"{labels.name}{{{inner}}}"


def test_promtool_sees_the_same_alerts_at_the_same_instants(tmp_path, peer):
    promtool = peer("promtool", "prometheus")
    groups, values = [], {}
    for seed in range(CASES):
        rules, columns = scenario(seed)
        groups.append({"name": f"g{seed}", "rules": rules})
        values |= columns
    text = yaml.safe_dump({"groups": groups}, sort_keys=False)
    engine, history = ours(text, values)
    alert_tests = [
        {"eval_time": f"{tick}m", "alertname": name, "exp_alerts": expected_alerts(alerts)}
        for tick in CHECKED
        for name, alerts in history[tick].items()
    ]
    sample_tests = [
        {"expr": expression, "eval_time": f"{tick}m", "exp_samples": expected_samples(engine, expression, tick)}
        for tick in CHECKED
        for expression in ("ALERTS", "ALERTS_FOR_STATE", '{__name__=~"half.*"}')
    ]
    assert sum(len(each["exp_alerts"]) for each in alert_tests) > 200, "the scenarios must make alerts fire"
    document = {
        "rule_files": ["rules.yml"],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [
                    {
                        "series": name,
                        "values": " ".join("stale" if value is None else format_float(value) for value in column),
                    }
                    for name, column in values.items()
                ],
                "alert_rule_test": alert_tests,
                "promql_expr_test": sample_tests,
            }
        ],
    }
    (tmp_path / "rules.yml").write_text(text)
    (tmp_path / "test.yml").write_text(yaml.safe_dump(document))
    done = subprocess.run(
        [promtool, "test", "rules", str(tmp_path / "test.yml")], capture_output=True, text=True, check=False, timeout=50
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[:4000]
