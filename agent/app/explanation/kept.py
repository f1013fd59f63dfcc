"""Explains from a folder, without an agent: what the journal says, with the routes that were in force."""

from __future__ import annotations

from typing import Final

from agent.app.explanation.answering import explain
from agent.app.explanation.evidence import kept_evidence
from agent.app.explanation.people import explain_person
from agent.journal import Reader
from agent.web.explaining import Explanation, PersonAccount, Question

USUAL_MS: Final = 24 * 3_600_000
"""How far back a person's account goes where nobody says."""


def explain_kept(reader: Reader, question: Question, now_ms: int) -> Explanation:
    """Explain an alert from what a journal says."""
    return explain(kept_evidence(reader, now_ms, agent_runs=reader.written_to()), question)


def explain_person_kept(
    reader: Reader, name: str, now_ms: int, since_ms: int | None, at_ms: int | None
) -> PersonAccount:
    """Explain what somebody was told from what a journal says."""
    since_ms = (now_ms if at_ms is None else at_ms) - USUAL_MS if since_ms is None else since_ms
    return explain_person(kept_evidence(reader, now_ms, agent_runs=reader.written_to()), name, since_ms, at_ms)
