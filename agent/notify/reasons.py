"""Why something was sent, or was not: every decision of this room is one of these words. Values only."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Reason(StrEnum):
    """Why a message goes out, or why it does not. The words of the first rows are Alertmanager's."""

    FIRST = "first notification"
    NEW_ALERTS = "new alerts added"
    MORE_SEVERE = "more severe now"
    LESS_SEVERE = "less severe now, still firing"
    ALL_RESOLVED = "all alerts resolved"
    SOME_RESOLVED = "some alerts resolved"
    RESOLVED_UNSEEN = "resolved while it was held back"
    REPEAT = "repeat interval elapsed"
    NO_LONGER_MUTED = "no longer muted, still firing"
    SILENCE_ENDED = "silence ended, still firing"
    INHIBITION_ENDED = "what inhibited it is over, still firing"
    INTERVAL_ENDED = "time interval ended, still firing"
    FIRED_AND_RESOLVED = "fired and resolved before it could be sent"
    ESCALATION = "escalation step"
    CHANNEL_DISABLED = "its channel is disabled"
    CHANNEL_FAILED = "its channel failed"

    NOTHING_FIRING = "nothing fires, and nobody was told that it did"
    NOTHING_NEW = "nothing new since the last message, and the repeat interval has not elapsed"
    ACKNOWLEDGED = "somebody acknowledged it; repeats are held back"
    ALREADY_TOLD = "the same target was told the same a moment ago through another group"
    KNOWN = "the same target was told of these alerts already, by a line that was written otherwise before a reload"
    RESOLVED_NOT_WANTED = "this receiver does not want to hear of resolved alerts"
    OVER_UNHEARD = "it was over before anybody had been told; the message that waited is withdrawn"
    NEVER_REACHED = "it is over, and the page about it never reached this target; there is nothing to take back"
    OTHER_SEVERITY = "alerts of this severity are told by other ways"
    RINGS_NOBODY = "it ended while it was held back: others are told quietly, and no phone rings for that"
    MILD_END = "it was no more severe than what rings no phone: others are told, and no phone rings for its end"
    HAS_IT = "somebody has it: the others read of it, and no phone of theirs rings"
    SAME_TROUBLE = "this phone was called for the same trouble already, by another alert that still fires"
    NO_TARGET = "the receiver has nobody to tell by this way now"

    @property
    def tells(self) -> bool:
        """Say whether a message goes out for this reason."""
        return self in _TELLING


_TELLING: Final = frozenset(
    {
        Reason.FIRST,
        Reason.NEW_ALERTS,
        Reason.MORE_SEVERE,
        Reason.LESS_SEVERE,
        Reason.ALL_RESOLVED,
        Reason.SOME_RESOLVED,
        Reason.RESOLVED_UNSEEN,
        Reason.REPEAT,
        Reason.NO_LONGER_MUTED,
        Reason.SILENCE_ENDED,
        Reason.INHIBITION_ENDED,
        Reason.INTERVAL_ENDED,
        Reason.FIRED_AND_RESOLVED,
        Reason.ESCALATION,
        Reason.CHANNEL_DISABLED,
        Reason.CHANNEL_FAILED,
    }
)


class Suppression(StrEnum):
    """What holds an alert back. The words are those of Alertmanager's metric alertmanager_notifications_suppressed_total."""

    INHIBITION = "inhibition"
    ACTIVE_INTERVAL = "active_time_interval"
    MUTE_INTERVAL = "mute_time_interval"
    SILENCE = "silence"


ENDED: Final = {
    Suppression.INHIBITION: Reason.INHIBITION_ENDED,
    Suppression.ACTIVE_INTERVAL: Reason.INTERVAL_ENDED,
    Suppression.MUTE_INTERVAL: Reason.INTERVAL_ENDED,
    Suppression.SILENCE: Reason.SILENCE_ENDED,
}
"""Why an alert is told again that something held back, by what held it back."""
