"""What is remarked on rules that are valid, where it stands, and that good rules are left in peace."""

from __future__ import annotations

import pytest

from agent.rules import lint, load_rules
from tests.rules.world import rule_set

GOOD = """
groups:
- name: g
  rules:
  - alert: A
    expr: sum(rate(x[5m])) > 1
    for: 1m
    labels: {severity: page}
    annotations: {summary: "{{ $value }}", runbook_url: /runbooks/a}
"""


def findings(text, **keywords):
    return [str(each) for each in lint(rule_set(text), **keywords)]


def test_good_rules_have_no_findings():
    assert findings(GOOD) == []


@pytest.mark.parametrize(
    ("before", "after", "finding"),
    [
        ("severity: page", "team: a", '5:5: group "g", rule "A": the alert has no label "severity"'),
        ('summary: "{{ $value }}", ', "", '5:5: group "g", rule "A": the alert has no annotation "summary"'),
        (
            "runbook_url: /runbooks/a",
            'runbook_url: "JavaScript:alert(1)"',
            '9:58: group "g", rule "A": the runbook is no web page but JavaScript:, so messages and pages do not link to it',
        ),
        (", runbook_url: /runbooks/a", "", '5:5: group "g", rule "A": the alert has no annotation "runbook_url"'),
        (
            "severity: page",
            "severity: page, v: '{{ printf `%f` $value }}'",
            '8:34: group "g", rule "A": label "v" depends on the value',
        ),
        ("severity: page", "severity: page, v: '{{ .Value }}'", '8:34: group "g", rule "A": label "v" depends'),
        ("severity: page", "severity: page, alertname: B", '8:41: group "g", rule "A": the label alertname is always'),
        ("for: 1m", "for: 10s", '5:5: group "g", rule "A": `for` 10s is shorter than the evaluation interval 15s'),
        ("x[5m]", "x[30s]", '6:20: group "g", rule "A": rate() over 30s holds fewer than 4 scrapes of 15s'),
    ],
)
def test_a_remark_names_the_rule_and_its_place(before, after, finding):
    assert before in GOOD
    found = findings(GOOD.replace(before, after))
    assert len(found) == 1
    assert found[0].startswith(f"rules.yml:{finding}")


def test_the_interval_of_the_group_counts_before_the_default():
    text = GOOD.replace("- name: g", "- name: g\n  interval: 2m")
    assert "shorter than the evaluation interval 2m" in findings(text)[0]
    assert "shorter than the evaluation interval 3m" in findings(GOOD, evaluation_interval_ms=180_000)[0]


def test_a_group_label_severity_is_a_severity():
    text = GOOD.replace("- name: g", "- name: g\n  labels: {severity: page}").replace(
        "    labels: {severity: page}\n", ""
    )
    assert findings(text) == []


@pytest.mark.shared
def test_duplicate_rules_are_found_where_promtool_finds_them(shared):
    found = lint(load_rules(["rules_duplicates.yml", "prometheus-rules.lint.yml"], shared / "promtool"))
    assert [(each.place.line, each.rule) for each in found if each.code == "duplicate"] == [
        (18, "job:test:count_over_time1m"),
        (23, "job:test:count_over_time1m"),
        (11, "HighRequestLatency"),
    ]


def test_the_shipped_rules_have_no_findings(root):
    assert [str(each) for each in lint(load_rules(["rules/*.yml"], root))] == []


NAMES = """
groups:
- name: g
  labels: {"a.b": c}
  rules:
  - record: a-b
    expr: up
  - record: fine:name
    expr: up
    labels: {"d e": f}
  - alert: A
    expr: up == 0
    annotations: {"how-to": x}
"""


def test_names_that_prometheus_2_refuses_are_named_wherever_they_stand():
    found = [each for each in lint(rule_set(NAMES)) if each.code == "utf8-name"]
    assert [(each.place.line, each.place.column, each.message.partition(" is")[0]) for each in found] == [
        (4, 19, 'the label name "a.b"'),
        (6, 13, 'the metric name "a-b"'),
        (4, 19, 'the label name "a.b"'),
        (10, 21, 'the label name "d e"'),
        (4, 19, 'the label name "a.b"'),
        (13, 29, 'the annotation name "how-to"'),
    ]
