"""What is remarked on templates before an alert needs them: what fails with any data, and nothing that depends on data."""

from __future__ import annotations

import pytest

from agent.rules import lint
from tests.rules.world import rule_set

RULES = """
groups:
- name: g
  rules:
  - alert: A
    expr: up == 0
    labels: {severity: page}
    annotations:
      runbook_url: /runbooks/a
      summary: |
        down
        TEMPLATE
"""
BOMB = "{{ $x := `aaaaaaaaaa` }}" + "{{ $x = printf `%s%s%s%s%s%s%s%s%s%s` $x $x $x $x $x $x $x $x $x $x }}" * 6


def remarks(template):
    return [str(each) for each in lint(rule_set(RULES.replace("TEMPLATE", template))) if each.code == "template-fails"]


@pytest.mark.parametrize(
    ("template", "column", "reason"),
    [
        ("{{ define `a` }}{{ template `a` }}{{ end }}{{ template `a` }}", 25, "exceeded maximum template depth (100)"),
        (
            "{{ define `a` }}{{ template `b` }}{{ end }}{{ define `b` }}{{ template `a` }}{{ end }}{{ template `a` }}",
            68,
            "exceeded maximum template depth (100)",
        ),
        ("{{ template `gone` }}", 9, 'template "gone" not defined'),
        ("{{ if gt $value 5 }}!{{ end }}", 15, "$value is a float, so write 5.0 where you compare it with 5"),
        ("{{ humanize }}", 12, "wrong number of args for humanize: want 1 got 0"),
        ("{{ .Foo }}", 12, "can't evaluate field Foo"),
        ("{{ title $value }}", 18, "wrong type for value; expected string; got float64"),
        ("{{ query `sum(` }}", 12, "unclosed left parenthesis"),
        ('{{ query "up{job=\\"a}" }}', 12, "unterminated quoted string"),
        ("{{ reReplaceAll `(` `x` $labels.job }}", 12, "error parsing regexp: missing closing )"),
        (BOMB, 9 + BOMB.rfind("printf"), "a value longer than 1000000 characters"),
        ("{{ range 1000000 }}{{ range 1000000 }}{{ end }}{{ end }}", 28, "stopped after 300000 steps"),
    ],
)
def test_a_template_that_fails_with_any_data_is_named_with_its_place(template, column, reason):
    (found,) = remarks(template)

    assert found.startswith(f'rules.yml:12:{column}: group "g", rule "A": this template fails for every alert: <')
    assert reason in found


@pytest.mark.parametrize(
    "template",
    [
        "{{ $labels.instance }} is at {{ $value | humanizePercentage }}",
        "{{ $labels.code | humanize }}",
        "{{ query `up` | first | value | humanize }}",
        "{{ with printf `up{job='%s'}` $labels.job | query }}{{ . | first | label `instance` }}{{ end }}",
        "{{ range query `topk(3, up)` }}{{ .Labels.job }}={{ .Value }} {{ end }}",
        "{{ query $labels.expression }}",
        "{{ index (query `up`) 3 }}",
        "{{ if gt $value 5.0 }}high{{ else if eq $labels.a `b` }}b{{ end }}",
        "{{ $labels.time | parseDuration }}",
        "{{ reReplaceAll $labels.pattern `x` $labels.job }}",
        "{{ externalURL }}{{ pathPrefix }}{{ $externalLabels.region }}{{ graphLink `up` }}",
        "{{ $value | toTime }} {{ (toTime $value).Year }} {{ humanizeTimestamp $value }}",
    ],
)
def test_what_may_succeed_with_other_data_is_left_in_peace(template):
    assert remarks(template) == []


def test_labels_are_tried_as_annotations_are():
    text = RULES.replace("severity: page", "severity: '{{ if gt $value 9 }}page{{ end }}'")
    assert any("(template-fails)" in str(each) and ":7:" in str(each) for each in lint(rule_set(text)))


def test_many_endless_templates_take_no_longer_than_a_few():
    endless = "".join(
        f"  - alert: A{number}\n    expr: up == {number}\n    annotations: {{s: '{{{{ range {number}000000 }}}}{{{{ end }}}}'}}\n"
        for number in range(1, 60)
    )
    found = [
        each for each in lint(rule_set("groups:\n- name: g\n  rules:\n" + endless)) if each.code == "template-fails"
    ]
    assert 3 < len(found) < 20


def test_a_failure_is_named_where_each_rule_has_it():
    """Templates of one shape are tried once; a place and a value are their own."""
    text = RULES + RULES[RULES.index("  - alert") :].replace("alert: A", "alert: B").replace("up == 0", "up == 1")
    first = text.replace("TEMPLATE", "{{ if gt $value 5 }}{{ printf `a %s` $labels.a }}{{ end }}", 1)
    found = lint(rule_set(first.replace("TEMPLATE", "more {{ if gt $value 5 }}{{ printf `b %s` $labels.a }}{{ end }}")))
    places = [(each.rule, each.place.line, each.place.column) for each in found if each.code == "template-fails"]
    assert places == [("A", 12, 15), ("B", 20, 20)]
