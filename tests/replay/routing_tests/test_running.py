"""A routing test passes exactly when the real routing tells whom it says, when it says; a failure shows what was told and why."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agent.app import Bench
from agent.errors import SchemaError
from agent.replay import FileOutcome, check_routing_tests, run_routing_tests, untested
from tests.notify.story import ESCALATION

ROUTES = """
route:
  receiver: team
  group_by: [alertname]
  group_wait: 10s
  group_interval: 1m
  repeat_interval: 1h
  routes: [{receiver: pager, matchers: [severity="critical"]}]
receivers: [{name: team}, {name: pager}]
inhibit_rules: [{source_matchers: [alertname="Down"], target_matchers: [alertname="Slow"]}]
"""
PLAN = """
receivers:
  team: {notify: [{slack: "#team"}]}
  pager:
    notify: [{team: search, by: [slack, sms]}]
    escalate: [{after: 5m, notify: [{person: bob, by: [sms]}]}]
"""
RULES = """
groups:
  - name: g
    labels: {tier: web}
    rules:
      - alert: Slow
        expr: x > 1
        labels: {severity: warning}
        annotations: {summary: "slow at {{ $value }} on {{ $labels.instance }}"}
      - {alert: Down, expr: x, labels: {severity: critical}}
      - {alert: Twice, expr: x, labels: {severity: critical}}
      - {alert: Twice, expr: x, labels: {severity: warning}}
