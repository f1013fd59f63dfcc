"""OpenSLO, v1 and v1alpha: what is understood, what is warned of, and what is refused where."""

from __future__ import annotations

import pytest

from agent.errors import SchemaError
from agent.slo import (
    Calendar,
    Composite,
    Events,
    Good,
    Occurrences,
    Part,
    RatioTimeslices,
    Raw,
    Rolling,
    Timeslices,
    load_slos,
    read_slos,
)

DAY_MS = 86_400_000
SLO = """\
apiVersion: openslo/v1
kind: SLO
metadata:
  name: answers
  displayName: Answers
  labels: {team: [search, rag]}
spec:
  service: rag-api
  indicator:
    metadata: {name: answered}
    spec:
      ratioMetric:
        counter: true
        bad: {metricSource: {type: Prometheus, spec: {query: 'sum(errors_total{code=~"5.."})'}}}
        total: {metricSource: {metricSourceRef: prom, spec: {query: "sum(answers_total)"}}}
  timeWindow:
    - duration: 4w
      isRolling: true
  budgetingMethod: Occurrences
  objectives:
    - target: 0.999
---
apiVersion: openslo/v1
kind: DataSource
metadata: {name: prom}
spec: {type: prometheus, connectionDetails: {token: s3cret}}
"""
ALPHA = """\
apiVersion: openslo/v1alpha
kind: SLO
metadata: {name: answers}
spec:
  service: rag-api
  budgetingMethod: Occurrences
  objectives:
    - ratioMetrics:
        good: {source: prometheus, queryType: promql, query: "sum(rate(good_total[{{.window}}]))"}
        total: {source: prometheus, queryType: promql, query: "sum(rate(answers_total[{{.window}}]))"}
      target: 0.99
    - ratioMetrics:
        incremental: true
        good: {source: prometheus, queryType: promql, query: good_total}
        total: {source: prometheus, queryType: promql, query: answers_total}
      target: 0.9
  timeWindows: [{unit: Week, count: 2, isRolling: true}]
"""
POLICIES = """\
  alertPolicies:
    - alertPolicyRef: burns
    - kind: AlertPolicy
      metadata: {name: Burns, labels: {team: search}}
      spec:
        conditions:
          - kind: AlertCondition
            metadata: {name: slow}
            spec: {severity: warning, condition: {kind: burnrate, op: gt, threshold: 3, lookbackWindow: 1d}}
        notificationTargets: [{targetRef: mail}]
"""
POLICY_OBJECTS = """\
---
apiVersion: openslo/v1
kind: AlertPolicy
metadata: {name: burns}
spec:
  conditions: [{conditionRef: fast}]
  notificationTargets: [{targetRef: mail}]
---
apiVersion: openslo/v1
kind: AlertCondition
metadata: {name: fast, labels: {severity: critical}}
spec: {severity: page, condition: {kind: burnrate, op: gt, threshold: 2, lookbackWindow: 1h, alertAfter: 5m}}
---
apiVersion: openslo/v1
kind: AlertNotificationTarget
metadata: {name: mail}
spec: {target: email}
"""


def one(text: str):
    (slo,) = read_slos(text, "f.yml").slos
    return slo


def problems(text: str) -> list[str]:
    with pytest.raises(SchemaError) as refused:
        read_slos(text, "f.yml")
    return refused.value.problems


def warnings(text: str) -> list[str]:
    return [str(each) for each in read_slos(text, "f.yml").warnings]


def test_an_slo_of_bad_and_total_events():
    slo = one(SLO)

    assert (slo.id, slo.objective, slo.description) == ("rag-api-answers", 99.9, "Answers")
    assert slo.labels == {"team": "search,rag"}
    assert slo.indicator == Events(
        'sum(increase(errors_total{code=~"5.."}[{{.window}}]))', "sum(increase(answers_total[{{.window}}]))"
    )
    assert (slo.window, slo.budgeting) == (Rolling(28 * DAY_MS), Occurrences())
    assert slo.alerting.page.disabled
    assert slo.alerting.ticket.disabled


