"""Work in a lane: one at a time and in order, until one takes too long; then the others pass it."""

from __future__ import annotations

import asyncio
import threading

import pytest

from agent.app.lanes import Lane

NEVER = 3600.0
AT_ONCE = 0.0


@pytest.fixture
async def gate():
    """What slow work waits for; opened at the end, so that no thread outlives its test."""
    made = threading.Event()
    yield made
    made.set()


async def test_work_is_done_one_after_the_other_in_the_order_of_asking():
    lane, said = Lane("test", patience_seconds=NEVER), []

    def work(number):
        said.append(("begins", number))
        said.append(("ends", number))
        return number

    assert await asyncio.gather(*(lane.run(lambda n=n: work(n)) for n in range(5))) == [0, 1, 2, 3, 4]
    assert said == [(what, n) for n in range(5) for what in ("begins", "ends")]
    await lane.stop()


async def test_what_takes_too_long_is_passed_and_still_ends(gate):
    lane, passed = Lane("test", patience_seconds=AT_ONCE), asyncio.Event()
    slow = asyncio.create_task(lane.run(lambda: gate.wait(10), passed.set))
    await passed.wait()
    assert await lane.run(lambda: "quick") == "quick"
    assert not slow.done()
    gate.set()
    assert await slow is True
    await lane.stop()


async def test_within_its_patience_nobody_passes(gate):
    lane = Lane("test", patience_seconds=NEVER)
    slow = asyncio.create_task(lane.run(lambda: gate.wait(10)))
    quick = asyncio.create_task(lane.run(lambda: "quick"))
    done, _ = await asyncio.wait((slow, quick), timeout=0.05)  # long enough for a thread that may to run
    assert not done
    gate.set()
    assert await asyncio.gather(slow, quick) == [True, "quick"]
    await lane.stop()


async def test_who_is_cancelled_leaves_the_lane_to_the_work_that_runs(gate):
    lane, began = Lane("test", patience_seconds=NEVER), threading.Event()

    def work():
        began.set()
        gate.wait(10)

    slow = asyncio.create_task(lane.run(work))
    await asyncio.to_thread(began.wait, 10)
    slow.cancel()
    quick = asyncio.create_task(lane.run(gate.is_set))
    await asyncio.wait((quick,), timeout=0.05)  # long enough for a thread that may to run
    gate.set()
    assert await quick is True, "it ran after the one before was done"
    await lane.stop()


async def test_alone_waits_for_what_was_passed_while_others_go_on(gate):
    lane, passed = Lane("test", patience_seconds=AT_ONCE), asyncio.Event()
    slow = asyncio.create_task(lane.run(lambda: gate.wait(10), passed.set))
    await passed.wait()
    alone = asyncio.create_task(lane.alone(slow.done))
    assert await lane.run(lambda: "quick") == "quick"
    assert not alone.done()
    gate.set()
    await alone
    assert slow.done()
    await lane.stop()


async def test_what_fails_gives_the_lane_away_and_says_so():
    lane = Lane("test", patience_seconds=NEVER)
    with pytest.raises(ZeroDivisionError):
        await lane.run(lambda: 1 // 0)
    assert await lane.run(lambda: 2) == 2
    await lane.stop()


async def test_nothing_is_run_after_the_stop():
    lane = Lane("test")
    await lane.stop()
    for _ in range(2):
        with pytest.raises(RuntimeError):
            await lane.run(lambda: 1)
