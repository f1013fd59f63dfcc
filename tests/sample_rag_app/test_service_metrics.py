"""What the metrics say: names, bounds, and that each counts what its help says and nothing else."""

from __future__ import annotations

import asyncio
import re
import threading
from pathlib import Path

import pytest

from sample_rag_app.clients import ClientNames, Sessions
from sample_rag_app.documents import Document, parse_document
from sample_rag_app.errors import InternalError
from sample_rag_app.server import SERVICE, observe_lag
from sample_rag_app.topqueries import TopQueries, normalise

from .conftest import Start

THRESHOLDS = {
    "rag_query_duration_seconds": {0.5, 2.0, 2.5, 5.0},
    "rag_response_time_seconds": {2.0, 2.5, 5.0},
    "rag_event_loop_lag_seconds": {0.1},
    "rag_retrieval_top_score": {0.4},
}


async def test_every_value_of_every_closed_label_is_there_from_the_start(start: Start) -> None:
    samples = await (await start()).samples()

    def values(name: str, label: str) -> set[str]:
        return {dict(labels)[label] for series, labels in samples if series == name}

    assert values("rag_queries_total", "status") == {"success", "error", "cached"}
    assert values("rag_query_duration_seconds_count", "status") == {"success", "error", "cached"}
    assert values("rag_requests_error_total", "error_type") == {
        "timeout", "provider_error", "rate_limited", "retrieval_error", "validation", "circuit_open", "overload",
        "internal", "client_closed",
    }  # fmt: skip
    assert values("rag_retrievals_total", "outcome") == {"ok", "empty", "low_score", "error"}
    assert values("rag_answers_total", "kind") == {"grounded", "weak", "refused", "static"}
    assert values("rag_stage_duration_seconds_count", "stage") == {"cache", "retrieve", "generate"}
    assert values("rag_dependency_up", "dependency") == {"database", "cache"}
    assert values("rag_fault_injected", "fault") == {
        "errors", "latency", "database_down", "cache_down", "cache_disabled",
    }  # fmt: skip
    assert values("rag_index_builds_total", "result") == {"success", "error"}
    assert values("rag_ingested_documents_total", "result") == {"success", "error"}
    assert values("rag_top_query_share", "rank") == {"1", "10"}
    assert ("rag_cache_hits_total", frozenset()) in samples
    assert ("rag_cache_misses_total", frozenset()) in samples
    assert ("rag_active_sessions", frozenset()) in samples
    assert {"/api/query", "/runbooks/{name}", "/metrics"} <= values("rag_requests_total", "endpoint")


async def test_the_page_has_the_process_and_no_created_series(start: Start) -> None:
    page = await (await start()).page()
    for name in ("process_start_time_seconds", "process_resident_memory_bytes", "process_cpu_seconds_total"):
        assert re.search(rf"^{name} ", page, re.MULTILINE)
    assert "_created" not in page
    assert re.search(r'^rag_build_info\{version="[^"]+"\} 1\.0$', page, re.MULTILINE)
    assert re.search(r'^rag_index_info\{.*index="documents".*\} 1\.0$', page, re.MULTILINE)


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", "text/plain"),
        ("text/plain;version=0.0.4", "text/plain"),
        ("application/openmetrics-text;version=1.0.0,text/plain;q=0.5", "application/openmetrics-text"),
    ],
)
async def test_a_scraper_gets_the_format_it_asks_for(start: Start, accept: str, expected: str) -> None:
    rag = await start()
    async with rag.http.get("/metrics", headers={"Accept": accept}) as reply:
        assert reply.headers["Content-Type"].startswith(expected)
        assert (await reply.text()).rstrip().endswith("# EOF") == (expected == "application/openmetrics-text")


async def test_thresholds_of_alerts_are_bucket_bounds(start: Start) -> None:
    samples = await (await start()).samples()
    for name, needed in THRESHOLDS.items():
        bounds = {float(dict(labels)["le"]) for series, labels in samples if series == f"{name}_bucket"}
        assert needed <= bounds, name


