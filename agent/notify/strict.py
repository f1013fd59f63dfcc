"""One tick in strict mode: Alertmanager's pipeline, from what is visible to what is out, and what is remembered of it.

The stages before are those of the default mode (`flushing`). From there on it is another idea: a tick sets out to tell
(`Flight`), and only what arrived is remembered, in a log that outlives groups. Source: dispatch.go and notify.go.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Final

from agent.journal import Write
from agent.model import Alert
from agent.notify.decisions import Verdict
from agent.notify.dedup import Entry, decide
from agent.notify.flights import Flight
from agent.notify.flushing import Flush, Flushed
from agent.notify.groups import Group
from agent.notify.incidents import Incident, Recipient, begin
from agent.notify.messenger import wants_resolved
from agent.notify.notification_log import Key, NotificationLog
from agent.notify.reasons import Reason
from agent.notify.routing import LOG_TARGET, Destination
from agent.notify.rows import Row
from agent.notify.table import AlertTable
from agent.notify.visible import Visible

SHORTEST_TICK_MS: Final = 10_000
"""A message is tried for a group_interval, and for so long at least."""


class StrictFlush(Flush):
    """One flush at one instant; `log` is what was told before, `writes` gathers what it remembers of this."""

    log: NotificationLog
    _tick_ms: int = 0
    """When the group's tick was due: that we are a moment late must not make a repeat due that is as long as the interval."""

    def group(self, group: Group) -> Generator[None, None, Flushed]:
        """Flush one group: if something is to be told it is under way after this, and the group waits for it."""
        decided = len(self.decisions)
        self._tick_ms = min(self.at_ms, group.due_ms)
        group.advance(self.at_ms)
        seen = yield from self.look(group)
        if seen.firing and group.route:
            self._join(group, seen)
        flight = Flight(seen.firing_set, seen.resolved_set, {each: self._table.heard_ms(each) for each in seen.over})
        if seen.firing or seen.resolved:
            self._set_out(group, seen, flight)
        group.flight = flight if flight.rows else None
        over = frozenset() if group.flight or flight.failed else leaving(group, flight, self._table)
        if group.incident and not group.fingerprints:
            self._decide(group, Verdict.ENDED, "every alert of the group is over", tuple(over))
            group.incident = None
        return Flushed(bool(over or group.flight) or len(self.decisions) != decided, over)

    def _set_out(self, group: Group, seen: Visible, flight: Flight) -> None:
        """Ask the truth table for each destination, and write the messages."""
        for destination in self._routing.receiver(group.receiver).destinations if group.route else ():
            reason = self._reason(group, destination, seen)
            if reason.tells:
                self._tell_one(group, destination, reason, seen, flight)
            elif group.last_reasons.get(destination.key) != reason:
                names = tuple(seen.firing_set | seen.resolved_set)
                self._decide(group, Verdict.DEDUPLICATED, reason, names, destination.key)
            group.last_reasons[destination.key] = reason
        closing = Reason.SOME_RESOLVED if seen.firing else Reason.ALL_RESOLVED
        for told in group.incident.believers(seen.resolved_set) if group.incident else ():
            if told.recipient.send_resolved and not told.recipient.destination:
                ended = tuple(each for each in seen.resolved if each.fingerprint in told.firing)
                self._out(group, told.recipient, closing, ended, flight)

    def _reason(self, group: Group, destination: Destination, seen: Visible) -> Reason:
        assert group.route is not None
        reason = decide(
            self.log.get(log_key(group, destination.key)),
            seen.firing_set,
            seen.resolved_set,
            send_resolved=wants_resolved(destination, self._routing),
            repeat_interval_ms=group.route.repeat_interval_ms,
            at_ms=self._tick_ms,
            strict=True,
        )
        ack = group.incident.ack if group.incident else None
        return Reason.ACKNOWLEDGED if reason is Reason.REPEAT and ack and ack.alive(self.at_ms) else reason

    def _tell_one(self, group: Group, destination: Destination, reason: Reason, seen: Visible, flight: Flight) -> None:
        """Write one destination's messages. That all is over is remembered even where nobody wants to hear of it."""
        wants = wants_resolved(destination, self._routing)
        alerts = self._sorted(tuple(seen.firing), tuple(seen.resolved) if wants else ())
        if not alerts:
            assert group.route is not None
            entry = Entry(seen.firing_set, seen.resolved_set, self.at_ms)
            key = log_key(group, destination.key)
            self.writes.append(self.log.write(key, entry, group.route.repeat_interval_ms))
            names = tuple(seen.resolved_set)
            self._decide(group, Verdict.DEDUPLICATED, Reason.RESOLVED_NOT_WANTED, names, destination.key)
            return
        severity = seen.severity
        recipients = self._messenger.recipients(destination, self.at_ms, severity)
        if not recipients:
            self._decide(group, Verdict.DEDUPLICATED, Reason.NO_TARGET, tuple(seen.firing_set), destination.key)
        for recipient in recipients or [Recipient(LOG_TARGET, "log", destination.key)]:
            self._out(group, recipient, reason, alerts, flight)

    def _out(
        self, group: Group, recipient: Recipient, reason: Reason, alerts: tuple[Alert, ...], flight: Flight
    ) -> None:
        incident = group.incident or self._anew(group)
        deadline_ms = self.at_ms + max(group.interval_ms, SHORTEST_TICK_MS)
        self._messenger.send(group, incident, recipient, reason, alerts, self.at_ms, deadline_ms=deadline_ms)
        row_id = incident.last_key
        if self._messenger.waits(row_id):
            flight.rows[row_id] = recipient.destination
        else:
            flight.failed.add(recipient.destination)
        names = tuple(alert.fingerprint for alert in alerts)
        self._decide(group, Verdict.NOTIFIED, reason, names, recipient.target.key)

    def _anew(self, group: Group) -> Incident:
        """Begin an incident of which only the end is told, as its beginning was before a reload."""
        group.incident = begin(group.id, self.at_ms, (), self._routing.directory)
        return group.incident


