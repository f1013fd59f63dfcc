"""Turn "tell this target this" into rows of the outbox: channel there or not, quiet hours, duplicates, fall-backs.

One incident can reach one target through several groups (`continue`) and through several lines of a receiver. Within a
receiver a target is told once; across groups it is not told again what another group told it less than a minute ago.
Only whoever really got a message hears of its end, so a page and its end stay in one thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Any, Final

from agent.model import Alert
from agent.notify.channels import SlackChannel
from agent.notify.drill import is_drill, marked
from agent.notify.groups import Group
from agent.notify.hours import quiet_until
from agent.notify.incidents import Ack, Incident, Recipient, RunningStep, Told
from agent.notify.kin import Kin
from agent.notify.messages.wording import moment_in, span
from agent.notify.notification import Channel, Target, worst_severity
from agent.notify.outbox import Outbox
from agent.notify.reasons import Reason
from agent.notify.routing import LOG_TARGET, Destination, Routing
from agent.notify.rows import Row, RowState
from agent.notify.table import AlertTable

DUPLICATE_WINDOW_MS: Final = 60_000
READ_BY_MANY: Final = frozenset({Channel.SLACK, Channel.PAGERDUTY})
"""The channels by which others learn that somebody took an incident over."""
TO_ONESELF: Final = (Channel.SLACK, Channel.SMS, Channel.EMAIL)
"""How somebody is reminded of what they took, the gentlest way first."""
_WAYS: Final = {Channel.SMS: "SMS", Channel.EMAIL: "email", Channel.PAGERDUTY: "PagerDuty"}
MOST_HOPS: Final = 4
"""on_failure receivers that may follow one another; then the log."""


class Messenger:
    """Writes rows for groups. `routing` and `group_of` are looked up when needed, since a reload changes them."""

    def __init__(
        self,
        outbox: Outbox,
        routing: Callable[[], Routing],
        group_of: Callable[[str], Group | None],
        dirty: dict[str, None],
    ) -> None:
        self._outbox = outbox
        self._routing = routing
        self._group_of = group_of
        self._dirty = dirty
        outbox.redirect = self.redirect

    def recipients(self, destination: Destination, at_ms: int, severity: str) -> list[Recipient]:
        """Return whom a destination means now for this severity, whether they want to hear of the end, and in which hours."""
        routing = self._routing()
        wants, entry = wants_resolved(destination, routing), destination.entry
        named = entry.hours if entry else None
        policy = entry is not None and entry.by_policy
        return [
            Recipient(
                target,
                destination.transport,
                destination.key,
                wants,
                destination.options,
                named or (routing.directory.hours(target.person, target.channel, severity) if policy else None),
            )
            for target in destination.targets(routing.directory, at_ms, severity)
        ]

    def send(
        self,
        group: Group,
        incident: Incident,
        recipient: Recipient,
        reason: str,
        alerts: tuple[Alert, ...],
        at_ms: int,
        step: int = 0,
        *,
        known: bool = False,
        deadline_ms: int = 0,
    ) -> Reason | None:
        """Write a row and return None, or return why the target need not hear this.

        `alerts` are as they are at `at_ms`, firing ones with an open end. `known`: the message is about something else
        than their states, such as who took them over. With a deadline it is tried as Alertmanager tries, until then.
        """
        states = {alert.fingerprint: alert.resolved_at(at_ms) for alert in alerts}
        strict = self._routing().settings.strict
        if alerts and is_drill(alerts[0].labels):
            recipient = replace(recipient, options={**recipient.options, "test": True})
            if recipient.target.channel is Channel.WEBHOOK:
                alerts = tuple(marked(alert) for alert in alerts)
        if not strict and not known and self._told_already(group.id, recipient, states, at_ms):
            return Reason.ALREADY_TOLD
        row = Row(
            id=incident.key(),
            incident=incident.id,
            group_id=group.id,
            group_key=group.key,
            receiver=group.receiver,
            transport=recipient.transport,
            target=recipient.target,
            alerts=alerts,
            group_labels=group.labels,
            at_ms=at_ms,
            reason=str(reason),
            escalation_step=step,
            acknowledged_by=incident.ack.by if incident.ack else "",
            options=self._options(recipient) if strict else self._also_told(recipient, incident),
            deadline_ms=deadline_ms,
            within_tick=deadline_ms > 0,
        )
        if not strict and states and all(states.values()) and self._outbox.failed_to_reach(row):
            return Reason.NEVER_REACHED
        self._remember(group, incident, recipient, states, remember=not strict or step > 0)
        return self._enqueue(row, recipient, incident)

    def reached(self, incident: Incident, phone: str) -> bool:
        """Say whether a phone was told of an incident; in strict mode only the outbox knows."""
        key = Target(Channel.SMS, phone).key
        return key in incident.told or self._outbox.reached(incident.id, key)

    def told_of(self, phone: str) -> list[str]:
        """Return the incidents of the last days, open or over, that a phone was told of."""
        return self._outbox.incidents_told(Target(Channel.SMS, phone).key)

    def owner(self, incident: Incident, phone: str) -> str:
        """Return to whom a phone belongs that was told of an incident; the number itself where nobody says."""
        told = incident.told.get(Target(Channel.SMS, phone).key)
        if told:
            return told.recipient.target.person or phone
        people = self._routing().directory.people.items()
        return next((name for name, person in people if person.address(Channel.SMS) == phone), phone)

    def waits(self, row_id: str) -> bool:
        """Say whether a message was written that has not been sent yet."""
        return self._outbox.waits(row_id)

    def tell_taken(self, group: Group, incident: Incident, table: AlertTable, reason: str, at_ms: int) -> None:
        """Tell the places that many read, and only those, who has the incident now; nobody's phone rings for that."""
        if self._routing().settings.strict:
            return
        for told in list(incident.told.values()):
            recipient = told.recipient
            if recipient.target.channel in READ_BY_MANY and (alerts := _still_firing(incident, told, table, at_ms)):
                self.send(group, incident, recipient, reason, alerts, at_ms, known=True)

    def leaves(self, row_id: str, at_ms: int) -> bool:
        """Say whether a message was written that is sent now, and not in the morning or by nobody."""
        return self._outbox.leaves(row_id, at_ms)

    def tell_called(
        self,
        group: Group,
        incident: Incident,
        step: RunningStep,
        called: Sequence[Target],
        table: AlertTable,
        at_ms: int,
    ) -> None:
        """Say in the threads of Slack channels whom a step calls by another way, so that nobody there wakes them again."""
        words = calling(step, called)
        if not words or self._routing().settings.strict:
            return
        keys = {target.key for target in called}
        for key, told in list(incident.told.items()):
            place = told.recipient.target
            if place.person or key in keys or not self._has_thread(told.recipient):
                continue
            alerts = _still_firing(incident, told, table, at_ms)
            if alerts and self._outbox.reached(incident.id, key):
                names = {target.person for target in called}.union(told.recipient.options.get("also_told", ())) - {""}
                options = {**told.recipient.options, "change": words, "also_told": sorted(names)}
                self.send(group, incident, replace(told.recipient, options=options), words, alerts, at_ms, known=True)

    def _has_thread(self, recipient: Recipient) -> bool:
        """Say whether a recipient is a place in Slack whose message is updated in place, and not posted anew each time."""
        routing = self._routing()
        channel = routing.channels.get(routing.way_to(recipient.target, recipient.transport))
        return isinstance(channel, SlackChannel) and channel.bot_token is not None and channel.style != "post"

    def wake(self, group: Group, incident: Incident, alerts: tuple[Alert, ...], severity: str, at_ms: int) -> list[str]:
        """Tell those now whom a step left to sleep for what was less severe; return the targets' keys."""
        woken = []
        for key, told in list(incident.told.items()):
            row = self._outbox.sleeping(group.id, key, at_ms)
            if row is None or not row.escalation_step or row.severity == severity:
                continue
            if not self.held_until(told.recipient, at_ms, lambda: severity)[0]:
                self.send(group, incident, told.recipient, Reason.ESCALATION, alerts, at_ms, row.escalation_step)
                woken.append(key)
        return woken

    def remind(self, group: Group, incident: Incident, alerts: tuple[Alert, ...], at_ms: int) -> list[str]:
        """Ask whoever took the incident whether they still have it; whoever was told, where that is nobody we know.

        Returns the targets' keys.
        """
        ack = incident.ack
        assert ack is not None
        reason = f"{ack.by} acknowledged this {span(at_ms - ack.at_ms)} ago, and it still fires"
        asked = self._ways_to(incident, ack)[:1] or [told.recipient for told in incident.told.values()]
        for recipient in asked:
            reminded = replace(recipient, options={**recipient.options, "reminder": True})
            self.send(group, incident, reminded, reason, alerts, at_ms, known=True)
        return [recipient.target.key for recipient in asked]

    def _ways_to(self, incident: Incident, ack: Ack) -> list[Recipient]:
        """Return the ways to whoever acknowledged, the gentlest first: those by which they were told, then what else there is."""
        told = [each.recipient for each in incident.told.values() if each.recipient.target.person == ack.by]
        routing = self._routing()
        person = routing.directory.people.get(ack.by)
        usable = [each for each in TO_ONESELF if str(each) in routing.channels and str(each) not in routing.disabled]
        ways = [
            Recipient(Target(each, person.address(each), ack.by), str(each))
            for each in usable
            if person and person.address(each)
        ]
        best = [each for channel in TO_ONESELF for each in told if each.target.channel is channel]
        return best + ways

    def way_to_call(self, incident: Incident, ack: Ack) -> Recipient | None:
        """Return the loudest way to whoever has an incident: their phone, if they can be called; None where nobody knows them."""
        ways = self._ways_to(incident, ack)
        phone = next((each for each in ways if each.target.channel is Channel.SMS), None)
        return phone or next(iter(ways), None)

    def quiet_way(self, incident: Incident, ack: Ack) -> Recipient | None:
        """Return a way to whoever has an incident that rings no phone, or None."""
        return next((each for each in self._ways_to(incident, ack) if each.target.channel is not Channel.SMS), None)

    def called(self, kin: Kin) -> dict[str, Recipient]:
        """Return the phones, by their keys, that were told of one of these alerts; without those no message got to."""
        return {
            key: told.recipient
            for incident in kin.incidents
            for key, told in incident.told.items()
            if told.recipient.target.channel is Channel.SMS
            and told.firing & kin.fingerprints
            and self._outbox.reached(incident.id, key)
        }

    def redirect(self, row: Row, reason: Reason, at_ms: int) -> None:
        """Tell `on_failure` of the row's receiver, or the log, what the row would have told."""
        routing = self._routing()
        plan = routing.receivers.get(self._failing_receiver(row))
        chosen = plan.on_failure if plan and row.hops < MOST_HOPS else ""
        group = self._group_of(row.group_id)
        incident = group.incident if group and group.incident and group.incident.id == row.incident else None
        told = 0
        if chosen:
            for destination in routing.receiver(chosen).destinations:
                for recipient in self.recipients(destination, at_ms, row.severity):
                    if recipient.target.key != row.target.key:
                        self._hand_on(row, recipient, reason, at_ms, chosen, group, incident)
                        told += 1
        if not told and row.target != LOG_TARGET and not row.within_tick:
            to_log = Recipient(LOG_TARGET, "log")
            self._hand_on(row, to_log, reason, at_ms, chosen or "log", group, incident)

    def _hand_on(
        self,
        row: Row,
        recipient: Recipient,
        reason: Reason,
        at_ms: int,
        receiver: str,
        group: Group | None,
        incident: Incident | None,
    ) -> None:
        states = row.states
        if self._outbox.believes(recipient.target, states, lambda told_ms, _: told_ms >= row.at_ms):
            return
        if self._outbox.refused(recipient.target, row.incident, row.at_ms):
            return
        made = replace(
            row,
            id=f"{row.id}-{sha256(recipient.target.key.encode()).hexdigest()[:6]}",
            transport=recipient.transport,
            target=recipient.target,
            at_ms=row.at_ms,
            reason=str(reason),
            options={**self._options(recipient), **_mark(row), "instead_of": row.target.key, "on_failure": receiver},
            hops=row.hops + 1,
            attempts=0,
            next_at_ms=at_ms,
            deadline_ms=0,
            error="",
            state=RowState.PENDING,
            finished_at_ms=0,
            fell_back=False,
        )
        if group and incident:
            self._remember(group, incident, recipient, states, remember=True)
        self._enqueue(made, recipient, None)

    def _told_already(self, group_id: str, recipient: Recipient, states: Mapping[str, bool], at_ms: int) -> bool:
        """Say whether this group told the target at this instant (as a fall-back), or another one a moment ago.

        The second holds only while something fires: each group closes the thread that it opened.
        """
        open_ms = 0 if all(states.values()) else DUPLICATE_WINDOW_MS

        def lately(told_ms: int, by: str) -> bool:
            return told_ms == at_ms if by == group_id else at_ms - told_ms < open_ms

        return self._outbox.believes(recipient.target, states, lately)

    def _failing_receiver(self, row: Row) -> str:
        return str(row.options.get("on_failure") or row.receiver)

    def _enqueue(self, row: Row, recipient: Recipient, incident: Incident | None) -> Reason | None:
        routing = self._routing()
        transport = routing.way_to(row.target, row.transport)
        transport = transport if transport in routing.channels else str(row.target.channel)
        if transport != row.transport:
            row = replace(row, transport=transport)
        if transport in routing.disabled:
            self._outbox.refuse(row, f"the channel {transport} is disabled: {routing.disabled[transport]}")
        elif transport not in routing.channels and row.target.channel is not Channel.LOG:
            self._outbox.refuse(row, f"the channel {transport} is not configured any more")
        elif incident and all(row.states.values()) and self._nobody_heard(row, incident):
            self._outbox.withdraw_unheard(row, "it was over before they ended, and nobody had been told")
            return Reason.OVER_UNHEARD
        else:
            until_ms, why = (0, "") if row.within_tick else self.held_until(recipient, row.at_ms, lambda: _worst(row))
            self._outbox.add(replace(row, next_at_ms=until_ms, error=why) if until_ms > row.next_at_ms else row)
        return None

    def _nobody_heard(self, row: Row, incident: Incident) -> bool:
        """Say whether what is over now still waits for somebody's morning, and nobody else was told of it either."""
        waiting = self._outbox.unheard(row)
        strict = self._routing().settings.strict
        return bool(waiting) and not strict and not any(self._outbox.reached(incident.id, key) for key in incident.told)

    def held_until(self, recipient: Recipient, at_ms: int, severity: Callable[[], str]) -> tuple[int, str]:
        """Return until when quiet hours, or hours that have not come, hold a message back, and why; 0 where nothing does."""
        routing, until_ms, why = self._routing(), 0, ""
        person = routing.directory.people.get(recipient.target.person)
        if not recipient.hours and not (person and person.quiet):
            return 0, ""
        zone = person.timezone if person else routing.settings.timezone
        if person and (quiet_ms := quiet_until(person.quiet, severity(), at_ms, zone)):
            until_ms, why = quiet_ms, f"quiet hours of {recipient.target.person}"
        if recipient.hours and (opens_ms := recipient.hours.opens_ms(max(at_ms, until_ms), zone)) > at_ms:
            until_ms = max(until_ms, opens_ms)
            why = why or f"{recipient.target.channel} goes out within {recipient.hours}"
        return until_ms, f"waits until {moment_in(until_ms, at_ms, str(zone))}: {why}" if why else ""

    def _options(self, recipient: Recipient) -> Mapping[str, Any]:
        person = self._routing().directory.people.get(recipient.target.person)
        return {**recipient.options, "timezone": str(person.timezone)} if person else recipient.options

    def _also_told(self, recipient: Recipient, incident: Incident) -> Mapping[str, Any]:
        """Return the options of a message with the names of all others who were told of the incident so far, or are now."""
        options = self._options(recipient)
        names = {
            each.recipient.target.person
            for key, each in incident.told.items()
            if self._outbox.reached(incident.id, key)
        }
        names = names.union(options.get("also_told", ())) - {"", recipient.target.person}
        return {**options, "also_told": sorted(names)} if names else options

    def _remember(
        self, group: Group, incident: Incident, recipient: Recipient, states: Mapping[str, bool], *, remember: bool
    ) -> None:
        self._dirty[group.id] = None
        if not remember:
            return
        told = incident.told.setdefault(recipient.target.key, Told(recipient))
        told.firing.difference_update(states)
        told.firing.update(fingerprint for fingerprint, over in states.items() if not over)


