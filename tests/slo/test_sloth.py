"""sloth's format, flaw by flaw: what is said, and where."""

from __future__ import annotations

import dataclasses
import re

import pytest

from agent.errors import SchemaError
from agent.slo import BudgetStep, Calendar, Exclusion, Good, RatioTimeslices, Rolling, Timeslices, read_slos
from agent.slo.block import Block

BLOCK_KEYS = sorted({each.name for each in dataclasses.fields(Block)} - {"place"})
FILE = """\
version: prometheus/v1
service: rag-api
labels: {team: search}
slos:
  - name: answers
    objective: 99.5
    sli:
      events:
        error_query: sum(rate(answers_total{outcome="error"}[{{.window}}]))
        total_query: sum(rate(answers_total[{{.window}}]))
    alerting:
      name: AnswersBurn
      page_alert: {labels: {severity: critical}}
      ticket_alert: {disable: true}
"""
OBJECT = """\
apiVersion: sloth.slok.dev/v1
kind: PrometheusServiceLevel
metadata:
  name: rag
  annotations:
    burnline/spec: |
      slo_period: 28d
      slos:
        answers: {min_events: 50}
spec:
  service: rag-api
  slos:
    - name: answers
      objective: 99.5
      sli: {raw: {errorRatioQuery: "rate(errors[{{.window}}])"}}
      alerting: {pageAlert: {disable: true}, ticketAlert: {disable: true}}
"""


def problems(text: str) -> list[str]:
    with pytest.raises(SchemaError) as refused:
        read_slos(text, "f.yml")
    return refused.value.problems


def with_block(block: str) -> str:
    return f"{FILE}    burnline:\n" + "".join(f"      {line}\n" for line in block.splitlines())


FLAWS = {
    "an objective of 100": ("99.5", "100", "6:16: ", "an objective of 100 leaves no budget"),
    "an objective of 0": ("99.5", "0", "6:16: ", "an objective of 0 allows everything"),
    "an objective below 0": ("99.5", "-1", "6:16: ", "between 0 and 100, not -1"),
    "an objective that is no number": ("99.5", "high", "6:16: ", 'a percentage like 99.9, not "high"'),
    "an objective that is not a number": ("99.5", ".nan", "6:16: ", "an objective is a percentage"),
    "a name with a blank": (
        "name: answers",
        "name: the answers",
        "5:11: ",
        'name "the answers" cannot be part of an id',
    ),
    "a name of one character": ("name: answers", "name: a", "5:11: ", "at least two"),
    "a service that ends in a dash": ("rag-api", "rag-", "2:10: ", 'service "rag-" cannot be part of an id'),
    "no name": ("- name: answers\n    ", "- ", "5:5: ", 'missing key "name"'),
    "a query without a window": (
        "answers_total[{{.window}}]",
        "answers_total[5m]",
        "10:44: ",
        "put [{{.window}}] there",
    ),
    "a query that is no PromQL": (
        "sum(rate(answers_total[",
        "sum(rte(answers_total[",
        "10:26: ",
        'did you mean "rate"?',
    ),
    "a mistake behind the window": (
        "[{{.window}}]))\n    alert",
        "[{{.window}}])) by)\n    alert",
        "10:63: ",
        "unexpected",
    ),
    "a range vector": (
        "total_query: sum(rate(answers_total[{{.window}}]))",
        "total_query: answers_total[{{.window}}]",
        "10:22: ",
        "this is a range vector",
    ),
    "another template in a query": (
        "sum(rate(answers_total[",
        "sum(rate({{.metric}}[",
        "10:31: ",
        "{{.window}} is the only template",
    ),
    "the same query twice": ('{outcome="error"}', "", "9:22: ", "everything would be an error"),
    "two kinds of SLI": (
        "      events:",
        "      raw: {error_ratio_query: 'rate(x[{{.window}}])'}\n      events:",
        "8:12: ",
        "one of events and raw, not both",
    ),
    "alerts without a name": ("      name: AnswersBurn\n", "", "12:7: ", "the alerts need a name"),
    "no alerting": (
        FILE[FILE.index("    alerting:") :],
        "",
        "5:5: ",
        "alerting with a name",
    ),
    "a label that the compiler sets": (
        "team: search",
        "sloth_window: 5m",
        "3:10: ",
        'label "sloth_window" is set by the compiler',
    ),
    "a label named as a metric": ("team: search", "__name__: x", "3:10: ", 'label "__name__" is set by the compiler'),
    "a template in an alert's label": (
        "severity: critical",
        'severity: "{{ nothing }}"',
        "13:43: ",
        "could not parse template",
    ),
    "no SLO": (FILE[FILE.index("slos:") :], "slos: []\n", "1:1: ", "no SLO is here"),
    "another version": ("prometheus/v1", "prometheus/v2", "1:10: ", 'did you mean "prometheus/v1"?'),
}


