"""What is kept of a rule's last evaluations: exactly the newest, what they read, and never more than memory allows."""

from __future__ import annotations

import struct
import sys
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.rules import PastEvaluation, Tally
from agent.rules.evaluations import LEAST, MOST, Evaluations, kept_each
from tests.rules.test_reload import RULES, running
from tests.rules.test_reload import reload as reload_rules
from tests.rules.world import MINUTE, START

entries = st.builds(
    PastEvaluation,
    at_ms=st.integers(0, 2**50),
    seconds=st.floats(0, 1000).map(lambda each: struct.unpack("<f", struct.pack("<f", each))[0]),
    series=st.integers(0, 2**32 - 1),
    samples=st.integers(0, 2**32 - 1),
    results=st.integers(0, 2**32 - 1),
    error=st.sampled_from(["", "", "", "many-to-many", "timeout"]),
)


@given(st.integers(1, 7), st.lists(st.one_of(entries, st.integers(1, 7)), max_size=40))
def test_the_ring_is_the_newest_of_a_list(most, steps):
    """A number among the steps gives the ring another size."""
    ring, kept = Evaluations(most), []
    for step in steps:
        if isinstance(step, int):
            most = step
            ring.resize(step)
        else:
            ring.add(step.at_ms, step.seconds, (step.series, step.samples, step.results), step.error)
            kept.insert(0, step)
        kept = kept[:most]
        assert list(ring) == kept
        assert (len(ring), ring[:2], ring[-1:]) == (len(kept), kept[:2], kept[-1:])
    with pytest.raises(IndexError):
        ring[len(kept)]


def test_counts_beyond_what_a_row_can_hold_are_the_largest():
    ring = Evaluations()
    ring.add(1, 0.5, (2**40, 2**40, 1))
    assert (ring[0].series, ring[0].samples) == (2**32 - 1, 2**32 - 1)


def test_fewer_are_kept_where_there_are_more_rules_but_always_some():
    assert [kept_each(rules) for rules in (0, 1, 5_000, 50_000, 10**6)] == [MOST, MOST, MOST, 6, LEAST]
    for few, many in pairwise(range(1, 200_000, 999)):
        assert kept_each(few) >= kept_each(many)


def test_a_full_ring_takes_few_bytes():
    ring = Evaluations(6)
    for at_ms in range(100):
        ring.add(at_ms, 0.1, (1, 2, 3))
    assert sys.getsizeof(ring) + sys.getsizeof(ring._rows) < 400


def test_a_tally_is_of_all_queries_and_of_the_first_ones_results():
    tally = Tally()
    tally.add(3, 30, 2)
    tally.add(1, 10, 7)
    assert tally.take() == (4, 40, 2)
    assert tally.take() == (0, 0, 0)


def test_each_evaluation_of_a_rule_is_noted_with_its_error_until_it_works_again():
    world = running(0)
    good, failing = world.query, {1}

    def query(expression, at_ms):
        if world.minute(at_ms) in failing and "* 2" in expression:
            from agent.errors import ExecutionError

            raise ExecutionError("many-to-many")
        return good(expression, at_ms)

    world.query = query
    world.evaluate(1, 2)
    (doubled, _) = world.evaluator.status()[0].rules
    assert [((each.at_ms - START) // MINUTE, each.error) for each in doubled.evaluations] == [
        (2, ""),
        (1, "many-to-many"),
        (0, ""),
    ]
    assert all(each.seconds > 0 for each in doubled.evaluations)


def test_a_reload_keeps_what_is_known_of_a_rule_with_the_same_expression():
    world = running(0, 1)
    reload_rules(world, 1.5, RULES.replace("expr: x * 2", "expr: x * 3").replace("before", "after"))
    changed, kept = world.evaluator.status()[0].rules
    assert (len(changed.evaluations), len(kept.evaluations)) == (0, 2)
