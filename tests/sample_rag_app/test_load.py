"""The load generator: what it draws, that it keeps going without a service, and its last line."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port

from sample_rag_app.load import CLIENTS, Load, Tally, asks, read_questions

from .conftest import Start


def test_the_same_seed_asks_the_same_questions() -> None:
    questions = read_questions()
    first = list(itertools.islice(asks(questions, seed=7), 200))
    assert first == list(itertools.islice(asks(questions, seed=7), 200))
    assert first != list(itertools.islice(asks(questions, seed=8), 200))


def test_few_questions_are_asked_often_and_a_third_is_new() -> None:
    drawn = list(itertools.islice(asks(read_questions(), seed=1), 5_000))
    new = [ask for ask in drawn if ask.question.startswith("INC-")]
    assert 0.35 < len(new) / len(drawn) < 0.41
    assert len({ask.question for ask in new}) > 0.99 * len(new)
    often = Counter(ask.question for ask in drawn if not ask.question.startswith("INC-")).most_common()
    assert often[0][0] == read_questions()[0]
    assert often[0][1] > 5 * often[20][1]
    assert {ask.client_id for ask in drawn} == set(CLIENTS)
    assert 100 < len({ask.session_id for ask in drawn}) <= 40 * len(CLIENTS)


async def test_the_hit_ratio_settles_between_50_and_70_percent(start: Start) -> None:
    rag = await start(requests_per_second=0)
    load = Load(str(rag.http.make_url("")), 5_000, asks(read_questions(), seed=1))
    tally = await load.run(asyncio.Event(), limit=700)
    assert tally.asked == 700
    assert tally.outcomes["cached"] + tally.outcomes["new"] == 700
    assert 0.50 <= tally.outcomes["cached"] / 700 <= 0.70
    assert await rag.value("rag_cache_hits_total") == tally.outcomes["cached"]
    assert await rag.value("rag_cache_misses_total") == tally.outcomes["new"]
    assert (await rag.value("rag_active_sessions") or 0) > 50
    assert 0 < tally.p95_seconds() < 5


async def test_failures_and_refusals_are_told_apart(start: Start) -> None:
    rag = await start(requests_per_second=0.001, burst=5)
    await rag.inject(error_ratio=1)
    load = Load(str(rag.http.make_url("")), 5_000, asks(read_questions(), seed=1))
    tally = await load.run(asyncio.Event(), limit=60)
    assert tally.outcomes["failed"] > 0
    assert tally.outcomes["refused"] > 0
    assert tally.asked == 60


async def test_a_service_that_is_away_is_counted() -> None:
    load = Load(f"http://127.0.0.1:{unused_port()}", 5_000, asks(read_questions(), seed=1))
    tally = await load.run(asyncio.Event(), limit=20)
    assert tally.outcomes == {"unreachable": 20}


@pytest.mark.parametrize("text", ["not json", "[]", "{}"])
async def test_an_answer_of_some_other_service_is_a_failure(text: str) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(text=text, content_type="application/json")

    app = web.Application()
    app.router.add_post("/api/query", answer)
    async with TestServer(app, host="127.0.0.1") as server:
        load = Load(str(server.make_url("")), 1_000, asks(read_questions(), seed=1))
        assert (await load.run(asyncio.Event(), limit=3)).outcomes == {"failed": 3}


async def test_stop_and_duration_end_it(start: Start) -> None:
    rag = await start()
    stopped = asyncio.Event()
    stopped.set()
    url = str(rag.http.make_url(""))
    assert (await Load(url, 10, asks(read_questions(), seed=1)).run(stopped)).asked == 0
    tally = await Load(url, 100, asks(read_questions(), seed=1)).run(asyncio.Event(), duration_seconds=0.1)
    assert tally.asked == 10
    waiting = asyncio.Event()
    asyncio.get_running_loop().call_later(0.02, waiting.set)
    assert (await Load(url, 0.01, asks(read_questions(), seed=1)).run(waiting)).asked == 1


def test_the_summary_is_one_line_with_every_outcome() -> None:
    tally = Tally()
    tally.outcomes.update(cached=60, new=40, refused=1, failed=2, unreachable=3)
    tally.uncached_seconds = [number / 100 for number in range(1, 101)]
    assert tally.summary() == (
        "load: 106 questions, 100 answered (60 % cached), 1 refused (4xx), 2 failed (5xx), 3 unreachable, 0 skipped, "
        "p95 0.950 s uncached"
    )
    assert "0 questions, 0 answered (0 % cached)" in Tally().summary()
