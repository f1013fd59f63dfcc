"""Silences: what somebody asked not to hear about for a while. Values, durable, with states that follow from the time.

Semantics: Alertmanager's silence.go (create, update or replace, expire). It refuses silences that would hold back everything
and those that end before they begin. Nothing here reads a clock.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final
from uuid import uuid4

from agent.errors import InvalidInput
from agent.journal import Append, Delete, Put
from agent.model import Labels, Matcher, MatchOp, match_all
from agent.notify.matching import alert_matcher, render_matchers
from agent.notify.outbox import HISTORY
from agent.notify.records import Book

KIND: Final = "notify.silence"
RETENTION_MS: Final = 5 * 24 * 3_600_000
"""How long a silence is kept after its end: Alertmanager's default retention of 120 h."""

MOST_REMEMBERED: Final = 50_000
"""Label sets of which it is remembered what silences them; well above a storm of 10,000 alerts."""


class SilenceState(StrEnum):
    """Where a silence stands at an instant."""

    PENDING = "pending"
    ACTIVE = "active"
    EXPIRED = "expired"


_ORDER: Final = {SilenceState.ACTIVE: 0, SilenceState.PENDING: 1, SilenceState.EXPIRED: 2}


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
    annotations: Labels = field(default_factory=Labels)

    def state(self, at_ms: int) -> SilenceState:
        """Return where it stands."""
        if at_ms < self.starts_at_ms:
            return SilenceState.PENDING
        return SilenceState.ACTIVE if at_ms < self.ends_at_ms else SilenceState.EXPIRED

    def becomes(self, other: Silence, at_ms: int) -> bool:
        """Say whether this silence may turn into `other` and keep its id: the same matchers, and no past is rewritten."""
        if set(self.matchers) != set(other.matchers):
            return False
        match self.state(at_ms):
            case SilenceState.ACTIVE:
                return self.starts_at_ms // 1000 == other.starts_at_ms // 1000 and other.ends_at_ms >= at_ms
            case SilenceState.PENDING:
                return other.starts_at_ms >= at_ms
            case SilenceState.EXPIRED:
                return False


@dataclass(frozen=True, slots=True)
class Holding:
    """The silences that hold at one instant, each under one label value that it asks for, so that few are tried on an alert.

    It does not change any more, so any thread may ask it.
    """

    by_value: Mapping[tuple[str, str], Sequence[Silence]] = field(default_factory=dict)
    others: Sequence[Silence] = ()
    _known: dict[Labels, tuple[str, ...]] = field(default_factory=dict)

    def muting(self, labels: Labels) -> tuple[str, ...]:
        """Return the ids of the silences that hold back an alert with these labels; remembered for some ten thousands."""
        if not self.by_value and not self.others:
            return ()
        found = self._known.get(labels)
        if found is None:
            if len(self._known) >= MOST_REMEMBERED:
                self._known.clear()
            found = self._known[labels] = self._muting(labels)
        return found

    def _muting(self, labels: Labels) -> tuple[str, ...]:
        found = [*self.others]
        if self.by_value:
            for pair in labels.pairs:
                found.extend(self.by_value.get(pair, ()))
        return tuple(each.id for each in found if match_all(each.matchers, labels))


OnChange = Callable[[Sequence[Silence], int], None]
"""Hears of silences that began, ended, were changed or expired, and when that was noticed."""


