"""The past that an engine is given, and the past that it gives to another one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.slo.budget import Engine, Key, Slot
from tests.slo.budget.service import HOUR, MINUTE, SECOND, START, Memory, Service, Told, objective, slo

BOTH = [objective(slo("answers")), objective(slo("others"))]


def test_each_of_two_budgets_takes_its_past_however_far_back_the_other_one_goes():
    engine = Engine(BOTH)
    engine.row(START, Told())
    slots = [Slot(START - (number + 1) * HOUR, START - number * HOUR - 1, 1.0, 100.0) for number in range(5)]

    assert engine.backfill(Key("rag-answers"), slots) == 5
    assert engine.backfill(Key("rag-others"), slots) == 5
    assert [each.period.total for each in engine.read(START)] == [500.0, 500.0]


def test_an_slo_that_is_new_beside_kept_ones_is_not_taken_for_idle_since_they_began():
    kept = Memory()
    service = Service(Engine(BOTH[:1], kept=kept), requests_total=0.0, errors_total=0.0)
    for _ in range(240):
        service.rise("requests_total", 10)
        service.scraped()
    old, new = Engine(BOTH, kept=kept).read(service.at_ms)

    assert old.window(HOUR).coverage == pytest.approx(1, abs=0.01)
    assert new.window(HOUR).coverage == 0
    assert new.left is None


HAPPENED = st.tuples(
    st.integers(0, 50), st.integers(0, 50), st.sampled_from([15] * 8 + [60, 900]), st.sampled_from([False] * 7 + [True])
)


@settings(max_examples=25, deadline=None)
@given(st.lists(HAPPENED, min_size=2, max_size=60))
def test_what_an_engine_gives_as_slots_is_what_another_one_then_knows(happened):
    service = Service(requests_total=0.0, errors_total=0.0)
    service.scraped()
    for good, bad, seconds, down in happened:
        service.rise("requests_total", good + bad)
        service.rise("errors_total", bad)
        (service.down if down else service.scraped)(seconds * SECOND)
    first = service.read()
    other = Engine([objective()])
    other.row(service.at_ms + 1, Told())

    other.backfill(first.key, service.engine.slots(first.key))
    second = other.read(service.at_ms + 1).find(first.key)

    assert (second.period.bad, second.period.total) == (first.period.bad, first.period.total)
    # A gap that is still going on is none yet for either, and the other one began a moment later.
    assert second.period.coverage == pytest.approx(first.period.coverage, abs=2 * MINUTE / first.period.window_ms)
