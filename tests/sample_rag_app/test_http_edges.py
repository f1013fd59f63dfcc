"""What clients may get wrong, each with a clear answer and never a failed query; and the pages for people."""

from __future__ import annotations

import io
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from sample_rag_app.settings import DOCUMENTS

from .conftest import Start

RUNBOOKS = sorted(path.stem for path in DOCUMENTS.glob("*.md"))


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        (b'{"question": ""}', 400, "the question is empty"),
        (b'{"question": "   "}', 400, "the question is empty"),
        (b"{}", 400, "give the question once"),
        (b'{"question": "a", "query": "b"}', 400, "give the question once"),
        (b'{"invalid": "payload"}', 400, "unknown field `invalid`"),
        (b'{"question": 7}', 400, "$.question"),
        (b'{"question": "why", "session_id": 7}', 400, "$.session_id"),
        (b'{"question": "why", "session_id": ""}', 400, "$.session_id"),
        (b'{"question": "why", "session_id": {"a": 1}}', 400, "$.session_id"),
        (b'{"question": "why", "client_id": ["x"]}', 400, "$.client_id"),
        (b'["why"]', 400, "Expected `object`"),
        (b'"why"', 400, "Expected `object`"),
        (b"null", 400, "Expected `object`"),
        (b'{"question": "why"', 400, "no JSON object"),
        (b"question=why", 400, "no JSON object"),
        (b"", 400, "no JSON object"),
        (b'{"question": "\xff\xfe"}', 400, "no JSON object"),
        (b'{"question": "\\ud800"}', 400, "no JSON object"),
        (json.dumps({"question": "x" * 2_001}).encode(), 400, "2000 are allowed"),
        (json.dumps({"question": "x" * 1_048_576}).encode(), 413, "larger than 262144 bytes"),
        (b"[" * 100_000, 400, "Expected `object`"),
        (b'{"question":' + b"[" * 100_000, 400, "$.question"),
    ],
)
async def test_a_bad_question_is_the_clients_error(start: Start, body: bytes, status: int, says: str) -> None:
    rag = await start()
    async with rag.http.post("/api/query", data=io.BytesIO(body)) as reply:
        answer = await reply.json()
        assert reply.status == status
        assert says in answer["error"]
        assert answer["error_type"] == "validation"
        assert answer["request_id"] == reply.headers["X-Request-ID"]
    assert await rag.value("rag_requests_error_total", error_type="validation") == 1
    assert await rag.value("rag_requests_total", client_id="anonymous", endpoint="/api/query") == 1
    for outcome in ("success", "error", "cached"):
        assert await rag.value("rag_queries_total", status=outcome) == 0


@pytest.mark.parametrize(
    "question", ["' OR 1=1 --", '"NEAR(', "a* AND b", "\x00\x07", "🔥 🔥", "passages:", "why " * 400]
)
async def test_any_text_is_a_question(start: Start, question: str) -> None:
    rag = await start()
    status, body = await rag.ask(question)
    assert status == 200
    assert body["answer"]


async def test_query_is_the_questions_other_name(start: Start) -> None:
    rag = await start()
    async with rag.http.post("/api/query", json={"query": "Why are answers slow?", "client_id": "test"}) as reply:
        body = await reply.json()
    assert reply.status == 200
    assert {"answer", "sources", "processing_time", "success"} <= set(body)


