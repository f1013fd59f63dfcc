"""Long reading beside all that runs takes half of a thread at most, and ends when nobody waits for it."""

from __future__ import annotations

import time

import pytest

from agent.app.budgets.pacing import Pace, Stopped


def worked(seconds: float) -> None:
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


def test_it_rests_for_as_long_as_was_worked_and_not_for_every_moment():
    rests = []
    pace = Pace(lambda: False, rests.append)
    pace()
    assert rests == []
    worked(0.02)
    pace()
    pace()

    (rest,) = rests
    assert rest >= 0.02


def test_it_ends_when_it_is_over():
    over = []
    pace = Pace(lambda: bool(over), lambda _: None)
    pace()
    over.append(True)
    with pytest.raises(Stopped):
        pace()
