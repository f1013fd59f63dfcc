"""What a failure says: the place, what differs, and what the alert was doing around the instant."""

from __future__ import annotations

import pytest

from agent.replay.unit.spec import parse_number
from tests.replay.unit.test_verdicts import RISING, RULES, alert


def said(failures, text, rules=RULES):
    (failure,) = failures(text, rules)
    return failure


def test_an_alert_asked_for_too_early_says_when_it_fires(failures, tmp_path):
    text = said(failures, alert("4m", "[{exp_labels: {severity: page, job: a}}]"))
    assert text.splitlines()[0].endswith("test.yml:8:23: High at 4m: expected 1 firing, got none")
    assert '- missing: {alertname="High", job="a", severity="page"}' in text
    assert "was pending at 3m, firing at 5m: it fires at 5m, you asked at 4m; `for` is 2m" in text


def test_an_alert_between_two_ticks_says_which_tick_it_shows(failures):
    text = said(failures, alert("4m30s", "[{}]"))
    assert "rules are evaluated every 1m: this shows the evaluation at 4m" in text


def test_a_condition_that_never_holds_says_what_it_looks_at(failures):
    text = said(failures, alert("1m", "[{}]"), RULES.replace("m > 5", "m > 500"))
    assert '`m > 500` does not hold at 1m: `m` gives m{job="a"} 2' in text


def test_a_condition_without_series_says_so(failures):
    text = said(failures, alert("1m", "[{}]"), RULES.replace("m > 5", "other > 5"))
    assert "`other` gives no series" in text


def test_an_alert_that_no_rule_makes_is_named_with_the_nearest(failures):
    text = said(failures, alert("1m", "[{}]").replace("High", "Hihg"))
    assert 'no rule of the rule_files is called "Hihg"; did you mean "High"?' in text


def test_a_silent_case_about_no_rule_at_all_is_a_warning(run):
    (test,) = run(alert("1m", "[]").replace("High", "Hihg"), RULES).tests
    assert test.passed
    assert 'no rule is called "Hihg"; did you mean "High"?; the case passes whatever happens' in test.warnings[0]


def test_labels_and_annotations_that_differ_stand_below_each_other(failures):
    text = said(
        failures,
        alert("5m", "[{exp_labels: {severity: ticket, job: a}, exp_annotations: {summary: a is at 9, empty: ''}}]"),
    )
    lines = [line.strip() for line in text.splitlines()]
    assert lines[1:6] == [
        '{alertname="High", job="a"}',
        '- severity="ticket"',
        '+ severity="page"',
        "- annotation summary: a is at 9",
        "+ annotation summary: a is at 10",
    ]


def test_annotations_of_several_lines_are_compared_line_by_line(failures):
    rules = """
    groups:
      - name: g
        rules:
          - alert: High
            expr: m > 5
            annotations: {text: "one\\ntwo\\nthree"}
    """
    text = said(failures, alert("5m", '[{exp_labels: {job: a}, exp_annotations: {text: "one\\ndeux\\nthree"}}]'), rules)
    assert "      one\n    -   deux\n    +   two\n      " in text


def test_an_expected_alert_is_shown_beside_the_likest_one(failures):
    rules = "groups: [{name: g, rules: [{alert: High, expr: m > 5}]}]"
    text = RISING.replace(
        '[{series: \'m{job="a"}\', values: "0+2x20"}]',
        '[{series: \'m{job="a",zone="x"}\', values: 9x9}, {series: \'m{job="b",zone="y"}\', values: 9x9}]',
    )
    text += (
        "    alert_rule_test: [{alertname: High, eval_time: 1m, exp_alerts: "
        "[{exp_labels: {job: b, zone: z}}, {exp_labels: {job: a, zone: x}}]}]\n"
    )
    failure = said(failures, text, rules)
    assert '{alertname="High", job="b"}' in failure
    assert '- zone="z"\n    + zone="y"' in failure
    assert 'job="a"' not in failure.partition("?")[0]


def test_a_sample_with_other_labels_says_which_label(failures):
    cases = "    promql_expr_test: [{expr: m, eval_time: 1m, exp_samples: [{labels: 'm{jobb=\"a\"}', value: 2}]}]\n"
    text = said(failures, RISING + cases)
    assert '? labels: job (none) → "a", jobb "a" → (none)' in text


def test_only_the_last_digits_differ_and_a_remark_says_what_that_means(failures):
    cases = "    promql_expr_test: [{expr: 0.1 + 0.2, eval_time: 1m, exp_samples: [{value: 0.3}]}]\n"
    assert "floats are compared exactly" in said(failures, RISING + cases)
    assert "NaN equals nothing" in said(failures, RISING + cases.replace("0.1 + 0.2", "0 / 0").replace("0.3}", ".nan}"))