WINDOWS = {
    "the window's own place": ("sum(rate(x[{{.window}}]))", True, "sum(rate(x[{{.window}}]))"),
    "the window as a word": ("sum(rate(x[window]))", False, "sum(rate(x[{{.window}}]))"),
    "a counter alone": ("x", True, "sum(increase(x[{{.window}}]))"),
    "a sum by labels": ("sum by (route) (x)", True, "sum by (route) (increase(x[{{.window}}]))"),
    "a difference of sums": ("sum(x) - sum(y)", True, "sum(increase(x[{{.window}}])) - sum(increase(y[{{.window}}]))"),
    "a selector back in time": ("sum(x offset 5m)", True, "sum(increase(x[{{.window}}] offset 5m))"),
    "no counter": ("sum(x)", False, "sum(avg_over_time(x[{{.window}}]))"),
    "no counter, and a function": ("abs(x)", False, "avg_over_time((abs(x))[{{.window}}:])"),
}


@pytest.mark.parametrize("case", WINDOWS)
def test_a_query_gets_its_window(case):
    query, counter, expected = WINDOWS[case]
    text = SLO.replace("sum(answers_total)", query).replace("counter: true", f"counter: {str(counter).lower()}")

    assert one(text).indicator.total_query == expected


def test_good_events_are_kept_as_good():
    assert isinstance(one(SLO.replace("bad:", "good:")).indicator, Good)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("failure", "avg_over_time(x[{{.window}}])"), ("success", "1 - (avg_over_time(x[{{.window}}]))")],
)
def test_a_ratio_computed_elsewhere_is_averaged_and_turned_into_errors(kind, expected):
    ratio = SLO[SLO.index("        counter:") : SLO.index("  timeWindow")]
    raw = f"        rawType: {kind}\n        raw: {{metricSource: {{type: Prometheus, spec: {{query: x}}}}}}\n"

    assert one(SLO.replace(ratio, raw)).indicator == Raw(expected)


@pytest.mark.parametrize(("op", "bad"), [("lte", ">"), ("lt", ">="), ("gte", "<"), ("gt", "<=")])
def test_a_threshold_is_bad_for_the_part_of_the_window_that_does_not_keep_it(op, bad):
    ratio = SLO[SLO.index("      ratioMetric") : SLO.index("  timeWindow")]
    metric = "      thresholdMetric: {metricSource: {type: Prometheus, spec: {query: age_seconds}}}\n"
    text = SLO.replace(ratio, metric).replace("- target: 0.999", f"- target: 0.999\n      op: {op}\n      value: 300")

    assert one(text).indicator == Raw(f"avg_over_time(((age_seconds) {bad} bool 300)[{{{{.window}}}}:])")


CALENDARS = {
    "a month": ("1M", "2026-01-01 00:00:00", Calendar("month", time_zone="Europe/Madrid")),
    "a quarter": ("1Q", "2026-04-01 00:00:00", Calendar("quarter", time_zone="Europe/Madrid")),
    "two weeks": ("2w", "2026-01-05 00:00:00", Calendar("week", 2, "Europe/Madrid", "2026-01-05T00:00:00")),
    "a week from Saturday noon": (
        "1w",
        "2022-01-01 12:00:00",
        Calendar("week", 1, "Europe/Madrid", "2022-01-01T12:00:00"),
    ),
    "a year": ("1Y", "2026-01-01 00:00:00", Calendar("year", time_zone="Europe/Madrid")),
}


@pytest.mark.parametrize("case", CALENDARS)
def test_a_calendar_window_begins_where_it_says(case):
    duration, start, expected = CALENDARS[case]
    window = f"duration: {duration}\n      calendar: {{startTime: {start}, timeZone: Europe/Madrid}}"

    assert one(SLO.replace("duration: 4w\n      isRolling: true", window)).window == expected