async def test_a_query_is_counted_once_and_exclusively(start: Start) -> None:
    rag = await start()
    await rag.ask("Why are answers slow?", client_id="web", session_id="s1")
    await rag.ask("Why are answers slow?", client_id="web", session_id="s2")
    await rag.ask("What is the capital of France?")
    assert await rag.value("rag_queries_total", status="success") == 2
    assert await rag.value("rag_queries_total", status="cached") == 1
    assert await rag.value("rag_queries_total", status="error") == 0
    assert await rag.value("rag_query_duration_seconds_count", status="cached") == 1
    assert await rag.value("rag_requests_total", client_id="web", endpoint="/api/query") == 2
    assert await rag.value("rag_requests_total", client_id="anonymous", endpoint="/api/query") == 1
    assert await rag.value("rag_response_time_seconds_count", endpoint="/api/query") == 3
    assert await rag.value("rag_answers_total", kind="refused") == 1
    assert await rag.value("rag_answers_total", kind="grounded") == 1
    assert await rag.value("rag_retrievals_total", index="documents", outcome="ok") == 1
    assert await rag.value("rag_retrieval_top_score_count", index="documents") == 2
    assert await rag.value("rag_query_topics_total", topic="latency") == 1
    assert await rag.value("rag_query_topics_total", topic="none") == 1
    assert await rag.value("rag_cache_entries") == 2
    assert await rag.value("rag_active_sessions") == 2
    assert await rag.value("rag_inflight_queries") == 0


async def test_sessions_go_quiet_after_five_minutes(start: Start) -> None:
    rag = await start()
    await rag.ask("Why are answers slow?", session_id="s1")
    rag.hand.seconds += 299
    assert await rag.value("rag_active_sessions") == 1
    rag.hand.seconds += 1
    assert await rag.value("rag_active_sessions") == 0


def test_sessions_are_bounded_and_kept_as_digests_only() -> None:
    sessions = Sessions(ttl_ms=1_000, max_sessions=3)
    for number in range(10):
        sessions.touch(f"session-{number}", at_ms=0)
    assert sessions.active(1) == 3
    assert "session-9" not in repr(vars(sessions))


def test_client_names_are_bounded_and_never_given_up() -> None:
    names = ClientNames()
    assert [names.label(f"client-{number}") for number in range(20)] == [f"client-{number}" for number in range(20)]
    assert names.label("client-20") == "other"
    assert names.label("client-0") == "client-0"
    assert names.label(None) == "anonymous"
    assert names.overflowed == 1
    assert ClientNames(("web",)).label("mobile") == "other"
    assert ClientNames(("web",)).label("web") == "web"
    for odd in ("a b", 'x"y', "-", "none", "anonymous", "ü" * 3, "a" * 65):
        assert ClientNames().label(odd) == "other"


