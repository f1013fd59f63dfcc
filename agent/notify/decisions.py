"""What the dispatcher decided: values with a reason, each a line in the journal's history of the alerts it concerns."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from agent.journal import Append
from agent.model import Labels
from agent.notify.outbox import HISTORY, MOST_SUBJECTS


class Verdict(StrEnum):
    """What was decided."""

    ROUTED = "routed"
    SUPPRESSED = "suppressed"
    RELEASED = "released"
    DEDUPLICATED = "deduplicated"
    NOTIFIED = "notified"
    ESCALATED = "escalated"
    HURRIED = "escalation hurried"
    HELD = "escalation held"
    ROUSED = "escalation roused"
    """The severity became one that steps are for; they count from then."""
    ACKNOWLEDGED = "acknowledged"
    ACK_KEPT = "acknowledgement kept"
    """It became as severe as it had been a moment ago, and whoever had it has it still."""
    ACK_ENDED = "acknowledgement ended"
    ACK_REFUSED = "acknowledgement refused"
    REMINDED = "reminded"
    OVER = "over"
    """An alert left its group, of which others still fire or nobody was told."""
    ENDED = "incident ended"


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision about some alerts of one group. `detail` names the silence, the inhibiting alert, the target…"""

    verdict: Verdict
    at_ms: int
    reason: str
    fingerprints: tuple[str, ...]
    receiver: str = ""
    group_key: str = ""
    incident: str = ""
    detail: str = ""
    who: str = ""
    """Who silenced and why, or the labels of the alert that inhibits: words that still help when that is long forgotten."""
    until_ms: int = 0
    """Until when it holds, where it does for a time that is known."""
    labels: tuple[Labels, ...] = ()
    """The alerts' labels in the order of the fingerprints, where they are written down with it."""

    def lines(self) -> list[Append]:
        """Return the history's lines: one for each alert, for the first of them where there are very many."""
        value = {
            "what": str(self.verdict),
            "reason": self.reason,
            "receiver": self.receiver,
            "group": self.group_key,
            "incident": self.incident,
            "detail": self.detail,
            "who": self.who,
            "until_ms": self.until_ms,
        }
        subjects = self.fingerprints[:MOST_SUBJECTS]
        if not self.labels:
            return [Append(HISTORY, each, self.at_ms, value) for each in subjects]
        return [
            Append(HISTORY, each, self.at_ms, {**value, "labels": dict(labels.pairs)})
            for each, labels in zip(subjects, self.labels, strict=False)
        ]


RETENTION_MS: Final = 30 * 24 * 3_600_000
"""How long the history is kept."""
