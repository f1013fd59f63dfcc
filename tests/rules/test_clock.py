"""A clock that is set back, by seconds or by hours: rules follow it, and nothing is told twice or lost."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from agent.rules import Settings
from tests.rules.world import MINUTE, START, World

RULES = """
groups:
- name: g
  rules: [{alert: A, expr: x > 0, for: 5m, keep_firing_for: 3m}]
- name: h
  rules: [{alert: B, expr: x > 0}]
"""


def running(*minutes):
    world = World(RULES, settings=Settings(interval_ms=MINUTE))
    for minute in range(-300, 60):
        world.set(minute, "x", 1)
    world.evaluate(*minutes)
    return world


def told(world, name):
    return [minute for minute, alerts in world.sent for alert in alerts if alert.name == name]


def test_an_instant_less_than_an_interval_back_is_no_evaluation():
    """The next slot comes by itself: nothing happens twice."""
    world = running(0, 1, 2)
    before = world.evaluator.status()
    world.evaluate(1.5, 2)
    assert world.evaluator.status() == before


def test_after_hours_back_for_goes_on_and_ends_when_it_would_have():
    """Two of five minutes had passed; the clock is set back by four hours; three more are needed."""
    world = running(0, 1, 2)
    world.evaluate(-240, -239, -238)
    assert [(minute, after) for minute, _, after, _ in world.transitions() if minute != 0] == [(-238, "firing")]


def test_after_hours_back_what_was_told_is_told_again_when_the_delay_has_passed_and_not_before():
    world = running(0, 1, 2)
    assert told(world, "B") == [0, 2]
    world.evaluate(-240, -239, -238)
    assert told(world, "B") == [0, 2, -239]
    (alert,) = next(alerts for minute, alerts in world.sent if minute == -239)
    assert alert.starts_at_ms < START - 239 * MINUTE < alert.ends_at_ms


def test_a_day_in_which_nobody_looked_does_not_count_towards_for_and_one_late_round_does():
    """The machine slept, or its clock was set forward; a pending alert begins again, a firing one fires on."""
    world = running(0, 1, 2)
    for minute in range(1440, 1450):
        world.set(minute, "x", 1)
    world.evaluate(*range(1440, 1446))
    assert [(minute, after) for minute, _, after, _ in world.transitions() if minute != 0] == [
        (1440, "inactive"),
        (1440, "pending"),
        (1445, "firing"),
    ]
    assert [(minute, after) for minute, _, after, _ in running(0, 1, 9).transitions() if minute != 0] == [(9, "firing")]


def test_the_clock_is_spoken_of_once_however_many_groups_there_are():
    world = running(0, 1, 2)
    with capture_logs() as said:
        world.evaluate(-240, -239)
    warnings = [each for each in said if each["log_level"] == "warning"]
    assert [each["by"] for each in warnings] == ["4h3m"]


def test_the_journal_follows():
    world = running(0, 1, 2)
    world.evaluate(-240)
    active = {record["labels"]["alertname"]: record["active_at_ms"] for record in world.kept()}
    assert active == {"A": START - 243 * MINUTE, "B": START - 243 * MINUTE}


@pytest.mark.parametrize("grace", [0, 300_000])
def test_alerts_from_before_a_restart_after_which_the_clock_is_earlier_go_back_with_it(grace):
    world = running(0, 1, 2)
    world.settle()
    settings = Settings(interval_ms=MINUTE, restore_grace_ms=grace)
    after = World(RULES, journal=world.journal, memory=world.memory, settings=settings)
    after.evaluator.restore(after.journal.records, START - 200 * MINUTE)
    after.evaluate(-200, -199, -198, -197, -196)
    assert told(after, "B") == [-198, -196]
    firing = [(minute, after_) for minute, _, after_, _ in after.transitions() if minute < 0]
    assert firing == [(-197, "firing")]