async def test_series_stay_bounded_whatever_is_asked(start: Start) -> None:
    """The number of series must not depend on what clients send: under 1,500 after a day of nonsense."""
    rag = await start(readable_top_queries=True, requests_per_second=0)
    for number in range(120):
        word = chr(97 + number % 26) + chr(97 + number // 26)
        for session in ("a", "b"):
            await rag.ask(f"question of {word}", client_id=f"client-{number}", session_id=f"{session}{number}")
        await rag.http.get(f"/runbooks/{word}")
        await rag.http.get(f"/{word}")
    for number in range(5):
        body = {"title": f"Doc {number}", "text": f"*Topic: t{chr(97 + number)}*\n\nText {number}."}
        await rag.http.post("/api/documents", json=body)
        await rag.ask(f"text of doc {number}")
    samples = await rag.samples()
    assert len(samples) < 1_500
    assert len({labels for name, labels in samples if name == "rag_top_queries"}) == 20
    clients = {dict(labels)["client_id"] for name, labels in samples if name == "rag_requests_total"}
    assert len(clients) <= 23
    assert len([name for name, _ in samples if name == "rag_index_info"]) == 1
    assert (
        samples[("rag_label_overflow_total", frozenset({("metric", "rag_requests_total"), ("label", "client_id")}))]
        == 200
    )


async def test_top_queries_are_hidden_unless_switched_on(start: Start) -> None:
    rag = await start()
    await rag.ask("Why are answers slow?", session_id="a")
    page = await rag.page()
    assert "answers slow" not in page
    assert re.search(r'^rag_top_queries\{query="\(hidden\)",query_id="[0-9a-f]{16}"\} 1\.0$', page, re.MULTILINE)


async def test_a_readable_top_query_needs_two_askers_and_shows_no_numbers_or_addresses(start: Start) -> None:
    rag = await start(readable_top_queries=True)
    question = "INC-7788: Why is ana@example.org's answer slow at 14:35?"
    await rag.ask(question, session_id="a")
    await rag.ask(question, session_id="a")
    assert "rag_top_queries{" not in await rag.page()
    await rag.ask(question.replace("7788", "99"), session_id="b")
    async with rag.http.get("/api/top-queries") as reply:
        queries = (await reply.json())["queries"]
    assert [(query["query"], query["count"]) for query in queries] == [("why is answer slow at", 3)]
    assert 'rag_top_queries{query="why is answer slow at"' in await rag.page()


def test_normalising_is_blind_to_case_spaces_and_punctuation() -> None:
    assert normalise("  What  does P95-latency mean?! ") == normalise("what does mean")
    assert normalise("4711") == ""
    assert len(normalise("word " * 200)) <= 120


def test_hidden_ids_cannot_be_guessed_and_readable_ones_survive_a_restart() -> None:
    def ids(*, readable: bool) -> str:
        top = TopQueries(readable=readable)
        top.add("why", "a")
        top.add("why", "b")
        return top.top()[0].query_id

    assert ids(readable=True) == ids(readable=True)
    assert ids(readable=False) != ids(readable=False)


async def test_event_loop_lag_is_what_exceeds_the_wanted_sleep(start: Start) -> None:
    rag = await start(lag_interval_seconds=3_600)
    service = rag.http.server.app[SERVICE]
    observe_lag(service, 0.5, 0.75)
    observe_lag(service, 0.5, 0.4)
    assert await rag.value("rag_event_loop_lag_seconds_sum") == 0.25
    assert await rag.value("rag_event_loop_lag_seconds_count") == 2


async def test_the_loop_is_watched_while_the_service_runs(start: Start) -> None:
    rag = await start(lag_interval_seconds=0.001)
    while not await rag.value("rag_event_loop_lag_seconds_count"):  # noqa: ASYNC110  # nothing tells when
        await asyncio.sleep(0.01)  # the timeout of the test ends this


@pytest.mark.parametrize(("waited_seconds", "errors"), [(1.0, 0), (4.0, 1)])
async def test_a_client_that_hangs_up_is_a_failed_query_only_if_it_waited_beyond_the_promise(
    start: Start, waited_seconds: float, errors: int
) -> None:
    """A service that hangs until everybody gives up would else look like one that nobody asks, and page nobody."""
    rag = await start()
    service = rag.http.server.app[SERVICE]
    entered, never = asyncio.Event(), asyncio.Event()

    began = service.clock.elapsed()
    now = began

    async def hang(_: float) -> None:
        nonlocal now
        now = began + waited_seconds
        entered.set()
        await never.wait()

    await rag.inject(latency_seconds=60)
    service.clock = type(service.clock)(elapsed=lambda: now, unix=service.clock.unix, sleep=hang)
    asking = asyncio.create_task(rag.ask("Why are answers slow?"))
    await entered.wait()
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    for _ in range(5_000):
        if await rag.value("rag_requests_error_total", error_type="client_closed"):
            break
        await asyncio.sleep(0.005)
    assert await rag.value("rag_requests_error_total", error_type="client_closed") == 1
    assert await rag.value("rag_queries_total", status="error") == errors
    for status in ("success", "cached"):
        assert await rag.value("rag_queries_total", status=status) == 0
        assert await rag.value("rag_query_duration_seconds_count", status=status) == 0
    assert await rag.value("rag_inflight_queries") == 0


@pytest.mark.parametrize(("failure", "result"), [(None, "success"), (InternalError("the disk is full"), "error")])
async def test_documents_whose_sender_hangs_up_are_counted_as_what_became_of_them(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: Exception | None, result: str
) -> None:
    """A disk that hangs until everybody gives up would else look like one to which nobody writes."""
    rag = await start(data_dir=tmp_path)
    service = rag.http.server.app[SERVICE]
    entered, goes_on = threading.Event(), threading.Event()

    def save(folder: Path, documents: list[Document]) -> None:
        entered.set()
        assert goes_on.wait(60)
        if failure is not None:
            raise failure

    monkeypatch.setattr(service, "_save", save)
    sending = asyncio.create_task(service.add_documents([parse_document("late", "# Late\n\nA late text.")]))
    await asyncio.to_thread(entered.wait, 60)
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    goes_on.set()
    while not await rag.value("rag_ingested_documents_total", result=result):  # noqa: ASYNC110  # nothing tells when
        await asyncio.sleep(0.01)  # the timeout of the test ends this

    assert await rag.value("rag_ingested_documents_total", result=result) == 1
