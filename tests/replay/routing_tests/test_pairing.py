"""Expectations and messages are matched so that as many expectations as possible are met."""

from __future__ import annotations

from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from agent.replay.routing_tests.verdict import paired


@st.composite
def tables(draw):
    messages = draw(st.integers(0, 4))
    return draw(st.lists(st.lists(st.booleans(), min_size=messages, max_size=messages), max_size=4))


@given(tables())
def test_no_other_pairing_meets_more(fits):
    found = paired(fits)
    assert len(set(found.values())) == len(found)
    assert all(fits[spec][message] for spec, message in found.items())
    messages = [*range(len(fits[0]) if fits else 0), *[None] * len(fits)]
    best = max(
        sum(message is not None and fits[spec][message] for spec, message in enumerate(order))
        for order in permutations(messages, len(fits))
    )
    assert len(found) == best


def test_a_thousand_equal_expectations_are_no_matter():
    assert len(paired([[True] * 1000] * 1000)) == 1000
