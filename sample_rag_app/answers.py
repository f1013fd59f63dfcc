"""Extractive answers: whole sentences or steps quoted from the passages that fit, each with its source.

Nothing is invented: every line of an answer stands in a document. A question whose words the documents hardly contain
is refused, which is an answer and not an error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from sample_rag_app.documents import plain
from sample_rag_app.retrieval import Match

Kind = Literal["grounded", "weak", "refused"]
KINDS: Final[tuple[str, ...]] = ("grounded", "weak", "refused", "static")
LOW_SCORE: Final = 0.4
GROUNDED_SCORE: Final = 0.6
MAX_QUOTES: Final = 3
MAX_SOURCES: Final = 3
SNIPPET_CHARACTERS: Final = 200
REFUSAL: Final = (
    "I found nothing about this in the documents, so I will not guess. "
    "Ask with other words, or open /runbooks for the list of what I know."
)


@dataclass(frozen=True, slots=True)
class Source:
    """A document that an answer quotes: its name, title, score from 0 to 1, the best line, and its page if any."""

    document: str
    title: str
    score: float
    snippet: str
    url: str | None


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer's text with `[n]` marks that point into `sources`, how sure it is, and its topic."""

    text: str
    sources: tuple[Source, ...]
    kind: Kind
    topic: str


def compose(matches: list[Match]) -> Answer:
    """Quote the best passage, and the next document where it fits nearly as well; refuse under LOW_SCORE."""
    if not matches or matches[0].score < LOW_SCORE:
        return Answer(REFUSAL, (), "refused", "none")
    chosen = _one_per_document(matches)
    lines = [f"[1] {quote}" for quote in _quotes(chosen[0], MAX_QUOTES)]
    if len(chosen) > 1 and chosen[1].score >= 0.9 * chosen[0].score:
        lines += [f"[2] {quote}" for quote in _quotes(chosen[1], 1)]
    kind: Kind = "grounded" if chosen[0].score >= GROUNDED_SCORE else "weak"
    if kind == "weak":
        lines.insert(0, "I am not sure this is what you ask for; the closest I found:")
    return Answer("\n".join(lines), tuple(_source(match) for match in chosen), kind, chosen[0].document.topic)


def _one_per_document(matches: list[Match]) -> list[Match]:
    best: dict[str, Match] = {}
    for match in matches:
        if match.score >= LOW_SCORE:
            best.setdefault(match.document.name, match)
    return list(best.values())[:MAX_SOURCES]


def _quotes(match: Match, count: int) -> list[str]:
    """Return the units that carry most of the question's words, in reading order; the first ones on a tie.

    Who names a runbook by its title, and nothing else, is told what to check first.
    """
    units = match.passage.units
    order = sorted(range(len(units)), key=lambda unit: (-match.unit_weights[unit], unit))
    if match.by_title and (steps := match.document.first_steps) is not None:
        units, order = steps.units, list(range(len(steps.units)))
    return [plain(units[unit]) for unit in sorted(order[:count])]


def _source(match: Match) -> Source:
    snippet = " ".join(_quotes(match, 1)[0].split())
    if len(snippet) > SNIPPET_CHARACTERS:
        snippet = snippet[: SNIPPET_CHARACTERS - 1].rstrip() + "…"
    url = f"/runbooks/{match.document.name}" if match.document.shipped else None
    return Source(match.document.name, match.document.title, round(match.score, 3), snippet, url)
