"""Silences: what somebody asked not to hear about for a while. Values, durable, with states that follow from the time."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any
from uuid import uuid4

from agent.errors import InvalidInput
from agent.journal import Delete, Put
from agent.model import Labels, Matcher, MatchOp, match_all
from agent.notify.records import Book

KIND = "notify.silence"
RETENTION_MS = 5 * 24 * 3_600_000


class SilenceState(StrEnum):
    """Where a silence stands at an instant."""

    PENDING = "pending"
    ACTIVE = "active"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Silence:
    """One silence; all matchers must match. Its end is exclusive."""

    id: str
    matchers: tuple[Matcher, ...]
    starts_at_ms: int
    ends_at_ms: int
    created_by: str
    comment: str
    updated_at_ms: int

    def state(self, at_ms: int) -> SilenceState:
        """Return where it stands."""
        if at_ms < self.starts_at_ms:
            return SilenceState.PENDING
        return SilenceState.ACTIVE if at_ms < self.ends_at_ms else SilenceState.EXPIRED


class Silences:
    """All silences; every change is written to the journal."""

    def __init__(self, journal: Book) -> None:
        self._journal = journal
        self._all = {key: _from_json(key, data) for key, data in journal.records(KIND).items()}

    def create(
        self,
        matchers: tuple[Matcher, ...],
        starts_at_ms: int,
        ends_at_ms: int,
        created_by: str,
        comment: str,
        at_ms: int,
    ) -> tuple[Silence, Future[None]]:
        """Add a silence; raise InvalidInput as Alertmanager would. The future is done when it is on the disk."""
        starts_at_ms = max(starts_at_ms, at_ms)
        if ends_at_ms <= starts_at_ms:
            message = "cannot create the silence: it would end before it begins; give an end in the future"
            raise InvalidInput(message)
        if not matchers or all(each.matches("") for each in matchers):
            message = "cannot create the silence: at least one matcher must not match the empty string"
            raise InvalidInput(message)
        made = Silence(str(uuid4()), matchers, starts_at_ms, ends_at_ms, created_by, comment, at_ms)
        return made, self._keep(made)

    def expire(self, silence_id: str, at_ms: int) -> Future[None]:
        """End a silence now; one that has ended stays as it is. Raises InvalidInput where there is none of this id."""
        found = self._all.get(silence_id)
        if found is None:
            message = f"cannot expire silence {silence_id}: there is none of this id; `list` shows them"
            raise InvalidInput(message)
        if found.state(at_ms) is SilenceState.EXPIRED:
            return self._journal.write()
        starts_at_ms = min(found.starts_at_ms, at_ms)
        return self._keep(replace(found, starts_at_ms=starts_at_ms, ends_at_ms=at_ms, updated_at_ms=at_ms))

    def get(self, silence_id: str) -> Silence | None:
        """Return one silence, or None."""
        return self._all.get(silence_id)

    def list(self, at_ms: int) -> list[Silence]:
        """Return all: active (ending soonest first), pending (starting soonest), expired (latest end first)."""
        order = {SilenceState.ACTIVE: 0, SilenceState.PENDING: 1, SilenceState.EXPIRED: 2}

        def rank(each: Silence) -> tuple[int, int]:
            state = each.state(at_ms)
            when = {SilenceState.ACTIVE: each.ends_at_ms, SilenceState.PENDING: each.starts_at_ms}
            return order[state], when.get(state, -each.ends_at_ms)

        return sorted(self._all.values(), key=rank)

    def active(self, at_ms: int) -> tuple[Silence, ...]:
        """Return those that hold now."""
        return tuple(each for each in self._all.values() if each.state(at_ms) is SilenceState.ACTIVE)

    def muting(self, labels: Labels, at_ms: int) -> tuple[str, ...]:
        """Return the ids of the silences that hold back an alert with these labels now."""
        return tuple(each.id for each in self.active(at_ms) if match_all(each.matchers, labels))

    def collect(self, at_ms: int) -> None:
        """Forget silences that ended long ago."""
        gone = [key for key, each in self._all.items() if each.ends_at_ms < at_ms - RETENTION_MS]
        for key in gone:
            del self._all[key]
        if gone:
            self._journal.write(*(Delete(KIND, key) for key in gone))

    def _keep(self, silence: Silence) -> Future[None]:
        self._all[silence.id] = silence
        return self._journal.write(Put(KIND, silence.id, _to_json(silence)))


def _to_json(silence: Silence) -> dict[str, Any]:
    return {
        "matchers": [[each.name, str(each.op), each.value] for each in silence.matchers],
        "starts_at_ms": silence.starts_at_ms,
        "ends_at_ms": silence.ends_at_ms,
        "created_by": silence.created_by,
        "comment": silence.comment,
        "updated_at_ms": silence.updated_at_ms,
    }


def _from_json(key: str, data: Mapping[str, Any]) -> Silence:
    matchers = tuple(Matcher(name, MatchOp(op), value) for name, op, value in data["matchers"])
    times = (data["starts_at_ms"], data["ends_at_ms"])
    return Silence(key, matchers, *times, data["created_by"], data["comment"], data["updated_at_ms"])
