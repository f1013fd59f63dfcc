"""A bucket lets a number through at once, and as many again in each span."""

from __future__ import annotations

from agent.pulse import Throttle


def test_what_is_too_much_is_told_when_to_come_again():
    throttle = Throttle(3, 60_000)
    assert [throttle.take(0) for _ in range(4)] == [0, 0, 0, 20_000]
    assert throttle.take(20_000) == 0
    assert throttle.take(20_001) > 0


def test_a_clock_that_is_set_back_fills_nothing_and_breaks_nothing():
    throttle = Throttle(1, 60_000)
    throttle.take(1_000_000)
    assert throttle.take(0) == 60_000
    assert throttle.take(60_000) == 0
