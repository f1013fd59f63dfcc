"""A reload keeps the state of every rule that is still there, and tells of the end of those that are not."""

from __future__ import annotations

from agent.model import RESOLVED_REASON
from agent.rules import Settings
from tests.rules.world import MINUTE, START, World, rule_set

RULES = """
groups:
- name: one
  rules:
  - {record: doubled, expr: x * 2}
  - {alert: A, expr: x > 0, for: 2m, labels: {severity: page}, annotations: {s: before}}
- name: two
  rules:
  - {alert: B, expr: x > 0}
"""


def running(*minutes, text=RULES):
    world = World(text)
    for minute in range(20):
        world.set(minute, "x", 1)
    world.evaluate(*minutes)
    return world


def reload(world, minute, text, **keywords):
    world.evaluator.reload(rule_set(text), START + int(minute * MINUTE), **keywords)


def test_unchanged_groups_keep_state_health_and_phase():
    world = running(0, 1)
    before = world.evaluator.status()
    slots = [world.evaluator.next_slot(key, START) for key in world.evaluator.keys]
    reload(world, 1.5, RULES)
    assert world.evaluator.status() == before
    assert [world.evaluator.next_slot(key, START) for key in world.evaluator.keys] == slots
    world.evaluate(2)
    assert world.states()['{alertname="A", severity="page"}'] == "firing"


def test_an_unchanged_group_goes_on_as_the_very_same_and_a_changed_one_or_changed_settings_make_a_new_one():
    world = running(0)

    def groups():
        return dict(world.evaluator._groups)

    first = groups()
    reload(world, 0.5, RULES.replace("expr: x > 0}", "expr: x > 1}"))
    second = groups()
    assert [key.name for key in first if second[key] is first[key]] == ["one"]
    reload(world, 0.6, RULES, settings=Settings(interval_ms=MINUTE, resend_delay_ms=1))
    assert all(group is not second[key] for key, group in groups().items())
    reload(world, 0.7, RULES + "# a comment behind\n")
    third = groups()
    reload(world, 0.8, "# a line before\n" + RULES)
    assert all(group is not third[key] for key, group in groups().items()), "errors name the new lines"
    world.evaluate(1, 2)
    assert world.states()['{alertname="A", severity="page"}'] == "firing"


def test_what_is_evaluated_while_new_rules_are_built_is_not_lost():
    world = running(0)
    prepared = world.evaluator.prepared(rule_set(RULES.replace("before", "after")))
    world.evaluate(1)
    world.evaluator.take_over(prepared, START + MINUTE + 1)
    world.evaluate(2)
    assert world.states()['{alertname="A", severity="page"}'] == "firing"
    assert [each[2] for each in world.transitions() if each[0] == 2] == ["firing"]


def test_editing_expr_for_or_annotations_keeps_the_alert():
    world = running(0, 1)
    reload(world, 1.5, RULES.replace("expr: x > 0, for: 2m", "expr: x >= 1, for: 1m").replace("before", "after"))
    world.evaluate(2)
    alert = next(alert for minute, alerts in world.sent if minute == 2 for alert in alerts if alert.name == "A")
    assert alert.annotations["s"] == "after"
    assert [each[2] for each in world.transitions() if each[0] == 2] == ["firing"]


def test_a_firing_alert_whose_rule_is_removed_is_resolved_with_the_reason():
    world = running(0)
    reload(world, 0.5, RULES[: RULES.index("- name: two")])
    (minute, alerts) = world.sent[-1]
    assert (minute, [alert.name for alert in alerts]) == (0.5, ["B"])
    assert alerts[0].ends_at_ms == START + MINUTE // 2
    assert alerts[0].annotations[RESOLVED_REASON] == "the rule was removed by a reload"
    assert world.transitions()[-1] == (0.5, "firing", "inactive", "the rule was removed by a reload")


def test_a_relabelled_rule_ends_its_firing_alerts_and_a_pending_one_is_forgotten_silently():
    world = running(0)
    sent = len(world.sent)
    reload(world, 0.5, RULES.replace("severity: page", "severity: ticket"))
    assert len(world.sent) == sent
    assert '{alertname="A", severity="page"}' not in world.states()
    assert len(world.kept()) == 1


def test_a_rule_that_moves_to_another_group_keeps_its_alerts_and_its_record():
    world = running(0, 1)
    moved = RULES.replace("- name: one", "- name: renamed")
    reload(world, 1.5, moved)
    world.evaluate(2)
    assert world.states()['{alertname="A", severity="page"}'] == "firing"
    world.settle()
    after = World(moved, journal=world.journal, memory=world.memory)
    after.evaluator.restore(after.journal.records, START + 2 * MINUTE)
    assert after.states() == world.states()
    assert after.sent == []


def test_of_equal_rules_the_first_takes_the_state_of_the_first():
    text = """
groups:
- name: g
  rules:
  - {alert: A, expr: 'x > 0', for: 5m}
  - {alert: A, expr: 'y > 0', for: 5m}
"""
    world = running(0, text=text)
    reload(
        world,
        0.5,
        text.replace("5m}\n  - {alert: A, expr: 'y", "5m}\n  - {record: r, expr: x}\n  - {alert: A, expr: 'y"),
    )
    group = world.evaluator.status()[0]
    assert [len(rule.alerts) for rule in group.rules] == [1, 0, 0]


