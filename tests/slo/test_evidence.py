"""What few events prove: a lower bound by hand, against the interval's own definition, and the same number by PromQL."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.model import Labels
from agent.query import Engine, MemoryQueryable
from agent.slo.evidence import Z, lower_bound, lower_bound_query


@st.composite
def counts(draw):
    total = draw(st.integers(1, 5_000))
    return draw(st.integers(0, total)), total


@given(counts())
def test_the_bound_is_the_ratio_that_lies_just_within_z_deviations_of_what_was_seen(given_counts):
    """Wilson's definition: at the bound p, what was seen is z standard deviations of p away."""
    bad, total = given_counts
    bound = lower_bound(bad, total)

    assert 0 <= bound <= bad / total
    deviation = math.sqrt(bound * (1 - bound) / total)
    assert bad / total - bound == pytest.approx(Z * deviation, abs=1e-7)


@pytest.mark.parametrize(("bad", "total", "bound"), [(3, 7, 0.186), (1, 10, 0.0226), (10, 10, 0.787), (0, 5, 0.0)])
def test_small_counts(bad, total, bound):
    assert lower_bound(bad, total) == pytest.approx(bound, abs=0.0005)


def test_nothing_proves_nothing_and_extrapolated_counts_may_exceed_the_whole():
    assert lower_bound(0, 0) == 0
    assert lower_bound(10, 10) < lower_bound(10.4, 10) < 1


@given(counts())
def test_promql_gives_the_same_bound(given_counts):
    bad, total = given_counts
    store = MemoryQueryable()
    store.add(Labels.of(name_="b"), [0], [float(bad)])
    store.add(Labels.of(name_="t"), [0], [float(total)])

    (sample,) = Engine(store).instant(lower_bound_query("b", "t"), 0).value

    assert sample.value == pytest.approx(lower_bound(bad, total), rel=1e-9, abs=1e-12)