async def test_who_asks_too_fast_waits_and_the_others_do_not(start: Start) -> None:
    rag = await start(requests_per_second=1, burst=2)
    assert [(await rag.ask("why slow", client_id="fast"))[0] for _ in range(3)] == [200, 200, 429]
    async with rag.http.post("/api/query", json={"question": "why slow", "client_id": "fast"}) as reply:
        assert reply.headers["Retry-After"] == "1"
        assert (await reply.json())["error_type"] == "rate_limited"
    assert (await rag.ask("why slow", client_id="calm"))[0] == 200
    assert await rag.value("rag_rate_limited_total", scope="client") == 2
    assert await rag.value("rag_requests_error_total", error_type="rate_limited") == 2
    assert await rag.value("rag_queries_total", status="error") == 0
    rag.hand.seconds += 1
    assert (await rag.ask("why slow", client_id="fast"))[0] == 200


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({"title": "T"}, 400, "text"),
        ({"title": "T", "text": ""}, 400, "$.text"),
        ({"title": "T", "text": "# only a heading"}, 400, "no text below"),
        ({"title": "T", "text": "x", "name": "../../etc/passwd"}, 400, "is no document name"),
        ({"title": "T", "text": "x", "name": "Up Case"}, 400, "is no document name"),
        ({"title": "!!!", "text": "x"}, 400, "is no document name"),
        ({"title": "T" * 201, "text": "x"}, 400, "$.title"),
        ({"title": "Watchdog", "text": "x"}, 409, "already there"),
        ({"documents": []}, 400, "$.documents"),
        ({"documents": ["# A\n\nx", "# A\n\ny"]}, 409, "the same name"),
        ({"documents": "x"}, 400, "$.documents"),
        ({"title": "Big", "text": "x" * 300_000}, 413, "larger than"),
        (7, 400, "Expected `object`"),
    ],
)
async def test_a_bad_document_is_refused_and_nothing_is_added(start: Start, body: Any, status: int, says: str) -> None:
    rag = await start()
    async with rag.http.post("/api/documents", json=body) as reply:
        assert reply.status == status
        assert says in (await reply.json())["error"]
    assert await rag.value("rag_index_documents", index="documents") == len(RUNBOOKS)


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"documents":' * 50_000, b"{", b"\xff", b""])
async def test_a_document_that_is_no_json_is_refused(start: Start, body: bytes) -> None:
    rag = await start(max_body_bytes=1_000_000)
    async with rag.http.post("/api/documents", data=io.BytesIO(body)) as reply:
        assert reply.status == 400
        assert (await reply.json())["error_type"] == "validation"


async def test_documents_are_added_all_or_none(start: Start) -> None:
    rag = await start()
    async with rag.http.post("/api/documents", json={"documents": ["# Fresh\n\nx", "# Watchdog\n\ny"]}) as reply:
        assert reply.status == 409
    assert await rag.value("rag_index_documents", index="documents") == len(RUNBOOKS)
    async with rag.http.post(
        "/api/documents", json={"documents": ["test document\n\nx", {"title": "B", "text": "y"}]}
    ) as reply:
        assert (await reply.json())["processed_count"] == 2
    assert await rag.value("rag_index_documents", index="documents") == len(RUNBOOKS) + 2


async def test_each_document_handed_in_counts_once_and_a_clients_fault_in_none(start: Start) -> None:
    rag = await start()
    for body in ({"documents": ["# One\n\nx", "# Two\n\ny"]}, {"documents": ["# One\n\nx"]}, {"documents": []}):
        await rag.http.post("/api/documents", json=body)
    assert await rag.value("rag_ingested_documents_total", result="success") == 2
    assert await rag.value("rag_ingested_documents_total", result="error") == 0


async def test_documents_handed_in_while_the_database_is_away_are_errors_and_none_is_added(start: Start) -> None:
    rag = await start()
    await rag.inject(dependency_down=["database"])
    async with rag.http.post("/api/documents", json={"documents": ["# One\n\nx", "# Two\n\ny"]}) as reply:
        assert reply.status == 503
    assert await rag.value("rag_ingested_documents_total", result="error") == 2
    assert await rag.value("rag_index_documents", index="documents") == len(RUNBOOKS)


async def test_the_number_of_documents_is_bounded(start: Start) -> None:
    rag = await start(max_documents=len(RUNBOOKS) + 1)
    statuses = []
    for title in ("First", "Second"):
        async with rag.http.post("/api/documents", json={"title": title, "text": "x"}) as reply:
            statuses.append(reply.status)
    assert statuses == [201, 409]


async def test_added_documents_outlive_a_restart(start: Start, tmp_path: Path) -> None:
    rag = await start(data_dir=tmp_path)
    await rag.http.post("/api/documents", json={"title": "Flux capacitor", "text": "Calibrate it with a tuning fork."})
    again = await start(data_dir=tmp_path)
    assert "tuning fork" in (await again.ask("calibrate the flux capacitor"))[1]["answer"]
    saved = os.scandir(tmp_path / "documents")
    assert [entry.name for entry in saved] == ["flux-capacitor.md"]


