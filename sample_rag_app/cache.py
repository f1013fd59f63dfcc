"""Answers kept for a while: bounded by time, by count, and by the version of the index that gave them.

It never serves an entry that is too old or of another index version; finding one is a miss with a reason.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final, Literal

from sample_rag_app.answers import Answer

StaleReason = Literal["ttl", "index_version"]
STALE_REASONS: Final[tuple[StaleReason, ...]] = ("ttl", "index_version")
EVICTION_REASONS: Final = ("capacity", *STALE_REASONS)


@dataclass(frozen=True, slots=True)
class Lookup:
    """What a look-up found: an answer, or why there is none (`stale` when an entry was there but too old)."""

    answer: Answer | None
    stale: StaleReason | None = None


@dataclass(frozen=True, slots=True)
class _Entry:
    answer: Answer
    version: str
    expires_ms: int


class AnswerCache:
    """A least-recently-used cache of answers; times are milliseconds on the caller's clock."""

    def __init__(self, ttl_ms: int, max_entries: int) -> None:
        self._ttl_ms = ttl_ms
        self._max_entries = max_entries
        self._entries: OrderedDict[str, _Entry] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, question: str, version: str, at_ms: int) -> Lookup:
        """Look a question up; an entry that must not be served is dropped on the way."""
        key = cache_key(question)
        entry = self._entries.get(key)
        if entry is None:
            return Lookup(None)
        if entry.version == version and at_ms < entry.expires_ms:
            self._entries.move_to_end(key)
            return Lookup(entry.answer)
        del self._entries[key]
        return Lookup(None, "ttl" if entry.version == version else "index_version")

    def put(self, question: str, answer: Answer, version: str, at_ms: int) -> int:
        """Keep an answer; return how many entries gave way for it."""
        key = cache_key(question)
        self._entries[key] = _Entry(answer, version, at_ms + self._ttl_ms)
        self._entries.move_to_end(key)
        evicted = 0
        while len(self._entries) > self._max_entries:
            self._entries.popitem(last=False)
            evicted += 1
        return evicted


def cache_key(question: str) -> str:
    """Fold case, spaces and closing punctuation; digits stay, since they may change the meaning."""
    return " ".join(question.casefold().split()).rstrip("?!. ")
