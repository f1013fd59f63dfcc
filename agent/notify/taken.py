"""Whose an incident is when alerts join it or it becomes more severe, and whose phone rings then.

An acknowledgement ends with what its holder cannot know of. It stands where what joins was hidden behind what they have,
where the severity is what it was a moment ago, and where they have another incident of the same trouble. Then nobody else
is called: the others read who has it, and whoever has it hears of the rise by phone, though not each few minutes. Strict
mode knows none of this.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from agent.model import Alert
from agent.notify.decisions import Verdict
from agent.notify.groups import Group
from agent.notify.incidents import AGAIN_MS, Ack, Incident, Recipient, Told
from agent.notify.kin import Kin, Troubles
from agent.notify.messages.wording import span
from agent.notify.messenger import Messenger
from agent.notify.notification import Channel, is_worse, worst_severity
from agent.notify.reasons import Reason, Suppression
from agent.notify.visible import Visible

Due = dict[str, tuple[Recipient, Reason]]
"""Whom a flush is about to tell, by the target's key, and why."""
Decide = Callable[..., None]


class Taken:
    """Follows the acknowledgements of incidents in one flush; `decide` writes a decision down."""

    def __init__(
        self, messenger: Messenger, troubles: Troubles, decide: Decide, at_ms: int, *, strict: bool = False
    ) -> None:
        self._messenger = messenger
        self._troubles = troubles
        self._decide = decide
        self._at_ms = at_ms
        self._strict = strict

    def joins(self, group: Group, incident: Incident, seen: Visible) -> None:
        """Look who has what became visible since the last flush; end an acknowledgement that does not cover it."""
        ack, new = incident.ack, seen.firing_set - (incident.seen or frozenset())
        uncovered = seen.firing_set - (ack.fingerprints if ack else frozenset())
        alerts = [each for each in seen.firing if each.fingerprint in new | uncovered]
        kin = self._troubles.kin(group, alerts, self._at_ms) if new and not self._strict else None
        if kin and kin.ack and (ack is None or uncovered or is_worse(seen.severity, incident.severity)):
            self._take_over(group, incident, seen, kin)
        elif ack and uncovered and not self._was_behind(incident, seen, uncovered):
            words = f"new alerts joined what {ack.by} acknowledged"
            self._decide(group, Verdict.ACK_ENDED, words, tuple(sorted(uncovered)))
            seen.taken_by = ack.by
            incident.lift(self._at_ms)
        elif ack and uncovered:
            incident.ack = replace(ack, fingerprints=ack.fingerprints | uncovered)
        answered = kin and (kin.ack or all(self._at_ms - each.started_ms <= AGAIN_MS for each in kin.incidents))
        seen.kin = kin if answered else None

    def rises(self, group: Group, incident: Incident, seen: Visible) -> None:
        """End the acknowledgement of what was milder, unless the severity is what it was a moment ago."""
        ack, severity = incident.ack, seen.severity
        if not ack or seen.has_it or not seen.before or not is_worse(severity, seen.before):
            return
        change, names = f"{seen.before} → {severity}", tuple(seen.firing_set)
        again = incident.again(seen.before, severity, self._at_ms) and self._at_ms < ack.until_ms
        if again and not self._strict and self._messenger.way_to_call(incident, ack):
            ago = span(self._at_ms - (incident.fell_ms or 0))
            words = f"{change}, {ago} after it had been as severe: {ack.by} has it still"
            self._decide(group, Verdict.ACK_KEPT, words, names)
            seen.has_it, seen.again = ack.by, True
            return
        self._decide(group, Verdict.ACK_ENDED, f"{change} after {ack.by} had acknowledged it", names)
        seen.taken_by = ack.by
        incident.lift(self._at_ms)

    def spare(self, group: Group, incident: Incident, due: Due, seen: Visible) -> None:
        """Take those out of `due` whose phone need not ring: somebody has it, or they were called for the same trouble."""
        if seen.again:
            self._call_holder(group, incident, due, seen)
        if not seen.has_it and not seen.kin:
            return
        keeps = self._messenger.way_to_call(incident, incident.ack) if seen.again and incident.ack else None
        called = self._messenger.called(seen.kin) if seen.kin else {}
        for key, (recipient, reason) in [*due.items()]:
            if recipient.target.channel is not Channel.SMS or reason not in _CALLS:
                continue
            if seen.has_it and not (keeps and key == keeps.target.key):
                self._silent(group, Reason.HAS_IT, seen, due, key)
            elif not seen.has_it and key in called:
                self._silent(group, Reason.SAME_TROUBLE, seen, due, key)
        if seen.has_it and not seen.again and incident.ack:
            self._tell_holder(incident, incident.ack, due)
        for key, recipient in called.items():
            if key not in due:  # it hears when all is over, and not that what called it was held back
                told = incident.told.setdefault(key, Told(replace(recipient, destination="")))
                told.firing |= seen.firing_set

    def call(self, group: Group, incident: Incident, alerts: tuple[Alert, ...]) -> None:
        """Call whoever has an incident that is as severe again, and has stayed so since they were called last."""
        own = self._messenger.way_to_call(incident, incident.ack) if incident.ack else None
        incident.call_ms = None
        if own is None:
            return
        incident.called_ms = self._at_ms
        words = f"{Reason.MORE_SEVERE}; it is yours"
        self._messenger.send(group, incident, own, words, alerts, self._at_ms, known=True)
        self._decide(group, Verdict.NOTIFIED, words, tuple(each.fingerprint for each in alerts), own.target.key)

    def _take_over(self, group: Group, incident: Incident, seen: Visible, kin: Kin) -> None:
        assert kin.ack is not None
        before = incident.ack.fingerprints if incident.ack else frozenset()
        incident.acknowledge(replace(kin.ack, fingerprints=seen.firing_set | before))
        seen.has_it = kin.ack.by
        words = f"by {kin.ack.by}, who has what tells of the same trouble"
        self._decide(group, Verdict.ACKNOWLEDGED, words, tuple(sorted(seen.firing_set)))

    def _was_behind(self, incident: Incident, seen: Visible, uncovered: frozenset[str]) -> bool:
        """Say whether alerts were held back by acknowledged ones up to now, and are no more severe than those were."""
        if self._strict or incident.ack is None:
            return False
        hidden = {f"{Suppression.INHIBITION}: {each}" for each in incident.ack.fingerprints}
        behind = all(seen.released.get(each) in hidden for each in uncovered)
        severity = worst_severity(each.labels.get("severity") for each in seen.firing if each.fingerprint in uncovered)
        return behind and not is_worse(severity, incident.severity)

    def _call_holder(self, group: Group, incident: Incident, due: Due, seen: Visible) -> None:
        """Let whoever has it hear of the rise by the loudest way that reaches them; later, where that was used just now."""
        own = self._messenger.way_to_call(incident, incident.ack) if incident.ack else None
        if own is None:
            return
        key, free_ms = own.target.key, incident.called_ms + AGAIN_MS
        if own.target.channel is Channel.SMS and incident.called_ms and self._at_ms < free_ms:
            incident.call_ms = free_ms
            due.pop(key, None)
            ago, wait = span(self._at_ms - incident.called_ms), span(free_ms - self._at_ms)
            words = f"{seen.has_it} was called {ago} ago, and will be in {wait} if it is as severe then"
            self._decide(group, Verdict.DEDUPLICATED, words, tuple(seen.firing_set), key)
            return
        incident.called_ms, incident.call_ms = self._at_ms, None
        due[key] = own, Reason.NEW_ALERTS

    def _tell_holder(self, incident: Incident, ack: Ack, due: Due) -> None:
        """Let whoever has the trouble read what else tells of it, where nothing goes to them anyway."""
        if due and not any(recipient.target.person == ack.by for recipient, _ in due.values()):
            own = self._messenger.quiet_way(incident, ack)
            if own:
                due[own.target.key] = own, Reason.NEW_ALERTS

    def _silent(self, group: Group, why: Reason, seen: Visible, due: Due, key: str) -> None:
        self._decide(group, Verdict.DEDUPLICATED, why, tuple(sorted(seen.firing_set)), key)
        del due[key]


_CALLS = frozenset({Reason.FIRST, Reason.NEW_ALERTS, Reason.NO_LONGER_MUTED, Reason.INHIBITION_ENDED})
"""Why a phone rings because something joined or is back."""