"""
FILE = "alertmanager: alertmanager.yml\nrule_files: [rules.yml]\nrouting_tests:\n"
SLOW = "alerts: [{alert: Slow, until: 5m, labels: {instance: i}}]"
SLOW_TOLD = (
    "{at: 10s, by: slack, to: '#team', status: firing, alerts: Slow},"
    "{at: 5m10s, by: slack, to: '#team', status: resolved}"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "alertmanager.yml").write_text(ROUTES)
    (tmp_path / "escalation.yml").write_text(ESCALATION + PLAN)
    (tmp_path / "rules.yml").write_text(RULES)
    return tmp_path


def written(folder: Path, *tests: str, head: str = FILE) -> Path:
    """Write tests, each the inside of a mapping in braces, into a file, named t0, t1…"""
    path = folder / "test.yml"
    path.write_text(head + "".join(f"  - {{name: t{number}, {test}}}\n" for number, test in enumerate(tests)))
    return path


def run(folder: Path, *tests: str, head: str = FILE) -> FileOutcome:
    return run_routing_tests(written(folder, *tests, head=head))


def said_by(outcome: FileOutcome) -> str:
    """Return all that a file and its tests complain of, as JUnit would show it."""
    return "\n".join((*outcome.problems, *(str(failure) for test in outcome.tests for failure in test.failures)))


def problems(folder: Path, test: str) -> str:
    """Return what is said of one test that fails."""
    report = run(folder, test)
    assert not report.passed
    return said_by(report)


@pytest.mark.parametrize(
    "test",
    [
        f"{SLOW}, expect: [{SLOW_TOLD}]",
        # Order in the file is no matter, and a wide expectation does not take what a narrow one needs.
        f"{SLOW}, expect: [{{by: slack}}, {{at: 10s}}]",
        f"{SLOW}, expect: [{{between: [0s, 5m10s], times: 2}}]",
        f"{SLOW}, others: allow",
        f"{SLOW}, others: allow, never: [{{by: sms}}, {{at: 20s}}]",
        f"{SLOW}, others: allow, expect: [{{text: slow at 1 on i}}]",
        f"{SLOW}, until: 1m, expect: [{{at: 10s, reason: first, receiver: team, step: 0}}]",
        "alerts: [{alert: Slow, until: 5m, value: 3, labels: {instance: i}}], others: allow, expect: [{text: slow at 3}]",
        "alerts: [{alert: Slow, labels: {instance: i}}], expect: [{at: 10s}]",
        "alerts: [{alert: Slow, until: 5s, labels: {instance: i}}]",
        # alertname, the group's label and the rule's label are the alert's.
        f"{SLOW}, others: allow, expect: [{{alerts: [{{alertname: Slow, tier: web, severity: warning, instance: i}}]}}]",
        (
            "alerts: [{labels: {alertname: Own, severity: critical}, until: 1m}],"
            "expect: [{at: 10s, to: ana, by: [slack, sms]}, {at: 1m10s, to: ana, by: [slack, sms], resolved: Own}]"
        ),
        "alerts: [{alert: Twice, labels: {severity: warning}, until: 1m}], expect: [{at: 10s, to: '#team'}, {at: 1m10s}]",
        (
            "alerts: [{alert: Down, until: 6m}], acks: [{at: 1m, by: bob, matchers: alertname=Down}],"
            "others: allow, never: [{to: bob}]"
        ),
        "alerts: [{alert: Down, until: 6m}], others: allow, expect: [{at: 5m10s, to: bob, by: sms, step: 1}]",
        (
            "alerts: [{alert: Down, until: 6m}, {alert: Slow, until: 6m}], others: allow, never: [{alerts: Slow}],"
            "held: [{alerts: Slow, why: 'inhibition: Down', receiver: team}]"
        ),
        (
            f"{SLOW}, silences: [{{until: 3m, by: bob, matchers: [alertname=Slow]}}], others: allow,"
            "never: [{between: [0s, 2m59s]}], expect: [{between: [3m, 4m10s], status: firing}], held: [{alerts: Slow, why: bob}]"
        ),
        (
            f"{SLOW}, outages: [{{by: slack, until: 1m}}], others: allow, never: [{{by: slack, between: [0s, 59s]}}],"
            "expect: [{by: slack, between: [1m, 2m30s], status: firing}]"
        ),
        "alerts: [{alert: Down, until: 6m}], without: sms, others: allow, never: [{by: sms}]",
        # Times of day and moments; the clock is the file's zone.
        (
            "starts: 2026-07-01T23:30, alerts: [{alert: Slow, at: '23:40', until: 2026-07-02T00:10}],"
            "expect: [{at: 10m10s}, {at: '00:10:10'}]"
        ),
    ],
)
def test_what_is_told_as_expected_passes(folder, test):
    report = run(folder, test)
    assert (said_by(report), len(report.tests)) == ("", 1)


@pytest.mark.parametrize(
    ("test", "said"),
    [
        (
            SLOW,
            r"test.yml:4:5: told, and not expected\n    \+ at 10s slack to #team from team: firing Slow \(first .*\)\n    \+",
        ),
        (
            f"{SLOW}, expect: [{{at: 11s, by: slack}}, {{at: 5m10s}}]",
            r"test.yml:4:84: not told: by slack at 11s\n    - by slack at 11s\n    \+ at 10s slack to #team .*; it differs in at",
        ),
        (f"{SLOW}, expect: [{SLOW_TOLD}, {{by: sms}}]", "not told: by sms at any time"),
        (f"{SLOW}, expect: [{SLOW_TOLD}, {{at: 10s, by: slack}}]", "not told: by slack at 10s"),
        (f"{SLOW}, others: allow, expect: [{{at: 10s, text: fast}}]", "it differs in text"),
        (f"{SLOW}, others: allow, expect: [{{at: 10s, alerts: [Slow, Down]}}]", "with just Slow, Down"),
        (
            f"{SLOW}, others: allow, never: [{{by: slack, status: resolved}}]",
            r"told, which must never be\n    \+ at 5m10s",
        ),
        (f"{SLOW}, others: allow, held: [{{alerts: Slow, why: inhibition}}]", 'not held back by "inhibition": Slow'),
        (
            "alerts: [{alert: Down, until: 1m}, {alert: Slow, until: 1m}], others: allow, expect: [{alerts: Slow}]",
            r"\? 10s: team not told of Slow: suppressed: inhibition: Down",
        ),
        (
            f"{SLOW}, others: allow, acks: [{{at: 1s, by: bob, matchers: alertname=Slow}}]",
            r"test.yml:4:\d+: bob acknowledges .* at 1s, when there is no such incident",
        ),
    ],
)
def test_what_is_not_as_expected_fails_and_says_how(folder, test, said):
    assert re.search(said, problems(folder, test))


@pytest.mark.parametrize(
    ("test", "said"),
    [
        ("alerts: [{alert: Slwo}]", 'test.yml:4:25: no rule of rule_files is named "Slwo"; did you mean "Slow"?'),
        ("alerts: [{alert: Twice}]", '2 rules are named "Twice"; say which by one of its labels'),
        ("alerts: [{until: 5m}]", "an alert needs a name"),
        ("alerts: []", "a test without alerts tells nobody anything"),
        ("alerts: [{alert: Slow, at: 5m, until: 1m}]", "it would end at 1m, before it begins at 5m"),
        (f"{SLOW}, expect: [{{receiver: taem}}]", 'no receiver is named "taem"; did you mean "team"?'),
        (
            f"{SLOW}, expect: [{{by: smms}}]",
            'unknown channel "smms"; there are email, slack, sms, sns, webhook, pagerduty, log',
        ),
        (f"{SLOW}, expect: [{{at: 1m, between: [1m, 2m]}}]", "`at` says when already"),
        (f"{SLOW}, expect: [{{between: 1m}}]", "expected two instants, like [5m, 6m]"),
        (f"{SLOW}, expect: [{{at: soon}}]", 'not an instant: "soon"; write it like 5m10s since the start'),
        (f"{SLOW}, expekt: []", 'unknown key "expekt"; did you mean "expect"?'),
        (f"{SLOW}, starts: monday", 'not a moment: "monday"'),
        (f"{SLOW}, outages: [{{by: pigeon, until: 1m}}]", 'no channel is named "pigeon"'),
        (f"{SLOW}, without: pigeon", 'no channel is named "pigeon"'),
        (f"{SLOW}, silences: [{{until: 1m, matchers: 'a=~\"(\"'}}]", 'invalid regular expression "("'),
        (f"{SLOW}, expect: [{{times: 0}}]", "stands under `never`"),
        (f"{SLOW}, expect: [{{times: 1000000000}}]", "more than 1000 messages"),
        (f"{SLOW}, until: 93d", "it would go on for more than 92d; ask earlier"),
        (f"{SLOW}, expect: [{{at: 3y}}]", "it would go on for more than 92d; ask earlier"),
        (f"{SLOW}, until: 2020-01-01T00:00", "it would end at 2020-01-01T00:00, before it begins"),
    ],
)
def test_what_is_written_wrong_is_said_with_its_place_by_run_and_by_check(folder, test, said):
    path = written(folder, test)
    report = run_routing_tests(path)
    assert re.search(
        f"{re.escape(str(path))}:\\d+:\\d+: .*{re.escape(said.partition(': ')[2] or said)}", said_by(report)
    )
    with pytest.raises(SchemaError) as caught:
        list(check_routing_tests(path))
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("head", "said"),
    [
        ("alertmanager: nowhere.yml\nrouting_tests:\n", "nowhere.yml:1:1: cannot read the file"),
        (FILE.replace("rules.yml", "missing.yml"), "missing.yml:1:1: no such rule file"),
        ("routing_tests:\n", 'missing key "alertmanager"'),
        (FILE.replace("[rules.yml]", "[rules.yml]\ntimezone: Mars/Olympus"), 'unknown time zone "Mars/Olympus"'),
    ],
)
def test_a_file_that_cannot_be_used_is_an_error_of_the_whole_report(folder, head, said):
    report = run(folder, SLOW, head=head)
    assert (report.passed, report.tests) == (False, ())
    assert said in said_by(report)


def test_one_wrong_test_leaves_the_others_run(folder):
    report = run(folder, "alerts: [{alert: Nobody}]", f"{SLOW}, expect: [{SLOW_TOLD}]")
    assert [each.passed for each in report.tests] == [False, True]


def test_two_tests_of_one_name_are_refused(folder):
    path = written(folder, SLOW, SLOW)
    path.write_text(path.read_text().replace("t1", "t0"))
    assert 'two tests are named "t0"' in run_routing_tests(path).problems[0]


def test_run_chooses_tests_by_name(folder):
    path = written(folder, SLOW, f"{SLOW}, expect: [{SLOW_TOLD}]")
    report = run_routing_tests(path, wanted=lambda name: name == "t1")
    assert ([each.name for each in report.tests], report.skipped, report.passed) == (["t1"], 1, True)


def test_the_timeline_tells_the_whole_story_in_order(folder):
    test = "alerts: [{alert: Down, until: 1m}, {alert: Slow, until: 1m}], others: allow"
    (result,) = run(folder, test).tests
    assert result.passed
    assert [line.strip() for line in result.story] == [
        '0s   {alertname="Down", severity="critical", tier="web"} fires',
        '0s   {alertname="Slow", severity="warning", tier="web"} fires',
        "10s · team not told of Slow: suppressed: inhibition: Down",
        "10s → slack to ana (U0ANA) from pager: firing Down (first notification)",
        "10s → sms to ana (+33600000001) from pager: firing Down (first notification)",
        '1m   {alertname="Down", severity="critical", tier="web"} is over',
        '1m   {alertname="Slow", severity="warning", tier="web"} is over',
        "1m10s → slack to ana (U0ANA) from pager: resolved Down (all alerts resolved)",
        "1m10s → sms to ana (+33600000001) from pager: resolved Down (all alerts resolved)",
    ]


def test_routes_and_steps_that_no_test_reaches_are_named(folder):
    some = run(folder, f"{SLOW}, others: allow")
    assert [each.rpartition(": ")[2] for each in untested([some])] == [
        'the route {}/{severity="critical"} to pager',
        "escalation step 1 of pager",
    ]
    rest = run(folder, "alerts: [{alert: Down, until: 6m}], others: allow")
    assert untested([some, rest]) == []


def test_a_test_that_cannot_fail_is_warned_of(folder):
    (warning,) = check_routing_tests(written(folder, f"{SLOW}, others: allow", SLOW))
    assert '"t0": it expects nothing and allows all' in warning


def test_variables_of_escalation_yml_are_what_the_file_says(folder):
    (folder / "escalation.yml").write_text(ESCALATION + PLAN.replace("#team", "${TEAM_CHANNEL}"))
    head = FILE.replace("routing_tests", "environment: {TEAM_CHANNEL: '#ops'}\nrouting_tests")
    assert run(folder, f"{SLOW}, until: 1m, expect: [{{to: '#ops'}}]", head=head).passed


SAMPLED = "interval: 1m, input_series: [{series: 'x{instance=\"i\"}', values: '0x2 3x4 0x5'}]"
WATCHED = """
groups:
  - name: g
    rules:
      - record: y
        expr: x * 2
      - alert: Slow
        expr: y > 5
        for: 1m
        labels: {severity: warning}
        annotations: {summary: "slow at {{ $value }} on {{ $labels.instance }}"}
