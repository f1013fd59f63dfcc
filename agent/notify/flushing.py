"""One flush: what is visible of each due group, what each destination is told, which steps of escalation run.

The stages are Alertmanager's (notify.go): inhibition, active intervals, mute intervals, silences, then the truth table per
destination. In the default mode the end of an alert passes all muting for whoever was told that it fires: nobody is left
believing in a fire that is out.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

from agent.model import Alert
from agent.notify.decisions import Decision, Verdict
from agent.notify.dedup import decide, set_aside, told, untold
from agent.notify.groups import Group
from agent.notify.incidents import Ack, Incident, Recipient, RunningStep, StepState, begin
from agent.notify.inhibition import Inhibitor, Parts
from agent.notify.messenger import Messenger, wants_resolved
from agent.notify.ordering import alert_order
from agent.notify.reasons import Reason, Suppression
from agent.notify.routing import LOG_TARGET, Destination, Routing
from agent.notify.silences import Silences
from agent.notify.table import AlertTable
from agent.telemetry import Telemetry


@dataclass
class Visible:
    """A group's alerts at one instant, sorted as Alertmanager does, firing ones with an open end."""

    firing: list[Alert] = field(default_factory=list)
    resolved: list[Alert] = field(default_factory=list)
    muted: set[str] = field(default_factory=set)
    """Fingerprints of firing alerts that something holds back."""
    over: set[str] = field(default_factory=set)
    """Fingerprints of all that are over, muted or not."""
    taken_by: str = ""
    """Who had acknowledged what was there before new alerts joined just now."""

    @property
    def firing_set(self) -> frozenset[str]:
        """The fingerprints of the visible firing alerts."""
        return frozenset(alert.fingerprint for alert in self.firing)

    @property
    def resolved_set(self) -> frozenset[str]:
        """The fingerprints of the visible alerts that are over."""
        return frozenset(alert.fingerprint for alert in self.resolved)


