"""Groups evaluated at instants over the real engine: what is written, sent, shown and counted, and what a failure spares."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from agent.errors import StorageError
from agent.model import STALE_NAN, Labels, is_stale
from agent.rules import GroupKey, Health, Settings
from tests.rules.world import MINUTE, START, World

ERRORS = """
groups:
- name: g
  rules:
  - record: error_rate
    expr: errors / queries
    labels: {team: search}
  - alert: HighErrorRate
    expr: error_rate > 0.05
    for: 2m
    labels: {severity: critical, where: "{{ $labels.job }}"}
    annotations:
      summary: "{{ $value | humanizePercentage }} fail"
"""


def errors(world, *minutes, ratio=0.1, job="rag"):
    for minute in minutes:
        world.set(minute, f'queries{{job="{job}"}}', 100)
        world.set(minute, f'errors{{job="{job}"}}', 100 * ratio)


def test_a_rule_sees_what_the_rule_before_it_wrote_in_the_same_evaluation():
    world = World(ERRORS)
    errors(world, 0)
    world.evaluate(0)
    assert world.ask(0, "error_rate") == {'error_rate{job="rag", team="search"}': 0.1}
    labels = '{alertname="HighErrorRate", job="rag", severity="critical", team="search", where="rag"}'
    assert world.states() == {labels: "pending"}


def test_the_story_of_an_outage():
    """Pending, firing, resent, resolved with the recovered value; ALERTS follows with no gap and no overlap."""
    world = World(ERRORS, settings=Settings(interval_ms=MINUTE, external_url="http://burnline.example/"))
    errors(world, 0, 1, 2, 3, 4, 5)
    errors(world, 6, 7, ratio=0.01)
    world.evaluate(*range(8))
    assert [(minute, before, after) for minute, before, after, _ in world.transitions()] == [
        (0, "inactive", "pending"),
        (2, "pending", "firing"),
        (6, "firing", "inactive"),
    ]
    assert [minute for minute, _ in world.sent] == [2, 4, 6]
    firing, resolved = world.sent[0][1][0], world.sent[2][1][0]
    assert (firing.starts_at_ms, firing.ends_at_ms) == (START + 2 * MINUTE, START + 6 * MINUTE)
    assert (firing.value, firing.annotations["summary"]) == (0.1, "10% fail")
    assert firing.generator_url == f"http://burnline.example/alert/{firing.fingerprint}"
    assert (resolved.ends_at_ms, resolved.value) == (START + 6 * MINUTE, 0.01)
    assert resolved.annotations["summary"] == "10% fail"
    assert world.ask(1, 'ALERTS{alertstate="pending"}').popitem()[1] == 1
    assert world.ask(2, 'ALERTS{alertstate="pending"}') == {}
    assert world.ask(2, 'ALERTS{alertstate="firing"}').popitem()[1] == 1
    assert world.ask(5, "ALERTS_FOR_STATE").popitem()[1] == START / 1000
    assert world.ask(6, '{__name__=~"ALERTS.*"}') == {}


def test_an_alert_is_resent_each_time_more_than_the_delay_has_passed_and_for_fifteen_minutes_after_its_end():
    world = World("groups: [{name: g, rules: [{alert: A, expr: up == 0}]}]")
    world.set(0, "up", 0)
    for minute in range(1, 25):
        world.set(minute, "up", 1)
    world.evaluate(*range(25))
    assert [minute for minute, _ in world.sent] == [0, 1, 3, 5, 7, 9, 11, 13, 15]
    assert {alerts[0].ends_at_ms for _, alerts in world.sent[1:]} == {START + MINUTE}


def test_a_stale_marker_is_written_the_moment_a_series_is_no_longer_given():
    world = World("groups: [{name: g, rules: [{record: r, expr: x > 1}]}]")
    for minute, value in enumerate((2, 2, 1, 1)):
        world.set(minute, 'x{a="1"}', value)
    world.evaluate(0, 1, 2, 3)
    cells = [bool(is_stale(row.values)[0]) for row in world.rows]
    assert cells == [False, False, True]
    assert world.rows[2].timestamp_ms == START + 2 * MINUTE
    assert world.ask(2, "r") == {}


def test_a_scalar_is_recorded_as_one_series_without_labels():
    world = World("groups: [{name: g, rules: [{record: r, expr: 1 + 1}, {alert: Always, expr: vector(1)}]}]")
    world.evaluate(0)
    assert world.ask(0, "r") == {"r": 2}
    assert world.states() == {'{alertname="Always"}': "firing"}


def test_recorded_labels_lie_over_the_series_and_an_empty_one_removes():
    world = World(
        'groups: [{name: g, labels: {team: a, tier: "1"}, rules: [{record: r, expr: x, labels: {job: "", team: b}}]}]'
    )
    world.set(0, 'x{job="j",instance="i"}', 3)
    world.evaluate(0)
    assert world.ask(0, "r") == {'r{instance="i", team="b", tier="1"}': 3}


def test_a_failing_rule_changes_nothing_of_its_own_and_spares_the_others():
    """Two series that become one: the error is shown and counted, earlier series get no stale marker, `for` goes on."""
    text = """
