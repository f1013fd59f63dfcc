"""The journal's twin that keeps everything in memory: for rehearsals and tests. It has no disk, no thread and no lock.

A write is done when the call returns. What is read comes back as plain JSON data, as from the real one.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any, Final

import msgspec

from agent.errors import StorageError
from agent.journal.journal import Append, Delete, Prune, Put, Write, plain
from agent.journal.reading import Event, Position

_ENCODER: Final = msgspec.json.Encoder(enc_hook=plain)


class MemoryJournal:
    """Fulfils what rooms ask of a journal. With `history=False` events are dropped, and only records are kept."""

    def __init__(self, *, history: bool = True) -> None:
        self._records: dict[str, dict[str, Any]] = {}
        self._events: list[Event] = []
        self._history = history
        self._sequence = 0
        self._closed = False
        self._done: Future[None] = Future()
        self._done.set_result(None)

    def write(self, *writes: Write) -> Future[None]:
        """Take `writes` in; the future is done already, or holds a StorageError where the journal is closed."""
        if self._closed:
            refused: Future[None] = Future()
            refused.set_exception(StorageError("the journal is closed"))
            return refused
        for write in writes:
            self._apply(write)
        return self._done

    def record(self, kind: str, key: str) -> Any | None:
        """Return one record as plain JSON data, or None."""
        found = self._records.get(kind, {}).get(key)
        return None if found is None else _plain(found)

    def records(self, kind: str) -> dict[str, Any]:
        """Return all records of a kind, by key."""
        return {key: _plain(value) for key, value in sorted(self._records.get(kind, {}).items())}

    def events(self, kind: str, subject: str | None = None, *, since_ms: int = 0, limit: int = 1000) -> list[Event]:
        """Return the newest `limit` events of a kind (about one subject), oldest first."""
        found = [
            Event(each.sequence, kind, each.subject, each.at_ms, _plain(each.value))
            for each in self._events
            if each.kind == kind and each.at_ms >= since_ms and subject in (None, each.subject)
        ]
        return found[-limit:] if limit > 0 else []

    def newest(self, kind: str, before: Position, *, subject: str | None = None, limit: int = 1000) -> list[Event]:
        """Return the `limit` events of a kind (about one subject) that are next before a position, newest first."""
        older = [each for each in self.events(kind, subject, limit=len(self._events)) if each.position < before]
        return sorted(older, key=lambda each: each.position, reverse=True)[:limit]

    def close(self) -> None:
        """Refuse writes from now on."""
        self._closed = True

    def _apply(self, write: Write) -> None:
        match write:
            case Put(kind, key, value):
                self._records.setdefault(kind, {})[key] = value
            case Delete(kind, key):
                self._records.get(kind, {}).pop(key, None)
            case Append(kind, subject, at_ms, value):
                self._sequence += 1
                if self._history:
                    self._events.append(Event(self._sequence, kind, subject, at_ms, value))
            case Prune(kind, before_ms):
                self._events = [each for each in self._events if each.kind != kind or each.at_ms >= before_ms]


def _plain(value: Mapping[str, Any]) -> Any:
    return msgspec.json.decode(_ENCODER.encode(value))
