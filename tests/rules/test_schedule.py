"""Slots are multiples of the interval plus a stable offset of the group."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.rules import GroupKey, next_slot, offset_of, slot_at, slots
from tests.rules.world import MINUTE, START, World

KEYS = st.builds(GroupKey, st.text(max_size=8), st.text(max_size=8))
INTERVALS = st.integers(1_000, 3_600_000)


@given(KEYS, INTERVALS, st.integers(0, 2_000_000_000_000))
def test_a_slot_is_a_multiple_of_the_interval_plus_the_offset(key, interval, at):
    slot, offset = slot_at(key, interval, at), offset_of(key, interval)
    assert 0 <= offset < interval
    assert (slot - offset) % interval == 0
    assert slot <= at < next_slot(key, interval, at) == slot + interval
    assert list(slots(key, interval, at, slot + 3 * interval)) == [slot + n * interval for n in (1, 2, 3)]


def test_the_offset_is_the_same_in_every_process_and_differs_between_groups():
    assert offset_of(GroupKey("rules.yml", "g"), MINUTE) == offset_of(GroupKey("rules.yml", "g"), MINUTE)
    assert len({offset_of(GroupKey("rules.yml", str(n)), MINUTE) for n in range(50)}) > 40


def test_what_is_due_comes_in_the_order_of_time_with_every_slot():
    world = World("groups: [{name: a, interval: 30s, rules: []}, {name: b, rules: []}]")
    due = world.evaluator.due(START, START + 2 * MINUTE)
    assert [slot for slot, _ in due] == sorted(slot for slot, _ in due)
    assert sorted(key.name for _, key in due) == ["a"] * 4 + ["b"] * 2
    assert all(world.evaluator.next_slot(key, slot - 1) == slot for slot, key in due)


def test_missed_slots_are_counted_by_group():
    world = World("groups: [{name: a, rules: []}]")
    world.evaluator.missed(world.evaluator.keys[0], 3)
    value = world.telemetry.registry.get_sample_value
    assert value("prometheus_rule_group_iterations_missed_total", {"rule_group": "rules.yml;a"}) == 3