@pytest.mark.parametrize(("text", "days"), [("30d", 30), ("1M", 30), ("1Q", 90), ("1Y", 365), ("48h", 2)])
def test_a_rolling_window_is_as_long_as_openslo_says(text, days):
    assert one(SLO.replace("4w", text)).window == Rolling(days * DAY_MS)


@pytest.mark.parametrize(
    ("method", "keys", "expected"),
    [
        ("Timeslices", "timeSliceTarget: 0.95\n      timeSliceWindow: 5m", Timeslices(300_000, 0.95)),
        ("Timeslices", "timeSliceTarget: 1.0\n      timeSliceWindow: 5", Timeslices(300_000, 1.0)),
        ("RatioTimeslices", "timeSliceWindow: 1h", RatioTimeslices(3_600_000)),
    ],
)
def test_slices_are_read(method, keys, expected):
    text = SLO.replace("Occurrences", method).replace("- target: 0.999", f"- target: 0.999\n      {keys}")

    assert one(text).budgeting == expected


def test_targets_in_percent_are_taken_to_the_last_digit():
    assert one(SLO.replace("target: 0.999", "targetPercent: 99.95")).objective == 99.95
    assert one(SLO.replace("target: 0.999", "target: 0.9995")).objective == 99.95


def test_a_second_objective_is_a_second_slo_and_does_not_rename_the_first():
    text = SLO.replace("- target: 0.999", "- target: 0.999\n    - {target: 0.99, displayName: at night}")

    first, second = read_slos(text, "f.yml").slos

    assert (first.id, first.objective) == ("rag-api-answers", 99.9)
    assert (second.id, second.objective, second.description) == ("rag-api-answers-1", 99.0, "Answers (at night)")


def test_an_indicator_is_found_by_name_in_another_file(tmp_path):
    start, end = SLO.index("  indicator:"), SLO.index("  timeWindow")
    ratio = SLO[SLO.index("      ratioMetric") : end]
    (tmp_path / "a.yml").write_text(SLO[:start] + "  indicatorRef: answered\n" + SLO[end:])
    (tmp_path / "b.yml").write_text(f"apiVersion: openslo/v1\nkind: SLI\nmetadata: {{name: answered}}\nspec:\n{ratio}")

    (slo,) = load_slos(["a.yml", "b.yml"], tmp_path).slos

    assert slo.indicator == one(SLO).indicator
    with pytest.raises(SchemaError) as refused:
        load_slos(["a.yml"], tmp_path)
    assert '9:17: slo "answers": no SLI is named "answered" in these files' in str(refused.value)


def test_a_composite_is_made_of_an_slo_for_each_objective():
    def objective(metric, target, weight):
        query = "{metricSource: {type: Prometheus, spec: {query: %s}}}"
        ratio = f"counter: true, bad: {query % (metric + '_errors')}, total: {query % metric}"
        return (
            f"    - target: {target}\n      compositeWeight: {weight}\n"
            f"      indicator: {{spec: {{ratioMetric: {{{ratio}}}}}}}\n"
        )

    start, end = SLO.index("  indicator:"), SLO.index("  timeWindow")
    text = SLO[:start] + SLO[end:].replace(
        "    - target: 0.999\n", objective("find", 0.99, 3) + objective("write", 0.95, 1)
    )
    whole, find, write = read_slos(text, "f.yml").slos

    assert whole.indicator == Composite()
    assert whole.parts == (Part("rag-api-answers-0", 3.0), Part("rag-api-answers-1", 1.0))
    assert (whole.objective, find.objective, write.objective) == (98.0, 99.0, 95.0)
    assert find.indicator.total_query == "sum(increase(find[{{.window}}]))"
    assert any("mean by weight is taken, 98 %" in each for each in warnings(text))