groups:
- name: g
  rules:
  - {record: r, expr: x, labels: {i: ""}}
  - {alert: A, expr: x, for: 2m, labels: {i: ""}}
  - {record: after, expr: count(x)}
"""
    world = World(text)
    for minute in range(4):
        world.set(minute, 'x{i="1"}', 1)
    world.set(1, 'x{i="2"}', 1)
    world.memory.add(Labels.of(name_="x", i="2"), [START + 2 * MINUTE], [STALE_NAN])
    world.evaluate(0)
    failed = world.evaluate(1)[0].failures
    assert [name for name, _ in failed] == ["r", "A"]
    assert "same labelset after applying rule labels: r" in failed[0][1]
    assert "same labelset after applying alert labels" in failed[1][1]
    first, second, third = world.evaluator.status()[0].rules
    assert (first.health, second.health, third.health) == (Health.ERROR, Health.ERROR, Health.OK)
    assert "same labelset" in first.last_error
    assert world.ask(1, "r") == {"r": 1}
    assert world.ask(1, "after") == {"after": 2}
    world.evaluate(2)
    assert world.states() == {'{alertname="A"}': "firing"}
    assert world.evaluator.status()[0].rules[0].health is Health.OK
    failures = world.telemetry.registry.get_sample_value
    assert failures("prometheus_rule_evaluation_failures_total", {"rule_group": "rules.yml;g"}) == 2
    assert failures("prometheus_rule_evaluations_total", {"rule_group": "rules.yml;g"}) == 9


def test_more_alerts_than_the_limit_forget_the_rules_alerts():
    world = World("groups: [{name: g, limit: 1, rules: [{alert: A, expr: x, for: 5m}]}]")
    world.set(0, 'x{i="1"}', 1)
    world.evaluate(0)
    world.set(1, 'x{i="1"}', 1)
    world.set(1, 'x{i="2"}', 1)
    assert world.evaluate(1)[0].failures == (("A", "exceeded limit of 1 with 2 alerts"),)
    assert world.states() == {}
    assert world.transitions()[-1] == (1, "pending", "inactive", "exceeded limit of 1 with 2 alerts")
    assert world.kept() == []


def test_query_offset_shifts_the_query_and_the_written_samples_but_not_the_alerts_times():
    text = """
groups:
- name: g
  query_offset: 1m
  rules:
  - {record: r, expr: x}
  - {alert: A, expr: x, annotations: {other: '{{ query "x" | first | value }}'}}