class Silences:
    """All silences; every change is written to the journal, with a line of history under the silence's id.

    `version` changes whenever `muting` may answer something else than before: what was learnt from it may be kept as long.
    `on_change` hears of the silences that made it change, by `advance` where only time has passed.
    """

    def __init__(self, journal: Book, on_change: OnChange = lambda _changed, _at_ms: None) -> None:
        self.on_change = on_change
        self.version = 0
        self._journal = journal
        self._all = {key: _from_json(key, data) for key, data in journal.records(KIND).items()}
        self._seen_ms = 0
        self._states: dict[str, SilenceState] = {}
        self._next_ms: int | None = 0 if self._all else None
        self._news: dict[str, Silence] = {}
        self._holding = Holding()

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
        return self.put(Silence("", matchers, starts_at_ms, ends_at_ms, created_by, comment, at_ms), at_ms)

    def put(self, wanted: Silence, at_ms: int) -> tuple[Silence, Future[None]]:
        """Create a silence (no id), or make the one of its id be as wanted; return it as it is kept.

        What cannot be changed in place (other matchers, another begin, one that is over) is ended now and replaced by a new
        silence with a new id. Raises InvalidInput where nothing of this id is known, or it would hold back nothing or all.
        """
        known = self._all.get(wanted.id) if wanted.id else None
        if wanted.id and known is None:
            raise InvalidInput(_unknown("update", wanted.id))
        _check(wanted, at_ms)
        matchers = tuple(alert_matcher(each.name, each.op, each.value) for each in wanted.matchers)
        wanted = replace(wanted, matchers=matchers, updated_at_ms=at_ms)
        if known and known.becomes(wanted, at_ms):
            active = known.state(at_ms) is SilenceState.ACTIVE
            kept = replace(wanted, starts_at_ms=known.starts_at_ms) if active else wanted
            return kept, self._keep(kept, at_ms, "silence changed")
        if known and known.state(at_ms) is not SilenceState.EXPIRED:
            self._keep(_ended(known, at_ms), at_ms, "silence replaced")
        made = replace(wanted, id=str(uuid4()), starts_at_ms=max(wanted.starts_at_ms, at_ms))
        return made, self._keep(made, at_ms, "silence created")

    def expire(self, silence_id: str, at_ms: int) -> Future[None]:
        """End a silence now; one that has ended stays as it is. Raises InvalidInput where there is none of this id."""
        found = self._all.get(silence_id)
        if found is None:
            raise InvalidInput(_unknown("expire", silence_id))
        if found.state(at_ms) is SilenceState.EXPIRED:
            return self._journal.write()
        return self._keep(_ended(found, at_ms), at_ms, "silence expired")

    def get(self, silence_id: str) -> Silence | None:
        """Return one silence, or None."""
        return self._all.get(silence_id)

    def list(self, at_ms: int) -> list[Silence]:
        """Return all: active (ending soonest first), pending (starting soonest), expired (latest end first)."""

        def rank(each: Silence) -> tuple[int, int, str]:
            state = each.state(at_ms)
            when = {SilenceState.ACTIVE: each.ends_at_ms, SilenceState.PENDING: each.starts_at_ms}
            return _ORDER[state], when.get(state, -each.ends_at_ms), each.id

        return sorted(self._all.values(), key=rank)

    def active(self, at_ms: int) -> tuple[Silence, ...]:
        """Return those that hold now."""
        return tuple(each for each in self._all.values() if each.state(at_ms) is SilenceState.ACTIVE)

    def muting(self, labels: Labels, at_ms: int) -> tuple[str, ...]:
        """Return the ids of the silences that hold back an alert with these labels now."""
        return self.holding(at_ms).muting(labels)

    def holding(self, at_ms: int) -> Holding:
        """Return the silences that hold now, ready to be asked about many alerts."""
        self._refresh(at_ms)
        return self._holding

    @property
    def next_change_ms(self) -> int | None:
        """When the next silence begins or ends by itself, or None: call `advance` then."""
        return self._next_ms

    def advance(self, at_ms: int) -> None:
        """Take note of what time it is: silences that began or ended by themselves are told to `on_change`."""
        self._refresh(at_ms)
        if self._news:
            changed, self._news = tuple(self._news.values()), {}
            self.on_change(changed, at_ms)

    def collect(self, at_ms: int) -> None:
        """Forget silences that ended long ago."""
        gone = [key for key, each in self._all.items() if each.ends_at_ms < at_ms - RETENTION_MS]
        for key in gone:
            del self._all[key]
            self._states.pop(key, None)
        if gone:
            self._journal.write(*(Delete(KIND, key) for key in gone))

    def _refresh(self, at_ms: int, touched: str = "") -> None:
        """Find the states anew where a silence was touched, one began or ended since the last look, or the clock was set back."""
        if not touched and at_ms >= self._seen_ms and (self._next_ms is None or at_ms < self._next_ms):
            self._seen_ms = at_ms
            return
        states = {key: each.state(at_ms) for key, each in self._all.items()}
        changed = {key for key, state in states.items() if self._states.get(key, state) is not state}
        changed |= {touched} if touched else set()
        first = not self._states
        self._seen_ms, self._states = at_ms, states
        ahead = (when for each in self._all.values() for when in (each.starts_at_ms, each.ends_at_ms) if when > at_ms)
        self._next_ms = min(ahead, default=None)
        self._news |= {key: self._all[key] for key in changed}
        if changed or first:
            self.version += 1
            self._index()

    def _index(self) -> None:
        by_value: dict[tuple[str, str], list[Silence]] = {}
        others: list[Silence] = []
        for key, state in self._states.items():
            if state is not SilenceState.ACTIVE:
                continue
            silence = self._all[key]
            sure = (each for each in silence.matchers if each.op is MatchOp.EQUAL and each.value)
            first = next(sure, None)
            place = by_value.setdefault((first.name, first.value), []) if first else others
            place.append(silence)
        self._holding = Holding(by_value, others)

    def _keep(self, silence: Silence, at_ms: int, what: str) -> Future[None]:
        self._all[silence.id] = silence
        future = self._journal.write(Put(KIND, silence.id, _to_json(silence)), _history(silence, at_ms, what))
        self._refresh(at_ms, silence.id)
        self.advance(at_ms)
        return future