def test_policies_make_alerts_of_their_severity_and_name_their_targets():
    text = SLO.replace("---\n", POLICIES + "---\n", 1) + POLICY_OBJECTS

    alerting = one(text).alerting

    assert alerting.name == "burns"
    assert alerting.labels == {"notification_targets": "mail"}
    assert (alerting.page.disabled, alerting.page.labels) == (False, {"severity": "critical"})
    assert (alerting.ticket.disabled, alerting.ticket.labels) == (False, {"team": "search"})
    told = "\n".join(warnings(text))
    assert "the windows of severity page decide when it fires; threshold and lookbackWindow are passed over" in told
    assert "alertAfter is passed over" in told
    assert "severity ticket decide" not in told
    assert 'share one name; "burns" is taken, not "Burns"' in told


def test_the_annotation_adds_what_openslo_has_no_word_for():
    text = SLO.replace(
        "  displayName: Answers\n", "  annotations: {burnline/spec: '{min_events: 5, group_by: [route]}'}\n"
    )

    assert (one(text).min_events, one(text).group_by) == (5, ("route",))
    (problem,) = problems(text.replace("min_events: 5", "slo_period: 7d"))
    assert problem.startswith('f.yml:5:33: slo "answers": OpenSLO says this itself; write timeWindow into the spec')


FLAWS = {
    "a month that is a minute": (
        "duration: 4w",
        "duration: 1m",
        "17:17: ",
        "a budget over 1m is too short",
        "1 months are 1M",
    ),
    "a unit in capitals": ("duration: 4w", "duration: 30D", "17:17: ", '"30D" is no duration', "did you mean 30d?"),
    "a target of all": ("target: 0.999", "target: 1", "21:15: ", "a whole leaves no budget", ""),
    "a target in percent": (
        "target: 0.999",
        "target: 99.9",
        "21:15: ",
        "target lies between 0 and 1, not 99.9",
        "0.999?",
    ),
    "a percentage of 100": (
        "target: 0.999",
        "targetPercent: 100",
        "21:22: ",
        "an objective of 100 leaves no budget",
        "",
    ),
    "no target": ("target: 0.999", "displayName: x", "21:7: ", "an objective needs target", ""),
    "rolling and a calendar": (
        "isRolling: true",
        "isRolling: true\n      calendar: {startTime: 2026-01-01 00:00:00, timeZone: UTC}",
        "19:17: ",
        "a window that is rolling has no calendar",
        "",
    ),
    "a time zone that is none": (
        "isRolling: true",
        "calendar: {startTime: 2026-01-05 00:00:00, timeZone: Europe/Madird}",
        "18:60: ",
        "Europe/Madrid",
        "",
    ),
    "a source that is no Prometheus": (
        "type: Prometheus",
        "type: Datadog",
        "14:36: ",
        'a query for "Datadog"',
        "write it as PromQL",
    ),
    "a source that is nowhere": (
        "metricSourceRef: prom",
        "metricSourceRef: prim",
        "15:49: ",
        'no DataSource is named "prim"',
        'did you mean "prom"?',
    ),
    "a query that is no PromQL": (
        "sum(answers_total)",
        "sum(answers_total",
        "15:87: ",
        "could not parse the query",
        "",
    ),
    "a counter in a function": (
        "sum(answers_total)",
        "abs(answers_total)",
        "15:70: ",
        "where the window stands in this cannot be told",
        "",
    ),
    "good and bad": (
        "        total:",
        "        good: {metricSource: {spec: {query: x}}}\n        total:",
        "14:14: ",
        "good and bad are two ways",
        "",
    ),
    "a service that is none": ("service: rag-api", "service: ''", "8:12: ", "service is empty", ""),
    "another version": (
        "openslo/v1\nkind: SLO",
        "openslo/v2alpha\nkind: SLO",
        "1:13: ",
        "what is read is openslo/v1 or openslo/v1alpha",
        "",
    ),
}


@pytest.mark.parametrize("flaw", FLAWS)
def test_a_flaw_is_told_at_its_place(flaw):
    good, bad, place, message, advice = FLAWS[flaw]
    assert good in SLO

    problem = problems(SLO.replace(good, bad, 1))[0]

    assert problem.startswith(f"f.yml:{place}"), problem
    assert message in problem
    assert advice in problem


