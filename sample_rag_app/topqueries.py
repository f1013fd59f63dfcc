"""The most frequent questions in bounded memory: a Space-Saving sketch over normalised texts.

(Metwally, Agrawal, El Abbadi: Efficient computation of frequent and top-k elements in data streams, 2005: a count is
too high by at most the `error` kept beside it, and whatever was asked more often than asked / capacity is present.)
A text is shown only where that is switched on and only once two different askers had the same question: what one
person typed stays theirs.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from sample_rag_app.clients import digest

CAPACITY: Final = 50
SHOWN: Final = 20
MIN_ASKERS: Final = 2
MAX_TEXT: Final = 120
HIDDEN: Final = "(hidden)"
_NOISE: Final = re.compile(r"\S*(?:@|\d)\S*")


@dataclass(frozen=True, slots=True)
class TopQuery:
    """One frequent question: its id, its text or HIDDEN, how often it was asked, and how much too high that may be."""

    query_id: str
    query: str
    count: int
    error: int


@dataclass(slots=True)
class _Counted:
    count: int
    error: int
    askers: set[bytes] = field(default_factory=set)


class TopQueries:
    """Counts questions since the start; at most CAPACITY are known, at most SHOWN are told."""

    def __init__(self, *, readable: bool, capacity: int = CAPACITY) -> None:
        self._readable = readable
        self._capacity = capacity
        # Readable ids stay the same over a restart; hidden ones are keyed, so that guessing a question proves nothing.
        self._key = b"" if readable else secrets.token_bytes(16)
        self._counted: dict[str, _Counted] = {}
        self._asked = 0

    def add(self, question: str, asker: str) -> None:
        """Count a question of an asker (a session, else a client, else an address)."""
        text = normalise(question)
        if not text:
            return
        self._asked += 1
        counted = self._counted.get(text)
        if counted is None:
            counted = self._counted[text] = self._admit()
        counted.count += 1
        if len(counted.askers) < MIN_ASKERS:
            counted.askers.add(digest(asker))

    def _admit(self) -> _Counted:
        if len(self._counted) < self._capacity:
            return _Counted(0, 0)
        rarest = min(self._counted, key=lambda text: self._counted[text].count)
        floor = self._counted.pop(rarest).count
        return _Counted(floor, floor)

    def top(self, limit: int = SHOWN) -> list[TopQuery]:
        """Return the most frequent questions, the most frequent first."""
        ordered = sorted(self._counted.items(), key=lambda item: (-item[1].count, item[0]))
        if self._readable:
            ordered = [item for item in ordered if len(item[1].askers) >= MIN_ASKERS]
        return [
            TopQuery(digest(text, self._key).hex(), text if self._readable else HIDDEN, counted.count, counted.error)
            for text, counted in ordered[: min(limit, SHOWN)]
        ]

    def share(self, rank: int) -> float:
        """Return the share of all questions that the first `rank` have, 0 to 1 (an upper bound, as the counts are)."""
        counts = sorted((counted.count for counted in self._counted.values()), reverse=True)
        return min(1.0, sum(counts[:rank]) / self._asked) if self._asked else 0.0


class TopQueriesCollector(Collector):
    """Shows the sketch as `rag_top_queries{query_id,query}`.

    A gauge and not a counter: a count is an estimate, and a question that falls out of the list vanishes and may come
    back lower. It fits `topk(10, rag_top_queries)`; a rate of it would lie.
    """

    def __init__(self, queries: TopQueries) -> None:
        self._queries = queries

    def describe(self) -> Iterator[Metric]:
        """Name the family without its samples."""
        yield self._family()

    def collect(self) -> Iterator[Metric]:
        """Give the list as it is now."""
        family = self._family()
        for query in self._queries.top():
            family.add_metric([query.query_id, query.query], query.count)
        yield family

    @staticmethod
    def _family() -> GaugeMetricFamily:
        return GaugeMetricFamily(
            "rag_top_queries",
            "Estimated number of times each of the most frequent questions was asked since the start.",
            labels=["query_id", "query"],
        )


def normalise(question: str) -> str:
    """Fold case, spaces and punctuation and drop every word with a digit or an @: numbers, times, tickets, addresses."""
    words = re.findall(r"\w+(?:['’-]\w+)*", _NOISE.sub(" ", question.casefold()))
    return " ".join(words)[:MAX_TEXT].rstrip()