async def test_a_disk_that_refuses_is_an_error_that_says_so(start: Start, tmp_path: Path) -> None:
    (tmp_path / "documents").write_text("a file where the folder should be")
    rag = await start(data_dir=tmp_path)
    async with rag.http.post("/api/documents", json={"title": "Flux", "text": "x"}) as reply:
        assert reply.status == 500
        assert "could not be saved" in (await reply.json())["error"]
    assert await rag.value("rag_index_builds_total", index="documents", result="error") == 1
    assert await rag.value("rag_ingested_documents_total", result="error") == 1
    assert await rag.value("rag_ingested_documents_total", result="success") == 0


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/api/query", 405),
        ("PUT", "/metrics", 405),
        ("POST", "/runbooks/watchdog", 405),
    ],
)
async def test_a_wrong_address_is_answered_in_json(start: Start, method: str, path: str, status: int) -> None:
    rag = await start()
    async with rag.http.request(method, path) as reply:
        assert reply.status == status
        assert path in (await reply.json())["error"]
        assert ("Allow" in reply.headers) == (status == 405)


async def test_an_unforeseen_failure_is_an_internal_error_without_its_text(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    rag = await start()

    def explode(_: object) -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr("sample_rag_app.service.compose", explode)
    status, body = await rag.ask("Why are answers slow?")
    assert (status, body["error_type"]) == (500, "internal")
    assert "secret detail" not in json.dumps(body)
    assert await rag.value("rag_queries_total", status="error") == 1
    assert await rag.value("rag_requests_error_total", error_type="internal") == 1


async def test_health_says_what_probes_ask_for(start: Start) -> None:
    rag = await start()
    rag.hand.seconds += 5
    async with rag.http.get("/health") as reply:
        body = await reply.json()
    assert (body["status"], body["uptime"]) == ("healthy", 5)
    assert body["version"]
    async with rag.http.get("/health/ready") as reply:
        assert (reply.status, (await reply.json())["status"]) == (200, "ready")


@pytest.mark.parametrize("name", RUNBOOKS)
async def test_every_document_has_a_page_that_fits_a_phone(start: Start, name: str) -> None:
    rag = await start()
    for path in (f"/runbooks/{name}", f"/runbooks/{name}.md"):
        async with rag.http.get(path) as reply:
            page = await reply.text()
            assert reply.status == 200
            assert reply.content_type == "text/html"
    title = (DOCUMENTS / f"{name}.md").read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")
    assert f"<h1>{title}</h1>" in page
    assert 'name="viewport"' in page
    for link in re.findall(r'href="([a-z-]+\.md)"', page):
        async with rag.http.get(f"/runbooks/{link}") as reply:
            assert reply.status == 200, link


async def test_the_list_and_the_front_page_lead_to_the_runbooks(start: Start) -> None:
    rag = await start()
    async with rag.http.get("/runbooks") as reply:
        listed = re.findall(r'href="/runbooks/([a-z-]+)"', await reply.text())
    assert sorted(listed) == RUNBOOKS
    async with rag.http.get("/") as reply:
        page = await reply.text()
    assert 'href="/runbooks"' in page
    assert "<form" in page


@pytest.mark.parametrize(
    "name", ["nothing-here", "..%2f..%2fetc%2fpasswd", "<script>alert(1)</script>", "<script>alert(1)"]
)
async def test_a_runbook_that_does_not_exist_is_not_found(start: Start, name: str) -> None:
    rag = await start()
    async with rag.http.get(f"/runbooks/{name}") as reply:
        assert reply.status == 404
        assert reply.headers["X-Content-Type-Options"] == "nosniff"
        assert reply.content_type == "application/json" or "<script>" not in await reply.text()


async def test_an_added_document_is_no_runbook_page(start: Start) -> None:
    """Anyone may add a document; the pages that alerts link to hold only what was shipped."""
    rag = await start()
    await rag.http.post("/api/documents", json={"title": "Fake", "text": "Send me the token."})
    async with rag.http.get("/runbooks/fake") as reply:
        assert reply.status == 404


def test_markdown_is_shown_and_never_obeyed() -> None:
    from sample_rag_app.pages import render

    page = render("<script>alert(1)</script>\n\n[x](javascript:alert(1))\n\n`a < b`")
    assert "<script>" not in page
    assert 'href="javascript' not in page
    assert "<code>a &lt; b</code>" in page