def test_slices_of_months_are_refused():
    text = SLO.replace("Occurrences", "RatioTimeslices").replace(
        "- target: 0.999", "- target: 0.999\n      timeSliceWindow: 5M"
    )

    (problem,) = problems(text)

    assert problem == 'f.yml:22:24: slo "answers": a slice of "5M" is longer than a day; minutes are 5m'


REMARKS = {
    "an op beside a ratio": (
        "- target: 0.999",
        "- target: 0.999\n      op: gt",
        "21:7: ",
        "op and value mean nothing beside a ratioMetric",
    ),
    "no method": ("  budgetingMethod: Occurrences\n", "", "8:3: ", "no budgetingMethod; Occurrences is taken"),
    "an unknown key": ("  service: rag-api", "  service: rag-api\n  tier: 1", "9:3: ", 'unknown key "tier" in SLO'),
    "an unknown kind": (
        "kind: DataSource\nmetadata: {name: prom}",
        "kind: Dashboard\nmetadata: {name: prom}",
        "24:7: ",
        'nothing is known of kind "Dashboard"',
    ),
    "a label that metrics cannot have": (
        "team: [search, rag]",
        "cost-centre: x",
        "4:3: ",
        'label "cost-centre" becomes "cost_centre"',
    ),
    "not rolling, from nowhere": ("isRolling: true", "isRolling: false", "17:7: ", "it is taken as rolling"),
    "slices of occurrences": (
        "- target: 0.999",
        "- target: 0.999\n      timeSliceWindow: 5m",
        "22:24: ",
        "Occurrences have no slices",
    ),
}


@pytest.mark.parametrize("case", REMARKS)
def test_what_is_passed_over_is_a_warning_at_its_place(case):
    good, bad, place, message = REMARKS[case]
    text = SLO.replace("metricSourceRef: prom", "type: Prometheus") if "kind" in case else SLO
    assert good in text

    told = warnings(text.replace(good, bad, 1))

    assert any(each.startswith(f"f.yml:{place}") and message in each for each in told), told


def test_no_detail_of_a_connection_is_repeated():
    assert "s3cret" not in "".join(problems(SLO.replace("type: prometheus, ", "typ: prometheus, ")))


def test_two_objects_of_one_kind_and_name_are_refused_naming_both_places():
    (problem,) = problems(SLO + SLO[SLO.index("---") :])

    assert problem == 'f.yml:30:18: DataSource "prom" is there already, at f.yml:25:18; each name once'


def test_a_list_of_objects_is_read_as_the_objects():
    listed = "".join(f"- {part.strip()}\n".replace("\n", "\n  ").rstrip(" ") for part in SLO.split("---\n"))

    assert one(listed).id == "rag-api-answers"


def test_v1alpha_counts_good_events_and_numbers_its_objectives():
    first, second = read_slos(ALPHA, "f.yml").slos

    assert (first.id, second.id) == ("rag-api-answers-0", "rag-api-answers-1")
    assert first.indicator == Good("sum(rate(good_total[{{.window}}]))", "sum(rate(answers_total[{{.window}}]))")
    assert second.indicator == Good(
        "sum(increase(good_total[{{.window}}]))", "sum(increase(answers_total[{{.window}}]))"
    )
    assert first.window == Rolling(14 * DAY_MS)


@pytest.mark.parametrize(
    ("good", "bad", "place", "message"),
    [
        ("queryType: promql", "queryType: sql", "9:47: ", 'a query in "sql"'),
        ("source: prometheus", "source: datadog", "9:24: ", 'a query for "datadog"'),
        ("unit: Week", "unit: Fortnight", "17:24: ", "one of Day, Week, Month, Quarter"),
        ("budgetingMethod: Occurrences", "budgetingMethod: Timeslices", "8:7: ", "write the SLO as openslo/v1"),
    ],
)
def test_a_flaw_of_v1alpha_is_told_at_its_place(good, bad, place, message):
    problem = problems(ALPHA.replace(good, bad, 1))[0]

    assert problem.startswith(f"f.yml:{place}"), problem
    assert message in problem
