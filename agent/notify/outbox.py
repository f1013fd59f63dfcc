"""The outbox: every message is a row in the journal before it is sent and after. It decides what is sent next, not how.

States: pending → sent → delivered, or failed, or superseded. A newer message of the same incident to the same target (or of
the group's next incident, where nothing of this one ever got out) replaces one that never got out, and takes over what only
that one said: an alert that ended. If the page itself never got out and all is over, the one message that is left says so
(Reason.FIRED_AND_RESOLVED): whoever was meant to know still learns of it.
Messages of one group to one target leave in order, one at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from typing import Final

from agent.journal import Append, Delete, Put, Write
from agent.notify import threads
from agent.notify.awaited import Awaited
from agent.notify.lanes import Lanes, lane_of
from agent.notify.limits import Held
from agent.notify.loudness import others_heard
from agent.notify.notification import Channel, Delivery, Notification, Receipt, Target
from agent.notify.queue import Strand, strand_of
from agent.notify.reasons import Reason
from agent.notify.records import Book
from agent.notify.rows import Row, RowState, row_from_json
from agent.notify.threads import Threads

KIND: Final = "notify.outbox"
HISTORY: Final = "notify.history"
DEADLINE_MS: Final = 24 * 3_600_000
RETENTION_MS: Final = 5 * 24 * 3_600_000
FALL_BACK_AFTER: Final = 5
"""Failed attempts after which on_failure is told too, while the message is still tried."""
MOST_SENDINGS: Final = 3
"""How often a message is sent that its provider accepted and then could not deliver for now."""
TRY_AGAIN_MS: Final = 60_000
"""… and how long after, times the number of sendings."""
_NOT_OUT: Final = (RowState.FAILED, RowState.SUPERSEDED)
MOST_SUBJECTS: Final = 500
"""Alerts of one message that get a line of history each."""

Redirect = Callable[[Row, Reason, int], None]


class Outbox:
    """All rows that are pending or were finished lately."""

    def __init__(self, journal: Book, external_url: str = "") -> None:
        self._journal = journal
        self._external_url = external_url
        self._rows: dict[str, Row] = {}
        self._of_incident: dict[str, dict[str, None]] = {}
        self._threads = Threads()
        self._lanes = Lanes(self.strand)
        self._beliefs: dict[str, dict[str, tuple[bool, int, str]]] = {}
        self._refused: dict[str, tuple[str, int]] = {}
        self._turned_away: list[Row] = []
        """Critical pages whose channel is disabled or gone, until it is known what else of their incidents gets out."""
        self._order = 0
        self._writes: list[Write] = []
        self._durable: dict[str, Future[None]] = {}
        self._awaited = Awaited()
        self.queue = self._lanes.queue
        self.queue.held = self._held
        self.stop: Callable[[Iterable[str]], None] = lambda _row_ids: None
        """What ends the sending of rows that is under way."""
        self.redirect: Redirect | None = None
        """What is called where a row cannot be delivered: the dispatcher writes rows to on_failure or the log."""
        self.settled: Callable[[Row, bool, int], None] = lambda _row, _arrived, _at_ms: None
        """What is called once the provider has accepted a row, or it is given up, with whether it was accepted."""
        self.hurry: Callable[[str, int, str], object] = lambda _incident, _at_ms, _why: None
        """What is called where a critical message is known not to have arrived, with the incident and the reason."""
        self.companions: Callable[[], Sequence[Write]] = tuple
        """What else changed with the rows, and is written in the same transaction."""
        self.pointless: Callable[[Row, int], str] = lambda _row, _at_ms: ""
        """What says why a row need not be sent any more, or nothing."""
        self.was_set_back: Callable[[int], object] = lambda _by_ms: None
        """What is called when the clock was set back."""
        self.linked: Callable[[Notification], Notification] = lambda notification: notification
        """What gives a message its signed links just before it is sent."""
        self.changed: Callable[[], None] = lambda: None
        """What is called when a row may have become due."""

    def restore(self) -> None:
        """Read back the rows and the threads. What was under way when the process ended is pending, with the same key."""
        self._threads.restore(self._journal.records(threads.KIND))
        rows = [row_from_json(key, data) for key, data in self._journal.records(KIND).items()]
        for row in sorted(rows, key=lambda each: each.order):
            self._rows[row.id] = row
            self._of_incident.setdefault(row.incident, {})[row.id] = None
            self._threads.follow(row)
            self._order = max(self._order, row.order)
            if row.state is RowState.PENDING:
                self._lanes.wait(row)
            if row.state is RowState.PENDING or row.accepted:
                self._believe(row)
            if row.state is RowState.SENT:
                self._awaited.add(row)
        self._lanes.offer_all()

    def add(self, row: Row) -> Row:
        """Take a row in; `flush` writes it down. Unsent rows of the same incident to the same target are superseded."""
        self._order += 1
        due_ms = max(row.next_at_ms, row.at_ms)
        row = replace(row, order=self._order, next_at_ms=due_ms, deadline_ms=row.deadline_ms or due_ms + DEADLINE_MS)
        for older in () if row.within_tick else self._lanes.unsent(row):
            if older.incident == row.incident or not self._threads.is_begun(older):
                row = self._supersede(older, row)
            elif not older.attempts and older.next_at_ms > row.next_at_ms:
                self._keep(replace(older, next_at_ms=row.next_at_ms))
        self._believe(row)
        self._keep(row)
        self._lanes.offer(lane_of(row))
        self._note(row, "written", row.at_ms, cause="hours" if row.error and row.next_at_ms > row.at_ms else "")
        return row

    def unheard(self, row: Row) -> list[Row]:
        """Return what waits for its hour, never tried, of the same group for the same target."""
        return [each for each in self._lanes.unsent(row) if not each.attempts and each.next_at_ms > row.at_ms]

    def sleeping(self, group_id: str, target: str, at_ms: int) -> Row | None:
        """Return the message to a target, by its key, that waits for its hour and was never tried, or None."""
        rows = self._lanes.of((group_id, target))
        return next((each for each in rows if not each.attempts and each.next_at_ms > at_ms), None)

    def reached(self, incident: str, target: str) -> bool:
        """Say whether any message of an incident was accepted for a target, by the target's key."""
        return self._threads.reached(incident, target)

    def incidents_told(self, target: str) -> list[str]:
        """Return the incidents of which a target, by its key, accepted a message; those long over are forgotten."""
        return self._threads.incidents_told(target)

    def failed_to_reach(self, row: Row) -> bool:
        """Say whether the target was to be told of the row's incident, never was, and is not about to be."""
        newest = self._rows.get(self._threads.newest(row))
        waits = any(each.incident == row.incident for each in self._lanes.of(lane_of(row)))
        return bool(newest and newest.state in _NOT_OUT) and not waits and not self._threads.is_begun(row)

    def withdraw_unheard(self, row: Row, why: str) -> None:
        """Retire what waits of the row's incident for its target, and the row with it: nobody needs to hear either."""
        self._order += 1
        for each in (*self.unheard(row), replace(row, order=self._order)):
            if each.id in self._lanes:
                self._lanes.take(each.id)
            retired = replace(each, state=RowState.SUPERSEDED, finished_at_ms=row.at_ms, error=why)
            self._believe(replace(retired, alerts=row.alerts, at_ms=row.at_ms))
            self._keep(retired)
            self._note(retired, "superseded", row.at_ms)

    def refuse(self, row: Row, why: str) -> Row:
        """Take in a row whose channel is disabled: it is on record as failed, and on_failure or the log gets it."""
        self._order += 1
        row = replace(
            row, order=self._order, state=RowState.FAILED, error=why, finished_at_ms=row.at_ms, fell_back=True
        )
        self._refused[row.target.key] = (row.incident, row.at_ms)
        self._keep(row)
        self._note(row, "failed", row.at_ms, cause="disabled")
        self.settled(row, False, row.at_ms)
        if row.priority == 0:
            self._turned_away.append(row)
        if self.redirect:
            self.redirect(row, Reason.CHANNEL_DISABLED, row.at_ms)
        return row

    @property
    def turned_away_ms(self) -> int | None:
        """Since when a critical page waits to be asked about by `turned_away`, or None."""
        return self._turned_away[0].at_ms if self._turned_away else None

    def turned_away(self, at_ms: int) -> list[Row]:
        """Return the critical pages refused since the last time of which nothing as loud got out, or is about to.

        Ask when all messages of the moment are written: one that follows may reach somebody.
        """
        rows, self._turned_away = self._turned_away, []
        return [row for row in rows if not self._is_heard_from_others(row, at_ms)]

    def keep(self, writes: Iterable[Write]) -> None:
        """Let `writes` be written together with the rows, by the next `flush`."""
        self._writes.extend(writes)

    def flush(self, *writes: Write) -> Future[None]:
        """Write down what was added, together with `writes`; nothing is sent before it is on the disk."""
        puts = [write for write in self._writes if isinstance(write, Put) and write.kind == KIND]
        added = [write.key for write in puts if write.value.state is RowState.PENDING]
        queued, self._writes = self._writes, []
        future = self._journal.write(*queued, *self.companions(), *writes)
        for key in added:
            self._durable[key] = future
        if added:
            self.changed()
        return future

    def settle(self) -> None:
        """Write down what was only noted since the last write, if anything."""
        if self._writes:
            self.flush()

    def durable(self, row_id: str) -> Future[None] | None:
        """Return the future of the write that last kept this row, if it may still be under way."""
        return self._durable.pop(row_id, None)

    def set_back(self, by_ms: int) -> None:
        """Bring what waits forward, as the clock was set back; `flush` writes it down."""
        for row in self._lanes:
            if not self._lanes.is_under_way(row.id):
                self._keep(replace(row, next_at_ms=row.next_at_ms - by_ms, deadline_ms=row.deadline_ms - by_ms))
                self._lanes.offer(lane_of(row))
        asked = [row for row in self._rows.values() if row.state is RowState.SENT and row.ask_at_ms]
        for row in asked:
            self._keep(replace(row, ask_at_ms=tuple(each - by_ms for each in row.ask_at_ms)))
        self._awaited.ask_anew(self._rows[row.id] for row in asked)
        self.was_set_back(by_ms)
        self.queue.rouse()

    def set_forward(self, by_ms: int) -> None:
        """Give what waits as much more time, as the machine slept or the clock was set; `flush` writes it down."""
        for row in self._lanes:
            self._keep(replace(row, deadline_ms=row.deadline_ms + by_ms))
            self._lanes.offer(lane_of(row))

    def lead(self, way_to: Callable[[Target, str], str]) -> None:
        """Send what waits by the transports that lead to its targets now; `flush` writes it down."""
        for row in self._lanes:
            transport = way_to(row.target, row.transport)
            if transport != row.transport:
                self._keep(replace(row, transport=transport))
                self._lanes.offer(lane_of(row))

    def next_due(self) -> int | None:
        """Return when something can be sent next, or None. What waits for something under way is not counted."""
        return self.queue.next_alarm()

    def strand(self, row: Row) -> Strand:
        """Return what a row leaves with, by what its target has heard of its incident."""
        return strand_of(row, update=self._threads.is_begun(row), paged=self._threads.is_paged(row))

    def begin(self, rows: Iterable[Row]) -> None:
        """Note that rows are under way, taken from the queue."""
        self._lanes.begin(rows)

    def end(self, rows: Iterable[Row]) -> None:
        """Note that rows are under way no longer; what comes next in their lanes may leave."""
        self._lanes.end(rows)

    def message(self, row: Row) -> Notification:
        """Return the row as a receiver gets it, with what earlier messages of the incident to this target left."""
        return self.linked(row.notification(self._external_url, self._threads.before(row)))

    def accepted(self, row_id: str, receipt: Receipt, at_ms: int) -> Future[None]:
        """Record that the provider took the message."""
        row = self._lanes.take(row_id)
        row = replace(
            row,
            state=RowState.DELIVERED if receipt.delivered else RowState.SENT,
            delivered_at_ms=at_ms if receipt.delivered else 0,
            ask_at_ms=() if receipt.delivered else tuple(at_ms + after_ms for after_ms in receipt.ask_after_ms),
            attempts=row.attempts + 1,
            error="",
            provider_id=receipt.provider_id,
            finished_at_ms=at_ms,
        )
        thread = self._threads.go_on(row, receipt, at_ms)
        self._keep(row)
        self._note(row, "sent", at_ms, receipt.detail)
        self.settled(row, True, at_ms)
        self._awaited.add(row)
        written = self.flush(thread)
        if early := self._awaited.said(row.provider_id):
            self.delivery(row.provider_id, early, at_ms)
        return written

    def delivery(self, provider_id: str, delivery: Delivery, at_ms: int) -> bool:
        """Record what became of a message that a provider accepted; return False where no message has this id.

        A message that did not arrive counts as one that was not sent: on_failure hears of it, and where it was critical the
        incident's next step is hurried. One that another try may bring through is tried again, a few times.
        """
        rows = [self._rows[each] for each in self._awaited.rows(provider_id)]
        if not rows:
            self._awaited.too_early(provider_id, delivery)
            return False
        for row in rows:
            if delivery.state == "delivered":
                self._awaited.drop(row)
                made = replace(row, state=RowState.DELIVERED, delivered_at_ms=at_ms, ask_at_ms=())
                self._keep(made)
                self._note(made, "delivered", at_ms, delivery.detail)
            elif delivery.state == "failed":
                self._undelivered(row, delivery, at_ms)
            else:
                self._still_out(row, delivery.detail, at_ms)
        self.flush()
        return True

    def asks(self, at_ms: int) -> dict[str, Row]:
        """Return the messages whose provider is to be asked now what became of them, one of each provider's id."""
        return {provider_id: self._rows[row_id] for provider_id, row_id in self._awaited.due(at_ms).items()}

    def next_ask(self) -> int | None:
        """Return when a provider is to be asked next, or None."""
        return self._awaited.next_ask()

    def postponed(self, row_id: str, error: str, next_at_ms: int, at_ms: int) -> Future[None]:
        """Record a failed attempt that is worth another; past the deadline it is given up."""
        row = self._lanes[row_id]
        row = replace(row, attempts=row.attempts + 1, error=error, next_at_ms=next_at_ms)
        if row.within_tick:
            self._keep(replace(row, next_at_ms=min(next_at_ms, row.deadline_ms)))
            self._note(row, "attempt failed", at_ms)
            return self.flush()
        newer = [each for each in self._lanes.unsent(row) if each.order > row.order and each.incident == row.incident]
        if newer:
            self._keep(self._supersede(row, newer[0]))
            return self.flush()
        if next_at_ms >= row.deadline_ms:
            self._keep(row)
            return self.given_up(row_id, f"{error}; its deadline has passed", at_ms, attempted=False)
        tell_others = row.attempts >= FALL_BACK_AFTER and not row.fell_back
        row = replace(row, fell_back=row.fell_back or tell_others)
        self._keep(row)
        self._note(row, "attempt failed", at_ms)
        if tell_others and self.redirect:
            self.redirect(row, Reason.CHANNEL_FAILED, at_ms)
        return self.flush()

    def given_up(self, row_id: str, error: str, at_ms: int, *, attempted: bool = True) -> Future[None]:
        """Record that the message will not be delivered: on_failure or the log gets it, a critical incident's next step runs."""
        row = self._lanes.take(row_id)
        told = row.fell_back
        row = replace(
            row,
            state=RowState.FAILED,
            attempts=row.attempts + attempted,
            error=error,
            finished_at_ms=at_ms,
            fell_back=True,
        )
        self._keep(row)
        self._note(row, "failed", at_ms)
        self.settled(row, False, at_ms)
        if not told and self.redirect:
            self.redirect(row, Reason.CHANNEL_FAILED, at_ms)
        self._hurry(row, at_ms, error)
        return self.flush()

    def fall_back(self, row_id: str, why: str, at_ms: int) -> None:
        """Let on_failure or the log hear of a row at once, while it still waits; `flush` writes it down."""
        row = self._lanes.get(row_id)
        if row is None or row.fell_back:
            return
        row = replace(row, fell_back=True, error=row.error or why)
        self._keep(row)
        self._lanes.offer(lane_of(row))
        self._note(row, "told by another way", at_ms, why, cause="circuit")
        if self.redirect:
            self.redirect(row, Reason.CHANNEL_FAILED, at_ms)

    def withdraw(self, row_id: str, why: str, at_ms: int) -> None:
        """Retire a row that nobody needs any more; `flush` writes it down."""
        row = replace(self._lanes.take(row_id), state=RowState.SUPERSEDED, finished_at_ms=at_ms, error=why)
        self._keep(row)
        self._note(row, "superseded", at_ms)

    def waits(self, row_id: str) -> bool:
        """Say whether a row was taken in that has been neither sent nor given up."""
        return row_id in self._lanes

    def leaves(self, row_id: str, at_ms: int) -> bool:
        """Say whether a row waits for nothing but its turn."""
        row = self._lanes.get(row_id)
        return row is not None and row.next_at_ms <= at_ms

    def call_off(self, row_ids: Iterable[str], why: str, at_ms: int) -> None:
        """Retire rows, also those that are just being sent; `flush` writes it down."""
        waiting = [each for each in row_ids if each in self._lanes]
        self.stop(waiting)
        for row_id in waiting:
            self.withdraw(row_id, why, at_ms)

    def believes(self, target: Target, states: Mapping[str, bool], when: Callable[[int, str], bool]) -> bool:
        """Say whether the target was last told exactly this of each alert, at an instant and by a group that `when` takes."""
        known = self._beliefs.get(target.key, {})
        beliefs = [known.get(fingerprint) for fingerprint in states]
        return bool(states) and all(
            belief is not None and belief[0] == over and when(belief[1], belief[2])
            for belief, over in zip(beliefs, states.values(), strict=True)
        )

    def refused(self, target: Target, incident: str, at_ms: int) -> bool:
        """Say whether a message of this incident to this target was refused at this very instant."""
        return self._refused.get(target.key) == (incident, at_ms)

    def rows(self, *, fingerprint: str = "", incident: str = "") -> list[Row]:
        """Return the rows about an alert or an incident (or all), oldest first."""
        found = [self._rows[each] for each in self._of_incident.get(incident, ())] if incident else self._rows.values()
        return [
            row for row in found if not fingerprint or any(alert.fingerprint == fingerprint for alert in row.alerts)
        ]

    def waiting(self) -> Mapping[Channel, int]:
        """Return how many messages of each channel have not been sent yet."""
        return self._lanes.waiting

    def pending(self) -> list[Row]:
        """Return what has not been sent yet, oldest first."""
        return sorted(self._lanes, key=lambda each: each.order)

    def collect(self, at_ms: int) -> None:
        """Forget what was finished long ago, with its threads and beliefs."""
        old_ms = at_ms - RETENTION_MS
        for row in [each for each in self._rows.values() if 0 < each.finished_at_ms < old_ms]:
            del self._rows[row.id]
            if len(self._of_incident[row.incident]) > 1:
                del self._of_incident[row.incident][row.id]
            else:
                del self._of_incident[row.incident]
            self._awaited.drop(row)
            self._writes.append(Delete(KIND, row.id))
        self._writes += self._threads.collect(self._rows.values(), old_ms)
        for beliefs in self._beliefs.values():
            for fingerprint in [each for each, belief in beliefs.items() if belief[1] < at_ms - DEADLINE_MS]:
                del beliefs[fingerprint]

    def _held(self, row: Row, held: Held) -> None:
        self._note(row, "held back", row.next_at_ms, held.why, cause=held.kind, until_ms=held.until_ms)

    def _still_out(self, row: Row, detail: str, at_ms: int) -> None:
        left = tuple(each for each in row.ask_at_ms if each > at_ms)
        if left == row.ask_at_ms:
            return
        row = replace(row, ask_at_ms=left)
        self._keep(row)
        self._awaited.add(row)
        if not left:
            self._note(row, "delivery unknown", at_ms, detail or "the provider did not say that it arrived")

    def _undelivered(self, row: Row, delivery: Delivery, at_ms: int) -> None:
        self._awaited.drop(row)
        self._writes += self._threads.unheard(row)
        why = f"accepted, but not delivered: {delivery.detail or 'the provider does not say why'}"
        again_ms = at_ms + row.attempts * TRY_AGAIN_MS
        again = not delivery.permanent and row.attempts < MOST_SENDINGS and again_ms < row.deadline_ms
        told = row.fell_back
        row = replace(row, error=why, ask_at_ms=(), fell_back=True)
        if again and row.id == self._threads.newest(row):
            row = replace(row, state=RowState.PENDING, next_at_ms=again_ms, provider_id="", finished_at_ms=0)
        else:
            row = replace(row, state=RowState.FAILED, finished_at_ms=at_ms)
        self._keep(row)
        self._lanes.offer(lane_of(row))
        self._note(row, "not delivered", at_ms)
        if not told and self.redirect:
            self.redirect(row, Reason.CHANNEL_FAILED, at_ms)
        self._hurry(row, at_ms, why)

    def _hurry(self, row: Row, at_ms: int, why: str) -> None:
        """Let the incident's next step run now because a critical page did not arrive, unless others heard it as loudly."""
        if row.priority == 0 and not self._is_heard_from_others(row, at_ms):
            self.hurry(row.incident, at_ms, f"{row.target.key}: {why}")

    def _is_heard_from_others(self, row: Row, at_ms: int) -> bool:
        """Say whether a page of the row's incident got out to somebody else that is as hard to overhear."""
        return others_heard(row, self.rows(incident=row.incident), at_ms)

    def _supersede(self, older: Row, newer: Row) -> Row:
        """Retire `older` in favour of `newer`, which takes over the ends that only `older` told of, and its failed attempts.

        Else on_failure would never hear of a target that fails for hours while alerts come and go.
        """
        states = newer.states
        carried = tuple(
            alert for alert in older.alerts if alert.resolved_at(older.at_ms) and alert.fingerprint not in states
        )
        never_sent = not self._threads.is_begun(newer)
        newer = replace(newer, alerts=newer.alerts + carried, attempts=newer.attempts + older.attempts)
        if never_sent and all(newer.states.values()):
            newer = replace(newer, reason=str(Reason.FIRED_AND_RESOLVED))
        elif never_sent and not newer.escalation_step:
            was_over = older.reason == Reason.FIRED_AND_RESOLVED  # and burns again: what is told first is that it burns
            newer = replace(newer, reason=str(Reason.FIRST) if was_over else older.reason)
        retired = replace(older, state=RowState.SUPERSEDED, finished_at_ms=newer.at_ms, error=f"replaced by {newer.id}")
        self._lanes.take(older.id)
        self._keep(retired)
        self._lanes.offer(lane_of(retired))
        self._note(retired, "superseded", newer.at_ms)
        return newer

    def _believe(self, row: Row) -> None:
        beliefs = self._beliefs.setdefault(row.target.key, {})
        for fingerprint, over in row.states.items():
            beliefs[fingerprint] = (over, row.at_ms, row.group_id)

    def _keep(self, row: Row) -> None:
        self._rows[row.id] = row
        self._of_incident.setdefault(row.incident, {})[row.id] = None
        self._threads.follow(row)
        if row.state is RowState.PENDING:
            self._lanes.wait(row)
        self._writes.append(Put(KIND, row.id, row))

    def _note(self, row: Row, what: str, at_ms: int, detail: str = "", cause: str = "", until_ms: int = 0) -> None:
        """Let the history of each alert say what became of a message; `cause` is what holds it up, in one word."""
        value = {
            "what": what,
            "state": str(row.state),
            "cause": cause,
            "until_ms": until_ms,
            "channel": str(row.target.channel),
            "instead_of": row.options.get("instead_of", ""),
            "message": row.id,
            "incident": row.incident,
            "receiver": row.receiver,
            "target": row.target.key,
            "person": row.target.person,
            "reason": row.reason,
            "step": row.escalation_step,
            "attempt": row.attempts,
            "detail": detail or row.error,
            "provider_id": row.provider_id,
        }
        for alert in row.alerts[:MOST_SUBJECTS]:
            self._writes.append(Append(HISTORY, alert.fingerprint, at_ms, value))
