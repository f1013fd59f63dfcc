"""What became of alerts, read back: every change of state that was written down, newest first, a page at a time.

It reads through a callable (`Journal.newest`, or a `Reader`'s for a stopped agent), looks at a bounded number of events
per page, and skips an event that it cannot read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from agent.journal import Event, Position
from agent.model import Labels, Matcher, match_all, parse_float
from agent.rules.records import TRANSITION_KIND
from agent.rules.states import State

MOST_LOOKED_AT: Final = 50_000
"""Events that one page looks at; where they did not fill it, the page says where to go on."""
_AT_ONCE: Final = 1_000


class Events(Protocol):
    """Gives the events of a kind (about one subject) that are next before a position, newest first."""

    def __call__(
        self, kind: str, before: Position, *, subject: str | None = None, limit: int = 1000
    ) -> Sequence[Event]:
        """Return them."""
        ...


@dataclass(frozen=True, slots=True)
class Past:
    """One change of an alert's state, as it was written down. `value` is what the expression had, None where it had nothing."""

    position: Position
    file: str
    group: str
    rule: str
    labels: Labels
    before: State
    after: State
    value: float | None
    why: str
    fingerprint: str

    @property
    def resolved(self) -> bool:
        """Say whether it ended an alert that fired."""
        return self.before is State.FIRING and self.after is State.INACTIVE


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which changes: an empty condition holds for all. Of several selectors, rules, groups or states, one must hold.

    `states` are the states after the change, "resolved" for the end of an alert that fired. `since_ms` and `until_ms` belong
    to the span; `after` is the position of the last line of the page before.
    """

    selectors: Sequence[Sequence[Matcher]] = ()
    rules: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    states: frozenset[str] = frozenset()
    fingerprint: str | None = None
    since_ms: int = 0
    until_ms: int = 2**62
    after: Position | None = None
    limit: int = 100


@dataclass(frozen=True, slots=True)
class Page:
    """Lines of the history, newest first, and from where to go on: None where nothing is left."""

    lines: tuple[Past, ...]
    following: Position | None = None


def past(events: Events, wanted: Wanted) -> Page:
    """Return the newest changes that are wanted, at most `wanted.limit`."""
    found: list[Past] = []
    before = wanted.after or Position(wanted.until_ms + 1)
    for looked_at, event in enumerate(_events(events, before, wanted), start=1):
        if _is_wanted(event.value, wanted):
            line = read_transition(event)
            if line is not None:
                found.append(line)
        if len(found) == wanted.limit or looked_at == MOST_LOOKED_AT:
            return Page(tuple(found), event.position)
    return Page(tuple(found))


def read_transition(event: Event) -> Past | None:
    """Return what an event of TRANSITION_KIND says, None where it is none that can be read."""
    value = event.value
    try:
        return Past(
            position=event.position,
            file=value["file"],
            group=value["group"],
            rule=value["rule"],
            labels=Labels(value["labels"]),
            before=State(value["from"]),
            after=State(value["to"]),
            value=None if value["value"] is None else parse_float(value["value"]),
            why=value["why"],
            fingerprint=event.subject,
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _events(events: Events, before: Position, wanted: Wanted) -> Iterator[Event]:
    """Give the events of the span newest first, read in portions, so that nobody waits long for the journal."""
    while True:
        portion = events(TRANSITION_KIND, before, subject=wanted.fingerprint, limit=_AT_ONCE)
        for event in portion:
            if event.at_ms < wanted.since_ms:
                return
            yield event
        if len(portion) < _AT_ONCE:
            return
        before = portion[-1].position


def _is_wanted(value: Any, wanted: Wanted) -> bool:
    """Say whether an event's plain value fulfils the conditions; asked before more is made of it."""
    if not isinstance(value, dict) or not isinstance(labels := value.get("labels"), dict):
        return False
    return (
        (not wanted.rules or value.get("rule") in wanted.rules)
        and (not wanted.groups or value.get("group") in wanted.groups)
        and (not wanted.states or bool(_names_of(value) & wanted.states))
        and (not wanted.selectors or any(match_all(list(each), labels) for each in wanted.selectors))
    )


def _names_of(value: dict[str, Any]) -> set[str]:
    after = str(value.get("to"))
    resolved = after == State.INACTIVE and value.get("from") == State.FIRING
    return {after, "resolved"} if resolved else {after}
