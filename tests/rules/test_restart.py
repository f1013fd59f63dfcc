"""A restart forgets nothing: state comes back from the journal, and an empty store is no good news."""

from __future__ import annotations

import pytest

from agent.journal import Journal, Put
from agent.model import RESOLVED_REASON, Labels
from agent.rules import ALERT_KIND, Settings
from tests.rules.world import MINUTE, START, World

RULES = """
groups:
- name: g
  rules:
  - alert: Slow
    expr: p95 > 2
    for: 5m
    keep_firing_for: 3m
    annotations: {summary: "{{ $value }}"}
"""


def restarted(world, minute, text=RULES, *, empty=False, **settings):
    """Return a new agent on the same journal (and, unless its store is empty, on the same samples)."""
    world.settle()
    after = World(
        text,
        journal=world.journal,
        memory=None if empty else world.memory,
        settings=Settings(interval_ms=MINUTE, **settings),
    )
    after.evaluator.restore(after.journal.records, START + int(minute * MINUTE))
    return after


def slow(world, *minutes, value=3.0):
    for minute in minutes:
        world.set(minute, "p95", value)


def test_a_five_minute_for_survives_a_restart():
    world = World(RULES)
    slow(world, *range(12))
    world.evaluate(0, 1, 2, 3)
    world = restarted(world, 4)
    assert world.states() == {'{alertname="Slow"}': "pending"}
    world.evaluate(4, 5)
    assert world.states() == {'{alertname="Slow"}': "firing"}
    assert world.sent[0][1][0].starts_at_ms == START + 5 * MINUTE


def test_the_time_when_nobody_looked_does_not_count_towards_for():
    """Down for 10 minutes after 3 of 5: two more minutes are needed."""
    world = World(RULES)
    slow(world, *range(30))
    world.evaluate(0, 1, 2, 3)
    world = restarted(world, 14)
    world.evaluate(14)
    assert world.states() == {'{alertname="Slow"}': "pending"}
    world.evaluate(15)
    assert world.states() == {'{alertname="Slow"}': "firing"}
    assert world.ask(15, "ALERTS_FOR_STATE").popitem()[1] == (START + 10 * MINUTE) / 1000


def test_a_pending_alert_begins_again_after_more_than_the_outage_tolerance():
    world = World(RULES)
    slow(world, 0, 1, 100, 101, 105)
    world.evaluate(0, 1)
    world = restarted(world, 100)
    world.evaluate(100)
    assert [(each[0], each[1], each[2]) for each in world.transitions()] == [
        (0, "inactive", "pending"),
        (100, "pending", "inactive"),
        (100, "inactive", "pending"),
    ]
    assert world.transitions()[1][3] == "nothing was evaluated for 1h39m; the alert begins again"


def test_a_firing_alert_goes_on_firing_with_its_beginning_and_is_not_sent_twice_within_the_delay():
    world = World(RULES)
    slow(world, *range(10))
    world.evaluate(*range(6))
    assert [minute for minute, _ in world.sent] == [5]
    world = restarted(world, 6)
    world.evaluate(6, 7)
    assert [minute for minute, _ in world.sent] == [7]
    assert world.sent[0][1][0].starts_at_ms == START + 5 * MINUTE


def test_keep_firing_for_survives_a_restart():
    world = World(RULES)
    slow(world, *range(6))
    slow(world, *range(6, 12), value=1.0)
    world.evaluate(*range(8))
    world = restarted(world, 8)
    world.evaluate(8)
    assert world.states() == {'{alertname="Slow"}': "firing"}
    world.evaluate(9)
    assert world.states() == {}
    assert world.sent[-1][1][0].value == 1.0


def test_a_resolved_alert_is_not_forgotten_before_its_end_was_sent():
    """Killed between the end and the next sending: the end goes out again, with its own time."""
    world = World("groups: [{name: g, rules: [{alert: A, expr: x > 0}]}]")
    world.set(0, "x", 1)
    world.set(1, "x", 0)
    world.evaluate(0, 1)
    world = restarted(world, 3, "groups: [{name: g, rules: [{alert: A, expr: x > 0}]}]")
    world.evaluate(3)
    assert world.sent[0][1][0].ends_at_ms == START + MINUTE


@pytest.mark.parametrize(("minute", "state"), [(9, {'{alertname="Slow"}': "firing"}), (14, {})])
def test_while_nothing_is_known_a_restored_alert_stays_for_the_grace(minute, state):
    """An empty store after a restart: firing until 5 minutes (and keep_firing_for) have passed, then it ends."""
    world = World(RULES)
    slow(world, *range(6))
    world.evaluate(*range(6))
    world = restarted(world, 6, empty=True)
    world.evaluate(*range(6, minute + 1))
    assert world.states() == state


def test_a_restored_alert_ends_at_once_when_its_series_is_there_and_good():
    text = RULES.replace("    keep_firing_for: 3m\n", "")
    world = World(text)
    slow(world, *range(6))
    world.evaluate(*range(6))
    world = restarted(world, 6, text, empty=True)
    slow(world, 7, value=0.5)
    world.evaluate(6)
    assert world.states() == {'{alertname="Slow"}': "firing"}
    world.evaluate(7)
    assert world.states() == {}
    assert world.sent[-1][1][0].value == 0.5


