"""Triage: alerts in, decisions and outbox rows out, each verb at an explicit instant.

`put` routes and groups, `flush` decides and writes messages down, `reload` swaps the routing and keeps every group that
survives it, `acknowledge` stops the paging. Nothing here sends, sleeps or reads a clock. All state is in the journal: what
is restored at start neither forgets nor repeats.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from typing import Final

from agent.journal import Delete, Event, Prune, Put, Write
from agent.model import Alert, Labels, Matcher
from agent.notify import groups, table
from agent.notify.acks import Acks, Reply, meant
from agent.notify.decisions import RETENTION_MS, Decision, Verdict
from agent.notify.dedup import Entry
from agent.notify.flushing import Flush
from agent.notify.groups import Group, claim, group_id
from agent.notify.inhibition import Parts
from agent.notify.links import Links
from agent.notify.messenger import Messenger
from agent.notify.notification import Channel
from agent.notify.outbox import HISTORY, Outbox
from agent.notify.records import Book
from agent.notify.routing import Route, Routing
from agent.notify.silences import Silences
from agent.notify.table import AlertTable
from agent.notify.views import Acknowledged, View
from agent.telemetry import Telemetry

HOUSEKEEPING_MS: Final = 3_600_000
LOG_RETENTION_MS: Final = 120 * 3_600_000
"""Alertmanager's --data.retention; the strict mode keeps what was last told beyond a group's end, as Alertmanager does."""


_LEAP_MS: Final = 60_000
"""Nobody is late by so much in saying what time it is, unless the machine slept or the clock was set."""


class Triage:
    """Knows the alerts, their groups and incidents. One per agent; call it from one thread (the event loop's)."""

    def __init__(
        self,
        routing: Routing,
        journal: Book,
        at_ms: int,
        *,
        external_url: str = "",
        telemetry: Telemetry | None = None,
    ) -> None:
        self.outbox = Outbox(journal, external_url)
        self.silences = Silences(journal)
        self._journal = journal
        self._telemetry = telemetry
        self._routing = routing
        self._table = AlertTable()
        self._groups: dict[str, Group] = {}
        self._places: dict[tuple[int, Labels], Group] = {}
        self._members: dict[str, set[str]] = {}
        self._ended: dict[str, tuple[int, dict[str, Entry]]] = {}
        self._dirty: set[str] = set()
        self._routes: dict[str, list[Route]] = {}
        """What the routing says of each alert in the table: it is asked again each time the alert is handed over."""
        self._parts = Parts(routing.inhibit_rules)
        self._next_housekeeping_ms = at_ms + HOUSEKEEPING_MS
        self._told_ms = at_ms
        """What time `follow` was told last."""
        self._messenger = Messenger(self.outbox, lambda: self._routing, self._groups.get, self._dirty)
        self.outbox.hurry = self.hurry
        self._acks = Acks(
            lambda: list(self._groups.values()),
            self._table,
            self._messenger,
            lambda group: self._dirty.add(group.id),
            lambda decisions: self._commit(decisions, []),
        )
        self.outbox.companions = self._changed_groups
        self._restore(at_ms)

    @property
    def routing(self) -> Routing:
        """What is in force."""
        return self._routing

    @property
    def changed(self) -> Callable[[], None]:
        """What is called when something may have become due earlier than `next_due` said."""
        return self.outbox.changed

    @changed.setter
    def changed(self, callback: Callable[[], None]) -> None:
        self.outbox.changed = callback

    def put(self, alerts: Iterable[Alert], at_ms: int) -> Future[None]:
        """Take alerts in: firing, repeated or over; the future is done when they are on the disk.

        An alert without an end is over when it is not repeated within `resolve_timeout`, as in Alertmanager.
        """
        decisions: list[Decision] = []
        writes: list[Write] = []
        for alert in alerts:
            known = self._table.merge(alert, at_ms, self._routing.settings.resolve_timeout_ms)
            for route in self._routes_of(known):
                decisions.extend(self._group(route, known, at_ms))
            if self._members.get(known.fingerprint):
                writes.append(self._table.record(known.fingerprint))
            else:
                self._forget(known.fingerprint)
        future = self._commit(decisions, writes)
        self.changed()
        return future

    def flush(self, at_ms: int) -> list[Decision]:
        """Flush the groups that are due, then run the steps of escalation that are; return what was decided."""
        self.silences.advance(at_ms)
        due = sorted((group for group in self._groups.values() if group.due_ms <= at_ms), key=lambda each: each.due_ms)
        flush = self._flush(at_ms)
        gone = []
        for group in due:
            before = set(group.fingerprints)
            self._dirty.add(group.id)
            if not flush.group(group):
                gone.append(group)
            for fingerprint in before - group.fingerprints.keys():
                self._members[fingerprint].discard(group.id)
        writes: list[Write] = [write for group in gone for write in self._end(group, at_ms)]
        for group in self._groups.values():
            if group.incident and (due_ms := group.incident.due_ms) is not None and due_ms <= at_ms:
                self._dirty.add(group.id)
                flush.steps(group)
        writes += self._drop_unused()
        if at_ms >= self._next_housekeeping_ms:
            writes += self._keep_house(at_ms)
        if due or flush.decisions or writes:
            self._commit(flush.decisions, writes)
        self._count()
        return flush.decisions

    def follow(self, at_ms: int) -> None:
        """Take note of what time it is, every few seconds: after a clock that was set back, all timers go back with it.

        After one that was set forward, or a machine that slept, no alert is over because nobody has repeated it.
        """
        by_ms, self._told_ms = self._told_ms - at_ms, at_ms
        if by_ms < -_LEAP_MS:
            self._table.prolong(at_ms, self._routing.settings.resolve_timeout_ms)
        if by_ms <= 0:
            return
        for group in self._groups.values():
            group.set_back(by_ms)
            self._dirty.add(group.id)
        self.outbox.set_back(by_ms)
        self._next_housekeeping_ms -= by_ms
        self._commit([], [])
        self.changed()

    def next_due(self) -> int | None:
        """Return when `flush` has something to do next, or None."""
        dues = (group.due_ms for group in self._groups.values())
        steps = (group.incident.due_ms for group in self._groups.values() if group.incident)
        silences = self.silences.next_change_ms
        also = [] if silences is None else [silences]
        return min([*dues, *(due_ms for due_ms in steps if due_ms is not None), *also], default=None)

    def reload(self, routing: Routing, at_ms: int) -> None:
        """Swap the routing. Groups whose receiver and labels survive keep their timers, log and incident.

        A group that has no place any more lives on until its alerts are over, to tell whoever was told.
        """
        self._routing = routing
        self._routes.clear()
        self._parts = Parts(routing.inhibit_rules)
        self._adopt(list(self._groups.values()), at_ms)
        self._commit([], self._drop_unused())
        self._count()
        self.changed()

    def acknowledge(
        self,
        by: str,
        at_ms: int,
        *,
        fingerprint: str = "",
        incident: str = "",
        matchers: Sequence[Matcher] = (),
        comment: str = "",
        via: str = "",
        for_ms: int = 0,
    ) -> tuple[Acknowledged, ...]:
        """Stop the escalation, and hold back repeats for `for_ms` (or `ack_timeout`), of the open incidents that are meant.

        They are meant by an alert's fingerprint, their own id, or matchers on an alert's labels; the answer is empty where
        none is. It ends with the incident, or when an alert joins that was not there.
        """
        until_ms = at_ms + (for_ms or self._routing.settings.ack_timeout_ms)
        wanted = meant(fingerprint, incident, matchers)
        done = self._acks.take(wanted, by, at_ms, until_ms, comment=comment, via=via)
        self.changed()
        return done

    def unacknowledge(
        self,
        by: str,
        at_ms: int,
        *,
        fingerprint: str = "",
        incident: str = "",
        matchers: Sequence[Matcher] = (),
        comment: str = "",
    ) -> tuple[Acknowledged, ...]:
        """Give back what was acknowledged, as `acknowledge` takes it; return who had it. The chains start over."""
        done = self._acks.give_back(meant(fingerprint, incident, matchers), by, at_ms, comment=comment)
        self.changed()
        return done

    def acknowledge_by_code(self, code: str, phone: str, links: Links, at_ms: int) -> Reply:
        """Take over what a phone was told of, by the code that it was sent."""
        reply = self._acks.take_by_code(code, phone, links, at_ms, at_ms + self._routing.settings.ack_timeout_ms)
        self.changed()
        return reply

    def hurry(self, incident: str, at_ms: int, why: str) -> bool:
        """Let the incident's next step of escalation run now, because a page did not arrive; False where none is left."""
        for group in self._groups.values():
            running = group.incident
            step = running.next_step if running and running.id == incident else None
            if step is None or step.due_ms <= at_ms:
                continue
            step.due_ms = at_ms
            self._dirty.add(group.id)
            names = tuple(sorted(group.fingerprints))
            text = f"step {step.number} runs now: {why}"
            self._commit([Decision(Verdict.HURRIED, at_ms, text, names, group.receiver, group.key, incident)], [])
            self.changed()
            return True
        return False

    def view(self, at_ms: int) -> View:
        """Return what pages and the API ask about, as of an instant; values, nothing that changes."""
        return View(self._routing, self._table, self._groups, self.silences, self.outbox, self._flush(at_ms), at_ms)

    def history(self, fingerprint: str, *, since_ms: int = 0, limit: int = 1000) -> list[Event]:
        """Return what was decided and tried about an alert, oldest first. It reads the disk: call it in a thread."""
        return self._journal.events(HISTORY, fingerprint, since_ms=since_ms, limit=limit)

    def _flush(self, at_ms: int) -> Flush:
        return Flush(self._routing, self._table, self.silences, self._messenger, at_ms, self._parts, self._telemetry)

    def _group(self, route: Route, alert: Alert, at_ms: int) -> list[Decision]:
        """Put an alert into its group on a route; one that is over joins nothing new."""
        labels = route.group_labels(alert.labels)
        group = self._places.get((route.index, labels))
        if group and alert.fingerprint in group.fingerprints:
            return []
        if alert.resolved_at(at_ms):
            return []
        if group is None:
            group = self._begin(route, labels, alert, at_ms)
        elif group.flushed and not self._routing.settings.strict and alert.labels.get("severity") == "critical":
            early_ms = at_ms + route.group_wait_ms
            group.early_ms = min(early_ms, group.early_ms) if group.early_ms else early_ms
        self._join(group, alert.fingerprint)
        reason = f"route {route.key}"
        return [Decision(Verdict.ROUTED, at_ms, reason, (alert.fingerprint,), group.receiver, group.key)]

    def _begin(self, route: Route, labels: Labels, alert: Alert, at_ms: int) -> Group:
        """Make a group. An alert that has burnt longer than group_wait (after a restart, a reload) does not wait again."""
        key = route.group_key(labels)
        made_id = group_id(route.receiver, key)
        if made_id in self._groups:
            made_id = group_id(route.receiver, f"{key}@{at_ms}")
        late = alert.starts_at_ms + route.group_wait_ms < at_ms
        first_ms = at_ms if late else at_ms + route.group_wait_ms
        group = Group(made_id, route.receiver, key, labels, route, route.group_interval_ms, first_ms)
        if self._routing.settings.strict and made_id in self._ended:
            group.entries = self._ended.pop(made_id)[1]
        self._groups[made_id] = self._places[route.index, labels] = group
        return group

    def _join(self, group: Group, fingerprint: str) -> None:
        group.fingerprints[fingerprint] = None
        self._members.setdefault(fingerprint, set()).add(group.id)
        self._dirty.add(group.id)

    def _end(self, group: Group, at_ms: int) -> list[Write]:
        del self._groups[group.id]
        if group.route:
            self._places.pop((group.route.index, group.labels), None)
        self._dirty.discard(group.id)
        if self._routing.settings.strict and group.route:
            keep_ms = min(LOG_RETENTION_MS, 2 * group.route.repeat_interval_ms)
            self._ended[group.id] = (at_ms + keep_ms, group.entries)
        return [Delete(groups.KIND, group.id)]

    def _drop_unused(self) -> list[Write]:
        """Forget alerts that are in no group."""
        unused = [fingerprint for fingerprint, members in self._members.items() if not members]
        for fingerprint in unused:
            del self._members[fingerprint]
        return [self._forget(fingerprint) for fingerprint in unused]

    def _forget(self, fingerprint: str) -> Delete:
        self._routes.pop(fingerprint, None)
        if alert := self._table.get(fingerprint):
            self._parts.forget(alert.labels)
        return self._table.drop(fingerprint)

    def _routes_of(self, alert: Alert) -> list[Route]:
        found = self._routes.get(alert.fingerprint)
        if found is None:
            found = self._routes[alert.fingerprint] = self._routing.match(alert.labels)
        return found

    def _keep_house(self, at_ms: int) -> list[Write]:
        self._next_housekeeping_ms = at_ms + HOUSEKEEPING_MS
        self.silences.collect(at_ms)
        self.outbox.collect(at_ms)
        self._ended = {key: value for key, value in self._ended.items() if value[0] > at_ms}
        return [Prune(HISTORY, at_ms - RETENTION_MS)]

    def _commit(self, decisions: list[Decision], writes: Sequence[Write]) -> Future[None]:
        """Write everything that changed as one transaction."""
        return self.outbox.flush(*writes, *(line for each in decisions for line in each.lines()))

    def _changed_groups(self) -> list[Write]:
        """Return the groups that changed since the last write; the outbox takes them along in whatever it writes."""
        kept = [Put(groups.KIND, each, self._groups[each].to_json()) for each in self._dirty if each in self._groups]
        self._dirty.clear()
        return [*kept]

    def _count(self) -> None:
        if self._telemetry is None:
            return
        waiting = dict.fromkeys(Channel, 0)
        for row in self.outbox.pending():
            waiting[row.target.channel] += 1
        for channel, number in waiting.items():
            self._telemetry.outbox_pending.labels(str(channel)).set(number)
        self._telemetry.channel_disabled.clear()
        for transport in self._routing.channels:
            self._telemetry.channel_disabled.labels(transport).set(transport in self._routing.disabled)

    def _restore(self, at_ms: int) -> None:
        self.outbox.restore()
        grace_ms = self._routing.settings.resolve_timeout_ms
        self._table.restore(self._journal.records(table.KIND), at_ms, grace_ms)
        saved = [groups.from_json(key, data) for key, data in self._journal.records(groups.KIND).items()]
        self._adopt(saved, at_ms)
        self._commit([], [])
        self._count()

    def _adopt(self, old: list[Group], at_ms: int) -> None:
        """Find a place in the routing for every alert, and give each place the old group that fits it best."""
        wanted: dict[tuple[int, Labels], tuple[Route, list[Alert]]] = {}
        for alert in self._table:
            for route in self._routing.match(alert.labels):
                labels = route.group_labels(alert.labels)
                wanted.setdefault((route.index, labels), (route, []))[1].append(alert)
        taken = claim([(route, labels) for (_, labels), (route, _) in wanted.items()], old)
        self._groups.clear()
        self._places.clear()
        self._members.clear()
        self._members.update((alert.fingerprint, set()) for alert in self._table)
        for group in old:
            self._resettle(group, taken.get(group.id), at_ms)
        for (index, labels), (route, alerts) in wanted.items():
            firing = [alert for alert in alerts if not alert.resolved_at(at_ms)]
            if firing:
                group = self._places.get((index, labels)) or self._begin(route, labels, firing[0], at_ms)
                for alert in firing:
                    self._join(group, alert.fingerprint)

    def _resettle(self, group: Group, place: tuple[Route, Labels] | None, at_ms: int) -> None:
        """Give an old group its new place, or let it live on without one as long as somebody believes that it burns."""
        alive = {each for each in group.fingerprints if self._table.get(each)}
        over = {each for each in alive if (alert := self._table.get(each)) and alert.resolved_at(at_ms)}
        believed = {each for told in (group.incident.told.values() if group.incident else ()) for each in told.firing}
        if place:
            route, group.labels = place
            group.route, group.receiver, group.key = route, route.receiver, route.group_key(group.labels)
            group.interval_ms = route.group_interval_ms
            keep = over
            self._places[route.index, group.labels] = group
        else:
            group.route = None
            keep = alive & believed if believed else over & believed
        if not place and not keep:
            self._dirty.add(group.id)
            self._journal.write(Delete(groups.KIND, group.id))
            return
        group.fingerprints = {}
        self._groups[group.id] = group
        for fingerprint in keep:
            self._join(group, fingerprint)
        self._dirty.add(group.id)
