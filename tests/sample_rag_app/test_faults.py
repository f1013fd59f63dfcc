"""Each fault shows in the metric that its alert reads, ends by itself, and needs the admin token."""

from __future__ import annotations

import asyncio

import pytest

from sample_rag_app.faults import FaultBox, Faults

from .conftest import TOKEN, Rag, Start


async def _ask_many(rag: Rag, count: int, text: str = "why is the disk full") -> list[int]:
    return [(await rag.ask(f"{text} {number}"))[0] for number in range(count)]


async def _ratio(rag: Rag) -> float:
    samples = await rag.samples()
    counts = {dict(labels)["status"]: value for (name, labels), value in samples.items() if name == "rag_queries_total"}
    return counts["error"] / sum(counts.values())


async def test_errors_raise_the_error_ratio_above_both_thresholds(start: Start) -> None:
    rag = await start()
    await rag.inject(error_ratio=0.3)
    statuses = await _ask_many(rag, 200)
    assert set(statuses) == {200, 500}
    assert await _ratio(rag) == statuses.count(500) / 200
    assert await _ratio(rag) > 0.2
    assert await rag.value("rag_requests_error_total", error_type="internal") == statuses.count(500)
    assert await rag.value("rag_fault_injected", fault="errors") == 1


async def test_errors_strike_cached_questions_too(start: Start) -> None:
    rag = await start()
    await rag.ask("Why are answers slow?")
    await rag.inject(error_ratio=1)
    assert (await rag.ask("Why are answers slow?"))[0] == 500


@pytest.mark.parametrize(("latency", "threshold"), [(3.0, "2.0"), (7.0, "5.0")])
async def test_latency_moves_the_p95_of_uncached_answers_past_the_threshold(
    start: Start, latency: float, threshold: str
) -> None:
    rag = await start()
    await rag.inject(latency_seconds=latency)
    await _ask_many(rag, 40)
    count = await rag.value("rag_query_duration_seconds_count", status="success")
    under = await rag.value("rag_query_duration_seconds_bucket", status="success", le=threshold)
    assert count == 40
    assert under is not None
    assert under / count < 0.05


async def test_latency_spares_cached_answers(start: Start) -> None:
    rag = await start()
    await rag.ask("Why are answers slow?")
    await rag.inject(latency_seconds=10)
    before = rag.hand.seconds
    await rag.ask("Why are answers slow?")
    assert rag.hand.seconds == before


async def test_a_database_that_is_down_shows_as_such_and_fails_uncached_queries(start: Start) -> None:
    rag = await start()
    await rag.ask("Why are answers slow?")
    await rag.inject(dependency_down=["database"])
    assert await rag.value("rag_dependency_up", dependency="database") == 0
    assert await rag.value("rag_dependency_up", dependency="cache") == 1
    status, body = await rag.ask("How do I add a document?")
    assert (status, body["error_type"]) == (503, "retrieval_error")
    assert (await rag.ask("Why are answers slow?"))[0] == 200
    assert await rag.value("rag_retrievals_total", index="documents", outcome="error") == 1
    assert await rag.value("rag_queries_total", status="error") == 1
    async with rag.http.get("/health/ready") as reply:
        assert reply.status == 503
        assert await reply.json() == {"status": "not_ready", "checks": {"database": False, "cache": True}}
    async with rag.http.get("/health") as reply:
        assert reply.status == 200


@pytest.mark.parametrize("fault", [{"cache_disabled": True}, {"dependency_down": ["cache"]}])
async def test_without_its_cache_the_service_answers_and_only_misses(start: Start, fault: dict[str, object]) -> None:
    rag = await start()
    await rag.ask("Why are answers slow?")
    await rag.inject(**fault)
    for _ in range(5):
        status, body = await rag.ask("Why are answers slow?")
        assert (status, body["cached"]) == (200, False)
    assert await rag.value("rag_cache_hits_total") == 0
    assert await rag.value("rag_cache_misses_total") == 6