"""
    world = World(text)
    world.set(0, "x", 5)
    world.set(1, "x", 6)
    world.evaluate(1)
    assert {row.timestamp_ms for row in world.rows} == {START}
    alert = world.sent[0][1][0]
    assert (alert.value, alert.annotations["other"], alert.starts_at_ms) == (5, "6", START + MINUTE)
    assert ("x", 0) in world.asked
    assert ("x", 1) in world.asked


def test_a_group_can_refuse_the_default_query_offset():
    text = "groups: [{name: g, query_offset: 0s, rules: [{record: r, expr: x}]}]"
    world = World(text, settings=Settings(query_offset_ms=MINUTE))
    world.set(1, "x", 6)
    world.evaluate(1)
    assert world.rows[0].timestamp_ms == START + MINUTE


def test_external_labels_are_added_when_sent_where_absent_and_nowhere_else():
    external = Labels.of(service="rag", severity="none")
    world = World(
        "groups: [{name: g, rules: [{alert: A, expr: x, labels: {severity: page}, "
        "annotations: {s: '{{ $externalLabels.service }}'}}]}]",
        settings=Settings(external_labels=external),
    )
    world.set(0, "x", 1)
    world.evaluate(0)
    alert = world.sent[0][1][0]
    assert alert.labels == Labels.of(alertname="A", service="rag", severity="page")
    assert alert.annotations["s"] == "rag"
    assert world.ask(0, "ALERTS") == {'ALERTS{alertname="A", alertstate="firing", severity="page"}': 1}
    found = world.evaluator.find(alert.fingerprint)
    assert found is not None
    assert found[2].labels == Labels.of(alertname="A", severity="page")
    assert world.evaluator.find(found[2].labels.fingerprint()) == found
    assert world.evaluator.find("0" * 16) is None


def test_a_template_that_fails_becomes_visible_text_and_the_alert_goes_out():
    world = World(
        "groups: [{name: g, rules: [{alert: A, expr: x, annotations: {s: '{{ query \"y\" | first | value }}'}}]}]"
    )
    world.set(0, "x", 1)
    world.evaluate(0)
    text = world.sent[0][1][0].annotations["s"]
    assert text.startswith('<error expanding template: template: A.s:1:16: executing "A.s" at <first>')
    assert "first() called on vector with no elements" in text


def test_a_label_that_depends_on_the_value_makes_a_new_alert_each_time():
    world = World("groups: [{name: g, rules: [{alert: A, expr: x, for: 2m, labels: {v: '{{ $value }}'}}]}]")
    for minute in range(4):
        world.set(minute, "x", minute)
    world.evaluate(0, 1, 2, 3)
    assert world.states() == {'{alertname="A", v="3"}': "pending"}


def test_labels_of_the_series_the_group_and_the_rule_meet_in_this_order():
    world = World(
        'groups: [{name: g, labels: {a: group, b: group}, rules: [{alert: A, expr: x, labels: {b: rule, c: ""}}]}]'
    )
    world.set(0, 'x{a="series",c="series",d="series",alertname="series"}', 1)
    world.evaluate(0)
    assert world.states() == {'{a="group", alertname="A", b="rule", d="series"}': "firing"}


def test_an_instant_that_is_not_after_the_last_one_is_not_evaluated():
    world = World("groups: [{name: g, rules: [{record: r, expr: vector(1)}]}]")
    world.evaluate(5, 5, 4.5)
    assert len(world.rows) == 1


def test_what_the_store_refuses_is_the_rules_error_and_the_alert_still_goes_out():
    world = World("groups: [{name: g, rules: [{alert: A, expr: vector(1)}]}]")

    def full(row):
        raise StorageError("the disk is full")

    world.sink = full
    assert world.evaluate(0)[0].failures == (("A", "the disk is full"),)
    assert len(world.sent) == 1


def test_what_could_not_be_handed_over_is_handed_over_by_the_next_evaluation():
    world = World("groups: [{name: g, rules: [{alert: A, expr: vector(1)}]}]")
    taken = []

    def refuse(alerts, at_ms):
        taken.append(at_ms)
        raise StorageError("the routing is not there")

    world.notify = refuse
    world.evaluate(0, 1)
    assert len(taken) == 2


def test_a_bug_below_a_rule_is_its_error_and_the_next_rule_is_evaluated():
    world = World("groups: [{name: g, rules: [{record: bad, expr: x}, {record: good, expr: vector(1)}]}]")
    real = world.query

    def broken(expression, at_ms):
        if expression == "x":
            raise ZeroDivisionError("oh")
        return real(expression, at_ms)

    world.query = broken
    assert world.evaluate(0)[0].failures == (("bad", "ZeroDivisionError: oh"),)
    assert world.ask(0, "good") == {"good": 1}


def test_the_status_shows_health_durations_and_pending_and_firing_alerts():
    ticks = iter(range(100))
    world = World(ERRORS, stopwatch=lambda: next(ticks))
    assert world.evaluator.status()[0].rules[0].health is Health.UNKNOWN
    errors(world, 0)
    world.evaluate(0)
    group = world.evaluator.status()[0]
    assert (group.key, group.interval_ms, group.last_evaluation_ms) == (GroupKey("rules.yml", "g"), MINUTE, START)
    record, alert = group.rules
    assert (record.name, record.is_alert, record.labels) == ("error_rate", False, Labels.of(team="search"))
    assert (alert.state, alert.for_ms, alert.expression) == ("pending", 2 * MINUTE, "error_rate > 0.05")
    assert alert.labels == Labels.of(severity="critical", where="{{ $labels.job }}")
    assert (alert.last_evaluation_ms, alert.evaluation_seconds) == (START, 1)
    assert group.evaluation_seconds == 5


def test_a_group_that_takes_longer_than_its_interval_is_named_once_with_its_slowest_rule():
    """Each look at the stopwatch is as much later as the test says: a group of two rules takes five of them."""
    now, step = [0.0], [1.0]

    def stopwatch():
        now[0] += step[0]
        return now[0]

    world = World(ERRORS, stopwatch=stopwatch)
    with capture_logs() as logs:
        for minute, seconds in enumerate((1.0, 30.0, 40.0, 1.0)):
            step[0] = seconds
            errors(world, minute)
            world.evaluate(minute)
    said = [(each["event"].split(":")[0], each.get("slowest_rule")) for each in logs if "a rule group" in each["event"]]
    assert said == [
        ("evaluating a rule group takes longer than its interval", "error_rate"),
        ("a rule group is evaluated within its interval again", None),
    ]


def test_a_rule_that_gives_thousands_of_passing_series_starts_a_new_table():
    """Columns that are dead are not carried for ever, and no series is lost at the change."""
    world = World("groups: [{name: g, rules: [{record: r, expr: x}]}]")
    for minute in range(40):
        for n in range(20):
            world.set(minute, f'x{{n="{minute // 2}-{n}"}}', 1)
            world.memory.add(Labels.of(name_="x", n=f"{minute // 2}-{n}"), [START + (minute + 2) * MINUTE], [STALE_NAN])
    world.evaluate(*range(40))
    assert max(len(row.columns) for row in world.rows) < 500
    assert len(world.ask(39, "r")) == 20


def recovered(expr, settings=None, **metrics):
    """Return the value that the message about the end carries: metrics have a value at minute 0 and one at minute 1."""
    world = World(f"groups: [{{name: g, rules: [{{alert: R, expr: '{expr}'}}]}}]", settings=settings)
    for name, values in metrics.items():
        for minute, value in enumerate(values):
            world.set(minute, f'{name}{{i="1"}}', value)
    world.evaluate(0, 1)
    (minute, (alert,)) = world.sent[-1]
    assert (minute, alert.ends_at_ms) == (1, START + MINUTE)
    return alert.value


@pytest.mark.parametrize(
    ("expr", "metrics", "value"),
    [
        ("a > 5", {"a": (9, 2)}, 2),
        ("5 < a", {"a": (9, 2)}, 2),
        ("a / b > 0.1", {"a": (9, 1), "b": (10, 20)}, 0.05),
        ("a > b", {"a": (9, 2), "b": (5, 3)}, 2),
        ("a > on () b", {"a": (9, 2), "b": (5, 3)}, 2),
        ("a > on () group_left () max(b)", {"a": (9, 2), "b": (5, float("inf"))}, 2),
        ("a > 5 and b > 1", {"a": (9, 2), "b": (5, 5)}, 2),
        ("a > 5 and b > 1", {"a": (9, 8), "b": (5, 0)}, None),  # a is as bad as before: what ceased is b
        ("a > 5 unless b > 1", {"a": (9, 2), "b": (0, 0)}, 2),
        ("a / b > 0.1", {"a": (9, 0), "b": (10, 0)}, None),  # NaN is no recovered value
        ("a > 5 or b > 5", {"a": (9, 2), "b": (1, 1)}, None),
        ("a == 1", {"a": (1, 0)}, 0),
    ],
)
def test_the_message_of_the_end_carries_the_value_that_the_alert_recovered_to_or_none(expr, metrics, value):
    """Never the last bad one."""
    assert recovered(expr, **metrics) == value


def test_no_value_is_asked_for_the_end_where_a_setting_says_so():
    assert recovered("a > 5", Settings(interval_ms=MINUTE, recovered_value=False), a=(9, 2)) is None


def test_the_annotation_called_value_words_the_recovered_value_and_the_others_stay():
    text = """
