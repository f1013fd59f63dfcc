"""Questions and answers: what is found, quoted, cached and refused."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sample_rag_app.answers import REFUSAL, compose
from sample_rag_app.cache import AnswerCache
from sample_rag_app.documents import parse_document, plain, read_folder
from sample_rag_app.retrieval import Index
from sample_rag_app.settings import DOCUMENTS

from .conftest import Start

# Written by reading the documents, not by asking the service.
EXPECTED = {
    "What should I check first when the error rate is high?": "high-error-rate",
    "too many queries fail": "high-error-rate",
    "The service is down, what now?": "service-down",
    "is it a crash loop?": "service-down",
    "The database does not answer, who is affected?": "dependency-down",
    "The disk is almost full, what can I delete?": "disk-full",
    "how to shrink the journal": "disk-full",
    "The TLS certificate has expired": "certificate-expiry",
    "renewal of a certificate failed": "certificate-expiry",
    "Why are answers slow?": "slow-responses",
    "Which stage takes the time?": "slow-responses",
    "Memory is running out, is it a leak?": "high-memory",
    "The processor is busy, do users feel it?": "high-cpu",
    "The backup failed, what do I do?": "backup-failed",
    "Why did the cache hit rate collapse?": "cache-hit-collapse",
    "How do I roll back a deployment?": "deployment",
    "the number of instances changed": "scaling",
    "Is maintenance under way?": "maintenance",
    "A target is no longer watched": "target-missing",
    "A rule cannot be evaluated": "rule-failing",
    "Slack messages do not arrive": "delivery-failing",
    "Which samples are dropped, and why?": "samples-dropped",
    "Why do samples not reach the disk?": "storage-not-durable",
    "What does the watchdog alert prove?": "watchdog",
    "A channel has no credentials": "channel-disabled",
    "What does burn rate mean?": "error-budget",
    "How does retrieval rank passages?": "retrieval",
    "Why does the service refuse to answer?": "retrieval",
    "How is the answer cache bounded?": "answer-cache",
    "How do I acknowledge an alert?": "escalation",
    "What is the recovery point of the backup?": "backup-and-restore",
    "How do I switch the traffic back to the old colour?": "blue-green",
    "How do I add a document?": "api",
    "What belongs in a postmortem?": "postmortem",
    "How do I end an injected fault?": "fault-injection",
}
OFF_TOPIC = [
    "What is the capital of France?",
    "Which wine goes with fish?",
    "Who won the football match?",
    "write me a poem about autumn leaves",
    "42",
    "???",
]


@pytest.fixture(scope="module")
def index() -> Index:
    return Index(read_folder(DOCUMENTS, shipped=True))


@pytest.mark.parametrize(("question", "document"), EXPECTED.items())
def test_a_question_finds_the_document_that_answers_it(index: Index, question: str, document: str) -> None:
    answer = compose(index.search(question))
    assert answer.sources[0].document == document


@pytest.mark.parametrize("question", OFF_TOPIC)
def test_what_the_documents_do_not_know_is_refused(index: Index, question: str) -> None:
    answer = compose(index.search(question))
    assert (answer.kind, answer.text, answer.sources) == ("refused", REFUSAL, ())


def test_every_line_of_an_answer_stands_in_a_document_it_cites(index: Index) -> None:
    for question in EXPECTED:
        answer = compose(index.search(question))
        quotes = answer.text.removeprefix("I am not sure this is what you ask for; the closest I found:\n")
        for part in quotes.split("\n[")[0:]:
            number, text = part.removeprefix("[").split("] ", 1)
            document = index.get(answer.sources[int(number) - 1].document)
            assert document is not None
            assert any(text == plain(unit) for passage in document.passages for unit in passage.units), text


def test_a_ticket_number_in_front_does_not_change_what_is_found(index: Index) -> None:
    for question, document in EXPECTED.items():
        found = index.search(f"INC-4821337: {question}")
        assert found[0].document.name == document


def test_who_names_a_runbook_by_its_title_is_told_what_to_check_first(index: Index) -> None:
    answer = compose(index.search("the service is down"))
    assert "Does the service answer you?" in answer.text


@given(st.text(max_size=300))
@settings(max_examples=60, deadline=None)
def test_no_text_breaks_the_search(text: str) -> None:
    """FTS5 has a query language of its own; whatever is typed must reach it as words."""
    small = Index([parse_document("disk-full", "# Disk full\n\nDelete old logs. Enlarge the volume.")])
    for match in small.search(text + ' disk" OR (NEAR* '):
        assert 0 <= match.score <= 1


def test_a_list_item_keeps_its_code_and_sentences_are_apart() -> None:
    head = "# Title\n\n*Topic: storage*\n\n## Steps\n\n"
    text = head + "1. Look here.\n   ```sh\n   # not a heading\n   df -h\n   ```\n2. Then there. Or not.\n\nOne. Two."
    document = parse_document("name", text)
    assert (document.title, document.topic) == ("Title", "storage")
    assert [passage.heading for passage in document.passages] == ["Steps"]
    assert document.passages[0].units == (
        "Look here.\n```sh\n# not a heading\ndf -h\n```",
        "Then there. Or not.",
        "One.",
        "Two.",
    )


def test_an_added_document_is_found_and_changes_the_version(index: Index) -> None:
    small = Index()
    assert small.search("anything") == []
    before = small.version
    small.add(parse_document("tea", "# Tea\n\nSteep green tea at seventy degrees."))
    assert small.version != before
    assert small.search("how hot is green tea steeped")[0].document.name == "tea"
    with pytest.raises(ValueError, match="the name is taken"):
        small.add(parse_document("tea", "# Tea\n\nAgain."))


def test_the_cache_forgets_by_time_by_version_and_by_count() -> None:
    answer = compose([])
    cache = AnswerCache(ttl_ms=1_000, max_entries=2)
    assert cache.put("A?", answer, "v1", at_ms=0) == 0
    assert cache.get(" a ", "v1", at_ms=999).answer is answer
    assert cache.get("a", "v1", at_ms=1_000).stale == "ttl"
    assert cache.get("a", "v1", at_ms=1_000).stale is None
    cache.put("a", answer, "v1", at_ms=0)
    assert cache.get("a", "v2", at_ms=1).stale == "index_version"
    cache.put("a", answer, "v1", at_ms=0)
    cache.put("b", answer, "v1", at_ms=0)
    cache.get("a", "v1", at_ms=1)
    assert cache.put("c", answer, "v1", at_ms=1) == 1
    assert cache.get("b", "v1", at_ms=1).answer is None
    assert cache.get("a", "v1", at_ms=1).answer is answer


def test_digits_are_part_of_the_question() -> None:
    cache = AnswerCache(ttl_ms=1_000, max_entries=9)
    cache.put("what is error 500", compose([]), "v", at_ms=0)
    assert cache.get("what is error 503", "v", at_ms=0).answer is None


async def test_the_second_time_comes_from_the_cache_until_it_expires(start: Start) -> None:
    rag = await start(cache_ttl_seconds=60)
    status, first = await rag.ask("Why are answers slow?")
    assert status == 200
    assert first["success"] is True
    assert first["cached"] is False
    assert {"document", "title", "score", "snippet", "url"} == set(first["sources"][0])
    assert first["sources"][0]["url"] == "/runbooks/slow-responses"
    _, second = await rag.ask("why are answers  slow")
    assert second["cached"] is True
    assert second["answer"] == first["answer"]
    assert second["request_id"] != first["request_id"]
    rag.hand.seconds += 61
    _, third = await rag.ask("why are answers slow")
    assert third["cached"] is False
    assert await rag.value("rag_cache_hits_total") == 1
    assert await rag.value("rag_cache_misses_total") == 2
    assert await rag.value("rag_cache_stale_hits_total", reason="ttl") == 1


async def test_an_added_document_answers_at_once_and_ends_old_answers(start: Start) -> None:
    rag = await start()
    question = "How is the flux capacitor calibrated?"
    assert (await rag.ask(question))[1]["kind"] == "refused"
    body = {"title": "Flux capacitor", "text": "The flux capacitor is calibrated with a tuning fork."}
    async with rag.http.post("/api/documents", json=body) as reply:
        assert reply.status == 201
        added = await reply.json()
    assert added["processed_count"] == 1
    assert added["documents"][0]["document"] == "flux-capacitor"
    _, answer = await rag.ask(question)
    assert "tuning fork" in answer["answer"]
    assert answer["cached"] is False
    assert answer["sources"][0]["url"] is None
    assert await rag.value("rag_cache_evictions_total", reason="index_version") == 1


def test_questions_in_the_sketch_are_those_asked_most() -> None:
    """Space-Saving's promise: what was asked more often than asked / capacity is there, and error bounds the excess."""
    from sample_rag_app.topqueries import TopQueries

    chance = random.Random(3)
    words = [f"{chr(97 + i // 26)}{chr(97 + i % 26)} question" for i in range(400)]
    drawn = chance.choices(words, weights=[1 / (rank + 1) for rank in range(400)], k=5_000)
    top = TopQueries(readable=True, capacity=50)
    for number, question in enumerate(drawn):
        top.add(question, f"asker {number % 7}")
    shown = {query.query: query for query in top.top()}
    truly = {question: drawn.count(question) for question in set(drawn)}
    for question, count in truly.items():
        if count > 5_000 / 50:
            assert question in shown
    for question, query in shown.items():
        assert truly[question] <= query.count <= truly[question] + query.error
    assert len(shown) <= 20