def test_the_time_without_samples_after_a_restart_does_not_count_towards_for():
    world = World(RULES)
    slow(world, *range(4))
    world.evaluate(*range(4))
    world = restarted(world, 4, empty=True)
    slow(world, 7, 8)
    world.evaluate(4, 5, 6, 7)
    assert world.states() == {'{alertname="Slow"}': "pending"}
    assert world.ask(7, "ALERTS_FOR_STATE").popitem()[1] == (START + 3 * MINUTE) / 1000
    world.evaluate(8)
    assert world.states() == {'{alertname="Slow"}': "firing"}


def test_without_a_grace_missing_samples_end_a_restored_alert_as_in_prometheus():
    text = RULES.replace("    keep_firing_for: 3m\n", "")
    world = World(text)
    slow(world, *range(6))
    world.evaluate(*range(6))
    world = restarted(world, 6, text, empty=True, restore_grace_ms=0)
    world.evaluate(6)
    assert world.states() == {}


def test_a_firing_alert_whose_rule_went_while_the_agent_was_down_is_resolved_with_the_reason():
    world = World(RULES)
    slow(world, *range(6))
    world.evaluate(*range(6))
    world = restarted(world, 8, "groups: []")
    alert = world.sent[0][1][0]
    assert alert.ends_at_ms == START + 8 * MINUTE
    assert alert.annotations[RESOLVED_REASON] == "the rule was removed or relabelled while the agent did not run"
    assert world.kept() == []
    assert world.transitions()[-1][:3] == (8, "firing", "inactive")


def test_the_journal_holds_exactly_the_alerts_that_are_there():
    world = World(RULES)
    slow(world, 0, 1)
    slow(world, 2, value=1.0)
    world.evaluate(0)
    assert [record["state"] for record in world.kept()] == ["pending"]
    assert world.journal.records("rules.group") == {"rules.yml;g": {"evaluated_at_ms": START}}
    world.evaluate(1, 2)
    assert world.kept() == []
    assert world.journal.records("rules.group") == {}


def test_values_that_json_does_not_know_come_back():
    world = World("groups: [{name: g, rules: [{alert: A, expr: x / 0, for: 5m}]}]")
    world.set(0, "x", 1)
    world.evaluate(0)
    after = restarted(world, 1, "groups: [{name: g, rules: [{alert: A, expr: x / 0, for: 5m}]}]")
    assert after.evaluator.status()[0].rules[0].alerts[0].value == float("inf")


def test_a_record_that_cannot_be_read_is_dropped_and_the_others_are_taken():
    world = World(RULES)
    slow(world, 0)
    world.evaluate(0)
    world.journal.write(Put(ALERT_KIND, "bad", {"rule": 7}), Put(ALERT_KIND, "worse", None)).result(10)
    world = restarted(world, 1)
    assert world.states() == {'{alertname="Slow"}': "pending"}
    assert len(world.kept()) == 1


def test_a_restart_on_disk_in_every_state(tmp_path):
    """Pending, firing, kept firing, resolved: what another process reads is what this one knew."""
    text = "groups: [{name: g, rules: [{alert: A, expr: x > 0, for: 1m, keep_firing_for: 1m}]}]"
    world = World(text, journal=Journal.open(tmp_path / "burnline.db"))
    story = {0: 1, 1: 1, 2: 0, 3: 0}
    for minute, value in story.items():
        world.set(minute, "x", value)
        world.evaluate(minute)
        known = dict(world.evaluator._groups[world.evaluator.keys[0]].rules[0].active)
        world.settle()
        world.journal.close()
        before = world
        world = World(text, journal=Journal.open(tmp_path / "burnline.db"), memory=before.memory)
        world.evaluator.restore(world.journal.records, START + minute * MINUTE)
        restored = dict(world.evaluator._groups[world.evaluator.keys[0]].rules[0].active)
        assert [(a.labels, a.state, a.active_at_ms, a.fired_at_ms, a.resolved_at_ms) for a in restored.values()] == [
            (a.labels, a.state, a.active_at_ms, a.fired_at_ms, a.resolved_at_ms) for a in known.values()
        ]
        assert (
            restored[Labels.of(alertname="A")].keep_firing_since_ms
            == known[Labels.of(alertname="A")].keep_firing_since_ms
        )
    world.journal.close()


def test_the_series_of_before_a_restart_go_on_or_end_and_never_stand_beside_the_new_ones():
    """Pending before, firing with the first evaluation after: the pending series has its marker."""
    world = World(RULES)
    slow(world, *range(9))
    world.evaluate(*range(5))
    world = restarted(world, 5)
    world.evaluate(5)
    assert [key for key in world.ask(5, "ALERTS") if "pending" in key] == []
    assert [key for key in world.ask(5, "ALERTS") if "firing" in key] != []