"""


def test_series_go_the_whole_way_from_the_sample_to_the_message(folder):
    """The series is 3 from minute 3 to 7; its alert waits a minute, and the group of messages ten seconds more."""
    (folder / "rules.yml").write_text(WATCHED)
    expected = (
        "{at: 4m10s, to: '#team', status: firing, alerts: Slow, text: slow at 6 on i},"
        "{between: [8m, 9m10s], to: '#team', status: resolved, alerts: Slow}"
    )
    path = written(folder, f"{SAMPLED}, expect: [{expected}]")
    outcome = run_routing_tests(path, bench=Bench())
    assert said_by(outcome) == ""
    assert [line.split(maxsplit=1)[0] for line in outcome.tests[0].story] == ["4m", "4m10s", "8m", "8m10s"]


def test_series_of_every_test_begin_in_an_empty_store(folder):
    (folder / "rules.yml").write_text(WATCHED)
    quiet = "interval: 1m, input_series: [{series: 'x{instance=\"i\"}', values: '0x9'}]"
    outcome = run_routing_tests(written(folder, f"{SAMPLED}, others: allow", quiet), bench=Bench())
    assert said_by(outcome) == ""


@pytest.mark.parametrize(
    ("test", "said"),
    [
        (SAMPLED.replace("0x2", "0y2"), r"test.yml:4:\d+: .*values of x"),
        (SAMPLED.replace("'x{", "'{{x"), r"test.yml:4:\d+: .*series "),
        (SAMPLED.replace("1m", "0s"), "samples cannot come without any time between them"),
        (f"{SAMPLED}, until: 1y", "the rules would be evaluated 525,601 times, more than 100,000; shorten the test"),
        (SAMPLED.replace("0x5", "0x99999999"), "the test loads 100,000,00. samples, more than 10,000,000"),
    ],
)
def test_series_that_cannot_be_used_are_named_with_their_place(folder, test, said):
    outcome = run_routing_tests(written(folder, test), bench=Bench())
    assert re.search(said, said_by(outcome))


def test_a_rule_that_fails_fails_the_test_and_is_named(folder):
    (folder / "rules.yml").write_text(WATCHED.replace("x * 2", 'label_replace(x, "instance", "", "", "") + on () x'))
    two = SAMPLED.replace("input_series: [", "input_series: [{series: 'x{instance=\"j\"}', values: '0x5'}, ")
    outcome = run_routing_tests(written(folder, f"{two}, others: allow"), bench=Bench())
    assert 'group "g", rule "y" fails' in said_by(outcome)


def test_series_without_rules_or_without_a_store_are_refused(folder):
    assert "name rule_files in this file" in said_by(
        run(folder, SAMPLED, head=FILE.replace("rule_files: [rules.yml]", ""))
    )
    assert "series need a store" in said_by(run(folder, SAMPLED))
