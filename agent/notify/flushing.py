"""One flush: what is visible of each due group, what each destination is told, which steps of escalation run.

The stages are Alertmanager's (notify.go): inhibition, active intervals, mute intervals, silences, then the truth table per
destination. In the default mode the end of an alert passes all muting for whoever was told that it fires: nobody is left
believing in a fire that is out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from agent.journal import Write
from agent.model import Alert
from agent.notify.decisions import Decision, Verdict
from agent.notify.dedup import NEVER_MS, decide, set_aside, told, untold
from agent.notify.drill import ESCALATES, is_drill
from agent.notify.groups import Group
from agent.notify.incidents import Ack, Incident, Recipient, RunningStep, StepState, begin
from agent.notify.inhibition import Inhibitor, Sources
from agent.notify.intervals import UTC
from agent.notify.kin import Troubles
from agent.notify.messenger import Messenger, wants_resolved
from agent.notify.notification import Channel, worst_severity
from agent.notify.reasons import Reason, Suppression
from agent.notify.routing import LOG_TARGET, Destination, Routing
from agent.notify.silences import Silences
from agent.notify.table import AlertTable
from agent.notify.taken import Taken
from agent.notify.visible import Visible
from agent.telemetry import Telemetry

STRETCH: Final = 1_000
"""Alerts that are looked at before others get a turn."""
_KEPT: Final = "keep_firing_for: its condition was over before what held it back"
"""Why an alert goes on being held back: whoever was not told of it while it was true needs no call for what is left of it."""
Stretches = Generator[None, None, None]
"""Work that gives way to others where it yields."""


@dataclass(frozen=True, slots=True)
class Flushed:
    """What a flush did to a group: whether it is to be written down, and the alerts that left it because they are over."""

    changed: bool
    over: frozenset[str]


class Flush:
    """One flush at one instant; `decisions` gathers what was decided."""

    def __init__(
        self,
        routing: Routing,
        table: AlertTable,
        silences: Silences,
        messenger: Messenger,
        at_ms: int,
        sources: Sources,
        troubles: Troubles,
        telemetry: Telemetry | None = None,
    ) -> None:
        self.at_ms = at_ms
        self.decisions: list[Decision] = []
        self.writes: list[Write] = []
        """What else is to be written down."""
        self._sources = sources
        self._routing = routing
        self._table = table
        self._silences = silences
        self._messenger = messenger
        self._telemetry = telemetry
        self._semantics = routing.settings.semantics
        self._renotify = routing.settings.renotify_on_unmute and not routing.settings.strict
        self._intervals: dict[int, tuple[Suppression, str] | None] = {}
        self._taken = Taken(messenger, troubles, self._decide, at_ms, strict=routing.settings.strict)
        self.look_again()

    def look_again(self) -> None:
        """Forget what was found out about who mutes whom: alerts or silences have changed."""
        self._inhibitor = Inhibitor(self._sources, lambda each: self._table.fires(each, self.at_ms))
        self._holding = self._silences.holding(self.at_ms)

    def group(self, group: Group) -> Generator[None, None, Flushed]:
        """Flush one group, giving way where it yields, and never again once the first message of it is written.

        Nothing else may touch the group, its alerts or its incident before it is done.
        """
        decided, state = len(self.decisions), _state(group)
        group.advance(self.at_ms)
        group.entries = dict(group.entries)
        seen = yield from self.look(group)
        self._note_muting(group, seen)
        self._await_ends(group, seen)
        if seen.firing and group.route:
            self._join(group, seen)
        if group.incident and (seen.firing or seen.resolved):
            self._tell(group, group.incident, seen)
        elif seen.over:
            group.entries = {key: untold(entry, frozenset(seen.over)) for key, entry in group.entries.items()}
        if group.incident and seen.over:
            for each in group.incident.told.values():
                each.firing -= seen.over
        for fingerprint in seen.over:
            group.fingerprints.pop(fingerprint, None)
        if not group.fingerprints and group.incident:
            self._decide(group, Verdict.ENDED, "every alert of the group is over", tuple(seen.over))
        changed = len(self.decisions) != decided or bool(seen.over) or _state(group) != state
        return Flushed(changed, frozenset(seen.over))

    def look(self, group: Group) -> Generator[None, None, Visible]:
        """Sort a group's alerts into firing, resolved and muted."""
        interval = self.interval(group)
        believed = {each for told in (group.incident.told.values() if group.incident else ()) for each in told.firing}
        seen, held, causes = Visible(), {}, set()
        for number, known in enumerate(self._table.in_order(group.fingerprints), start=1):
            if not number % STRETCH:
                yield
            alert = known.alert
            over = 0 < alert.ends_at_ms <= self.at_ms
            if over:
                seen.over.add(alert.fingerprint)
            if over and not self._semantics.mutes_resolved:
                if alert.fingerprint in believed:
                    seen.resolved.append(alert)
                    if alert.fingerprint in group.held or self.suppression(alert, interval):
                        seen.unseen.add(alert.fingerprint)
                continue
            if muted := self.suppression(alert, interval):
                held[alert.fingerprint] = f"{muted[0]}: {muted[1]}"
                causes.add(muted)
                if not over:
                    seen.muted.add(alert.fingerprint)
            elif over:
                seen.resolved.append(alert)
            elif alert.kept and alert.fingerprint in group.held and not self._is_told(alert, believed):
                held[alert.fingerprint] = _KEPT
                seen.muted.add(alert.fingerprint)
            else:
                seen.firing.append(known.shown())
        seen.firing_set = frozenset(alert.fingerprint for alert in seen.firing)
        seen.resolved_set = frozenset(alert.fingerprint for alert in seen.resolved)
        seen.causes = causes
        seen.released = {each: why for each, why in group.held.items() if each not in held}
        yield from self._note_held(group, held)
        return seen

    def _is_told(self, alert: Alert, believed: set[str]) -> bool:
        """Say whether an alert whose condition is over, and which something held back, is told all the same."""
        return alert.fingerprint in believed or self._routing.settings.strict

    def interval(self, group: Group) -> tuple[Suppression, str] | None:
        """Return the time interval that keeps a group silent now; found once for all groups of a route."""
        route = group.route
        if route is None:
            return None
        if route.index not in self._intervals:
            self._intervals[route.index] = self._routing.muted_by(route, self.at_ms)
        return self._intervals[route.index]

    def suppression(
        self, alert: Alert, interval: tuple[Suppression, str] | None = None
    ) -> tuple[Suppression, str] | None:
        """Say what holds an alert back now: which alert, interval or silence."""
        if source := self._inhibitor.inhibited_by(alert.fingerprint):
            return Suppression.INHIBITION, source
        if interval:
            return interval
        if ids := self._holding.muting(alert.labels):
            return Suppression.SILENCE, ", ".join(ids)
        return None

    def silenced_by(self, alert: Alert) -> tuple[str, ...]:
        """Return the ids of the silences that hold an alert back now."""
        return self._holding.muting(alert.labels)

    def steps(self, group: Group) -> Stretches:
        """Run the steps of escalation that are due, unless nothing of the incident is visible now."""
        incident = group.incident
        if incident and incident.ack:
            yield from self._remind(group, incident, incident.ack)
        if incident and incident.call_ms is not None and incident.call_ms <= self.at_ms:
            if alerts := tuple((yield from self.look(group)).firing):
                self._taken.call(group, incident, alerts)
            else:
                incident.call_ms = self.at_ms + group.interval_ms
        step = incident.next_step if incident else None
        while incident and step and step.comes_ms <= self.at_ms:
            seen = yield from self.look(group)
            if not seen.firing:
                step.due_ms = self.at_ms + group.interval_ms
                self._decide(group, Verdict.HELD, "nothing of the incident is visible now", tuple(seen.muted))
                return
            if step.hours and (opens_ms := step.hours.opens_ms(self.at_ms, UTC)) > self.at_ms:
                step.due_ms = opens_ms
                words = f"step {step.number} waits for its hours: {step.hours}"
                self._decide(group, Verdict.HELD, words, tuple(seen.firing_set))
            else:
                self._run_step(group, incident, step, tuple(seen.firing))
            step = incident.next_step

    def _remind(self, group: Group, incident: Incident, ack: Ack) -> Stretches:
        """Remind whoever took the incident when the time for that has come; later, while nothing of it is visible."""
        if ack.remind_ms is None or ack.remind_ms > self.at_ms:
            return
        alerts = tuple((yield from self.look(group)).firing)
        if not alerts:
            incident.ack = replace(ack, remind_ms=self.at_ms + group.interval_ms)
            return
        incident.ack = replace(ack, remind_ms=None)
        asked = [] if self._routing.settings.strict else self._messenger.remind(group, incident, alerts, self.at_ms)
        names = tuple(alert.fingerprint for alert in alerts)
        self._decide(group, Verdict.REMINDED, f"{ack.by} acknowledged it, and it still fires", names, ", ".join(asked))

    def _run_step(self, group: Group, incident: Incident, step: RunningStep, alerts: tuple[Alert, ...]) -> None:
        step.state = StepState.DONE
        if not step.hours:
            incident.keep_distance(step, self.at_ms)
        names, called = [], []
        severity = worst_severity(alert.labels.get("severity") for alert in alerts)
        for whom in step.whom:
            for target in whom.now(self._routing.directory, self.at_ms, severity):
                recipient = Recipient(target, whom.transport, hours=whom.hours)
                why_not = self._messenger.send(
                    group, incident, recipient, Reason.ESCALATION, alerts, self.at_ms, step.number
                )
                names.append(f"{target.key} ({why_not})" if why_not else target.key)
                if not why_not and self._messenger.leaves(incident.last_key, self.at_ms):
                    called.append(target)
        self._messenger.tell_called(group, incident, step, called, self._table, self.at_ms)
        fingerprints = tuple(alert.fingerprint for alert in alerts)
        reason = f"step {step.number}: nobody acknowledged within {step.after_ms // 1000} s"
        if step.hurried:
            reason = f"step {step.number}: before its time, because a page did not arrive"
        elif step.until == "resolve":
            reason = f"step {step.number}: not over within {step.after_ms // 1000} s"
        self._decide(group, Verdict.ESCALATED, reason, fingerprints, ", ".join(names) or str(Reason.NO_TARGET))

    def _join(self, group: Group, seen: Visible) -> None:
        """Begin the incident with its first visible alert, and see who has it: somebody may have it already, or no longer."""
        if group.incident is None:
            plan = self._routing.receiver(group.receiver)
            tested = is_drill(seen.firing[0].labels) and not seen.firing[0].annotations.get(ESCALATES)
            steps = () if tested else plan.steps
            group.incident = begin(group.id, self.at_ms, steps, self._routing.directory)
        incident = group.incident
        self._taken.joins(group, incident, seen)
        incident.seen = seen.firing_set
        self._follow(group, incident, seen)
        if seen.kin and not incident.ack:
            incident.go_on_from(seen.kin.incidents, self.at_ms)

    def _follow(self, group: Group, incident: Incident, seen: Visible) -> None:
        """Take note of how severe the incident is now: its steps follow, and an acknowledgement was of something milder."""
        severity = seen.severity
        seen.before = incident.severity
        self._taken.rises(group, incident, seen)
        again = not self._routing.settings.strict and incident.again(seen.before, severity, self.at_ms)
        roused = incident.follow(severity, self.at_ms, again=again)
        if roused and seen.before:
            steps = ", ".join(f"step {each.number} in {(each.due_ms - self.at_ms) // 1000} s" for each in roused)
            words = f"{seen.before} → {severity}: escalation {'goes on' if again else 'counts from now'}"
            self._decide(group, Verdict.ROUSED, words, tuple(seen.firing_set), steps)

    def _tell(self, group: Group, incident: Incident, seen: Visible) -> None:
        due: dict[str, tuple[Recipient, Reason]] = {}
        plan = self._routing.receiver(group.receiver) if group.route else None
        severity = seen.severity if plan and plan.by_severity else ""
        for destination in plan.destinations if plan else ():
            if not self._is_way(group, destination, severity, seen):
                continue
            reason = self._dedup(group, incident, destination, seen)
            if reason.tells and reason not in (Reason.SOME_RESOLVED, Reason.ALL_RESOLVED):
                means = self._messenger.recipients(destination, self.at_ms, severity)
                means = means or [
                    each.recipient for each in incident.told.values() if each.recipient.destination == destination.key
                ]
                if not means:
                    self._decide(group, Verdict.DEDUPLICATED, Reason.NO_TARGET, tuple(seen.firing_set), destination.key)
                    means = [Recipient(LOG_TARGET, "log")]
                self._count_from_delivery(group, destination, means, seen)
                for recipient in means:
                    if self._knows(incident, recipient, reason, seen):
                        key = recipient.target.key
                        self._decide(group, Verdict.DEDUPLICATED, Reason.KNOWN, tuple(seen.firing_set), key)
                    else:
                        due.setdefault(recipient.target.key, (recipient, reason))
        if incident.steps and seen.firing and not incident.ack:
            woken = self._messenger.wake(group, incident, tuple(seen.firing), seen.severity, self.at_ms)
            for key in woken:
                self._decide(group, Verdict.ESCALATED, "it became more severe", tuple(seen.firing_set), key)
        self._taken.spare(group, incident, due, seen)
        self._close(group, incident, due, seen)
        self._write(group, incident, due, seen)
        self._schedule_repeat(group, seen)

    def _close(self, group: Group, incident: Incident, due: dict[str, tuple[Recipient, Reason]], seen: Visible) -> None:
        """Let everybody hear of the end of what they believe to fire.

        Of an end that was held back they hear quietly: a phone does not ring for it where others are told without ringing.
        """
        hear = [each for each in incident.believers(seen.resolved_set) if each.recipient.send_resolved]
        others = any(each.recipient.target.channel is not Channel.SMS for each in hear)
        closing = Reason.SOME_RESOLVED if seen.firing or seen.muted else Reason.ALL_RESOLVED
        for each in hear:
            recipient, ended = each.recipient, each.firing & seen.resolved_set
            key = recipient.target.key
            if key not in due and others and not self._rings(group, incident, recipient, ended, seen):
                self._decide(group, Verdict.SUPPRESSED, Reason.MILD_END, tuple(sorted(ended)), key)
            elif not ended <= seen.unseen:
                due.setdefault(key, (recipient, closing))
            elif key not in due and recipient.target.channel is Channel.SMS and others:
                self._decide(group, Verdict.SUPPRESSED, Reason.RINGS_NOBODY, tuple(sorted(ended)), key)
            else:
                quietly = replace(recipient, options={**recipient.options, "quiet": True})
                due.setdefault(key, (quietly, Reason.RESOLVED_UNSEEN))

    def _rings(self, group: Group, incident: Incident, recipient: Recipient, ended: set[str], seen: Visible) -> bool:
        """Say whether the end of these alerts may ring: a phone that was called for something worse needs no call for it."""
        if recipient.target.channel is not Channel.SMS:
            return True
        severity = worst_severity(each.labels.get("severity") for each in seen.resolved if each.fingerprint in ended)
        ways = self._routing.receiver(group.receiver).destinations if recipient.destination and group.route else ()
        for way in ways:
            if way.key == recipient.destination:
                return way.chosen(severity, self._routing.directory, self.at_ms)
        calls = [whom for step in incident.steps for whom in step.whom if whom.channel is Channel.SMS]
        return not calls or any(not whom.severities or severity in whom.severities for whom in calls)

    def _count_from_delivery(
        self, group: Group, destination: Destination, means: Sequence[Recipient], seen: Visible
    ) -> None:
        """Let the repeat count from the end of quiet hours, where all whom a message is for are left to sleep till then."""
        leaves_ms = min(self._messenger.held_until(each, self.at_ms, lambda: seen.severity)[0] for each in means)
        entry = group.entries.get(destination.key)
        if entry and leaves_ms > self.at_ms:
            group.entries[destination.key] = replace(entry, at_ms=leaves_ms)

    def _is_way(self, group: Group, destination: Destination, severity: str, seen: Visible) -> bool:
        """Say whether a message of this severity goes by this way; one that was told before hears on.

        A phone that rings for worse alone does not: it hears of the end of that, and is not called again for what is milder.
        """
        directory, entry = self._routing.directory, group.entries.get(destination.key)
        if destination.chosen(severity, directory, self.at_ms):
            return True
        if entry:
            if destination.channel is not Channel.SMS or not destination.is_louder(severity, directory, self.at_ms):
                return True
            group.entries[destination.key] = untold(entry, frozenset(seen.over))
        reason = Reason.OTHER_SEVERITY
        if seen.firing and group.last_reasons.get(destination.key) != reason:
            self._decide(group, Verdict.DEDUPLICATED, reason, tuple(seen.firing_set), destination.key)
        group.last_reasons[destination.key] = reason
        return False

    def _knows(self, incident: Incident, recipient: Recipient, reason: Reason, seen: Visible) -> bool:
        """Say whether a first message would tell the target nothing: a reload gave it the same under another name."""
        told = incident.told.get(recipient.target.key)
        return reason is Reason.FIRST and told is not None and seen.firing_set <= told.firing

    def _dedup(self, group: Group, incident: Incident, destination: Destination, seen: Visible) -> Reason:
        """Ask the truth table, keep what it answers, and write down a changed answer."""
        assert group.route is not None
        entry = group.entries.get(destination.key)
        if entry and self._renotify:
            entry = set_aside(entry, frozenset(seen.muted))
        firing, resolved = seen.firing_set, seen.resolved_set
        reason = decide(
            entry,
            firing,
            resolved,
            send_resolved=wants_resolved(destination, self._routing),
            repeat_interval_ms=self._routing.repeat_ms(group.route),
            at_ms=self.at_ms,
        )
        if reason is Reason.NO_LONGER_MUTED:
            reason = seen.unmuted(firing - entry.firing if entry else firing)
        if reason is Reason.REPEAT and incident.ack and incident.ack.alive(self.at_ms):
            reason = Reason.ACKNOWLEDGED
        if reason is Reason.REPEAT and destination.is_louder(seen.severity, self._routing.directory, self.at_ms):
            reason = Reason.OTHER_SEVERITY
        if reason.tells:
            louder = destination.is_louder(seen.severity, self._routing.directory, self.at_ms)
            entry = told(entry, firing, resolved, self.at_ms, repeats=not louder)
        elif entry:
            entry = untold(entry, frozenset(seen.over))
        if entry:
            group.entries[destination.key] = entry
        if not reason.tells and group.last_reasons.get(destination.key) != reason:
            self._decide(group, Verdict.DEDUPLICATED, reason, tuple(firing | resolved), destination.key)
        group.last_reasons[destination.key] = reason
        return reason

    def _write(self, group: Group, incident: Incident, due: dict[str, tuple[Recipient, Reason]], seen: Visible) -> None:
        people = {key: recipient.target.person for key, (recipient, _) in due.items()}
        for key, (recipient, why) in due.items():
            reason = why if self._routing.settings.strict else seen.reworded(why)
            known = incident.told[key].firing if key in incident.told else set()
            ended = [each for each in seen.resolved if each.fingerprint in known]
            alerts = self._sorted(tuple(seen.firing), tuple(ended) if recipient.send_resolved else ())
            if not alerts:
                continue
            others = sorted({name for other, name in people.items() if name and name != recipient.target.person})
            recipient = replace(recipient, options={**recipient.options, "also_told": others}) if others else recipient
            words = f"{reason}; {seen.taken_by} had acknowledged the others" if seen.taken_by else str(reason)
            words = f"{reason}; {seen.has_it} has it" if seen.has_it else words
            why_not = self._messenger.send(group, incident, recipient, words, alerts, self.at_ms)
            verdict = Verdict.DEDUPLICATED if why_not else Verdict.NOTIFIED
            self._decide(group, verdict, why_not or words, tuple(alert.fingerprint for alert in alerts), key)

    def _sorted(self, firing: tuple[Alert, ...], ended: tuple[Alert, ...]) -> tuple[Alert, ...]:
        """Put alerts that are in order already, firing and resolved, into one."""
        if not firing or not ended:
            return firing or ended
        return tuple(sorted(firing + ended, key=lambda each: self._table.order(each.fingerprint)))

    def _schedule_repeat(self, group: Group, seen: Visible) -> None:
        """Bring a flush forward to the instant a repeat is due, never closer than the group's own beat."""
        if not seen.firing or group.route is None:
            return
        repeat_ms = self._routing.repeat_ms(group.route)
        if repeat_ms >= NEVER_MS:
            return
        wait_ms = max(repeat_ms, group.interval_ms)
        dues = [each.at_ms + wait_ms for each in group.entries.values() if each.firing and each.repeats]
        group.repeat_ms = min((due for due in dues if due > self.at_ms), default=None)

    def _await_ends(self, group: Group, seen: Visible) -> None:
        """Take note of what holds alerts back, and when that may end by itself: the group is looked at again then."""
        group.causes = frozenset(name for _, names in seen.causes for name in names.split(", "))
        if not self._renotify or not seen.causes:
            return
        ends: list[int | None] = []
        for kind, name in seen.causes:
            if kind is Suppression.INHIBITION:
                source = self._table.get(name)
                ends.append(source.ends_at_ms if source else None)
            elif kind is not Suppression.SILENCE and group.route:
                ends.append(self._routing.unmuted_ms(group.route, self.at_ms))
        group.look_ms = min((each for each in ends if each and each > self.at_ms), default=None)

    def _note_muting(self, group: Group, seen: Visible) -> None:
        if self._renotify and seen.muted:
            group.entries = {key: set_aside(each, frozenset(seen.muted)) for key, each in group.entries.items()}

    def _note_held(self, group: Group, held: dict[str, str]) -> Stretches:
        if self._telemetry and held:
            for reason, number in Counter(why.partition(":")[0] for why in held.values()).items():
                self._telemetry.notifications_suppressed.labels(reason).inc(number)
        if held == group.held:
            return
        known: dict[str, str] = {}
        for number, (fingerprint, why) in enumerate(held.items(), start=1):
            if group.held.get(fingerprint) != why:
                who = known.get(why)
                if who is None:
                    who = known[why] = self._who_holds(why)
                self._decide(group, Verdict.SUPPRESSED, why, (fingerprint,), who=who)
            if not number % STRETCH:
                yield
        for fingerprint in group.held.keys() - held.keys():
            if fingerprint in group.fingerprints:
                self._decide(
                    group, Verdict.RELEASED, f"no longer held back by {group.held[fingerprint]}", (fingerprint,)
                )
        group.held = held

    def _who_holds(self, why: str) -> str:
        """Return what a silence or an inhibiting alert is, for when it is long forgotten."""
        kind, _, names = why.partition(": ")
        if kind == Suppression.INHIBITION:
            source = self._table.get(names)
            return str(source.labels) if source else ""
        silences = [self._silences.get(each) for each in names.split(", ")] if kind == Suppression.SILENCE else ()
        return "; ".join(f"{each.created_by}: {each.comment}" for each in silences if each)

    def _decide(
        self,
        group: Group,
        verdict: Verdict,
        reason: str,
        fingerprints: tuple[str, ...],
        detail: str = "",
        *,
        who: str = "",
    ) -> None:
        incident = group.incident.id if group.incident else ""
        key = group.key
        made = Decision(verdict, self.at_ms, str(reason), fingerprints, group.receiver, key, incident, detail, who)
        self.decisions.append(made)


def _state(group: Group) -> tuple[object, ...]:
    """Return what of a group is written down and may change by a flush, but for the beat, which goes on by itself."""
    seen = group.incident.seen if group.incident else None
    return group.flushed, group.early_ms, group.repeat_ms, group.look_ms, group.incident, seen, group.entries
