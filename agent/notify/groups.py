"""Groups: the alerts that share a route and its group labels, with their timers. Runtime objects; the dispatcher drives them.

Timers as Alertmanager's dispatch.go has them: group_wait once, then every group_interval from the first flush. In the
default mode three more can bring a flush forward: the instant a repeat is due, a new critical alert's own group_wait, and
the end of what holds an alert back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

from agent.model import Labels
from agent.notify import incidents
from agent.notify.dedup import Entry
from agent.notify.flights import Flight, flight_from_json, flight_to_json
from agent.notify.incidents import Incident
from agent.notify.routing import Route

KIND = "notify.group"


@dataclass(slots=True)
class Group:
    """One group. `route` is None for one whose route is gone: it only tells those it told how things ended."""

    id: str
    receiver: str
    key: str
    labels: Labels
    route: Route | None
    interval_ms: int
    next_flush_ms: int
    fingerprints: dict[str, None] = field(default_factory=dict)
    flushed: bool = False
    early_ms: int | None = None
    repeat_ms: int | None = None
    look_ms: int | None = None
    """When what holds an alert back is expected to end."""
    entries: dict[str, Entry] = field(default_factory=dict)
    """What each destination was last told, by its key."""
    incident: Incident | None = None
    flight: Flight | None = None
    """What a tick of the strict mode set out to tell and is under way; the group does not tick before it has landed."""
    held: dict[str, str] = field(default_factory=dict)
    """What held an alert back at the last flush, by fingerprint, so that only changes are written down."""
    causes: frozenset[str] = frozenset()
    """What held alerts back then: ids of silences, fingerprints of inhibiting alerts, names of time intervals."""
    last_reasons: dict[str, str] = field(default_factory=dict)
    number: int = 0
    """Groups are numbered as they are made; of those due at one instant the older comes first."""

    @property
    def due_ms(self) -> int:
        """When it is flushed next."""
        due_ms = self.next_flush_ms
        for other in (self.early_ms, self.repeat_ms, self.look_ms):
            if other is not None and other < due_ms:
                due_ms = other
        return due_ms

    def hasten(self, due_ms: int) -> None:
        """Let the next flush come by `due_ms`."""
        self.early_ms = due_ms if self.early_ms is None else min(self.early_ms, due_ms)

    def advance(self, at_ms: int) -> bool:
        """Set the timers for after a flush at `at_ms`, and say whether one but the beat was set.

        The beat is fixed and skips what was missed.
        """
        if self.next_flush_ms <= at_ms:
            missed = (at_ms - self.next_flush_ms) // self.interval_ms
            self.next_flush_ms += (1 + missed) * self.interval_ms
        changed = (
            not self.flushed or self.early_ms is not None or self.repeat_ms is not None or self.look_ms is not None
        )
        self.early_ms = self.repeat_ms = self.look_ms = None
        self.flushed = True
        return changed

    def set_back(self, by_ms: int) -> None:
        """Bring the timers and the steps of escalation forward, as the clock was set back: nobody waits for its old time."""
        self.next_flush_ms -= by_ms
        self.early_ms = None if self.early_ms is None else self.early_ms - by_ms
        self.repeat_ms = None if self.repeat_ms is None else self.repeat_ms - by_ms
        self.look_ms = None if self.look_ms is None else self.look_ms - by_ms
        self.entries = {key: replace(entry, at_ms=entry.at_ms - by_ms) for key, entry in self.entries.items()}
        if self.incident:
            self.incident.set_back(by_ms)

    def to_json(self) -> dict[str, Any]:
        """Write the group down, as values that do not change any more.

        Which alerts it has is not among them: that follows from the alerts and the routes.
        """
        return {
            "receiver": self.receiver,
            "key": self.key,
            "route": self.route.key if self.route else "",
            "labels": dict(self.labels.pairs),
            "interval_ms": self.interval_ms,
            "next_flush_ms": self.next_flush_ms,
            "early_ms": self.early_ms,
            "repeat_ms": self.repeat_ms,
            "look_ms": self.look_ms,
            "flushed": self.flushed,
            "causes": sorted(self.causes),
            "entries": {key: _entry_to_json(entry) for key, entry in self.entries.items()},
            "incident": incidents.to_json(self.incident) if self.incident else None,
            "flight": flight_to_json(self.flight) if self.flight else None,
        }


def from_json(group_id: str, data: Mapping[str, Any]) -> Group:
    """Read a group back; its route is found again by the dispatcher."""
    return Group(
        id=group_id,
        receiver=data["receiver"],
        key=data["key"],
        labels=Labels(data["labels"]),
        route=None,
        interval_ms=data["interval_ms"],
        next_flush_ms=data["next_flush_ms"],
        fingerprints=dict.fromkeys(data.get("fingerprints", ())),
        flushed=data["flushed"],
        causes=frozenset(data.get("causes", ())),
        early_ms=data["early_ms"],
        repeat_ms=data["repeat_ms"],
        look_ms=data.get("look_ms"),
        entries={key: _entry_from_json(entry) for key, entry in data["entries"].items()},
        incident=incidents.from_json(data["incident"]) if data["incident"] else None,
        flight=flight_from_json(data["flight"]) if data.get("flight") else None,
    )


def group_id(receiver: str, key: str) -> str:
    """Return the id of a new group; it stays when a reload renames what it was made of."""
    return sha256(f"{receiver}\0{key}".encode()).hexdigest()[:16]


def claim(places: Sequence[tuple[Route, Labels]], old: Sequence[Group]) -> dict[str, tuple[Route, Labels]]:
    """Give each place of a new routing the old group that fits it: the same in all, else receiver and labels, else route.

    Each place takes one group at most, each group one place; the answer is by group id. So neither a changed matcher nor
    a renamed receiver makes anybody hear the same twice.
    """
    rules: tuple[tuple[Callable[[Group], object], Callable[[Route, Labels], object]], ...] = (
        (lambda group: (group.key, group.receiver), lambda route, labels: (route.group_key(labels), route.receiver)),
        (lambda group: (group.receiver, group.labels), lambda route, labels: (route.receiver, labels)),
        (lambda group: group.key, lambda route, labels: route.group_key(labels)),
    )
    taken: dict[str, tuple[Route, Labels]] = {}
    left = list(places)
    for of_group, of_place in rules:
        free: dict[object, list[Group]] = {}
        for group in old:
            if group.id not in taken:
                free.setdefault(of_group(group), []).append(group)
        still: list[tuple[Route, Labels]] = []
        for place in left:
            if found := free.get(of_place(*place)):
                taken[found.pop(0).id] = place
            else:
                still.append(place)
        left = still
    return taken


def _entry_to_json(entry: Entry) -> dict[str, Any]:
    return {
        "firing": entry.firing,
        "resolved": entry.resolved,
        "at_ms": entry.at_ms,
        "muted": entry.muted,
        "repeats": entry.repeats,
    }


def _entry_from_json(data: Mapping[str, Any]) -> Entry:
    return Entry(
        frozenset(data["firing"]),
        frozenset(data["resolved"]),
        data["at_ms"],
        frozenset(data["muted"]),
        data.get("repeats", True),
    )