class Flush:
    """One flush at one instant; `decisions` gathers what was decided."""

    def __init__(
        self,
        routing: Routing,
        table: AlertTable,
        silences: Silences,
        messenger: Messenger,
        at_ms: int,
        parts: Parts,
        telemetry: Telemetry | None = None,
    ) -> None:
        self.at_ms = at_ms
        self._parts = parts
        self.decisions: list[Decision] = []
        self._routing = routing
        self._table = table
        self._silences = silences
        self._messenger = messenger
        self._telemetry = telemetry
        self._strict = routing.settings.strict

    @cached_property
    def _inhibitor(self) -> Inhibitor:
        return Inhibitor(self._parts, self._table, self.at_ms)

    def group(self, group: Group) -> bool:
        """Flush one group; return False where nothing is left of it."""
        group.advance(self.at_ms)
        seen = self.look(group)
        self._note_muting(group, seen)
        if seen.firing and group.route:
            self._join(group, seen)
        if group.incident and (seen.firing or seen.resolved):
            self._tell(group, group.incident, seen)
        elif not self._strict:
            group.entries = {key: untold(entry, frozenset(seen.over)) for key, entry in group.entries.items()}
        if group.incident:
            for each in group.incident.told.values():
                each.firing -= seen.over
        for fingerprint in seen.over:
            group.fingerprints.pop(fingerprint, None)
        if group.fingerprints:
            return True
        if group.incident:
            self._decide(group, Verdict.ENDED, "every alert of the group is over", tuple(seen.over))
        return False

    def look(self, group: Group) -> Visible:
        """Sort a group's alerts into firing, resolved and muted."""
        alerts = [alert for each in group.fingerprints if (alert := self._table.get(each))]
        alerts.sort(key=alert_order)
        interval = self._routing.muted_by(group.route, self.at_ms) if group.route else None
        believed = {each for told in (group.incident.told.values() if group.incident else ()) for each in told.firing}
        seen, held = Visible(), {}
        for alert in alerts:
            over = alert.resolved_at(self.at_ms)
            if over:
                seen.over.add(alert.fingerprint)
            if over and not self._strict:
                if alert.fingerprint in believed:
                    seen.resolved.append(alert)
                continue
            if muted := self.suppression(alert, interval):
                held[alert.fingerprint] = f"{muted[0]}: {muted[1]}"
                if not over:
                    seen.muted.add(alert.fingerprint)
                if self._telemetry:
                    self._telemetry.notifications_suppressed.labels(str(muted[0])).inc()
            elif over:
                seen.resolved.append(alert)
            else:
                seen.firing.append(replace(alert, ends_at_ms=0))
        self._note_held(group, held)
        return seen

    def suppression(
        self, alert: Alert, interval: tuple[Suppression, str] | None = None
    ) -> tuple[Suppression, str] | None:
        """Say what holds an alert back now: which alert, interval or silence."""
        if source := self._inhibitor.inhibited_by(alert.labels):
            return Suppression.INHIBITION, source
        if interval:
            return interval
        if ids := self._silences.muting(alert.labels, self.at_ms):
            return Suppression.SILENCE, ", ".join(ids)
        return None

    def steps(self, group: Group) -> None:
        """Run the steps of escalation that are due, unless nothing of the incident is visible now."""
        incident = group.incident
        if incident and incident.ack:
            self._remind(group, incident, incident.ack)
        step = incident.next_step if incident else None
        while incident and step and step.due_ms <= self.at_ms:
            seen = self.look(group)
            if not seen.firing:
                step.due_ms = self.at_ms + group.interval_ms
                self._decide(group, Verdict.HELD, "nothing of the incident is visible now", tuple(seen.muted))
                return
            self._run_step(group, incident, step, tuple(seen.firing))
            step = incident.next_step

    def _remind(self, group: Group, incident: Incident, ack: Ack) -> None:
        """Remind whoever took the incident when the time for that has come; later, while nothing of it is visible."""
        if ack.remind_ms is None or ack.remind_ms > self.at_ms:
            return
        alerts = tuple(self.look(group).firing)
        if not alerts:
            incident.ack = replace(ack, remind_ms=self.at_ms + group.interval_ms)
            return
        incident.ack = replace(ack, remind_ms=None)
        asked = [] if self._strict else self._messenger.remind(group, incident, alerts, self.at_ms)
        names = tuple(alert.fingerprint for alert in alerts)
        self._decide(group, Verdict.REMINDED, f"{ack.by} acknowledged it, and it still fires", names, ", ".join(asked))

    def _run_step(self, group: Group, incident: Incident, step: RunningStep, alerts: tuple[Alert, ...]) -> None:
        step.state = StepState.DONE
        names = []
        for whom in step.whom:
            for target in whom.now(self._routing.directory, self.at_ms):
                recipient = Recipient(target, whom.transport)
                sent = self._messenger.send(
                    group, incident, recipient, Reason.ESCALATION, alerts, self.at_ms, step.number
                )
                names.append(target.key if sent else f"{target.key} ({Reason.ALREADY_TOLD})")
        fingerprints = tuple(alert.fingerprint for alert in alerts)
        reason = f"step {step.number}: nobody acknowledged within {step.after_ms // 1000} s"
        if step.until == "resolve":
            reason = f"step {step.number}: not over within {step.after_ms // 1000} s"
        self._decide(group, Verdict.ESCALATED, reason, fingerprints, ", ".join(names) or str(Reason.NO_TARGET))

    def _join(self, group: Group, seen: Visible) -> None:
        """Begin the incident with its first visible alert; end an acknowledgement that does not cover a new one."""
        incident = group.incident
        if incident is None:
            plan = self._routing.receiver(group.receiver)
            group.incident = begin(group.id, self.at_ms, plan.steps, self._routing.directory)
        elif incident.ack and seen.firing_set - incident.ack.fingerprints:
            new = tuple(sorted(seen.firing_set - incident.ack.fingerprints))
            self._decide(group, Verdict.ACK_ENDED, f"new alerts joined what {incident.ack.by} acknowledged", new)
            seen.taken_by = incident.ack.by
            incident.lift(self.at_ms)

    def _tell(self, group: Group, incident: Incident, seen: Visible) -> None:
        due: dict[str, tuple[Recipient, Reason]] = {}
        plan = self._routing.receiver(group.receiver) if group.route else None
        for destination in plan.destinations if plan else ():
            reason = self._dedup(group, incident, destination, seen)
            if reason.tells and (self._strict or reason not in (Reason.SOME_RESOLVED, Reason.ALL_RESOLVED)):
                means = self._messenger.recipients(destination, self.at_ms)
                if not means:
                    self._decide(group, Verdict.DEDUPLICATED, Reason.NO_TARGET, tuple(seen.firing_set), destination.key)
                    means = [Recipient(LOG_TARGET, "log")]
                for recipient in means:
                    if not self._knows(incident, recipient, reason, seen):
                        due.setdefault(recipient.target.key, (recipient, reason))
        closing = Reason.SOME_RESOLVED if seen.firing or seen.muted else Reason.ALL_RESOLVED
        for each in incident.believers(seen.resolved_set):
            if each.recipient.send_resolved:
                due.setdefault(each.recipient.target.key, (each.recipient, closing))
        self._write(group, incident, due, seen)
        self._schedule_repeat(group, seen)

    def _knows(self, incident: Incident, recipient: Recipient, reason: Reason, seen: Visible) -> bool:
        """Say whether a first message would tell the target nothing: a reload gave it the same under another name."""
        told = incident.told.get(recipient.target.key)
        return reason is Reason.FIRST and not self._strict and told is not None and seen.firing_set <= told.firing

    def _dedup(self, group: Group, incident: Incident, destination: Destination, seen: Visible) -> Reason:
        """Ask the truth table, keep what it answers, and write down a changed answer."""
        assert group.route is not None
        entry = group.entries.get(destination.key)
        if entry and not self._strict:
            entry = set_aside(entry, frozenset(seen.muted))
        firing, resolved = seen.firing_set, seen.resolved_set
        reason = decide(
            entry,
            firing,
            resolved,
            send_resolved=wants_resolved(destination, self._routing),
            repeat_interval_ms=group.route.repeat_interval_ms,
            at_ms=self.at_ms,
            strict=self._strict,
        )
        if reason is Reason.REPEAT and incident.ack and incident.ack.alive(self.at_ms):
            reason = Reason.ACKNOWLEDGED
        if reason.tells:
            entry = told(entry, firing, resolved, self.at_ms)
        elif entry and not self._strict:
            entry = untold(entry, frozenset(seen.over))
        if entry:
            group.entries[destination.key] = entry
        if not reason.tells and group.last_reasons.get(destination.key) != reason:
            self._decide(group, Verdict.DEDUPLICATED, reason, tuple(firing | resolved), destination.key)
        group.last_reasons[destination.key] = reason
        return reason

    def _write(self, group: Group, incident: Incident, due: dict[str, tuple[Recipient, Reason]], seen: Visible) -> None:
        people = {key: recipient.target.person for key, (recipient, _) in due.items()}
        for key, (recipient, reason) in due.items():
            known = incident.told[key].firing if key in incident.told else set()
            ended = [each for each in seen.resolved if self._strict or each.fingerprint in known]
            alerts = tuple(seen.firing) + (tuple(ended) if recipient.send_resolved else ())
            if not alerts:
                continue
            others = sorted({name for other, name in people.items() if name and name != recipient.target.person})
            recipient = replace(recipient, options={**recipient.options, "also_told": others}) if others else recipient
            words = f"{reason}; {seen.taken_by} had acknowledged the others" if seen.taken_by else str(reason)
            sent = self._messenger.send(group, incident, recipient, words, self._sorted(alerts), self.at_ms)
            verdict = Verdict.NOTIFIED if sent else Verdict.DEDUPLICATED
            words = words if sent else Reason.ALREADY_TOLD
            self._decide(group, verdict, words, tuple(alert.fingerprint for alert in alerts), key)

    @staticmethod
    def _sorted(alerts: tuple[Alert, ...]) -> tuple[Alert, ...]:
        return tuple(sorted(alerts, key=alert_order))

    def _schedule_repeat(self, group: Group, seen: Visible) -> None:
        """Bring a flush forward to the instant a repeat is due, never closer than the group's own beat."""
        if self._strict or not seen.firing or group.route is None:
            return
        wait_ms = max(group.route.repeat_interval_ms, group.interval_ms)
        dues = [entry.at_ms + wait_ms for entry in group.entries.values() if entry.firing]
        group.repeat_ms = min((due for due in dues if due > self.at_ms), default=None)

    def _note_muting(self, group: Group, seen: Visible) -> None:
        if not self._strict:
            group.entries = {key: set_aside(each, frozenset(seen.muted)) for key, each in group.entries.items()}

    def _note_held(self, group: Group, held: dict[str, str]) -> None:
        for fingerprint, why in held.items():
            if group.held.get(fingerprint) != why:
                self._decide(group, Verdict.SUPPRESSED, why, (fingerprint,))
        for fingerprint in group.held.keys() - held.keys():
            if fingerprint in group.fingerprints:
                self._decide(
                    group, Verdict.RELEASED, f"no longer held back by {group.held[fingerprint]}", (fingerprint,)
                )
        group.held = held

    def _decide(
        self, group: Group, verdict: Verdict, reason: str, fingerprints: tuple[str, ...], detail: str = ""
    ) -> None:
        incident = group.incident.id if group.incident else ""
        made = Decision(verdict, self.at_ms, str(reason), fingerprints, group.receiver, group.key, incident, detail)
        self.decisions.append(made)