@pytest.mark.parametrize("flaw", FLAWS)
def test_a_flaw_is_told_at_its_place(flaw):
    good, bad, place, message = FLAWS[flaw]
    assert FILE.count(good) >= 1

    (problem,) = problems(FILE.replace(good, bad, 1))

    assert problem.startswith(f"f.yml:{place}"), problem
    assert message in problem


BLOCK_FLAWS = {
    "an unknown key": ("slo_perid: 28d", "16:7: ", 'unknown key "slo_perid" in burnline; did you mean "slo_period"?'),
    "two windows": ("slo_period: 28d\ncalendar: {unit: month}", "17:17: ", "two windows"),
    "a unit that is none": ("calendar: {unit: fortnight}", "16:24: ", "expected one of day, week"),
    "a time zone that is none": (
        "calendar: {unit: month, time_zone: Europe/Pariss}",
        "16:42: ",
        'did you mean "Europe/Paris"?',
    ),
    "several units from nowhere": (
        "calendar: {unit: week, count: 2}",
        "16:17: ",
        "where does the first window of 2 weeks begin?",
    ),
    "a month from the 31st on": (
        'calendar: {unit: month, start: "2026-01-31"}',
        "16:17: ",
        "no beginning in some months",
    ),
    "a period of nothing": ("slo_period: 0s", "16:19: ", "a period of nothing"),
    "events below zero": ("min_events: -1", "16:19: ", "min_events is a whole number"),
    "an exclusion without a reason": (
        'exclusions: [{reason: "", start: 2026-01-01, end: 2026-01-02}]',
        "16:29: ",
        "say why this time does not count",
    ),
    "an exclusion that is neither": ("exclusions: [{reason: x}]", "16:20: ", "start and end, or cron and duration"),
    "an exclusion that is both": (
        'exclusions: [{reason: x, cron: "0 3 * * *", start: 2026-01-01}]',
        "16:20: ",
        "start and end, or cron and duration",
    ),
    "an exclusion that ends beyond all years": (
        "exclusions: [{reason: x, start: 2026-01-01, end: 9999-12-31T23:00:00, time_zone: America/New_York}]",
        "16:56: ",
        '"9999-12-31T23:00:00" is not within the years 1 to 9999, here and in UTC',
    ),
    "an exclusion that begins before all years": (
        "exclusions: [{reason: x, start: 0001-01-01, end: 2026-01-01, time_zone: Asia/Tokyo}]",
        "16:39: ",
        '"0001-01-01" is not within the years 1 to 9999, here and in UTC',
    ),
    "an exclusion that ends before it begins": (
        "exclusions: [{reason: x, start: 2026-01-02, end: 2026-01-01}]",
        "16:56: ",
        "it ends before it begins",
    ),
    "a cron of four fields": (
        'exclusions: [{reason: x, cron: "0 3 * *", duration: 1h}]',
        "16:38: ",
        "has 4 fields; cron has five",
    ),
    "a cron of an hour that is none": (
        'exclusions: [{reason: x, cron: "0 24 * * *", duration: 1h}]',
        "16:38: ",
        '"24" is no hour; it goes from 0 to 23',
    ),
    "a cron without a duration": (
        'exclusions: [{reason: x, cron: "0 3 * * *"}]',
        "16:38: ",
        "say with duration how long",
    ),
    "a policy over the whole": ("budget_policy: [{below: 120%, action: stop}]", "16:31: ", "is no part of a budget"),
    "slices without a length": ("budgeting: {method: timeslices, target: 0.9}", "16:18: ", "timeslices need slice"),
    "slices without a target": ("budgeting: {method: timeslices, slice: 5m}", "16:18: ", "timeslices need target"),
    "slices of occurrences": ("budgeting: {method: occurrences, slice: 5m}", "16:47: ", "occurrences have no slices"),
    "a good_query that disagrees": (
        "good_query: sum(rate(other[{{.window}}]))",
        "16:19: ",
        "good_query and error_query disagree",
    ),
}


