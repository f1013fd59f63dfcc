"""What a unit test sees and when, as in promtool: ticks, samples, labels, floats; each case can be checked by hand."""

from __future__ import annotations

import pytest

RULES = """
groups:
  - name: g
    rules:
      - record: doubled
        expr: m * 2
      - alert: High
        expr: m > 5
        for: 2m
        labels: {severity: page, gone: ""}
        annotations:
          summary: "{{ $labels.job }} is at {{ $value }}"
          empty: "{{ if false }}never{{ end }}"
"""
RISING = """
rule_files: [rules.yml]
evaluation_interval: 1m
tests:
  - name: rising
    interval: 1m
    input_series: [{series: 'm{job="a"}', values: "0+2x20"}]
"""
"""m is 6 at 3m: High is pending from 3m on and fires at 5m, with 10."""


def case(text):
    return RISING + "    " + text + "\n"


def alert(at, alerts):
    return case(f"alert_rule_test: [{{alertname: High, eval_time: {at}, exp_alerts: {alerts}}}]")


FIRING = "{exp_labels: {severity: page, job: a}, exp_annotations: {summary: a is at 10, empty: ''}}"


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        pytest.param(alert("5m", f"[{FIRING}]"), True, id="an alert fires once `for` has passed"),
        pytest.param(alert("4m", "[]"), True, id="a pending alert does not count"),
        pytest.param(alert("4m", f"[{FIRING}]"), False, id="an alert that is pending is not firing"),
        pytest.param(alert("5m59s", f"[{FIRING}]"), True, id="the last tick at or before eval_time counts"),
        pytest.param(alert("5m", "[]"), False, id="an alert nobody expects is a failure"),
        pytest.param(alert("5m", f"[{FIRING}, {FIRING}]"), False, id="two expected and one firing differ"),
        pytest.param(
            alert("5m", f"[{FIRING.replace(chr(39) * 2, 'x')}]"), False, id="an annotation is compared text by text"
        ),
        pytest.param(
            alert("5m", f"[{FIRING}]".replace(", empty: ''", "")),
            False,
            id="an annotation that expands to nothing is still an annotation",
        ),
        pytest.param(
            alert("5m", f"[{FIRING}]".replace("job: a}", "job: a, gone: ''}")),
            False,
            id="an expected label with an empty value is not the absence of the label",
        ),
        pytest.param(
            alert("5m", f"[{FIRING}]".replace("job: a}", "job: a, alertname: Other}")),
            True,
            id="alertname is always the test's",
        ),
    ],
)
def test_an_alert_case_is_judged_as_promtool_judges_it(run, text, passes):
    assert run(text, RULES).passed is passes


SAMPLE = """
      - expr: {expr}
        eval_time: {at}
        exp_samples: [{{labels: '{labels}', value: {value}}}]
"""


def sample(expr, at, labels, value, head=""):
    return head + RISING + "    promql_expr_test:" + SAMPLE.format(expr=expr, at=at, labels=labels, value=value)


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        pytest.param(sample("m", "3m", 'm{job="a"}', 6), True, id="a sample at its instant"),
        pytest.param(sample("m", "3m59s", 'm{job="a"}', 6), True, id="the newest sample before the instant"),
        pytest.param(sample("m", "3m", "m", 6), False, id="labels must be all there"),
        pytest.param(sample("doubled", "3m", 'doubled{job="a"}', 12), True, id="what a rule records"),
        pytest.param(sample("doubled", "3m59s", 'doubled{job="a"}', 12), True, id="rules run at ticks only"),
        pytest.param(sample("vector(time())", "90s", "", 90), True, id="an expression is asked at its own instant"),
        pytest.param(sample("1 + 1", "0", "{}", 2), True, id="a scalar is a sample without labels"),
        pytest.param(
            sample("ALERTS", "4m", 'ALERTS{alertname="High",alertstate="pending",job="a",severity="page"}', 1),
            True,
            id="ALERTS tells of a pending alert",
        ),
        pytest.param(sample("count_over_time(m[3m:])", "10m", '{job="a"}', 3), True, id="a subquery steps as rules do"),
        pytest.param(sample("m * 0 + 0.1 + 0.2", "0", '{job="a"}', 0.3), False, id="floats are compared exactly"),
        pytest.param(
            sample("m * 0 + 0.1 + 0.2", "0", '{job="a"}', 0.3, "fuzzy_compare: true\n"), True, id="or within one step"
        ),
        pytest.param(
            sample("m * 0 + 0.3000000000000002", "0", '{job="a"}', 0.3, "fuzzy_compare: true\n"),
            False,
            id="and not within more",
        ),
        pytest.param(sample("m / 0 - m / 0", "0", '{job="a"}', ".nan"), False, id="NaN equals nothing"),
        pytest.param(sample("m / 0", "1m", '{job="a"}', ".inf"), True, id="infinity is a number"),
        pytest.param(sample("m", "3m", 'm{job="a"}', "0x6"), True, id="numbers are YAML's"),
        pytest.param(sample("m[5m]", "3m", 'm{job="a"}', 6), False, id="a matrix is no vector"),
        pytest.param(sample("nosuch(", "3m", "", 6), False, id="what does not parse fails"),
    ],
)
def test_an_expression_case_is_judged_as_promtool_judges_it(run, text, passes):
    outcome = run(text, RULES)
    assert not outcome.problems
    assert outcome.passed is passes, outcome.tests[0].failures


