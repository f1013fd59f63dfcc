"""The groups that there are: who is in them, what is due in them when, what holds them up, and what of them changed.

It keeps the indexes in step with one another and decides nothing: whom a group tells is the business of a flush.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from agent.journal import Delete, Put
from agent.model import Labels
from agent.notify import groups
from agent.notify.agenda import Agenda
from agent.notify.groups import Group, group_id
from agent.notify.routing import Route


class GroupTable:
    """All groups by their ids. `by_id` and `members` are for reading; they change by the verbs alone."""

    def __init__(self) -> None:
        self.by_id: dict[str, Group] = {}
        self.members: dict[str, set[str]] = {}
        """Fingerprint → the ids of the groups that the alert is in."""
        self.touched: dict[str, None] = {}
        """The ids of groups that changed since they were written down."""
        self._places: dict[tuple[int, Labels], Group] = {}
        self._flushes, self._steps = Agenda(), Agenda()
        self._held_by: dict[str, set[str]] = {}
        """What holds alerts back (the id of a silence, the fingerprint of an inhibiting alert) → the groups they are in."""
        self._numbered = 0

    def __iter__(self) -> Iterator[Group]:
        return iter(self.by_id.values())

    def __len__(self) -> int:
        return len(self.by_id)

    def get(self, key: str) -> Group | None:
        """Return a group, or None where there is none of this id."""
        return self.by_id.get(key)

    def at(self, route: Route, labels: Labels) -> Group | None:
        """Return the group of these labels on a route, or None."""
        return self._places.get((route.index, labels))

    def begin(self, route: Route, labels: Labels, at_ms: int, first_ms: int) -> Group:
        """Make the group of these labels on a route, to be flushed first at `first_ms`."""
        key = route.group_key(labels)
        made_id = group_id(route.receiver, key)
        if made_id in self.by_id:
            made_id = group_id(route.receiver, f"{key}@{at_ms}.{self._numbered}")
        group = Group(made_id, route.receiver, key, labels, route, route.group_interval_ms, first_ms)
        self.number(group)
        self.touch(group)
        self.by_id[made_id] = self._places[route.index, labels] = group
        return group

    def take(self, group: Group, fingerprints: Iterable[str]) -> None:
        """Take an older group in, with these alerts, at the place that its route and labels say."""
        self.by_id[group.id] = group
        if group.route:
            self._places[group.route.index, group.labels] = group
        group.fingerprints = {}
        for fingerprint in fingerprints:
            self.join(group, fingerprint)
        self.holds(group, frozenset())
        self.touch(group)

    def number(self, group: Group) -> None:
        """Put a group behind all others that are due at its instant."""
        self._numbered += 1
        group.number = self._numbered

    def join(self, group: Group, fingerprint: str) -> None:
        """Put an alert into a group."""
        group.fingerprints[fingerprint] = None
        self.members.setdefault(fingerprint, set()).add(group.id)

    def leave(self, group: Group, fingerprint: str) -> bool:
        """Note that an alert has left a group; return whether it is in none any more."""
        members = self.members.get(fingerprint, set())
        members.discard(group.id)
        if members:
            return False
        self.members.pop(fingerprint, None)
        return True

    def of(self, fingerprint: str) -> list[Group]:
        """Return the groups that an alert is in."""
        return [self.by_id[each] for each in self.members.get(fingerprint, ())]

    def touch(self, group: Group) -> None:
        """Have the group written down with the next write, and its timers looked at."""
        self.touched[group.id] = None

    def schedule(self, group: Group) -> None:
        """Put the group's timers into the agendas; whoever changes them touches the group, or calls this."""
        step_ms = group.incident.due_ms if group.incident else None
        alive = self.by_id.get(group.id) is group
        self._flushes.set(group.id, group.due_ms if alive and not group.flight else None, group.number)
        self._steps.set(group.id, step_ms if alive else None, group.number)

    def next_ms(self) -> tuple[int | None, int | None]:
        """Return when the next group is to be flushed, and when the next step of escalation runs; None: never."""
        for each in self.touched:
            if group := self.by_id.get(each):
                self.schedule(group)
        return self._flushes.next_ms(), self._steps.next_ms()

    def next_flush_ms(self) -> int | None:
        """Return when the next scheduled group is to be flushed, or None."""
        return self._flushes.next_ms()

    def to_flush(self, at_ms: int) -> Group | None:
        """Return the group that is to be flushed first, where that is due."""
        return self.by_id.get(self._flushes.first(at_ms) or "")

    def to_step(self, at_ms: int) -> Group | None:
        """Return the group whose escalation has a step to run, where that is due."""
        return self.by_id.get(self._steps.first(at_ms) or "")

    def end(self, group: Group) -> Delete:
        """Forget a group; return what takes it off the disk."""
        del self.by_id[group.id]
        self.schedule(group)
        before, group.causes = group.causes, frozenset()
        self.holds(group, before)
        if group.route:
            self._places.pop((group.route.index, group.labels), None)
        self.touched.pop(group.id, None)
        return Delete(groups.KIND, group.id)

    def holds(self, group: Group, before: frozenset[str]) -> None:
        """Remember by what the group's alerts are held back, in place of what it was before."""
        for cause in before - group.causes:
            if waiting := self._held_by.get(cause):
                waiting.discard(group.id)
                if not waiting:
                    del self._held_by[cause]
        for cause in group.causes:
            self._held_by.setdefault(cause, set()).add(group.id)

    def is_cause(self, cause: str) -> bool:
        """Say whether something holds alerts back."""
        return cause in self._held_by

    def held_by(self, cause: str) -> list[Group]:
        """Return the groups in which it holds something back."""
        return [group for each in sorted(self._held_by.get(cause, ())) if (group := self.by_id.get(each))]

    def unused(self) -> list[str]:
        """Forget the alerts that are in no group, and return them."""
        found = [fingerprint for fingerprint, members in self.members.items() if not members]
        for fingerprint in found:
            del self.members[fingerprint]
        return found

    def clear(self, fingerprints: Iterable[str]) -> None:
        """Begin anew without groups, with these alerts in none."""
        self.by_id.clear()
        self._places.clear()
        self.members.clear()
        self.members.update((each, set()) for each in fingerprints)
        self._flushes.clear()
        self._steps.clear()
        self._held_by.clear()

    def changed(self) -> list[Put]:
        """Return the groups that changed since the last write, and count them as written."""
        kept = []
        for each in self.touched:
            if group := self.by_id.get(each):
                self.schedule(group)
                kept.append(Put(groups.KIND, each, group.to_json()))
        self.touched.clear()
        return kept