@pytest.mark.parametrize("flaw", BLOCK_FLAWS)
def test_a_flaw_in_our_own_block_is_an_error_at_its_place(flaw):
    block, place, message = BLOCK_FLAWS[flaw]

    (problem,) = problems(with_block(block))

    assert problem.startswith(f"f.yml:{place}"), problem
    assert message in problem


def test_the_block_says_what_sloth_has_no_word_for():
    (slo,) = read_slos(
        with_block(
            """\
calendar: {unit: month, time_zone: Europe/Paris}
budgeting: {method: timeslices, slice: 5m, target: 0.95}
min_events: 50
exclusions:
  - {reason: the move, start: "2026-03-01T22:00", end: "2026-03-02T02:00", time_zone: Europe/Paris}
  - {reason: backups, cron: "0 3 * * sun", duration: 2h}
group_by: [route]
budget_policy: [{below: 25%, action: Freeze deploys.}]
depends_on: [rag-api-retrieval]"""
        ),
        "f.yml",
    ).slos

    assert slo.window == Calendar("month", time_zone="Europe/Paris")
    assert slo.budgeting == Timeslices(300_000, 0.95)
    assert slo.min_events == 50
    assert slo.exclusions == (
        Exclusion("the move", 1_772_398_800_000, 1_772_413_200_000, time_zone="Europe/Paris"),
        Exclusion("backups", cron="0 3 * * sun", duration_ms=7_200_000),
    )
    assert slo.group_by == ("route",)
    assert slo.budget_policy == (BudgetStep(0.25, "Freeze deploys."),)
    assert slo.depends_on == ("rag-api-retrieval",)


def test_a_block_of_the_file_is_the_default_of_its_slos_and_an_slos_own_wins():
    text = (
        with_block("calendar: {unit: week}\nmin_events: 7")
        + "burnline: {slo_period: 7d, min_events: 5, group_by: [route]}\n"
    )

    (slo,) = read_slos(text, "f.yml").slos

    assert (slo.window, slo.min_events, slo.group_by) == (Calendar("week"), 7, ("route",))


def test_the_beginning_of_the_unit_itself_is_no_other_window():
    (slo,) = read_slos(with_block('calendar: {unit: quarter, start: "2026-04-01"}'), "f.yml").slos

    assert slo.window == Calendar("quarter")


def test_errors_that_are_total_without_good_count_good_events():
    query = "(sum(rate(answers_total[{{.window}}]))) - (sum(rate(good_total[{{.window}}])))"
    text = FILE.replace('sum(rate(answers_total{outcome="error"}[{{.window}}]))', query)

    (slo,) = read_slos(f"{text}    burnline: {{good_query: 'sum(rate(good_total[{{{{.window}}}}]))'}}\n", "f.yml").slos

    assert slo.indicator == Good("sum(rate(good_total[{{.window}}]))", "sum(rate(answers_total[{{.window}}]))")


def test_the_annotation_of_an_object_is_read_and_says_more_of_one_slo():
    (slo,) = read_slos(OBJECT, "f.yml").slos

    assert (slo.window, slo.min_events) == (Rolling(28 * 86_400_000), 50)