def test_the_series_of_a_removed_rule_end_with_the_next_evaluation_of_its_group():
    world = running(0)
    reload(world, 0.5, RULES.replace("  - {record: doubled, expr: x * 2}\n", ""))
    assert world.ask(0.9, "doubled") == {"doubled": 2}
    world.evaluate(1)
    assert world.ask(1, "doubled") == {}


def test_the_series_of_a_removed_group_end_when_it_went_said_after_two_intervals():
    world = running(0)
    reload(world, 0.5, RULES[RULES.index("- name: two") :].join(["groups:\n", ""]))
    world.evaluate(1, 2)
    assert world.ask(2, "doubled") == {"doubled": 2}
    world.evaluate(3)
    assert world.ask(3, "doubled") == {}
    assert world.rows[-1].timestamp_ms == START + MINUTE // 2


def test_the_series_of_a_renamed_group_go_on_without_a_gap():
    world = running(0)
    reload(world, 0.5, RULES.replace("- name: one", "- name: renamed"))
    for minute in range(1, 6):
        world.evaluate(minute)
        assert world.ask(minute, "doubled") == {"doubled": 2}


def test_an_alert_removed_after_it_resolved_is_not_told_of_again():
    world = running(0, text="groups: [{name: g, rules: [{alert: A, expr: x > 0}]}]")
    world.set(1, "x", 0)
    world.evaluate(1)
    sent = len(world.sent)
    reload(world, 1.5, "groups: []")
    assert len(world.sent) == sent
    assert world.kept() == []


def test_new_settings_hold_from_the_reload_on():
    world = running(0)
    reload(world, 0.5, RULES, settings=Settings(interval_ms=5 * MINUTE))
    assert {group.interval_ms for group in world.evaluator.status()} == {5 * MINUTE}


def test_metrics_of_a_removed_group_are_removed():
    world = running(0)
    reload(world, 0.5, RULES[: RULES.index("- name: two")])
    value = world.telemetry.registry.get_sample_value
    assert value("prometheus_rule_evaluations_total", {"rule_group": "rules.yml;one"}) == 2
    assert value("prometheus_rule_evaluations_total", {"rule_group": "rules.yml;two"}) is None


def test_a_firing_alert_of_a_relabelled_rule_is_resolved_with_the_reason_and_goes_on_under_the_new_labels():
    """The time that the condition held counts, so nobody waits for another `for`."""
    world = running(0, 1, 2)
    reload(world, 2.5, RULES.replace("severity: page", "severity: ticket"))
    (minute, (over,)) = world.sent[-1]
    assert (minute, over.labels["severity"]) == (2.5, "page")
    assert over.annotations[RESOLVED_REASON] == "its labels were changed by a reload"
    world.evaluate(3)
    begun = next(alert for minute, alerts in world.sent if minute == 3 for alert in alerts if alert.name == "A")
    assert (begun.labels["severity"], begun.starts_at_ms) == ("ticket", START + 3 * MINUTE)
    assert [(each[1], each[2]) for each in world.transitions() if each[0] == 3] == [
        ("inactive", "pending"),
        ("pending", "firing"),
    ]


def test_a_pending_alert_of_a_relabelled_rule_goes_on_counting():
    world = running(0, 1)
    reload(world, 1.5, RULES.replace("severity: page", "severity: ticket"))
    world.evaluate(2)
    assert world.states()['{alertname="A", severity="ticket"}'] == "firing"


def test_a_rule_with_another_expression_and_other_labels_begins_again():
    world = running(0, 1)
    reload(world, 1.5, RULES.replace("severity: page", "severity: ticket").replace("x > 0, for", "x >= 1, for"))
    world.evaluate(2)
    assert world.states()['{alertname="A", severity="ticket"}'] == "pending"


def test_what_a_relabelled_rule_takes_over_holds_only_for_conditions_that_still_hold():
    world = running(0, 1)
    reload(world, 1.5, RULES.replace("severity: page", "severity: ticket"))
    world.set(2, "x", 0)
    world.evaluate(2, 3)
    assert world.states()['{alertname="A", severity="ticket"}'] == "pending"


def test_removed_rules_are_forgotten_as_in_prometheus_where_a_setting_says_so():
    world = running(0)
    forget = Settings(interval_ms=MINUTE, removed="forget")
    reload(world, 0.5, "groups: []", settings=forget)
    assert [minute for minute, _ in world.sent] == [0]
    assert world.kept() == []
    assert world.transitions()[-1][3] == "the rule was removed by a reload"


def test_relabelled_rules_begin_again_where_a_setting_says_so():
    world = running(0, 1)
    forget = Settings(interval_ms=MINUTE, removed="forget")
    reload(world, 1.5, RULES.replace("severity: page", "severity: ticket"), settings=forget)
    world.evaluate(2)
    assert world.states()['{alertname="A", severity="ticket"}'] == "pending"
