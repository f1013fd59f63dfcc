"""Running drills: they begin, are followed until every message has arrived or their time is over, and are judged.

`start` puts an alert through the real routes, groups and outbox; `look(at_ms)` compares what became of it with what was asked.
All of it is in the journal, so a restart in the middle of one goes on with it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from typing import Any, Final, Protocol

import structlog

from agent.errors import InvalidInput
from agent.journal import Delete, Put
from agent.model import Alert, Labels, format_duration
from agent.notify.drill import FAILED, RECEIVER, RUNBOOK, Drill, DrillOrder, Reached, drill_from_json
from agent.notify.drill_schedule import Schedule
from agent.notify.notification import Channel
from agent.notify.records import Book
from agent.notify.routing import Route, Routing
from agent.notify.rows import Row, RowState
from agent.notify.views import View
from agent.schema import suggest
from agent.telemetry import Telemetry

KIND: Final = "notify.drill"
MOST_KEPT: Final = 50
MOST_AT_ONCE: Final = 5
SPARE_MS: Final = 2_000
CATCH_UP_MS: Final = 3_600_000
"""A drill that was due so lately is made up for; one that is later waits for its next time."""

_log = structlog.get_logger("burnline.drill")


class Desk(Protocol):
    """What is needed of the dispatcher."""

    @property
    def routing(self) -> Routing:
        """What is in force."""
        ...

    def put(self, alerts: Iterable[Alert], at_ms: int) -> Future[None]:
        """Take alerts in."""
        ...

    def routes_of(self, alert: Alert) -> Sequence[Route]:
        """Return the routes that an alert takes."""
        ...

    def view(self, at_ms: int) -> View:
        """Return the state at an instant."""
        ...


class Alarms(Protocol):
    """Raises and ends alerts of the agent about itself."""

    def fire(self, labels: Labels, annotations: Labels, at_ms: int, why: str) -> None:
        """Raise one."""
        ...

    def end(self, labels: Labels, at_ms: int, why: str) -> None:
        """End one, if it fires."""
        ...


class Drills:
    """All drills; call it from one thread (the event loop's). `sent_as` says how an alert's labels are sent."""

    def __init__(
        self,
        desk: Desk,
        journal: Book,
        *,
        alarms: Alarms,
        telemetry: Telemetry,
        at_ms: int,
        sent_as: Callable[[Labels], Labels] = lambda labels: labels,
        draw: Callable[[], str] = lambda: secrets.token_hex(4),
    ) -> None:
        self._desk, self._journal, self._alarms, self._telemetry = desk, journal, alarms, telemetry
        self._sent_as, self._draw = sent_as, draw
        read = [drill_from_json(data) for data in journal.records(KIND).values()]
        self._drills = {each.id: each for each in sorted(read, key=lambda each: each.started_ms)}
        self._due: dict[str, int] = {}
        self._told_ms = at_ms
        self.apply(at_ms)
        for each in self._drills.values():
            self._count(each)
            if self.last(each.asked.name) == each and each.result == "failed" and not each.asked.by:
                self._tell(each, at_ms)

    @property
    def schedules(self) -> tuple[Schedule, ...]:
        """The drills that come by themselves."""
        return self._desk.routing.drills

    def apply(self, at_ms: int) -> None:
        """Take over what the files say now. What came before, and was due again within the last hour, is made up for."""
        self._due = {each.asked.name: self._first(each, at_ms) for each in self.schedules}

    def all(self) -> list[Drill]:
        """Return the drills that are remembered, newest first."""
        return [*self._drills.values()][::-1]

    def find(self, drill_id: str) -> Drill | None:
        """Return one drill, or None."""
        return self._drills.get(drill_id)

    def last(self, name: str) -> Drill | None:
        """Return the newest drill of a name, or None."""
        return next((each for each in self.all() if each.asked.name == name), None)

    def next_ms(self, name: str) -> int:
        """Return when a drill of this name comes by itself, 0 where it never does."""
        return self._due.get(name, 0)

    def start(self, asked: DrillOrder, at_ms: int) -> Drill:
        """Begin a drill; raise InvalidInput where its receiver is unknown, or too many or the same are under way."""
        running = [each for each in self._drills.values() if not each.result]
        if asked.receiver and asked.receiver not in self._desk.routing.receivers:
            known = sorted(self._desk.routing.receivers)
            message = f'no receiver is called "{asked.receiver}"{suggest(asked.receiver, known)}'
            raise InvalidInput(message)
        if len(running) >= MOST_AT_ONCE:
            raise InvalidInput(f"{len(running)} drills are under way; wait until one is over")
        same = [each for each in running if (each.asked.receiver, each.asked.labels) == (asked.receiver, asked.labels)]
        if same:
            raise InvalidInput(f"the drill {same[0].id} tries the same already; wait until it is over")
        made = Drill(self._draw(), asked, at_ms, at_ms)
        made = replace(made, sent=self._sent_as(made.labels))
        routes = self._desk.routes_of(self._sent(made, at_ms))
        if not routes:
            raise InvalidInput("no route takes the alert of this drill; give it other labels, or a receiver")
        longest_ms = max(route.group_wait_ms for route in routes)
        made = replace(made, settles_ms=at_ms + longest_ms + SPARE_MS)
        if made.settles_ms >= made.deadline_ms:
            wait = format_duration(longest_ms)
            raise InvalidInput(
                f"its route waits for {wait} (group_wait) before it tells anybody: give the drill longer"
            )
        self._keep(made)
        self._desk.put([self._sent(made, at_ms)], at_ms)
        _log.info("a drill begins", drill=made.asked.name, id=made.id, by=asked.by or "schedule")
        return made

    def look(self, at_ms: int) -> None:
        """Follow what is under way, and begin what is due; call it every few seconds."""
        back, self._told_ms = at_ms < self._told_ms, at_ms
        for each in [drill for drill in self._drills.values() if not drill.result]:
            self._follow(each, at_ms)
        for schedule in self.schedules:
            self._begin_due(schedule, at_ms, back=back)

    def _begin_due(self, schedule: Schedule, at_ms: int, *, back: bool) -> None:
        name = schedule.asked.name
        due_ms = self._due.get(name, 0)
        if back:
            self._due[name] = schedule.next_ms(at_ms)
        if back or due_ms > at_ms:
            return
        self._due[name] = schedule.next_ms(at_ms)
        last = self.last(name)
        if last and not last.asked.by and abs(at_ms - last.started_ms) < schedule.days * 43_200_000:
            return
        if at_ms - due_ms > CATCH_UP_MS:
            _log.warning("a drill is left out, since it was due long ago", drill=name)
            return
        try:
            self.start(schedule.asked, at_ms)
        except InvalidInput as error:
            _log.warning("a drill cannot begin", drill=name, why=str(error))

    def _first(self, schedule: Schedule, at_ms: int) -> int:
        due_ms = schedule.next_ms(at_ms - CATCH_UP_MS)
        last = self.last(schedule.asked.name)
        return due_ms if due_ms > at_ms or (last and last.started_ms < due_ms) else schedule.next_ms(at_ms)

    def _follow(self, drill: Drill, at_ms: int) -> None:
        seen = self._desk.view(at_ms)
        fingerprint = self._sent(drill, at_ms).fingerprint
        rows = [row for row in seen.messages(fingerprint=fingerprint) if not all(row.states.values())]
        reached = tuple(_reached(row, at_ms, drill.deadline_ms) for row in _telling(rows))
        taken = next(
            (each.acknowledged for each in seen.incidents() if fingerprint in each.fingerprints and each.acknowledged),
            None,
        )
        now = replace(drill, reached=reached)
        if taken and not now.acknowledged_ms:
            now = replace(now, acknowledged_by=taken.by, acknowledged_ms=taken.at_ms)
        result, why = judge(now, at_ms, _held(seen, fingerprint))
        if result:
            now = replace(now, result=result, why=why, ended_ms=at_ms)
        if now != drill:
            self._keep(now)
        if result:
            self._end(now, at_ms)

    def _end(self, drill: Drill, at_ms: int) -> None:
        self._desk.put([self._sent(drill, at_ms)], at_ms)
        asked = drill.asked
        self._telemetry.drills.labels(asked.name, drill.result).inc()
        self._count(drill)
        _log.info("a drill is over", drill=asked.name, id=drill.id, result=drill.result, why=drill.why)
        if drill.result == "passed":
            self._alarms.end(_about(asked.name), at_ms, "a drill passed")
        elif not asked.by:
            self._tell(drill, at_ms)

    def _tell(self, drill: Drill, at_ms: int) -> None:
        """Raise the alert about a drill that failed, by a way other than the one that failed where there is one."""
        failed = [each.receiver for each in drill.reached if each.verdict == "failed"]
        others = [plan.on_failure for name in failed if (plan := self._desk.routing.receivers.get(name))]
        by = drill.asked.tell or next((name for name in others if name), "")
        words = {
            "summary": f"The drill {drill.asked.name} failed: {drill.why}",
            "description": f"A real page would have had the same fate. `burnline drill --show {drill.id}` tells each target.",
            "runbook_url": RUNBOOK,
            **({RECEIVER: by} if by in self._desk.routing.receivers else {}),
        }
        self._alarms.fire(_about(drill.asked.name), Labels(words), at_ms, drill.why)

    def _sent(self, drill: Drill, at_ms: int) -> Alert:
        alert = drill.alert(at_ms)
        return replace(alert, labels=drill.sent or self._sent_as(alert.labels))

    def _count(self, drill: Drill) -> None:
        if drill.result:
            self._telemetry.drill_passed.labels(drill.asked.name).set(drill.result == "passed")
        if drill.result == "passed":
            self._telemetry.drill_passed_at.labels(drill.asked.name).set(drill.ended_ms / 1000)

    def _keep(self, drill: Drill) -> None:
        self._drills[drill.id] = drill
        old = [each for each in self._drills.values() if each.result][: max(0, len(self._drills) - MOST_KEPT)]
        for each in old:
            del self._drills[each.id]
        self._journal.write(Put(KIND, drill.id, drill), *(Delete(KIND, each.id) for each in old))


def judge(drill: Drill, at_ms: int, held: str = "") -> tuple[str, str]:
    """Return how a drill ended and why, nothing while it is open; `held` says what holds its alert back."""
    late = at_ms >= drill.deadline_ms
    if at_ms < drill.settles_ms and not late:
        return "", ""
    first = [each for each in drill.reached if not each.instead_of and (drill.asked.escalate or not each.step)]
    within = format_duration(drill.asked.within_ms)
    if not first:
        return ("failed", f"nobody was told: {held or 'no message was written'}") if late or held else ("", "")
    if all(each.channel == Channel.LOG for each in first):
        return "failed", "it reached the log only, and so nobody"
    failed = [each for each in first if each.verdict == "failed"]
    waiting = [each for each in first if each.verdict == "waiting"]
    taken = drill.asked.expect != "ack" or bool(drill.acknowledged_ms)
    if not late and (waiting or (not failed and not taken)):
        return "", ""
    if failed or waiting:
        names = ", ".join(f"{each.whom} ({each.why or 'it was still waiting'})" for each in (*failed, *waiting))
        return "failed", f"{len(failed) + len(waiting)} of {len(first)} did not get it within {within}: {names}"
    if not taken:
        return "failed", f"all {len(first)} were told, and nobody acknowledged within {within}"
    by = f", and {drill.acknowledged_by} acknowledged" if drill.asked.expect == "ack" else ""
    return "passed", f"all {len(first)} were told{by}" if len(first) > 1 else f"{first[0].whom} was told{by}"


def _telling(rows: Iterable[Row]) -> list[Row]:
    """Return of each target and step the first row that was accepted, else the newest that was not superseded."""
    found: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        key = (row.target.key, row.escalation_step, row.receiver)
        if key not in found or (row.state is not RowState.SUPERSEDED and not found[key].accepted):
            found[key] = row
    return list(found.values())


def _reached(row: Row, at_ms: int, deadline_ms: int) -> Reached:
    asked_later = row.state is RowState.SENT and bool(row.ask_at_ms) and at_ms < deadline_ms
    verdict: Any = "failed"
    if row.state is RowState.PENDING or asked_later:
        verdict = "waiting"
    elif row.accepted:
        verdict = "ok"
    return Reached(
        channel=str(row.target.channel),
        target=row.target.shown,
        person=row.target.person,
        receiver=row.receiver,
        state=str(row.state),
        verdict=verdict,
        attempts=row.attempts,
        written_ms=row.at_ms,
        sent_ms=row.finished_at_ms if row.accepted else 0,
        delivered_ms=row.delivered_at_ms,
        why=row.shown_error,
        step=row.escalation_step,
        instead_of=_channel(str(row.options.get("instead_of") or "")),
    )


def _channel(key: str) -> str:
    """Return the channel of a target's key; the address behind it is somebody's number."""
    return key.partition(":")[0]


def _held(seen: View, fingerprint: str) -> str:
    known = seen.find(fingerprint)
    if known is None:
        return ""
    held = {"a silence": known.silenced_by, "another alert": known.inhibited_by, "a time interval": known.muted_by}
    causes = [f"{what} holds it back ({', '.join(names)})" for what, names in held.items() if names]
    return "; ".join(causes) if known.state == "suppressed" else ""


def _about(name: str) -> Labels:
    return Labels.of(alertname=FAILED, severity="warning", drill_name=name)
