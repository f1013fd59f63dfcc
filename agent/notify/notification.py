"""What passes between routing and receivers: one message to one target, and what the provider said of it. Values only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Literal, Protocol, runtime_checkable
from urllib.parse import urlsplit

from agent.model import Alert, Labels


class Channel(StrEnum):
    """How a message travels."""

    EMAIL = "email"
    SLACK = "slack"
    SMS = "sms"
    SNS = "sns"
    """A topic of Amazon SNS; a phone that SNS reaches is SMS."""
    WEBHOOK = "webhook"
    PAGERDUTY = "pagerduty"
    LOG = "log"


@dataclass(frozen=True, slots=True)
class Target:
    """One place a message goes to: one mailbox, one Slack channel or user, one phone number, one URL.

    `address` is what the provider needs; `person` is the name from escalation.yml where the target is somebody's. `account`
    tells apart places that have one name in two accounts: `#alerts` of another Slack workspace.
    """

    channel: Channel
    address: str
    person: str = ""
    account: str = ""

    @property
    def key(self) -> str:
        """Identify the target in journal rows and metrics: `slack:#alerts`."""
        return f"{self.channel}:{self.address}" + (f" ({self.account})" if self.account else "")

    @property
    def shown(self) -> str:
        """What of the address may be shown: a phone number without its middle, of a URL its host alone."""
        if self.channel is Channel.SMS and len(self.address) > 6:
            return f"{self.address[:4]}…{self.address[-2:]}"
        if "://" in self.address:
            return urlsplit(self.address).hostname or "an address"
        return self.address


@dataclass(frozen=True, slots=True)
class Notification:
    """One message about one group of alerts to one target.

    `alerts` holds firing and resolved ones (`resolved_at(at_ms)` tells which), sorted as Alertmanager sorts them.
    `idempotency_key` stays the same over all tries. `previous` is the `state` of the last receipt of this incident at this
    target (Slack's ts, the mail's Message-ID), empty for a first message. `sequence` counts the messages of the incident
    to this target from 0. `incident` is new each time the group fires anew, so that threads do not run into one another.
    """

    idempotency_key: str
    incident: str
    group_key: str
    receiver: str
    target: Target
    alerts: tuple[Alert, ...]
    group_labels: Labels
    at_ms: int
    reason: str
    """Why it is sent: first notification, new alerts added, all alerts resolved, …, escalation step 2."""
    external_url: str = ""
    sequence: int = 0
    escalation_step: int = 0
    """0 for the first message, n for the n-th step of escalation."""
    acknowledged_by: str = ""
    previous: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    """Per-receiver texts and switches from alertmanager.yml, such as slack_configs' title or email_configs' headers."""
    ack_url: str = ""
    """A signed link to a page with a button that acknowledges; "" where nobody could open it or nothing is left to do."""
    ack_code: str = ""
    """A few digits that acknowledge when the phone that got them sends them back; only in messages to phones."""
    silence_url: str = ""
    """A signed link to a page that silences these alerts for a while."""

    @property
    def firing(self) -> tuple[Alert, ...]:
        """The alerts that are not over."""
        return tuple(alert for alert in self.alerts if not alert.resolved_at(self.at_ms))

    @property
    def resolved(self) -> tuple[Alert, ...]:
        """The alerts that are over."""
        return tuple(alert for alert in self.alerts if alert.resolved_at(self.at_ms))

    @property
    def status(self) -> str:
        """`firing` if any alert is, else `resolved`."""
        return "firing" if self.firing else "resolved"

    @property
    def common_labels(self) -> Labels:
        """The labels that all alerts share."""
        return _common([alert.labels for alert in self.alerts])

    @property
    def common_annotations(self) -> Labels:
        """The annotations that all alerts share."""
        return _common([alert.annotations for alert in self.alerts])

    @property
    def severity(self) -> str:
        """The worst severity among the firing alerts (of all, where none fires): critical, warning, info or ""."""
        return worst_severity(alert.labels.get("severity") for alert in self.firing or self.alerts)


_WORST_FIRST: Final = ("critical", "warning", "info", "")


def worst_severity(severities: Iterable[str]) -> str:
    """Return the worst of some severities: critical, warning, info or ""."""
    found = set(severities)
    return next((each for each in _WORST_FIRST if each in found), "")


def is_worse(severity: str, than: str) -> bool:
    """Say whether one of `worst_severity`'s answers is worse than another."""
    return _WORST_FIRST.index(severity) < _WORST_FIRST.index(than)


def _common(sets: list[Labels]) -> Labels:
    if not sets:
        return Labels()
    shared = set(sets[0].pairs).intersection(*(each.pairs for each in sets[1:]))
    return Labels(shared)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the provider answered to a message it accepted.

    `state` (plain JSON) is kept and given to the next message of the incident as `previous`. `delivered` says that to
    accept is to deliver here (Slack, a webhook); elsewhere the provider is asked (`Asked.status`) at each of `ask_after_ms`
    after the acceptance, until it knows.
    """

    provider_id: str
    detail: str = ""
    state: Mapping[str, Any] = field(default_factory=dict)
    delivered: bool = False
    ask_after_ms: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of a message after the provider had accepted it. `permanent`: another try would fail as well."""

    state: Literal["sent", "delivered", "failed"]
    detail: str = ""
    permanent: bool = True


class Receiver(Protocol):
    """One way to send. An integration is one page that fulfils this.

    It may also be `Bundling`, `Asked`, `Provided` and `Probed`.
    """

    async def send(self, notification: Notification) -> Receipt:
        """Send one message; raise RetryLater or Rejected (agent.errors) where it did not get out."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


@runtime_checkable
class Bundling(Protocol):
    """A receiver that can tell one target of several messages at once; used where a limit lets fewer through than wait."""

    most_together: int

    async def send_together(self, notifications: Sequence[Notification]) -> Receipt:
        """Send several messages to one target as one; raise as `send` does."""
        ...


@runtime_checkable
class Asked(Protocol):
    """A receiver whose provider knows later whether a message arrived."""

    async def status(self, provider_id: str) -> Delivery:
        """Ask what became of a message; raise RetryLater or Rejected where the provider does not say."""
        ...


@runtime_checkable
class Provided(Protocol):
    """A receiver that shares its provider with others: limits, pauses and the circuit breaker are the provider's.

    Without it the provider is the transport.
    """

    @property
    def provider(self) -> str:
        """Name the provider in logs, metrics and the journal, without a secret."""
        ...


@runtime_checkable
class Probed(Protocol):
    """A receiver that can ask its provider a harmless question."""

    async def probe(self) -> str:
        """Return in words what the provider answered; raise RetryLater or Rejected."""
        ...
