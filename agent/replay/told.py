"""What a rehearsal yields: who was told what and why (`Told`), and what somebody was not told and why (`Withheld`)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from agent.model import Alert, Labels
from agent.notify import Notification

if TYPE_CHECKING:
    from agent.notify.messages import Renderer


@dataclass(frozen=True)
class Told:
    """One message that would have gone out at `at_ms`. `transport` names the settings it travels by (`sms`, `oncall/slack/0`)."""

    at_ms: int
    transport: str
    notification: Notification

    @property
    def receiver(self) -> str:
        """The receiver's name."""
        return self.notification.receiver

    @property
    def by(self) -> str:
        """The channel: email, slack, sms, webhook or log."""
        return str(self.notification.target.channel)

    @property
    def to(self) -> str:
        """Whom: the person's name, else the address."""
        return self.notification.target.person or self.notification.target.address

    @cached_property
    def status(self) -> str:
        """`firing` if any alert of it is, else `resolved`."""
        return self.notification.status

    @cached_property
    def firing(self) -> tuple[Alert, ...]:
        """The alerts that it says are firing."""
        return self.notification.firing

    @cached_property
    def resolved(self) -> tuple[Alert, ...]:
        """The alerts that it says are over."""
        return self.notification.resolved

    @property
    def reason(self) -> str:
        """Why it goes out: first notification, new alerts added, escalation step…"""
        return self.notification.reason

    @property
    def step(self) -> int:
        """The number of the escalation's step, 0 for any other message."""
        return self.notification.escalation_step

    def words(self, renderer: Renderer) -> tuple[str, str]:
        """Return subject and text as the channel would show them; the subject is "" where it has none."""
        match self.by:
            case "email":
                mail = renderer.email(self.notification)
                return mail.subject, mail.text
            case "slack":
                said = renderer.slack(self.notification)
                return said.text, said.plain
            case "sms":
                return "", renderer.sms(self.notification)
            case _:
                mail = renderer.email(self.notification)
                return mail.subject, mail.text


@dataclass(frozen=True, slots=True)
class Withheld:
    """Something that a receiver was not told, or not yet, and why.

    `what` is the decision (suppressed, deduplicated, escalation held, waits); `why` names the silence, the inhibiting
    alert, the interval, the quiet hours; `target` (`sms:+336…`) is empty where nobody in particular was meant.
    """

    at_ms: int
    what: str
    why: str
    receiver: str
    alerts: tuple[Labels, ...]
    target: str = ""
    group_key: str = ""