def log_key(group: Group, destination: str) -> Key:
    """Return under what a destination's last message of a group is remembered."""
    return group.key, group.receiver, destination


def leaving(group: Group, flight: Flight, table: AlertTable) -> frozenset[str]:
    """Take the alerts that are over out of a group whose flight went well, unless they were heard of since; return them."""
    gone = frozenset(each for each, heard_ms in flight.over.items() if table.heard_ms(each) == heard_ms)
    for fingerprint in gone:
        group.fingerprints.pop(fingerprint, None)
    for told in group.incident.told.values() if group.incident else ():
        told.firing -= gone
    return gone


class Landings:
    """Messages of flights that arrived or failed, until the groups may be touched."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Row, bool, int]] = []

    def note(self, row: Row, arrived: bool, at_ms: int) -> None:
        """Remember what became of a message."""
        if row.within_tick:
            self._waiting.append((row, arrived, at_ms))

    def next_ms(self) -> int | None:
        """Return when the first of them was settled, or None."""
        return self._waiting[0][2] if self._waiting else None

    def take(self) -> list[tuple[Row, bool, int]]:
        """Return all, oldest first, and forget them."""
        taken, self._waiting = self._waiting, []
        return taken


def land(group: Group, row: Row, log: NotificationLog, at_ms: int, *, arrived: bool) -> list[Write]:
    """Take a message of a group's flight in; return what the log remembers of it."""
    flight = group.flight
    if flight is None or row.id not in flight.rows:
        return []
    destination = flight.landed(row.id, arrived=arrived)
    if not destination or group.route is None:
        return []
    entry = Entry(flight.firing, flight.resolved, at_ms)
    return [log.write(log_key(group, destination), entry, group.route.repeat_interval_ms)]