def test_samples_after_the_last_tick_are_never_seen_and_a_remark_says_so(failures):
    text = RISING.replace("interval: 1m\n    input", "interval: 30s\n    input") + "    promql_expr_test:"
    (failure,) = failures(text + SAMPLE.format(expr="m", at="90s", labels='m{job="a"}', value=6), RULES)
    assert '- m{job="a"} 6\n    + m{job="a"} 4\n' in failure
    assert "samples loaded every 1m, the last time at 1m" in failure


def test_rules_never_see_the_future(run):
    rules = "groups: [{name: g, rules: [{record: seen, expr: 'count_over_time(m[1h] offset -30m)'}]}]"
    text = RISING + "    promql_expr_test:" + SAMPLE.format(expr="seen", at="5m", labels='seen{job="a"}', value=6)
    assert run(text, rules).passed


CHAIN = """
groups:
  - {name: reads, rules: [{record: last, expr: first + 1}]}
  - {name: writes, rules: [{record: first, expr: m}]}
"""


@pytest.mark.parametrize(("order", "value"), [("", 7), ("group_eval_order: [reads, writes]\n", 5)])
def test_groups_run_in_the_order_asked_for_else_readers_after_writers(run, order, value):
    text = sample("last", "3m", 'last{job="a"}', value, order)
    assert run(text, CHAIN).passed


@pytest.mark.parametrize(
    ("start", "seconds"),
    [
        ("1609459200", 1609459380),
        ("2024-01-01T00:00:00Z", 1704067380),
        ("1.5", 181.5),
        ("'2024-01-01T01:00:00+01:00'", 1704067380),
    ],
)
def test_a_test_begins_at_its_start_timestamp(run, start, seconds):
    text = RISING.replace("- name: rising", f"- start_timestamp: {start}") + "    promql_expr_test:"
    assert run(text + SAMPLE.format(expr="timestamp(m)", at="3m", labels='{job="a"}', value=seconds), RULES).passed


def test_external_labels_and_url_are_what_templates_see(run):
    rules = """
    groups:
      - name: g
        rules:
          - alert: A
            expr: m >= 0
            annotations: {text: "{{ $externalLabels.region }} {{ externalURL }}"}
    """
    text = case("external_labels: {region: eu}\n    external_url: http://us.example") + (
        "    alert_rule_test: [{alertname: A, eval_time: 0, "
        "exp_alerts: [{exp_labels: {job: a}, exp_annotations: {text: eu http://us.example}}]}]\n"
    )
    assert run(text, rules).passed


def test_a_query_offset_shifts_what_is_read_and_written(run):
    rules = "groups: [{name: g, query_offset: 1m, rules: [{record: late, expr: m}]}]"
    text = (
        RISING + "    promql_expr_test:" + SAMPLE.format(expr="timestamp(late)", at="3m", labels='{job="a"}', value=120)
    )
    assert run(text, rules).passed


