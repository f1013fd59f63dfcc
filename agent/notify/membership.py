"""Which alerts are known and which groups they are in: an alert comes in, joins, leaves and is forgotten.

After a reload, and after a start, it gives every alert its place in the routing anew. It decides nothing about messages and
writes nothing down: its verbs return the writes that keep what they did.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from agent.journal import Delete, Write
from agent.model import Alert, Labels
from agent.notify import groups
from agent.notify.decisions import Decision
from agent.notify.drill import is_drill, receiver_of
from agent.notify.group_table import GroupTable
from agent.notify.groups import Group
from agent.notify.inhibition import Sources
from agent.notify.kin import Troubles
from agent.notify.resettling import adopt, hold_overdue
from agent.notify.routing import Route, Routing
from agent.notify.semantics import Semantics
from agent.notify.table import AlertTable


class Membership:
    """The alerts, the groups, and what the routing says of each alert. One per `Triage`, in its thread."""

    def __init__(self, routing: Routing) -> None:
        self.table = AlertTable()
        self.groups = GroupTable()
        self._routes: dict[str, list[Route]] = {}
        """What the routing says of each alert in the table: it is asked again each time the alert is handed over."""
        self._unheard: set[str] = set()
        """Groups with steps that were overdue at the start and wait to hear that an alert still fires."""
        self.route_by(routing)

    @property
    def _bypass(self) -> bool:
        return self._routing.settings.critical_bypass and not self._routing.settings.strict

    @property
    def _renotifies(self) -> bool:
        return self._routing.settings.renotify_on_unmute and not self._routing.settings.strict

    @property
    def _semantics(self) -> Semantics:
        return self._routing.settings.semantics

    def route_by(self, routing: Routing) -> None:
        """Ask this routing from now on; `adopt` or `rebuild` is what moves the alerts that are there."""
        self._routing = routing
        self._routes.clear()
        self.sources = Sources(routing.inhibit_rules, ((each.fingerprint, each.labels) for each in self.table))
        self.troubles = Troubles(routing.troubles, self.table, self.groups.of)

    def routes_of(self, alert: Alert) -> list[Route]:
        """Return the routes that an alert takes; a drill may name its receiver, and so may the alert about one."""
        chosen = receiver_of(alert)
        return self._routing.routes_to(chosen) if chosen else self._routing.match(dict(alert.labels.pairs))

    def take(self, alerts: Iterable[Alert], at_ms: int) -> tuple[dict[str, list[str]], list[Write]]:
        """Take alerts in; return which of them joined each group, by its id, and what is to be written down."""
        joined: dict[str, list[str]] = {}
        writes: list[Write] = []
        for alert in alerts:
            self._take_one(alert, at_ms, joined, writes)
        return joined, writes

    def same_trouble(self, group: Group, taken: Sequence[Group], at_ms: int) -> bool:
        """Say whether a group's incident tells of nothing but the trouble of what other groups tell of."""
        return self.troubles.beside(group, taken, at_ms)

    def leave(self, group: Group, fingerprint: str) -> Write | None:
        """Take an alert out of a group; one that is in no other is forgotten, at once or by `forget_over`."""
        if not self.groups.leave(group, fingerprint) or self._semantics.keep_ended_ms:
            return None
        return self._forget(fingerprint)

    def let_go(self, cause: str, at_ms: int, *, wait: bool = False) -> None:
        """Look again at the groups in which something that has ended held alerts back: now, or after their group_wait.

        What an alert that is over held back is often over itself a moment later, so it waits as something new would.
        """
        if not self._renotifies:
            return
        for group in self.groups.held_by(cause):
            group.hasten(at_ms + (group.route.group_wait_ms if wait and group.route else 0))
            self.groups.touch(group)

    def end_empty(self) -> list[Write]:
        """End the groups that all alerts have left and that wait for no message."""
        return [self.groups.end(group) for group in [*self.groups] if not group.fingerprints and not group.flight]

    def forget_over(self, at_ms: int) -> list[Write]:
        """Forget the alerts that are over and in no group."""
        over = [
            each.fingerprint
            for each in self.table
            if each.resolved_at(at_ms) and not self.groups.members.get(each.fingerprint)
        ]
        return [self._forget(each) for each in over]

    def forget_unused(self) -> list[Write]:
        """Forget the alerts that `adopt` has found no group for."""
        return [self._forget(each) for each in self.groups.unused()]

    def set_back(self, by_ms: int, heard_ms: int = 0) -> list[Write]:
        """Follow a clock that was set back, with what was heard of after `heard_ms` and with every timer."""
        for group in self.groups:
            group.set_back(by_ms)
            self.groups.touch(group)
        return [*self.table.set_back(by_ms, heard_ms)]

    def restore(self, alerts: Mapping[str, Any], saved: Mapping[str, Any], at_ms: int, was_ms: int) -> list[Write]:
        """Read back the alerts and groups as they were written down last, at `was_ms`, and let the groups go on."""
        self.table.restore(alerts, max(at_ms, was_ms), self._routing.settings.resolve_timeout_ms)
        self.route_by(self._routing)
        return self.adopt([groups.from_json(key, data) for key, data in saved.items()], at_ms, restored=True)

    def hold_overdue(self, at_ms: int) -> list[Decision]:
        """Hold the steps that are overdue at the start until an alert of theirs is heard of again; return what was decided."""
        held, self._unheard = hold_overdue(self.groups, at_ms)
        return held

    def rebuild(self, at_ms: int) -> list[Write]:
        """Throw all groups away and make them anew; who is escalating goes on."""
        old = self.groups.by_id.copy()
        ended: list[Write] = [self.groups.end(group) for group in old.values()]
        self.groups.clear(())
        for alert in self.table:
            for route in self._routes_of(alert):
                self._join(route, alert, at_ms)
        for group in self.groups:
            if before := old.get(group.id):
                group.incident, group.held = before.incident, before.held
        return ended

    def adopt(self, old: list[Group], at_ms: int, *, restored: bool = False) -> list[Write]:
        """Let each old group go on at its place in the routing, and begin those that no old one fits."""
        left, places = adopt(old, self.groups, self.table, self._routes_of, at_ms, restored=restored)
        for group in self.groups:
            if group.causes and self._renotifies:
                group.hasten(at_ms)  # what held something back may have ended meanwhile, or hold no longer
        for (route, labels), alerts in places:
            firing = [alert for alert in alerts if not alert.resolved_at(at_ms)]
            if firing:
                group = self.groups.at(route, labels) or self._begin(route, labels, firing[0], at_ms)
                for alert in firing:
                    self.groups.join(group, alert.fingerprint)
        return [Delete(groups.KIND, group.id) for group in left]

    def _take_one(self, alert: Alert, at_ms: int, joined: dict[str, list[str]], writes: list[Write]) -> None:
        known, news = self.table.merge(
            alert,
            at_ms,
            self._routing.settings.resolve_timeout_ms,
            forget_said_ends=self._semantics.forget_said_ends,
        )
        fingerprint = known.fingerprint
        self.sources.add(fingerprint, known.labels)
        self.troubles.add(fingerprint, known.labels)
        for route in self._routes_of(known):
            if group := self._join(route, known, at_ms):
                joined.setdefault(group.id, []).append(fingerprint)
        if not self.groups.members.get(fingerprint):
            writes.append(self._forget(fingerprint))
        elif news:
            writes.append(self.table.record(fingerprint))
        if news and is_drill(known.labels) and known.resolved_at(at_ms):
            self._let_hear(fingerprint, at_ms)
        if self._unheard and not known.resolved_at(at_ms):
            self._heard_again(fingerprint)
        if self.groups.is_cause(fingerprint) and known.resolved_at(at_ms):
            self.let_go(fingerprint, at_ms, wait=True)

    def _heard_again(self, fingerprint: str) -> None:
        """Let the overdue steps of an alert's groups run that waited to hear whether it still fires."""
        for group in self.groups.of(fingerprint):
            if group.id in self._unheard and group.incident:
                group.incident.heard_again()
                self.groups.touch(group)
            self._unheard.discard(group.id)

    def _let_hear(self, fingerprint: str, at_ms: int) -> None:
        """Let the groups of an alert be flushed now: whoever was tested need not wait to hear that it is over."""
        for group in self.groups.of(fingerprint):
            group.hasten(at_ms)
            self.groups.touch(group)

    def _join(self, route: Route, alert: Alert, at_ms: int) -> Group | None:
        """Put an alert into its group on a route and return the group, if it joins; one that is over joins nothing new."""
        labels = route.group_labels(alert.labels)
        group = self.groups.at(route, labels)
        if group and self._semantics.old_alerts_hurry and not group.flushed and _is_late(alert, route, at_ms):
            group.next_flush_ms = min(group.next_flush_ms, at_ms)
            self.groups.touch(group)
        if group and alert.fingerprint in group.fingerprints:
            return None
        if alert.resolved_at(at_ms) and not self._semantics.resolved_join:
            return None
        if group is None:
            group = self._begin(route, labels, alert, at_ms)
        elif group.flushed and self._bypass and alert.labels.get("severity") == "critical":
            group.hasten(at_ms + route.group_wait_ms)
            self.groups.touch(group)
        self.groups.join(group, alert.fingerprint)
        return group

    def _begin(self, route: Route, labels: Labels, alert: Alert, at_ms: int) -> Group:
        """Make a group. An alert that has burnt longer than group_wait (after a restart, a reload) does not wait again."""
        late = _is_late(alert, route, at_ms)
        return self.groups.begin(route, labels, at_ms, at_ms if late else at_ms + route.group_wait_ms)

    def _routes_of(self, alert: Alert) -> list[Route]:
        found = self._routes.get(alert.fingerprint)
        if found is None:
            found = self._routes[alert.fingerprint] = self.routes_of(alert)
        return found

    def _forget(self, fingerprint: str) -> Delete:
        self._routes.pop(fingerprint, None)
        self.sources.forget(fingerprint)
        self.troubles.forget(fingerprint)
        return self.table.drop(fingerprint)


def _is_late(alert: Alert, route: Route, at_ms: int) -> bool:
    """Say whether an alert has burnt for longer than its group would wait."""
    return alert.starts_at_ms + route.group_wait_ms < at_ms
