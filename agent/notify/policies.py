"""By which channels people are told, by severity, where an entry does not say: a critical alert rings, a warning waits. Values.

The defaults below hold where escalation.yml has no `policies`; a person's own win over the file's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from agent.notify.hours import Hours
from agent.notify.notification import Channel
from agent.schema import WrongValue

REACHING_PEOPLE: Final = (Channel.EMAIL, Channel.SLACK, Channel.SMS, Channel.LOG)
OTHER: Final = "other"
"""The policy of alerts whose severity has none of its own, or that have no severity."""


@dataclass(frozen=True, slots=True)
class Ways:
    """How people are told of one severity: `by` these channels at once, and `in_hours` by those when the hours have come."""

    __title__ = "policy"
    by: tuple[Channel, ...] = ()
    in_hours: tuple[Channel, ...] = ()
    hours: Hours | None = None

    def __post_init__(self) -> None:
        if not self.by and not self.in_hours:
            raise WrongValue(
                "by", "say by which channels, like by: [slack, sms]; what nobody needs to hear of is by: [log]"
            )
        for key in ("by", "in_hours"):
            for channel in getattr(self, key):
                if channel not in REACHING_PEOPLE:
                    raise WrongValue(
                        key, f"people are reached by email, slack or sms, or written to the log, not by {channel}"
                    )
        if self.in_hours and self.hours is None:
            raise WrongValue(
                "in_hours", 'say which hours, like hours: {times: "08:00-18:00", weekdays: ["monday:friday"]}'
            )
        if self.hours and not self.in_hours:
            raise WrongValue("hours", "these hours hold for in_hours, which is missing")
        if both := set(self.by) & set(self.in_hours):
            raise WrongValue("in_hours", f"{min(both)} stands in by as well; keep one of them")

    @property
    def channels(self) -> tuple[Channel, ...]:
        """All channels that it uses."""
        return (*self.by, *self.in_hours)


Policies = Mapping[str, Ways]
"""By severity, or `other`."""
OFFICE: Final = Hours((8 * 60, 18 * 60), ((1, 5),))
WARNING: Final = Ways((Channel.SLACK,), (Channel.EMAIL,), OFFICE)
DEFAULTS: Final[Policies] = {
    "critical": Ways((Channel.SLACK, Channel.SMS)),
    "warning": WARNING,
    "info": Ways((Channel.LOG,)),
    OTHER: WARNING,
}


def ways_of(policies: Policies, severity: str) -> Ways:
    """Return how a severity is told: its own policy, else that of `other`, else the default."""
    return policies.get(severity) or policies.get(OTHER) or DEFAULTS.get(severity) or DEFAULTS[OTHER]