async def test_a_fault_ends_by_itself_and_by_delete(start: Start) -> None:
    rag = await start()
    shown = await rag.inject(error_ratio=1, duration_seconds=60)
    assert shown["active"] == ["errors"]
    assert shown["remaining_seconds"] == 60
    rag.hand.seconds += 60
    assert (await rag.ask("Why are answers slow?"))[0] == 200
    assert await rag.value("rag_fault_injected", fault="errors") == 0
    await rag.inject(error_ratio=1)
    async with rag.http.delete("/admin/faults", headers={"Authorization": f"Bearer {TOKEN}"}) as reply:
        assert (await reply.json())["active"] == []
    assert (await rag.ask("Why are answers slow?"))[0] == 200


async def test_new_faults_replace_the_old_ones(start: Start) -> None:
    rag = await start()
    await rag.inject(error_ratio=1)
    await rag.inject(cache_disabled=True)
    assert (await rag.ask("Why are answers slow?"))[0] == 200


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
async def test_faults_need_the_token_and_do_not_exist_without_one(start: Start, method: str) -> None:
    rag = await start()
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": TOKEN}):
        async with rag.http.request(method, "/admin/faults", json={"error_ratio": 1}, headers=headers) as reply:
            assert reply.status == 401
            assert TOKEN not in await reply.text()
    closed = await start(admin_token=None)
    for headers in ({}, {"Authorization": "Bearer None"}, {"Authorization": "Bearer "}):
        async with closed.http.request(method, "/admin/faults", json={"error_ratio": 1}, headers=headers) as reply:
            assert reply.status == 404
    assert await rag.value("rag_fault_injected", fault="errors") == 0


@pytest.mark.parametrize(
    "body",
    [
        {"error_ratio": 1.5},
        {"error_ratio": "high"},
        {"latency_seconds": -1},
        {"latency_seconds": 1e9},
        {"dependency_down": ["moon"]},
        {"duration_seconds": 0},
        {"eror_ratio": 0.5},
        [],
    ],
)
async def test_a_fault_that_makes_no_sense_is_refused(start: Start, body: object) -> None:
    rag = await start()
    async with rag.http.post("/admin/faults", json=body, headers={"Authorization": f"Bearer {TOKEN}"}) as reply:
        assert reply.status == 400
        assert "error" in await reply.json()


def test_chance_strikes_as_often_as_it_was_told() -> None:
    box = FaultBox(seed=1)
    assert not any(box.strikes(at_ms=0) for _ in range(100))
    box.inject(Faults(error_ratio=0.25, latency_seconds=2.0), until_ms=1_000)
    assert 200 < sum(box.strikes(at_ms=0) for _ in range(1_000)) < 300
    delays = [box.delay_seconds(at_ms=0) for _ in range(200)]
    assert min(delays) >= 1.6
    assert max(delays) <= 2.4
    assert box.delay_seconds(at_ms=1_000) == 0
    assert not box.strikes(at_ms=1_000)


async def test_a_query_that_takes_too_long_is_a_timeout(start: Start) -> None:
    from sample_rag_app.server import SERVICE

    rag = await start(query_timeout_seconds=0.01)
    service = rag.http.server.app[SERVICE]
    service.clock = type(service.clock)(elapsed=service.clock.elapsed, unix=service.clock.unix, sleep=asyncio.sleep)
    await rag.inject(latency_seconds=30)
    status, body = await rag.ask("Why are answers slow?")
    assert (status, body["error_type"]) == (504, "timeout")
    assert await rag.value("rag_queries_total", status="error") == 1


async def test_more_questions_than_the_limit_are_turned_away(start: Start) -> None:
    rag = await start(concurrency_limit=0)
    async with rag.http.post("/api/query", json={"question": "Why are answers slow?"}) as reply:
        assert reply.status == 503
        assert reply.headers["Retry-After"] == "1"
    assert await rag.value("rag_load_shed_total", reason="concurrency") == 1
    assert await rag.value("rag_requests_error_total", error_type="overload") == 1
    assert await rag.value("rag_queries_total", status="error") == 1
