"""Triage: alerts in, decisions and outbox rows out, each verb at an explicit instant.

`put` routes and groups, `flush` decides and writes messages down, `reload` swaps the routing and keeps every group that
survives it, `acknowledge` stops the paging. Nothing here sends, sleeps or reads a clock. All state is in the journal: what
is restored at start neither forgets nor repeats.

Many alerts at once are work for a while, so it is done in stretches (`begin`, `go_on`): what was handed over and what is due
happen in the order of their instants, a group is flushed as a whole, and each stretch is written down before the next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from typing import Final

from agent.journal import Event, Prune, Put, Write
from agent.model import Alert, Matcher
from agent.notify import groups, kept_routing, notification_log, table
from agent.notify.acks import Acks, Reply, meant
from agent.notify.decisions import RETENTION_MS, Decision, Verdict
from agent.notify.flushing import Flush, Stretches
from agent.notify.groups import Group
from agent.notify.intake import Batch, Intake
from agent.notify.links import Links
from agent.notify.membership import Membership
from agent.notify.messenger import Messenger
from agent.notify.needless import needless
from agent.notify.notification import Channel
from agent.notify.notification_log import NotificationLog
from agent.notify.outbox import HISTORY, MOST_SUBJECTS, Outbox
from agent.notify.records import Book
from agent.notify.routing import Route, Routing
from agent.notify.rows import Row
from agent.notify.semantics import ALERTMANAGER, Semantics
from agent.notify.silences import Silence, Silences, SilenceState
from agent.notify.strict import Landings, StrictFlush, land, leaving
from agent.notify.views import Acknowledged, View
from agent.telemetry import Telemetry

HOUSEKEEPING_MS: Final = 3_600_000


STRETCH: Final = 400
"""How much is done at a stretch: an alert of a flushed group counts 1, a group 10."""
CLOCK: Final = "notify.clock"
"""What time it was at the last write, so that a clock that is set back while nothing runs is noticed."""
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
        self._members = Membership(routing)
        self._table, self._groups = self._members.table, self._members.groups
        self._intake = Intake()
        self._work: tuple[Flush, Stretches] | None = None
        self._next_housekeeping_ms = at_ms + HOUSEKEEPING_MS
        self._log = NotificationLog(journal.records(notification_log.KIND))
        self._landings = Landings()
        self._sweep_ms = at_ms + ALERTMANAGER.sweep_ms
        self._forget_ms = at_ms + ALERTMANAGER.keep_ended_ms
        self.outbox.settled = self._landings.note
        self._told_ms = at_ms
        """What time `follow` was told last."""
        self._now_ms = at_ms
        """What time anybody said last that it is."""
        self._messenger = Messenger(self.outbox, lambda: self._routing, self._groups.get, self._groups.touched)
        self.outbox.hurry = self.hurry
        self._acks = Acks(
            lambda: list(self._groups),
            self._table,
            self._messenger,
            self._groups.touch,
            lambda decisions: self._commit(decisions, []),
            self._members.same_trouble,
        )
        self.outbox.pointless = self._pointless
        self.outbox.companions = self._changed_groups
        self.silences.on_change = self._silences_changed
        self._restore(at_ms)

    @property
    def routing(self) -> Routing:
        """What is in force."""
        return self._routing

    @property
    def _semantics(self) -> Semantics:
        return self._routing.settings.semantics

    @property
    def changed(self) -> Callable[[], None]:
        """What is called when something may have become due earlier than `next_due` said."""
        return self.outbox.changed

    @changed.setter
    def changed(self, callback: Callable[[], None]) -> None:
        self.outbox.changed = callback

    def put(self, alerts: Iterable[Alert], at_ms: int) -> Future[None]:
        """Take alerts in: firing, repeated or over; the future is done when they are on the disk.

        An alert without an end is over when it is not repeated within `resolve_timeout`, as in Alertmanager. Of very many
        the first are looked at now, the others by `flush` before anything that is due later.
        """
        batch = Batch(alerts, at_ms)
        if not len(batch):
            return self._commit([], [])
        self._intake.add(batch)
        if self._work is None:
            self._take_in()
        self.changed()
        return batch.written

    def flush(self, at_ms: int) -> list[Decision]:
        """Flush the groups that are due, then run the steps of escalation that are; return what was decided."""
        self.begin(at_ms)
        assert self._work is not None
        decisions = self._work[0].decisions
        self._settle()
        return decisions

    def begin(self, at_ms: int) -> None:
        """Begin to do what `flush` does, stretch by stretch."""
        self._settle()
        self._now_ms = at_ms
        self.silences.advance(at_ms)
        self._land(at_ms)
        self._sweep(at_ms)
        flush = self._flush(at_ms)
        self._work = flush, self._stretches(flush, at_ms)

    def go_on(self) -> bool:
        """Do the next stretch of what was begun; return False when nothing is left of it."""
        if self._work is None:
            return False
        try:
            next(self._work[1])
        except StopIteration:
            self._work = None
            return False
        except BaseException:
            self._work = None
            raise
        return True

    def _settle(self) -> None:
        """Finish what was begun, before something else touches the groups."""
        while self.go_on():
            pass

    def _stretches(self, flush: Flush, at_ms: int) -> Stretches:
        written, done = 0, 0
        while True:
            handed_ms, due_ms = self._intake.next_ms(), self._groups.next_flush_ms()
            if handed_ms is not None and (due_ms is None or due_ms > at_ms or handed_ms <= due_ms):
                self._take_in()
                flush.look_again()
                yield
                continue
            group = self._groups.to_flush(at_ms)
            if group is None:
                break
            done += 10 + len(group.fingerprints)
            yield from self._flush_group(flush, group)
            self._hurry_refused(flush)
            if done >= STRETCH:
                written, done = self._write_down(flush, written), 0
                yield
        self._hurry_refused(flush)
        while group := self._groups.to_step(at_ms):
            self._groups.touch(group)
            try:
                yield from flush.steps(group)
            finally:
                self._groups.schedule(group)
            self._hurry_refused(flush)
        if at_ms >= self._next_housekeeping_ms:
            self._commit([], self._keep_house(at_ms))
        self._write_down(flush, written)
        self._count()

    def _write_down(self, flush: Flush, written: int) -> int:
        """Write down what was decided since the first `written` decisions; return how many there are now."""
        if len(flush.decisions) > written or self._groups.touched:
            self._commit(flush.decisions[written:], [])
        return len(flush.decisions)

    def _flush_group(self, flush: Flush, group: Group) -> Stretches:
        causes, decided = group.causes, len(flush.decisions)
        try:
            flushed = yield from flush.group(group)
        finally:
            self._groups.schedule(group)
        if flushed.over and not any(each.verdict is Verdict.ENDED for each in flush.decisions[decided:]):
            flush.decisions.append(self._over(group, flushed.over, flush.at_ms))
        if flushed.changed:
            self._groups.touch(group)
        if group.causes != causes:
            self._groups.holds(group, causes)
        writes = [write for each in flushed.over if (write := self._members.leave(group, each))]
        if not group.fingerprints and not self._semantics.sweep_ms:
            writes.append(self._groups.end(group))
        self.outbox.keep([*writes, *flush.writes])
        flush.writes.clear()

    def _land(self, at_ms: int) -> None:
        """Take note of what became of messages that groups wait for; a group of which none is under way ticks again."""
        for row, arrived, settled_ms in self._landings.take():
            group = self._groups.get(row.group_id)
            if group is None or group.flight is None:
                continue
            self.outbox.keep(land(group, row, self._log, settled_ms, arrived=arrived))
            self._groups.touch(group)
            if group.flight.rows:
                continue
            flight, group.flight = group.flight, None
            group.next_flush_ms = max(group.next_flush_ms, min(settled_ms, at_ms))
            over = frozenset() if flight.failed else leaving(group, flight, self._table)
            self.outbox.keep([write for each in over if (write := self._members.leave(group, each))])
            if over and group.fingerprints:
                self.outbox.keep(self._over(group, over, at_ms).lines())
            if group.incident and not group.fingerprints:
                words = "every alert of the group is over"
                ended = Decision(Verdict.ENDED, at_ms, words, tuple(over), group.receiver, group.key, group.incident.id)
                self.outbox.keep(ended.lines())
                group.incident = None
            self._groups.schedule(group)

    def _sweep(self, at_ms: int) -> None:
        """End the groups that have been left by all alerts, and forget alerts that are over, as often as semantics say."""
        says = self._semantics
        if says.sweep_ms and at_ms >= self._sweep_ms:
            self._sweep_ms += says.sweep_ms * (1 + (at_ms - self._sweep_ms) // says.sweep_ms)
            self.outbox.keep(self._members.end_empty())
        if says.keep_ended_ms and at_ms >= self._forget_ms:
            self._forget_ms += says.keep_ended_ms * (1 + (at_ms - self._forget_ms) // says.keep_ended_ms)
            self.outbox.keep([*self._members.forget_over(at_ms), *self._log.collect(at_ms)])

    def _silences_changed(self, changed: Sequence[Silence], at_ms: int) -> None:
        for silence in changed:
            if silence.state(at_ms) is not SilenceState.ACTIVE:
                self._members.let_go(silence.id, at_ms)
        self.changed()

    def _take_in(self) -> None:
        """Take in the next alerts that were handed over."""
        batch, alerts = self._intake.take()
        try:
            joined, writes = self._members.take(alerts, batch.at_ms)
        except BaseException as error:
            batch.failed(error)
            raise
        decisions = [self._routed(self._groups.by_id[key], tuple(each), batch.at_ms) for key, each in joined.items()]
        batch.kept(self._commit(decisions, writes))

    def _routed(self, group: Group, fingerprints: tuple[str, ...], at_ms: int) -> Decision:
        reason = f"route {group.route.key}" if group.route else ""
        labels = tuple(known.labels for each in fingerprints[:MOST_SUBJECTS] if (known := self._table.get(each)))
        return Decision(Verdict.ROUTED, at_ms, reason, fingerprints, group.receiver, group.key, labels=labels)

    def _over(self, group: Group, fingerprints: frozenset[str], at_ms: int) -> Decision:
        incident = group.incident.id if group.incident else ""
        words = (
            "it is over; others of its group are not" if group.fingerprints else "it is over, and nobody had been told"
        )
        return Decision(Verdict.OVER, at_ms, words, tuple(fingerprints), group.receiver, group.key, incident)

    def follow(self, at_ms: int) -> None:
        """Take note of what time it is, every few seconds: after a clock that was set back, all timers go back with it.

        After one that was set forward, or a machine that slept, no alert is over because nobody has repeated it.
        """
        by_ms, self._told_ms = self._told_ms - at_ms, at_ms
        self._now_ms = at_ms
        if -_LEAP_MS <= by_ms <= 0:
            return
        self._settle()
        if by_ms < -_LEAP_MS:
            self._table.prolong(at_ms, self._routing.settings.resolve_timeout_ms)
            self.outbox.set_forward(-by_ms)
        if by_ms <= 0:
            return
        self.outbox.keep(self._members.set_back(by_ms, at_ms))
        self.outbox.set_back(by_ms)
        self._next_housekeeping_ms -= by_ms
        self._sweep_ms -= by_ms
        self._forget_ms -= by_ms
        self._commit([], [])
        self.changed()

    def next_due(self) -> int | None:
        """Return when `flush` has something to do next, or None."""
        own = (self._intake.next_ms(), *self._groups.next_ms(), self._landings.next_ms(), self.outbox.turned_away_ms)
        dues = (
            *own,
            self.silences.next_change_ms,
            self._sweep_ms if self._semantics.sweep_ms and self._groups else None,
        )
        return min((due for due in dues if due is not None), default=None)

    def reload(self, routing: Routing, at_ms: int) -> None:
        """Swap the routing. Groups whose receiver and labels survive keep their timers, log and incident.

        A group that has no place any more lives on until its alerts are over, to tell whoever was told.
        """
        self._settle()
        while len(self._intake):
            self._take_in()
        self._routing = routing
        self.outbox.keep([kept_routing.record(routing)])
        self.outbox.lead(routing.way_to)
        self._members.route_by(routing)
        if self._semantics.reload_rebuilds:
            self._rebuild(at_ms)
        else:
            self.outbox.keep(self._members.adopt(list(self._groups), at_ms))
            self.outbox.keep(self._members.forget_unused())
        self._commit([], [])
        self._count_channels()
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
        self._settle()
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
        self._settle()
        done = self._acks.give_back(meant(fingerprint, incident, matchers), by, at_ms, comment=comment)
        self.changed()
        return done

    @property
    def acknowledgements_written(self) -> Future[None] | None:
        """Done once the last acknowledgement, or its end, is on the disk; None before there was one."""
        return self._acks.written

    def acknowledge_by_code(
        self, code: str, phone: str, links: Links, at_ms: int, *, everything: bool = False
    ) -> Reply:
        """Take over what a phone was told of, by the code that it was sent."""
        self._settle()
        until_ms = at_ms + self._routing.settings.ack_timeout_ms
        reply = self._acks.take_by_code(code, phone, links, at_ms, until_ms, everything=everything)
        self.changed()
        return reply

    def hurry(self, incident: str, at_ms: int, why: str) -> bool:
        """Let the incident's next step of escalation run now, because a page did not arrive; False where none needs to."""
        self._settle()
        for group in self._groups:
            if hurried := self._hurried(group, incident, at_ms, why):
                self._commit([hurried], [])
                self.changed()
                return True
        return False

    def _hurried(self, group: Group, incident: str, at_ms: int, why: str) -> Decision | None:
        running = group.incident
        step = running.next_step if running and running.id == incident else None
        if running is None or step is None or step.due_ms <= at_ms or running.ack:
            return None
        step.due_ms, step.hurried = at_ms, True
        self._groups.touch(group)
        self._groups.schedule(group)
        names = tuple(sorted(group.fingerprints))
        text = f"step {step.number} runs now: {why}"
        return Decision(Verdict.HURRIED, at_ms, text, names, group.receiver, group.key, incident)

    def _hurry_refused(self, flush: Flush) -> None:
        """Hurry the steps of incidents whose critical page was just refused, since its channel is disabled or gone."""
        for row in self.outbox.turned_away(flush.at_ms):
            group = self._groups.get(row.group_id)
            why = f"{row.target.key}: {row.error}"
            if group and (hurried := self._hurried(group, row.incident, flush.at_ms, why)):
                flush.decisions.append(hurried)

    def routes_of(self, alert: Alert) -> list[Route]:
        """Return the routes that an alert takes."""
        return self._members.routes_of(alert)

    def view(self, at_ms: int) -> View:
        """Return what pages and the API ask about, as of an instant; values, nothing that changes."""
        return View(
            self._routing,
            self._table,
            self._groups.by_id,
            self._groups.members,
            self.outbox,
            self._flush(at_ms),
            at_ms,
        )

    def history(self, fingerprint: str, *, since_ms: int = 0, limit: int = 1000) -> list[Event]:
        """Return what was decided and tried about an alert, oldest first. It reads the disk: call it in a thread."""
        return self._journal.events(HISTORY, fingerprint, since_ms=since_ms, limit=limit)

    def _flush(self, at_ms: int) -> Flush:
        given = (
            self._routing,
            self._table,
            self.silences,
            self._messenger,
            at_ms,
            self._members.sources,
            self._members.troubles,
            self._telemetry,
        )
        if not self._semantics.one_pipeline:
            return Flush(*given)
        flush = StrictFlush(*given)
        flush.log = self._log
        return flush

    def _keep_house(self, at_ms: int) -> list[Write]:
        self._next_housekeeping_ms = at_ms + HOUSEKEEPING_MS
        self.silences.collect(at_ms)
        self.outbox.collect(at_ms)
        return [Prune(HISTORY, at_ms - RETENTION_MS)]

    def _commit(self, decisions: list[Decision], writes: Sequence[Write]) -> Future[None]:
        """Write everything that changed as one transaction."""
        return self.outbox.flush(*writes, *(line for each in decisions for line in each.lines()))

    def _changed_groups(self) -> list[Write]:
        """Return the groups that changed since the last write; the outbox takes them along in whatever it writes."""
        kept = self._groups.changed()
        return [*kept, Put(CLOCK, "", self._now_ms)] if kept else []

    def _count(self) -> None:
        if self._telemetry is None:
            return
        waiting = self.outbox.waiting()
        for channel in Channel:
            self._telemetry.outbox_pending.labels(str(channel)).set(waiting.get(channel, 0))

    def _count_channels(self) -> None:
        if self._telemetry is None:
            return
        self._telemetry.channel_disabled.clear()
        for transport in self._routing.channels:
            self._telemetry.channel_disabled.labels(transport).set(transport in self._routing.disabled)

    def _pointless(self, row: Row, at_ms: int) -> str:
        """Say why a message need not be sent any more, or nothing."""
        if self._routing.settings.strict:
            return ""
        group = self._groups.get(row.group_id)
        incident = group.incident if group and group.incident and group.incident.id == row.incident else None
        return needless(row, incident, self.outbox, self._table, at_ms)

    def _restore(self, at_ms: int) -> None:
        self.outbox.restore()
        self.outbox.lead(self._routing.way_to)
        records = self._journal.records
        was_ms = records(CLOCK).get("", 0)
        self.outbox.keep(self._members.restore(records(table.KIND), records(groups.KIND), at_ms, was_ms))
        if was_ms > at_ms:
            self.outbox.keep(self._members.set_back(was_ms - at_ms))
            self.outbox.set_back(was_ms - at_ms)
        self._commit(self._members.hold_overdue(at_ms), [kept_routing.record(self._routing)])
        self._count_channels()
        self._count()

    def _rebuild(self, at_ms: int) -> None:
        """Make all groups anew, and call off what was under way for the old ones."""
        for group in self._groups:
            if group.flight:
                self.outbox.call_off(group.flight.rows, "the configuration was read again meanwhile", at_ms)
        self.outbox.keep(self._members.rebuild(at_ms))
        self._sweep_ms = at_ms + self._semantics.sweep_ms
