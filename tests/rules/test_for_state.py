"""`restore: prometheus`: `for` comes back from ALERTS_FOR_STATE after the second evaluation, with Prometheus' arithmetic."""

from __future__ import annotations

import pytest

from agent.rules import Settings
from agent.rules.for_state import restored_since
from tests.rules.world import MINUTE, START, World

RULES = """
groups:
- name: g
  rules:
  - {alert: Slow, expr: p95 > 2, for: 30m, labels: {severity: page, where: "{{ $labels.job }}"}}
  - {alert: Quick, expr: p95 > 2, for: 5m}
"""
SLOW = '{alertname="Slow", job="rag", severity="page", where="rag"}'


def prometheus(world=None, **settings):
    made = Settings(interval_ms=MINUTE, restore="prometheus", **settings)
    after = World(
        RULES, settings=made, memory=world.memory if world else None, journal=world.journal if world else None
    )
    if world:
        world.settle()
    return after


def slow(world, *minutes):
    for minute in minutes:
        world.set(minute, 'p95{job="rag"}', 3)


def restarted(world, minute, **settings):
    after = prometheus(world, **settings)
    after.evaluator.restore(after.journal.records, START + minute * MINUTE)
    return after


def active_since(world, name="Slow"):
    rules = {rule.name: rule for rule in world.evaluator.status()[0].rules}
    (alert,) = rules[name].alerts
    return world.minute(alert.active_at_ms)


@pytest.mark.parametrize(
    ("active", "seen", "now", "expected"),
    [
        (0, 40, 50, 0),  # it had fired: it fires in the next evaluation
        (0, 30, 50, 0),
        (0, 25, 50, 50 + 10 - 30),  # 5 of 30 minutes were left: it waits for the grace
        (0, 20, 50, 30),  # 10 were left: not less than the grace
        (0, 5, 50, 45),  # the outage does not count
    ],
)
def test_where_the_beginning_of_a_restored_alert_lies(active, seen, now, expected):
    """In minutes, for a `for` of 30 and a grace of 10."""
    minutes = [each * MINUTE for each in (active, seen, now, 30, 10)]
    assert restored_since(*minutes) == expected * MINUTE


def test_a_long_for_goes_on_after_the_second_evaluation_and_the_outage_does_not_count():
    world = prometheus()
    slow(world, *range(40))
    world.evaluate(*range(6))
    world = restarted(world, 15)
    world.evaluate(15)
    assert active_since(world) == 15
    world.evaluate(16)
    assert active_since(world) == 0 + (16 - 5)


def test_an_outage_is_counted_from_whole_seconds_as_the_series_tells_the_beginning():
    """Evaluations lie 600 ms after each minute; Prometheus cuts both the beginning and the last sample to the second."""
    world = prometheus()
    slow(world, *range(40))
    world.evaluate(*(minute + 0.01 for minute in range(6)))
    world = restarted(world, 15)
    world.evaluate(15.01, 16.01)
    assert active_since(world) == pytest.approx(0 + (16.01 - 5))


def test_the_series_of_alerts_are_not_written_before_they_are_restored():
    world = prometheus()
    slow(world, *range(40))
    world.evaluate(*range(3))
    world = restarted(world, 15)
    world.evaluate(15, 16)
    assert world.rows == []
    world.evaluate(17)
    assert len(world.rows) == 2


def test_a_for_below_the_grace_period_is_not_restored():
    world = prometheus()
    slow(world, *range(40))
    world.evaluate(*range(4))
    world = restarted(world, 5)
    world.evaluate(5, 6, 7)
    assert active_since(world, "Quick") == 5


def test_an_outage_longer_than_tolerated_begins_again():
    world = prometheus()
    slow(world, *range(100))
    world.evaluate(*range(4))
    world = restarted(world, 90)
    world.evaluate(90, 91, 92)
    assert active_since(world) == 90


def test_an_alert_that_had_ended_is_not_restored():
    """The last sample of its series is a staleness marker."""
    world = prometheus()
    slow(world, 0, 1, 2, 20, 21, 22, 23)
    world.set(3, 'p95{job="rag"}', 1)
    world.evaluate(0, 1, 2, 3)
    marked = {str(series) for row in world.rows for series in row.columns.labels}
    assert any("ALERTS_FOR_STATE" in each for each in marked)
    world = restarted(world, 20)
    world.evaluate(20, 21, 22)
    assert active_since(world) == 20


def test_alerts_of_the_journal_are_dropped():
    world = World(RULES, settings=Settings(interval_ms=MINUTE))
    slow(world, *range(10))
    world.evaluate(*range(7))
    assert len(world.kept()) == 2
    after = restarted(world, 8)
    assert after.states() == {}
    assert after.kept() == []


def test_a_restore_that_cannot_be_asked_leaves_the_alert_pending_and_writes_its_series():
    from agent.errors import ExecutionError

    world = prometheus()
    slow(world, *range(30))
    world.evaluate(0, 1)
    world = restarted(world, 10)
    real = world.query

    def broken(expression, at_ms):
        if "ALERTS_FOR_STATE" in expression:
            raise ExecutionError("no")
        return real(expression, at_ms)

    world.query = broken
    world.evaluate(10, 11, 12)
    assert active_since(world) == 10
    assert len(world.rows) == 2
