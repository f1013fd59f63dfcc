"""One turn at a time; whoever asks while one waits shares it, and each who asked is served by a turn that began after."""

from __future__ import annotations

import asyncio

import pytest

from agent.app.turns import Turns


class Work:
    """Counts how often it began; each turn ends when the test lets it."""

    def __init__(self) -> None:
        self.began, self.at_once, self.most = 0, 0, 0
        self.begun = asyncio.Event()
        self.gate = asyncio.Event()
        self.fails = False

    async def __call__(self) -> int:
        self.began += 1
        self.begun.set()
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        number = self.began
        await self.gate.wait()
        self.at_once -= 1
        if self.fails:
            raise ValueError(str(number))
        return number


async def test_a_storm_while_one_is_under_way_is_one_more_turn():
    work = Work()
    turns = Turns(work)
    first = asyncio.create_task(turns())
    await work.begun.wait()
    storm = [asyncio.create_task(turns()) for _ in range(100)]
    await asyncio.sleep(0)
    work.gate.set()
    assert await first == 1
    assert set(await asyncio.gather(*storm)) == {2}
    assert (work.began, work.most) == (2, 1)
    assert await turns() == 3


async def test_a_failure_is_for_all_who_shared_the_turn_and_the_next_one_begins_anew():
    work = Work()
    work.fails = True
    work.gate.set()
    turns = Turns(work)
    told = await asyncio.gather(turns(), turns(), return_exceptions=True)
    assert [str(each) for each in told] == ["1", "1"]
    with pytest.raises(ValueError, match="2"):
        await turns()


async def test_who_stops_waiting_does_not_stop_the_turn():
    work = Work()
    turns = Turns(work)
    waiting = asyncio.create_task(turns())
    await work.begun.wait()
    waiting.cancel()
    work.gate.set()
    await turns.idle()
    assert (work.began, work.at_once) == (1, 0)