def test_alerts_of_one_name_from_two_groups_are_judged_together(run):
    rules = """
    groups:
      - {name: g, rules: [{alert: A, expr: m > 5, labels: {by: g}}]}
      - {name: h, rules: [{alert: A, expr: m > 3, labels: {by: h}}]}
    """
    text = case("alert_rule_test:") + (
        "      - {alertname: A, eval_time: 2m, exp_alerts: [{exp_labels: {job: a, by: h}}]}\n"
        "      - {alertname: A, eval_time: 3m, exp_alerts: [{exp_labels: {job: a, by: h}}, {exp_labels: {job: a, by: g}}]}\n"
    )
    assert run(text, rules).passed


@pytest.mark.parametrize(("value", "passes"), [("1", True), ("2", False)])
def test_a_recorded_series_that_is_also_an_input_must_agree_with_it(run, failures, value, passes):
    rules = "groups: [{name: g, rules: [{record: fixed, expr: vector(1)}]}]"
    text = f"""
    rule_files: [rules.yml]
    tests:
      - input_series: [{{series: fixed, values: "{value}x5"}}]
        promql_expr_test: [{{expr: fixed, eval_time: 2m, exp_samples: [{{labels: fixed, value: {value}}}]}}]
    """
    assert run(text, rules).passed is passes
    if not passes:
        assert 'rule "fixed" fails at 0s: duplicate sample for timestamp' in failures(text, rules)[0]


def test_the_end_of_a_recorded_series_does_not_end_the_input_of_the_same_name(run):
    rules = "groups: [{name: g, rules: [{record: fixed, expr: vector(1) and on() vector(time()) < 120}]}]"
    text = """
    rule_files: [rules.yml]
    tests:
      - input_series: [{series: fixed, values: 1x5}]
        promql_expr_test: [{expr: fixed, eval_time: 2m, exp_samples: [{labels: fixed, value: 1}]}]
    """
    assert run(text, rules).passed


def test_a_rule_that_writes_before_what_is_there_already_fails(failures):
    rules = "groups: [{name: g, query_offset: 1m, rules: [{record: fixed, expr: m}]}]"
    text = """
    rule_files: [rules.yml]
    tests:
      - input_series: [{series: fixed, values: 1x5}, {series: m, values: 1x5}]
        promql_expr_test: [{expr: m, eval_time: 2m, exp_samples: []}]
    """
    assert 'rule "fixed" fails at 1m: out of order sample' in failures(text, rules)[0]


def test_a_series_that_is_given_twice_is_the_later_one_and_a_warning(run):
    text = """
    tests:
      - input_series: [{series: m, values: 1x5}, {series: m, values: 2x5}]
        promql_expr_test: [{expr: m, eval_time: 2m, exp_samples: [{labels: m, value: 2}]}]
    """
    outcome = run(text)
    assert outcome.passed
    assert "m is given twice" in outcome.tests[0].warnings[0]


def test_histograms_carry_the_hints_that_a_store_gives_them(run):
    first, second, third = (
        "{{count:2 sum:3 buckets:[2]}}",
        "{{count:3 sum:4 %s buckets:[3 0]}}",
        "{{count:1 sum:1 %s buckets:[1]}}",
    )
    same, fell = "counter_reset_hint:not_reset", "counter_reset_hint:reset"
    text = f"""
    rule_files: [rules.yml]
    tests:
      - interval: 1m
        input_series: [{{series: h, values: "{first} {second % ""} {third % ""}"}}]
        promql_expr_test:
          - {{expr: h, eval_time: 0, exp_samples: [{{labels: h, histogram: "{first}"}}]}}
          - {{expr: h, eval_time: 1m, exp_samples: [{{labels: h, histogram: "{second % same}"}}]}}
          - {{expr: h, eval_time: 2m, exp_samples: [{{labels: h, histogram: "{third % fell}"}}]}}
          - {{expr: r, eval_time: 1m, exp_samples: [{{labels: r, histogram: "{second % same}"}}]}}
    """
    outcome = run(text, "groups: [{name: g, rules: [{record: r, expr: h}]}]")
    assert outcome.passed, outcome.tests[0].failures