groups:
- name: g
  rules:
  - {alert: A, expr: 'x > 0.5', annotations: {value: "{{ $value | humanizePercentage }}", summary: "was {{ $value }}"}}
"""
    world = World(text)
    world.set(0, "x", 0.75)
    world.set(1, "x", 0.25)
    world.evaluate(0, 1)
    (over,) = world.sent[-1][1]
    assert (over.value, over.annotations["value"], over.annotations["summary"]) == (0.25, "25%", "was 0.75")


def test_an_idle_rule_asks_its_expression_and_does_nothing_else():
    world = World(
        "groups: [{name: g, rules: [{alert: A, expr: x > 5, annotations: {burnline_no_data: keep, s: '{{ $value }}'}}]}]"
    )
    world.set(0, "x", 1)
    world.settle()
    world.evaluate(0, 1)
    assert world.asked == [("x > 5", 0), ("x > 5", 1)]
    assert (world.rows, world.sent, world.transitions()) == ([], [], [])


def test_that_only_keep_firing_for_keeps_an_alert_is_said_between_the_hand_overs():
    """At once when its condition ends and when it holds again; the hand-overs of Prometheus stay as they are."""
    turned = []
    world = World(
        ERRORS.replace("for: 2m", "keep_firing_for: 5m"),
        settings=Settings(interval_ms=MINUTE, resend_delay_ms=10 * MINUTE),
        turned=lambda alerts, at_ms: turned.append((World.minute(at_ms), [each.kept for each in alerts])),
    )
    errors(world, 0, 3, 4)
    errors(world, 1, 2, 5, 6, 7, 8, 9, 10, ratio=0.01)
    world.evaluate(*range(11))

    assert turned == [(1, [True]), (3, [False]), (5, [True])]
    assert [(minute, [each.kept for each in alerts]) for minute, alerts in world.sent] == [(0, [False]), (10, [False])]
