"""What the web page and the API ask: alerts with their state, groups, incidents, who was told, what is disabled.

Values as of one instant; nothing here changes anything.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from agent.model import Alert, Labels
from agent.notify.groups import Group
from agent.notify.incidents import Ack, Incident, RunningStep
from agent.notify.outbox import Outbox
from agent.notify.places import Place, place_of
from agent.notify.reasons import Suppression
from agent.notify.routing import Routing, Warning  # noqa: A004 - the room's word for what is said at load
from agent.notify.rows import Row
from agent.notify.table import AlertTable


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """One incident that somebody took over, until when, and the alerts it covers."""

    incident: str
    receiver: str
    by: str
    at_ms: int
    until_ms: int
    fingerprints: tuple[str, ...]
    comment: str = ""
    via: str = ""
    """How it came: a link, a reply by SMS; "" from the command line and the API."""
    before: str = ""
    """Who had it until then, where somebody had."""


@dataclass(frozen=True, slots=True)
class AlertView:
    """One alert with Alertmanager's status: `active`, `suppressed`, or `unprocessed` before its group's first flush."""

    alert: Alert
    state: str
    receivers: tuple[str, ...]
    inhibited_by: tuple[str, ...] = ()
    silenced_by: tuple[str, ...] = ()
    muted_by: tuple[str, ...] = ()
    incidents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GroupView:
    """One group with its alerts, and when it is flushed next."""

    id: str
    key: str
    receiver: str
    labels: Labels
    alerts: tuple[AlertView, ...]
    next_flush_ms: int
    muted_by: tuple[str, ...] = ()
    """The time intervals that keep it silent now."""


@dataclass(frozen=True, slots=True)
class StepView:
    """One step of escalation: when it is or was due, what became of it, whom it names."""

    number: int
    due_ms: int
    state: str
    until: str
    whom: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class IncidentView:
    """One incident that is not over: its alerts, who was told, who took it over, and the steps."""

    id: str
    receiver: str
    group_labels: Labels
    started_ms: int
    fingerprints: tuple[str, ...]
    told: tuple[str, ...]
    acknowledged: Acknowledged | None
    steps: tuple[StepView, ...]

    @property
    def next_step(self) -> StepView | None:
        """The step that comes next, unless something stops it."""
        waiting = [step for step in self.steps if step.state == "waiting"]
        return min(waiting, key=lambda step: step.due_ms, default=None)


class Suppressing(Protocol):
    """Says what holds an alert back at the instant it was made for; any thread may ask."""

    def suppression(
        self, alert: Alert, interval: tuple[Suppression, str] | None = None
    ) -> tuple[Suppression, str] | None:
        """Return what holds the alert back, and its name."""
        ...

    def silenced_by(self, alert: Alert) -> tuple[str, ...]:
        """Return the ids of the silences that hold the alert back."""
        ...

    def interval(self, group: Group) -> tuple[Suppression, str] | None:
        """Return the time interval that keeps a group silent."""
        ...


class View:
    """The state of the room at one instant, looked up when it is asked for. Any thread may ask, while the work goes on."""

    def __init__(
        self,
        routing: Routing,
        table: AlertTable,
        groups: Mapping[str, Group],
        members: Mapping[str, Collection[str]],
        outbox: Outbox,
        suppressing: Suppressing,
        at_ms: int,
    ) -> None:
        self._routing = routing
        self._table = table
        self._groups = groups
        self._members = members
        self._outbox = outbox
        self._suppressing = suppressing
        self.at_ms = at_ms

    def alerts(self) -> list[AlertView]:
        """Return the alerts that are not over, by labels."""
        found = [self.alert(alert) for alert in self._table if not alert.resolved_at(self.at_ms)]
        return sorted(found, key=lambda each: each.alert.labels)

    def find(self, fingerprint: str) -> AlertView | None:
        """Return one alert, over or not, or None."""
        alert = self._table.get(fingerprint)
        return self.alert(alert) if alert else None

    def name(self, fingerprint: str) -> str:
        """Return the name of an alert, its fingerprint where it is not known."""
        alert = self._table.get(fingerprint)
        return alert.name if alert else fingerprint

    def alert(self, alert: Alert) -> AlertView:
        """Return an alert with what holds it back."""
        groups = self._groups_of(alert.fingerprint)
        muted = {name for group in groups if group.route and (name := self._interval(group))}
        suppressed = self._suppressing.suppression(alert)
        inhibited = (suppressed[1],) if suppressed and suppressed[0] is Suppression.INHIBITION else ()
        silenced = self._suppressing.silenced_by(alert)
        held = bool(inhibited or silenced or (muted and len(muted) == len(groups)))
        flushed = any(group.flushed for group in groups)
        return AlertView(
            alert=alert,
            state="suppressed" if held else "active" if flushed else "unprocessed",
            receivers=tuple(sorted({group.receiver for group in groups})),
            inhibited_by=inhibited,
            silenced_by=silenced,
            muted_by=tuple(sorted(muted)),
            incidents=tuple(group.incident.id for group in groups if group.incident),
        )

    def places(self, fingerprint: str) -> list[Place]:
        """Return an alert's place in each group that it is in, the oldest group first."""
        alert = self._table.get(fingerprint)
        found = []
        for group in sorted(self._groups_of(fingerprint), key=lambda each: each.number) if alert else ():
            held = self._suppressing.suppression(alert, self._suppressing.interval(group)) if alert else None
            names = dict.fromkeys(
                known.name for each in [*group.fingerprints][:1_000] if (known := self._table.get(each))
            )
            found.append(place_of(group, fingerprint, [*names][:10], self._routing, held, self.at_ms))
        return found

    def known(self) -> list[Alert]:
        """Return all alerts that are known, over or not."""
        return list(self._table)

    def groups(self) -> list[GroupView]:
        """Return the groups, by receiver and labels."""
        found = [
            GroupView(
                id=group.id,
                key=group.key,
                receiver=group.receiver,
                labels=group.labels,
                alerts=tuple(self.alert(alert) for each in [*group.fingerprints] if (alert := self._table.get(each))),
                next_flush_ms=group.due_ms,
                muted_by=tuple(self._interval(group).split(", ")) if self._interval(group) else (),
            )
            for group in [*self._groups.values()]
        ]
        return sorted(found, key=lambda each: (each.receiver, each.labels))

    def incidents(self) -> list[IncidentView]:
        """Return the incidents that are not over, the oldest first."""
        found = [made for group in [*self._groups.values()] if (made := _incident(group))]
        return sorted(found, key=lambda each: (each.started_ms, each.id))

    def messages(self, *, fingerprint: str = "", incident: str = "") -> list[Row]:
        """Return the messages about an alert or an incident (or all of the last days), oldest first: who was told."""
        return self._outbox.rows(fingerprint=fingerprint, incident=incident)

    def needless(self, row: Row) -> str:
        """Say why a message that waits would be withdrawn rather than sent if its turn came now, or nothing."""
        return self._outbox.pointless(row, self.at_ms)

    @property
    def receivers(self) -> Sequence[str]:
        """The receivers' names."""
        return tuple(self._routing.receivers)

    @property
    def disabled(self) -> Mapping[str, str]:
        """The channels that cannot send, and why."""
        return self._routing.disabled

    @property
    def warnings(self) -> tuple[Warning, ...]:
        """What was said when the files were loaded."""
        return (*self._routing.warnings, *self._routing.unreachable)

    def acknowledged(self, fingerprint: str) -> Ack | None:
        """Return who took over an incident of this alert, or None."""
        taken = (group.incident.ack for group in self._groups_of(fingerprint) if group.incident)
        return next((ack for ack in taken if ack and fingerprint in ack.fingerprints), None)

    def _groups_of(self, fingerprint: str) -> list[Group]:
        ids = sorted([*self._members.get(fingerprint, ())])
        return [group for each in ids if (group := self._groups.get(each))]

    def _interval(self, group: Group) -> str:
        muted = self._suppressing.interval(group)
        return muted[1] if muted else ""


