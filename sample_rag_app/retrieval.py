"""Full-text retrieval over the documents: SQLite's FTS5 with bm25 and the Porter stemmer, in memory.

Ranking is bm25; what says how well a passage fits is the share of the question's informative words it contains, from
0 to 1, since a bm25 value means nothing by itself. A search takes a few hundred microseconds and runs on the event
loop: handing it to a thread would cost as much as the search.
"""

from __future__ import annotations

import hashlib
import math
import re
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from sample_rag_app.documents import Document, Passage, searchable

MAX_TERMS: Final = 32
CANDIDATES: Final = 30
TITLE_BONUS: Final = 0.5  # what a document is about counts beside what it mentions
RANK_WEIGHTS: Final = "4.0, 2.0, 1.0"  # a word in the title weighs more than one in the heading, then the body
_WORD: Final = re.compile(r"\w+(?:[-:./]\w+)*")
_STOP_TEXT: Final = (
    "a about after all am an and any are as at be been before but by can cannot could did do does for from get had "
    "happen happens has have he her here his how i if in into is it its me mean means my need now of on or our out "
    "please say says she should so some tell than that the their them then there these they this those to too us "
    "was we were what when where which while who whom whose why will with would you your"
)
_STOP_WORDS: Final = frozenset(_STOP_TEXT.split())


@dataclass(frozen=True, slots=True)
class Match:
    """A passage that fits: its document, its score from 0 to 1, and its units with each unit's weight.

    `by_title` says that every word found stands in the title: the question names the document and asks for no detail.
    """

    document: Document
    passage: Passage
    score: float
    unit_weights: tuple[float, ...]
    by_title: bool


class Index:
    """The searchable documents. Documents are added, never changed; `version` names their exact contents."""

    def __init__(self, documents: Iterable[Document] = ()) -> None:
        self._database = sqlite3.connect(":memory:", check_same_thread=False)
        self._database.executescript(
            "CREATE VIRTUAL TABLE passages USING fts5(title, heading, body, tokenize='porter unicode61');"
            "CREATE VIRTUAL TABLE units USING fts5(body, tokenize='porter unicode61');"
        )
        self._documents: dict[str, Document] = {}
        self._passages: list[tuple[Document, Passage]] = []
        self._first_unit: list[int] = []
        self._units = 0
        self._digest = hashlib.sha256()
        for document in documents:
            self.add(document)

    def add(self, document: Document) -> None:
        """Make a document searchable; raises ValueError when its name is taken."""
        if document.name in self._documents:
            raise ValueError(f"cannot add the document {document.name!r}: the name is taken")
        self._documents[document.name] = document
        self._digest.update(f"{document.name}\0{document.text}\0".encode())
        for passage in document.passages:
            self._passages.append((document, passage))
            self._first_unit.append(self._units)
            self._units += len(passage.units)
            self._database.execute(
                "INSERT INTO passages(rowid, title, heading, body) VALUES (?, ?, ?, ?)",
                (len(self._passages), document.title, passage.heading, "\n".join(map(searchable, passage.units))),
            )
            self._database.executemany(
                "INSERT INTO units(body) VALUES (?)", [(searchable(unit),) for unit in passage.units]
            )
        self._database.commit()

    def __len__(self) -> int:
        return len(self._documents)

    def __contains__(self, name: object) -> bool:
        return name in self._documents

    def get(self, name: str) -> Document | None:
        """Return a document by its name."""
        return self._documents.get(name)

    def documents(self) -> list[Document]:
        """Return every document in the order it was added."""
        return list(self._documents.values())

    @property
    def version(self) -> str:
        """Twelve hexadecimal digits that change whenever a document is added."""
        return self._digest.hexdigest()[:12]

    def alive(self) -> bool:
        """Whether the database answers."""
        try:
            self._database.execute("SELECT 1 FROM passages LIMIT 1").fetchone()
        except sqlite3.Error:
            return False
        return True

    def close(self) -> None:
        """Give the memory back; every later search raises sqlite3.Error."""
        self._database.close()

    def search(self, question: str, limit: int = 5) -> list[Match]:
        """Return the passages that fit best, best first; an empty list when no informative word is known.

        Raises sqlite3.Error when the database does not answer.
        """
        terms = self._known_terms(question)
        weights = {term: self._weight(len(rows)) for term, rows in terms.items()}
        known = [term for term, rows in terms.items() if rows]
        if not known:
            return []
        total = sum(weights.values())
        named = {term: self._rows(f"{{title}} : {_quoted(term)}") for term in known}
        titled = {term: self._rows(f"{{title heading}} : {_quoted(term)}") for term in known}
        ranked = self._ranked(known)
        best = max(rank for _, rank in ranked)

        def share(row: int, places: dict[str, set[int]]) -> float:
            return sum(weights[term] for term in known if row in places[term]) / total

        scored = [
            (share(row, terms) + rank / best + TITLE_BONUS * share(row, titled), -row, share(row, terms))
            for row, rank in ranked
        ]
        scored.sort(reverse=True)
        return [
            self._match(-row, score, known, weights, by_title=share(-row, named) == score)
            for _, row, score in scored[:limit]
        ]

    def _rows(self, expression: str) -> set[int]:
        found = self._database.execute("SELECT rowid FROM passages WHERE passages MATCH ?", (expression,))
        return {row for (row,) in found}

    def _known_terms(self, question: str) -> dict[str, set[int]]:
        """Map each informative word to the passages that have it.

        A word with a digit that no document knows (a ticket, a time, a host) names a thing, not a topic: left out.
        """
        terms: dict[str, set[int]] = {}
        for word in _WORD.findall(question.casefold()):
            if word in _STOP_WORDS or word in terms or len(terms) >= MAX_TERMS:
                continue
            rows = self._rows(_quoted(word))
            if rows or not any(character.isdigit() for character in word):
                terms[word] = rows
        return terms

    def _weight(self, containing: int) -> float:
        """Return a word's inverse document frequency (as in BM25) over the passages."""
        return math.log1p((len(self._passages) - containing + 0.5) / (containing + 0.5))

    def _ranked(self, terms: list[str]) -> list[tuple[int, float]]:
        # RANK_WEIGHTS is a constant of this module; the words are bound, not spliced.
        sql = f"SELECT rowid, -bm25(passages, {RANK_WEIGHTS}) AS rank FROM passages WHERE passages MATCH ? ORDER BY rank DESC LIMIT ?"  # noqa: S608, E501
        return self._database.execute(sql, (" OR ".join(map(_quoted, terms)), CANDIDATES)).fetchall()

    def _match(self, row: int, score: float, terms: list[str], weights: dict[str, float], *, by_title: bool) -> Match:
        document, passage = self._passages[row - 1]
        first = self._first_unit[row - 1] + 1
        unit_weights = [0.0] * len(passage.units)
        for term in terms:
            sql = "SELECT rowid FROM units WHERE units MATCH ? AND rowid BETWEEN ? AND ?"
            for (unit,) in self._database.execute(sql, (_quoted(term), first, first + len(passage.units) - 1)):
                unit_weights[unit - first] += weights[term]
        return Match(document, passage, min(score, 1.0), tuple(unit_weights), by_title)


def _quoted(word: str) -> str:
    """Quote a word as an FTS5 string, in which no character has a meaning of its own."""
    return '"' + word.replace('"', '""') + '"'
