"""Queries run off the event loop, within bounds of number and time."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time

import pytest

from agent.app.evaluation import answering
from agent.app.questions import WAITING, Questions
from agent.config import QuerySection
from agent.errors import ParseError, QueryLimit
from agent.model import Labels
from agent.query import Engine, MemoryQueryable

THREADS = QuerySection().max_concurrency


@pytest.fixture
def memory():
    made = MemoryQueryable()
    made.add(Labels.of(__name__="a", i="1"), [1000, 2000, 3000], [1.0, 2.0, 3.0])
    made.add(Labels.of(__name__="n"), [3000], [float("nan")])
    return made


@pytest.fixture
def questions(memory):
    made = Questions(memory)
    yield made
    made.close()


async def test_instants_ranges_and_numbers_are_answered(questions):
    assert (await questions.instant("a * 2", 3000)).value.values.tolist() == [6.0]
    (series,) = (await questions.range("a", 1000, 3000, 1000)).value
    assert series.values.tolist() == [1.0, 2.0, 3.0]
    assert await questions.number("a", 3000) == 3.0
    assert await questions.number("1 + 1", 3000) == 2.0
    assert await questions.number("nothing", 3000) is None
    assert await questions.number("n", 3000) is None
    assert await questions.work(lambda: "done") == "done"


async def test_what_a_query_raises_is_raised(questions):
    with pytest.raises(ParseError):
        await questions.instant("a +", 3000)


async def test_a_flood_is_refused_while_the_loop_goes_on_and_then_everything_is_answered(questions):
    gate, running = threading.Event(), threading.Semaphore(0)

    def blocked() -> str:
        running.release()
        assert gate.wait(30)
        return threading.current_thread().name

    tasks = [asyncio.create_task(questions.work(blocked)) for _ in range(THREADS + WAITING)]
    for _ in range(THREADS):
        await asyncio.to_thread(running.acquire)
    with pytest.raises(QueryLimit, match="too many queries") as refused:
        await questions.instant("a", 3000)
    assert refused.value.timeout
    assert not any(task.done() for task in tasks)
    gate.set()
    names = await asyncio.gather(*tasks)
    assert len(set(names)) <= THREADS
    assert await questions.number("a", 3000) == 3.0


async def test_a_query_is_ended_by_its_own_timeout(memory):
    """The clock is looked at between parts of the work, so a slow store is enough to run out of time."""

    class Slow:
        def select(self, matchers, start_ms, end_ms):
            time.sleep(0.03)
            return memory.select(matchers, start_ms, end_ms)

        def __getattr__(self, name):
            return getattr(memory, name)

    questions = Questions(Slow())
    try:
        with pytest.raises(QueryLimit) as error:
            await questions.instant("a + a * on () group_left () sum(a)", 3000, timeout_ms=10)
        assert error.value.timeout
        assert await questions.number("a", 3000) == 3.0
    finally:
        questions.close()


def test_a_query_of_a_rule_is_ended_by_the_timeout_of_queries(memory):
    answer = answering(Engine(memory), timeout_ms=lambda: 120_000)
    assert answer("a", 3000).values.tolist() == [3.0]
    with pytest.raises(QueryLimit) as error:
        answering(Engine(memory), timeout_ms=lambda: -1)("a", 3000)
    assert error.value.timeout


async def test_somebody_who_gives_up_leaves_no_place_taken(questions):
    for _ in range(3 * (THREADS + WAITING)):
        asking = asyncio.create_task(questions.instant("a", 3000))
        await asyncio.sleep(0)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
    assert await questions.number("a", 3000) == 3.0


async def test_a_query_ends_soon_after_its_client_has_hung_up(memory):
    """A fold over a wide subquery asks all the way, so the thread is free again long before the work would be done."""
    questions = Questions(memory, QuerySection(max_concurrency=1, max_samples=10**9))
    asked = itertools.count()
    try:
        with pytest.raises(QueryLimit):
            await questions.range("deriv(vector(time())[1d:1s])", 0, 36_000_000, 10_000, gone=lambda: next(asked) > 200)
        assert await questions.number("a", 3000) == 3.0
    finally:
        questions.close()


async def test_limits_change_with_the_configuration(questions):
    questions.apply(QuerySection(max_samples=2))
    with pytest.raises(QueryLimit, match="too many samples"):
        await questions.range("a", 1000, 9000, 1000)
    questions.apply(QuerySection(lookback_delta=1000))
    assert await questions.number("a", 4500) is None
    assert (await questions.instant("a", 4500, lookback_ms=2000)).value.values.tolist() == [3.0]