def calling(step: RunningStep, called: Sequence[Target]) -> str:
    """Say whom a step calls and why, but for those whom it tells by Slack; "" where there is nobody else."""
    ways: dict[str, list[str]] = {}
    for each in called:
        if each.channel not in (Channel.SLACK, Channel.LOG):
            ways.setdefault(each.person or each.shown, []).append(_WAYS.get(each.channel, str(each.channel)))
    if not ways:
        return ""
    names = [f"{name} ({', '.join(by)})" for name, by in ways.items()]
    listed = " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
    why = f"Nobody answered for {span(step.after_ms)}"
    if step.hurried:
        why = "A page did not arrive"
    elif step.until == "resolve":
        why = f"Not over after {span(step.after_ms)}"
    return f"{why}; {listed} {'is' if len(names) == 1 else 'are'} being called"


def _mark(row: Row) -> Mapping[str, Any]:
    """Return what marks a message that takes the place of a test's."""
    return {"test": True} if row.options.get("test") else {}


def _worst(row: Row) -> str:
    """Return the worst that a message tells of, firing or over: whoever was woken for it is told at once that it is over."""
    return worst_severity(alert.labels.get("severity") for alert in row.alerts)


def _still_firing(incident: Incident, told: Told, table: AlertTable, at_ms: int) -> tuple[Alert, ...]:
    """Return what a target believes to fire, as far as it does; without what is held back now, unless all of it is."""
    alerts = [alert for each in told.firing if (alert := table.get(each)) and not alert.resolved_at(at_ms)]
    shown = [each for each in alerts if incident.seen is None or each.fingerprint in incident.seen] or alerts
    shown.sort(key=lambda each: (each.labels.get("job"), each.labels.get("instance"), each.labels))
    return tuple(replace(each, ends_at_ms=0) for each in shown)


def wants_resolved(destination: Destination, routing: Routing) -> bool:
    """Say whether a destination hears of the end: its own word, then settings.send_resolved, then the mode's default."""
    if destination.send_resolved is not None:
        return destination.send_resolved
    if routing.settings.send_resolved is not None:
        return routing.settings.send_resolved
    by_default = destination.channel is Channel.WEBHOOK or "/sns/" in destination.transport
    return by_default if routing.settings.strict else True
