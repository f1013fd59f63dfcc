"""What was counted while nobody looked lies evenly in that time: no short window takes it for its own, and nothing is lost."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.slo.budget.gaps import spread
from agent.slo.budget.readings import State
from tests.slo.budget.service import HOUR, MINUTE, SECOND, Service


@given(
    st.integers(0, 10**9),
    st.integers(0, 10**9),
    st.integers(1, 400 * HOUR),
    st.sampled_from([SECOND, 15 * SECOND, MINUTE]),
)
def test_parts_are_whole_right_and_add_up(bad, good, length_ms, step_ms):
    amounts = np.asarray([[float(bad)], [float(bad + good)], [float(length_ms)]])
    rows = spread(1_000, 1_000 + length_ms, amounts, step_ms)
    times = [at for at, _ in rows]
    parts = np.concatenate([part for _, part in rows], axis=1)

    assert times == sorted(set(times))
    assert times[0] > 1_000
    assert times[-1] == 1_000 + length_ms
    assert parts.sum(axis=1).tolist() == amounts[:, 0].tolist()
    assert (parts == np.floor(parts)).all()
    assert (parts[0] <= parts[1]).all()
    assert (parts >= 0).all()


def test_after_a_day_away_the_last_hour_holds_an_hour_of_what_happened():
    service = Service(requests_total=0.0, errors_total=0.0)
    service.scraped()
    service.scraped()
    service.rise("requests_total", 24_000)
    service.rise("errors_total", 240)
    opened = service.scraped(24 * HOUR)
    found = service.read()

    assert (found.period.bad, found.period.total) == (240, 24_000)
    assert abs(found.window(HOUR).total - 1_000) <= 200
    assert found.window(HOUR).coverage == 0
    assert not [each for each in opened if each.burn.severity == "page"]


@pytest.mark.parametrize("ahead_ms", [5 * HOUR, 48 * HOUR, 20_000 * HOUR])
def test_a_clock_that_was_ahead_for_a_moment_and_comes_back_hides_no_outage(ahead_ms):
    service = Service(requests_total=0.0, errors_total=0.0)
    for number in range(380):
        service.rise("requests_total", 100)
        service.rise("errors_total", 100 if number >= 340 else 0)
        if number in (240, 241):
            service.at_ms += ahead_ms * (1 if number == 240 else -1)
        service.scraped()

    found = service.read()
    assert found.tiers[0].open
    assert found.window(HOUR).coverage == pytest.approx(1, abs=0.01)
    assert (found.window(HOUR).bad, found.period.total) == (4_000, 37_900)


def test_a_clock_that_is_set_back_into_what_was_seen_is_not_believed():
    service = Service(requests_total=0.0, errors_total=0.0)
    for _ in range(600):
        service.rise("requests_total", 100)
        service.scraped(MINUTE)
    before = service.engine.last_ms
    service.rise("requests_total", 100)
    service.scraped(-7 * HOUR)

    assert service.engine.last_ms == before


def test_while_a_clock_that_was_set_back_stands_still_nothing_is_known_and_the_reason_is_said():
    service = Service(requests_total=0.0, errors_total=0.0)
    for _ in range(600):
        service.rise("requests_total", 100)
        service.scraped(MINUTE)
    service.scraped(-7 * HOUR)
    halted, since = service.engine.halted, service.at_ms
    for _ in range(59):
        service.rise("requests_total", 100)
        service.rise("errors_total", 100)
        assert service.scraped(MINUTE) == ()
        found = service.read()
        assert (found.state, found.words, found.since_ms) == (State.NO_DATA, halted, since)

    assert "set back by more than 6h from 2026-01-01T10:00:00" in halted
    service.rise("requests_total", 100)
    opened = service.scraped(MINUTE)

    assert service.engine.halted == ""
    assert service.read().state is State.VALUE
    assert service.read().period.total == (599 + 59 + 1) * 100  # the first page is what the second is compared with
    assert [each.opened for each in opened if each.burn.severity == "page"][:1] == [True]


def test_what_was_unknown_before_a_clock_was_set_back_is_so_since_the_time_that_it_is_now():
    service = Service(requests_total=0.0, errors_total=0.0)
    for _ in range(600):
        service.scraped(MINUTE)
    for _ in range(3):
        service.down(MINUTE)
    service.down(-9 * HOUR)

    assert service.read().since_ms == service.at_ms


@pytest.mark.parametrize("back_ms", [MINUTE, 5 * HOUR])
def test_a_clock_that_is_set_back_as_far_as_is_believed_halts_nothing(back_ms):
    service = Service(requests_total=0.0, errors_total=0.0)
    for _ in range(600):
        service.scraped(MINUTE)
    service.scraped(-back_ms)

    assert (service.engine.halted, service.read().state) == ("", State.NO_TRAFFIC)