def test_an_evaluation_that_fails_ends_the_test_with_the_rule_and_the_time(failures):
    rules = "groups: [{name: g, rules: [{record: r, expr: 'm + on(x) group_left() n'}]}]"
    text = """
    rule_files: [rules.yml]
    tests:
      - input_series:
          - {series: m, values: 1x9}
          - {series: 'n{a="1"}', values: _x2 1x9}
          - {series: 'n{a="2"}', values: _x2 1x9}
        promql_expr_test: [{expr: m, eval_time: 5m, exp_samples: []}]
    """
    (failure,) = failures(text, rules)
    assert 'rules.yml: group "g", rule "r" fails at 2m: found duplicate series' in failure


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("test: []", 'test.yml:1:1: unknown key "test"; did you mean "tests"?'),
        ("tests: [{nmae: x}]", 'unknown key "nmae"; did you mean "name"?'),
        ("tests: [{name: x, alert_rule_test: [{alertnme: A}]}]", 'unknown key "alertnme"; did you mean "alertname"?'),
        ("tests: [{promql_expr_test: [{expr: m, eval_time: soon}]}]", 'not a valid duration: "soon"'),
        ("tests: [{start_timestamp: yesterday}]", 'not an instant: "yesterday"'),
        ("tests: [{promql_expr_test: [{exp_samples: [{value: many}]}]}]", 'expected a number, found "many"'),
        ("tests: [{promql_expr_test: [{exp_samples: [{value: Inf}]}]}]", 'found "Inf"; YAML writes ".inf"'),
        ("tests: [{promql_expr_test: [{exp_samples: [{value: 1e400}]}]}]", 'expected a number, found "1e400"'),
        ("group_eval_order: [a, b, a]", "test.yml:1:26: group name repeated in evaluation order: a"),
        ("rule_files: [gone.yml]", "test.yml:1:14: no such rule file"),
        ("tests: [{alert_rule_test: [{eval_time: 5m}]}]", "an alert test at 5m has no alertname"),
        ("tests: [{input_series: [{series: 'm{', values: '1'}]}]", "test.yml:1:37: series m{: 1:3"),
        (
            "tests: [{input_series: [{series: '{}', values: '1'}]}]",
            "test.yml:1:35: a series with samples needs a name or labels",
        ),
        ("tests: [{input_series: [{series: m, values: '1 2,3'}]}]", "test.yml:1:49: values of m: 1:4"),
        (
            "tests: [{promql_expr_test: [{expr: '1', exp_samples: [{labels: 'a b', value: 1}]}]}]",
            "test.yml:1:67: labels a b: 1:3",
        ),
        (
            "tests: [{promql_expr_test: [{expr: '1', exp_samples: [{histogram: '{{sum:x}}'}]}]}]",
            'test.yml:1:74: histogram: 1:7: parse error: bad value "x"',
        ),
        ("tests: [{promql_expr_test: [{expr: '1', exp_samples: [{histogram: '1'}]}]}]", "expected one histogram"),
        (
            "tests: [{interval: 1ms, input_series: [{series: m, values: 0x9999999999}], promql_expr_test: [{eval_time: 10h}]}]",
            "the test loads 36,000,001 samples, more than 10,000,000; shorten its series, or raise its interval",
        ),
        (
            "{evaluation_interval: 1ms, tests: [{promql_expr_test: [{expr: m, eval_time: 1y}]}]}",
            "the test takes 31,536,000,001 evaluations until its last eval_time 1y, more than 50,000,000",
        ),
    ],
)
def test_a_mistake_in_the_file_is_named_with_its_place(failures, text, words):
    assert words in "\n".join(failures(text))


def test_a_mistake_in_one_test_leaves_the_others_run(run):
    outcome = run(
        "tests: [{input_series: [{series: 'm{'}]}, {promql_expr_test: [{expr: 1, exp_samples: [{value: 1}]}]}]"
    )
    assert [test.passed for test in outcome.tests] == [False, True]


def test_a_broken_rule_file_is_named_with_its_line(failures):
    found = failures("rule_files: [rules.yml]\ntests: [{}]", "groups: [{name: g, rules: [{record: r, expr: 'up +'}]}]")
    assert "rules.yml:1:" in found[0]
    assert 'rule "r": could not parse expression' in found[0]


def test_a_glob_without_a_match_and_an_unknown_group_are_warnings(run):
    outcome = run("rule_files: ['no*.yml']\ngroup_eval_order: [x]\ntests: [{}]")
    assert outcome.passed
    assert [
        "no rule file matches no*.yml" in each or 'no group is called "x"' in each for each in outcome.warnings
    ] == [
        True,
        True,
    ]


def test_a_life_is_drawn_as_one_sign_a_tick_or_the_most_of_several(run):
    (test,) = run(alert("9m", "[]"), RULES).tests
    (life,) = test.lives
    assert life.told(0) == "pending at 3m, firing at 5m"
    assert life.drawn(0, test.last_ms, test.step_ms, 80) == "···○○●●●●●"
    assert life.drawn(0, test.last_ms, test.step_ms, 5) == "·○●●●"


@pytest.mark.parametrize(
    ("written", "means"),
    [
        ("017", 15),
        ("08", 8),
        ("0x1F", 31),
        ("-0b11", -3),
        ("0o17", 15),
        ("1_000", 1000),
        ("1__0", 10),
        (".5", 0.5),
        ("5.", 5),
        ("+1e3", 1000),
        (".INF", float("inf")),
        ("-.inf", float("-inf")),
    ],
)
def test_numbers_mean_what_they_mean_in_promtools_yaml(written, means):
    """Each was written into a test and read from promtool's failure."""
    assert parse_number(written) == means
