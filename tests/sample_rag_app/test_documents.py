"""The documents themselves: whole, linked, and true about the service they describe."""

from __future__ import annotations

import re

import promql_parser
import pytest

from sample_rag_app.documents import parse_document, read_folder
from sample_rag_app.load import read_questions
from sample_rag_app.retrieval import Index
from sample_rag_app.settings import DOCUMENTS

from .conftest import Start

PARTS = ["What it means", "Who is affected", "Check first", "Mend", "Afterwards"]
# The ones that alerts of rules/ link to.
NEEDED = {
    "high-error-rate", "service-down", "dependency-down", "disk-full", "certificate-expiry", "slow-responses",
    "high-memory", "high-cpu", "backup-failed", "cache-hit-collapse", "deployment", "scaling", "maintenance",
    "target-missing", "rule-failing", "delivery-failing", "samples-dropped", "storage-not-durable", "watchdog",
    "channel-disabled", "heartbeat",
    "error-budget-burn", "ingestion-errors", "slo-no-data", "slo-invalid",
}  # fmt: skip
TEXTS = {path.stem: path.read_text(encoding="utf-8") for path in sorted(DOCUMENTS.glob("*.md"))}


def test_every_needed_runbook_has_its_five_parts_and_concrete_first_steps() -> None:
    runbooks = {document.name: document for document in read_folder(DOCUMENTS, shipped=True) if document.first_steps}
    assert set(runbooks) == NEEDED
    for name, document in runbooks.items():
        assert [passage.heading for passage in document.passages] == PARTS, name
        assert document.first_steps is not None
        assert 3 <= len(document.first_steps.units) <= 5, name
        assert sum("```" in step for step in document.first_steps.units) >= 2 or name == "maintenance", name


@pytest.mark.parametrize("name", TEXTS)
def test_a_document_is_short_and_has_title_and_topic(name: str) -> None:
    document = parse_document(name, TEXTS[name])
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name)
    assert TEXTS[name].startswith(f"# {document.title}\n")
    assert document.topic != "other"
    assert len(TEXTS[name].split()) < 450
    assert len(document.title) <= 60


@pytest.mark.parametrize("name", TEXTS)
def test_links_between_documents_lead_somewhere(name: str) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", TEXTS[name]):
        assert target.removesuffix(".md") in TEXTS


def test_every_promql_line_parses() -> None:
    expressions = [
        line.strip()
        for text in TEXTS.values()
        for block in re.findall(r"```promql\n(.*?)```", text, re.DOTALL)
        for line in block.splitlines()
        if line.strip()
    ]
    assert len(expressions) > 40
    for expression in expressions:
        promql_parser.parse(expression)


async def test_every_metric_a_document_names_is_one_the_service_has(start: Start) -> None:
    page = await (await start()).page()
    names = set(re.findall(r"^# TYPE (\S+)", page, re.MULTILINE))
    for name, text in TEXTS.items():
        for metric in re.findall(r"\b(?:rag|process)_[a-z_]+", text):
            assert re.sub(r"_(bucket|sum|count)$", "", metric) in names, f"{name}: {metric}"


async def test_every_path_a_document_names_exists(start: Start) -> None:
    rag = await start()
    for name, text in TEXTS.items():
        for path in re.findall(r"127\.0\.0\.1:8000(/[a-z/]*)", text):
            async with rag.http.options(path) as reply:
                assert reply.status == 405, f"{name}: {path}"


def test_topics_stay_few() -> None:
    assert len({parse_document(name, text).topic for name, text in TEXTS.items()}) <= 18


def test_most_shipped_questions_have_an_answer_and_the_last_three_have_none() -> None:
    index = Index(read_folder(DOCUMENTS, shipped=True))
    questions = read_questions()
    assert len(questions) == len(set(questions)) >= 60
    answered = [bool(found := index.search(question)) and found[0].score >= 0.4 for question in questions]
    assert not any(answered[-3:])
    assert sum(answered[:-3]) >= len(questions) - 5


def test_no_document_names_a_place_of_this_machine() -> None:
    for name, text in TEXTS.items():
        assert not re.search(r"/(work|home|tmp|root)/", text), name