def _check(wanted: Silence, at_ms: int) -> None:
    why = ""
    if wanted.starts_at_ms >= wanted.ends_at_ms:
        why = "it would end before it begins; start time must be before end time"
    elif wanted.ends_at_ms <= at_ms:
        why = "end time can't be in the past"
    elif not all(each.name for each in wanted.matchers):
        why = "a matcher has no label name"
    elif not wanted.matchers or all(_asks_nothing(each) for each in wanted.matchers):
        why = "at least one matcher must not match the empty string, or it would hold back everything"
    if why:
        message = f"cannot create the silence: {why}"
        raise InvalidInput(message)


def _asks_nothing(matcher: Matcher) -> bool:
    """Say whether a matcher is one that Alertmanager does not let stand alone; a negative one always may."""
    return matcher.op in (MatchOp.EQUAL, MatchOp.REGEX) and matcher.matches("")


def _ended(silence: Silence, at_ms: int) -> Silence:
    return replace(silence, starts_at_ms=min(silence.starts_at_ms, at_ms), ends_at_ms=at_ms, updated_at_ms=at_ms)


def _unknown(verb: str, silence_id: str) -> str:
    return f"cannot {verb} silence {silence_id}: silence not found, there is none of this id; `burnline silence list` shows them"


def _history(silence: Silence, at_ms: int, what: str) -> Append:
    """Return the line that answers, also when the silence is long forgotten, who held something back and why."""
    value = {
        "what": what,
        "reason": silence.comment,
        "by": silence.created_by,
        "detail": render_matchers(silence.matchers),
        "starts_at_ms": silence.starts_at_ms,
        "ends_at_ms": silence.ends_at_ms,
    }
    return Append(HISTORY, silence.id, at_ms, value)


def _to_json(silence: Silence) -> dict[str, Any]:
    return {
        "matchers": [[each.name, str(each.op), each.value] for each in silence.matchers],
        "starts_at_ms": silence.starts_at_ms,
        "ends_at_ms": silence.ends_at_ms,
        "created_by": silence.created_by,
        "comment": silence.comment,
        "updated_at_ms": silence.updated_at_ms,
        "annotations": dict(silence.annotations.pairs),
    }


def _from_json(key: str, data: Mapping[str, Any]) -> Silence:
    matchers = tuple(alert_matcher(name, MatchOp(op), value) for name, op, value in data["matchers"])
    times = (data["starts_at_ms"], data["ends_at_ms"])
    made = Silence(key, matchers, *times, data["created_by"], data["comment"], data["updated_at_ms"])
    return replace(made, annotations=Labels(data.get("annotations", {})))