def acknowledged(group: Group, incident: Incident, ack: Ack, before: str = "") -> Acknowledged:
    """Return an acknowledgement as it is shown."""
    names = tuple(sorted(ack.fingerprints))
    return Acknowledged(
        incident.id, group.receiver, ack.by, ack.at_ms, ack.until_ms, names, ack.comment, ack.via, before
    )


def _incident(group: Group) -> IncidentView | None:
    incident = group.incident
    if incident is None:
        return None
    return IncidentView(
        id=incident.id,
        receiver=group.receiver,
        group_labels=group.labels,
        started_ms=incident.started_ms,
        fingerprints=tuple(group.fingerprints),
        told=tuple(incident.told),
        acknowledged=acknowledged(group, incident, incident.ack) if incident.ack else None,
        steps=tuple(_step(step) for step in incident.steps),
    )


def _step(step: RunningStep) -> StepView:
    ways: dict[str, list[str]] = {}
    for each in step.whom:
        turn = {"now": " (on call)", "next": " (next on call)"}[each.on_call] if each.kind == "team" else ""
        ways.setdefault(f"{each.name}{turn}", []).append(str(each.channel))
    whom = tuple(f"{name} by {', '.join(channels)}" for name, channels in ways.items())
    return StepView(step.number, step.comes_ms, str(step.state), step.until, whom)