ANNOTATION_FLAWS = {
    "an unknown key": ("slo_period: 28d", "slo_perod: 28d", "7:7: ", 'did you mean "slo_period"?'),
    "a wrong value": ("{min_events: 50}", "{min_events: many}", "9:31: ", "min_events is a whole number"),
    "an SLO that is not there": ("answers: {min", "answer: {min", "9:17: ", 'did you mean "answers"?'),
    "no YAML": ("{min_events: 50}", "{min_events: 50", "9:18: ", 'this mapping in braces lacks a "," or its "}"'),
}


@pytest.mark.parametrize("flaw", ANNOTATION_FLAWS)
def test_a_flaw_in_the_annotation_is_told_at_its_place_in_the_file(flaw):
    good, bad, place, message = ANNOTATION_FLAWS[flaw]

    (problem,) = problems(OBJECT.replace(good, bad))

    assert problem.startswith(f"f.yml:{place}"), problem
    assert message in problem


def test_json_in_the_annotation_is_read_too():
    text = OBJECT.replace(OBJECT[OBJECT.index("|") : OBJECT.index("spec:\n  service")], "'{\"min_events\": 3}'\n")

    assert read_slos(text, "f.yml").slos[0].min_events == 3
    (problem,) = problems(text.replace("min_events", "min_event"))
    assert problem.startswith('f.yml:6:22: unknown key "min_event"')


def test_a_block_where_kubernetes_would_drop_it_is_refused():
    (problem,) = problems(OBJECT + "      burnline: {min_events: 3}\n")

    assert problem.startswith("f.yml:17:17: Kubernetes drops keys")
    assert "burnline/spec" in problem


def test_all_that_is_wrong_in_all_documents_is_told_at_once():
    found = problems(
        FILE.replace("99.5", "100") + "---\n" + FILE.replace("rag-api", "other").replace("answers\n", "b\n")
    )

    assert [each.split(": ")[0] for each in found] == ["f.yml:6:16", "f.yml:20:11"]


def test_two_ids_that_are_spelled_alike_are_refused():
    text = FILE + "---\n" + FILE.replace("rag-api", "rag").replace("name: answers", "name: api-answers")

    (problem,) = problems(text)

    assert problem == 'f.yml:20:5: "rag-api-answers" is the id of another SLO already, at f.yml:5:5; each id once'


def test_a_dependency_that_is_nowhere_is_a_warning():
    (warning,) = read_slos(with_block("depends_on: [rag-api-retrieval]"), "f.yml").warnings

    assert str(warning) == 'f.yml:5:5: slo "answers" depends on "rag-api-retrieval", which is in none of these files'


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "f.yml:1:1: nothing stands in this file"),
        ("groups: []\n", "f.yml:1:1: this is no SLO; a specification begins with version: prometheus/v1"),
        ('version: "x\n', "f.yml:1:10: not valid YAML: this quote is never closed"),
        ("- 3\n", "f.yml:1:3: this is no SLO"),
    ],
)
def test_what_is_no_slo_is_refused(text, problem):
    assert problems(text)[0].startswith(problem)


def test_a_ratio_of_slices_has_no_target():
    (slo,) = read_slos(with_block("budgeting: {method: ratio_timeslices, slice: 5m}"), "f.yml").slos

    assert slo.budgeting == RatioTimeslices(300_000)


def test_the_example_of_the_documentation_is_read_without_a_warning(root):
    (example,) = re.findall(r"```yaml\n(version: .*?)```", (root / "docs" / "slo.md").read_text(), re.DOTALL)

    found = read_slos(example, "f.yml")

    assert found.warnings == ()
    assert found.slos[0].window == Calendar("month", time_zone="Europe/Paris")
    assert found.slos[0].exclusions[0].cron == "0 3 * * *"


def test_every_key_of_the_block_is_documented(root):
    text = (root / "docs" / "slo.md").read_text()

    assert [name for name in BLOCK_KEYS if f"| `{name}` |" not in text] == []
