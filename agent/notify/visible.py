"""What of a group's alerts is visible at a flush, how severe that is, and the word for its change. It decides nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from agent.model import Alert
from agent.notify.kin import Kin
from agent.notify.notification import is_worse, worst_severity
from agent.notify.reasons import ENDED, Reason, Suppression

_FALLING: Final = (Reason.NEW_ALERTS, Reason.INHIBITION_ENDED, Reason.NO_LONGER_MUTED, Reason.SOME_RESOLVED)
"""Why a message is sent when something is over and something milder takes its place."""


@dataclass
class Visible:
    """A group's alerts at one instant, sorted as Alertmanager does, firing ones with an open end."""

    firing: list[Alert] = field(default_factory=list)
    resolved: list[Alert] = field(default_factory=list)
    muted: set[str] = field(default_factory=set)
    """Fingerprints of firing alerts that something holds back."""
    over: set[str] = field(default_factory=set)
    """Fingerprints of all that are over, muted or not."""
    unseen: set[str] = field(default_factory=set)
    """Fingerprints of those that are over, that somebody believes to fire, and that something held back until the end."""
    taken_by: str = ""
    """Who had acknowledged what was there before new alerts joined just now."""
    has_it: str = ""
    """Who has what joined just now, or rose: nobody else is called for it."""
    again: bool = False
    """Whether it is as severe as it was a moment ago, and whoever had it has it still."""
    kin: Kin | None = None
    """What else tells of the trouble of what joined just now."""
    before: str = ""
    """The severity of what fired visibly at the last flush, where that is known."""
    causes: set[tuple[Suppression, str]] = field(default_factory=set)
    """What holds alerts back."""
    released: dict[str, str] = field(default_factory=dict)
    """What held an alert back at the last flush and does so no longer, by fingerprint."""
    firing_set: frozenset[str] = frozenset()
    """The fingerprints of the visible firing alerts."""
    resolved_set: frozenset[str] = frozenset()
    """The fingerprints of the visible alerts that are over."""

    @property
    def severity(self) -> str:
        """The worst of what fires; of what is over where nothing does."""
        return worst_severity(alert.labels.get("severity") for alert in self.firing or self.resolved)

    def unmuted(self, back: frozenset[str]) -> Reason:
        """Say what ended so that these alerts are visible again; the general word where it was not one thing."""
        kinds = {self.released.get(each, "").partition(":")[0] for each in back}
        kind = kinds.pop() if len(kinds) == 1 else ""
        return ENDED[Suppression(kind)] if kind in ENDED else Reason.NO_LONGER_MUTED

    def reworded(self, reason: Reason) -> Reason:
        """Say that the severity rose or fell, where that is what happened: alerts of one problem that take turns are no news."""
        now = self.severity
        if not self.firing or not self.before:
            return reason
        if reason is Reason.NEW_ALERTS and is_worse(now, self.before):
            return Reason.MORE_SEVERE
        over = worst_severity(each.labels.get("severity") for each in self.resolved)
        if reason in _FALLING and is_worse(over, now) and is_worse(self.before, now):
            return Reason.LESS_SEVERE
        return reason
