"""What a journal says of the room, without an agent: the same groups, incidents, silences and messages as a view shows them.

It restores what runs from what was written down, as a start does, and writes nothing back.
"""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any, Protocol

from agent.journal import Event, Write
from agent.notify import kept_routing
from agent.notify.outbox import HISTORY
from agent.notify.triage import CLOCK, Triage


class Source(Protocol):
    """What is needed of a journal that is only read."""

    def records(self, kind: str) -> dict[str, Any]:
        """Return all records of a kind, by key."""
        ...

    def events(self, kind: str, subject: str | None = None, *, since_ms: int = 0, limit: int = 1000) -> list[Event]:
        """Return the newest events of a kind, oldest first."""
        ...


class Events(Protocol):
    """Gives the newest events of a kind (about one subject), oldest first."""

    def __call__(self, kind: str, subject: str | None = None, *, since_ms: int = 0, limit: int = 1000) -> list[Event]:
        """Return them."""
        ...


class ReadOnly:
    """Fulfils `Book` over a source; what is written to it is dropped."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def write(self, *_: Write) -> Future[None]:
        """Drop the writes."""
        done: Future[None] = Future()
        done.set_result(None)
        return done

    def records(self, kind: str) -> dict[str, Any]:
        """Return all records of a kind, by key; the clock's is left out, since nothing is set back here."""
        return {} if kind == CLOCK else self._source.records(kind)

    def events(self, kind: str, subject: str | None = None, *, since_ms: int = 0, limit: int = 1000) -> list[Event]:
        """Return the newest events of a kind, oldest first."""
        return self._source.events(kind, subject, since_ms=since_ms, limit=limit)


def kept_triage(source: Source, at_ms: int) -> Triage:
    """Return what runs as it would after a start at an instant, to be looked at; nothing that is done to it is kept."""
    found = source.records(kept_routing.KIND).get("")
    return Triage(kept_routing.read_routing(found or kept_routing.NOTHING), ReadOnly(source), at_ms)


def written_ms(source: Source) -> int:
    """Return when a group was last written down, 0 where none ever was."""
    at_ms = source.records(CLOCK).get("", 0)
    return at_ms if isinstance(at_ms, int) else 0


def history_lines(events: Events, subject: str | None = None, *, since_ms: int = 0, limit: int = 1000) -> list[Event]:
    """Return the newest lines of the history (about one alert, by its fingerprint), oldest first: decisions and messages."""
    return events(HISTORY, subject, since_ms=since_ms, limit=limit)
