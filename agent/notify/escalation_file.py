"""What escalation.yml says: people, teams, channels, receivers with their steps, and settings. Values and their own checks.

It is read with `${VAR}` expanded. What needs alertmanager.yml beside it is checked in `loading`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from agent.model import Secret, parse_duration
from agent.notify.dedup import NEVER_MS
from agent.notify.drill_schedule import DrillSpec
from agent.notify.hours import Hours
from agent.notify.intervals import UTC, OwnIntervalSpec, TimeZone
from agent.notify.limits import DEFAULTS, ChannelLimits
from agent.notify.limits_section import LimitsSection
from agent.notify.notification import Channel
from agent.notify.people import NotifyEntry, Person
from agent.notify.policies import Ways
from agent.notify.rotations import Team
from agent.notify.sms_section import SmsSection
from agent.notify.troubles import TroubleSpec
from agent.schema import Convert, Duration, Place, Text, WrongValue, key

HOUR_MS = 3_600_000
MOST_REPEATS = 10
"""How often a chain may start over: whoever has not answered by then is not helped by more."""


@dataclass(frozen=True, slots=True)
class OAuth2Section:
    """`channels.email.oauth2`: where XOAUTH2's access token comes from."""

    __title__ = "oauth2"
    place: Place
    token_url: str
    client_id: str
    client_secret: Secret | None = None
    client_secret_file: Text | None = None
    refresh_token: Secret | None = None
    refresh_token_file: Text | None = None
    scopes: tuple[str, ...] = ()
    parameters: dict[str, str] = key(factory=dict)

    def __post_init__(self) -> None:
        url = urlsplit(self.token_url)
        if url.scheme != "https" and (url.scheme != "http" or url.hostname not in ("127.0.0.1", "::1", "localhost")):
            raise WrongValue(
                "token_url", "the token's URL must begin with https://, because the client's secret is sent"
            )
        for name in ("client_secret", "refresh_token"):
            if getattr(self, name) and getattr(self, f"{name}_file"):
                raise WrongValue(f"{name}_file", f"at most one of {name} and {name}_file can be set")


@dataclass(frozen=True, slots=True)
class EmailSection:
    """`channels.email`: the relay that people's mail goes through. `require_tls: false` means `starttls: opportunistic`."""

    __title__ = "channels.email"
    place: Place
    smarthost: str = ""
    from_: str = key("from", default="")
    hello: str = "localhost"
    auth_username: str = ""
    auth_password: Secret | None = None
    auth_password_file: Text | None = None
    auth_identity: str = ""
    auth_mechanism: Literal["plain", "login", "cram-md5", "xoauth2"] | None = None
    auth_token_file: Text | None = None
    oauth2: OAuth2Section | None = None
    require_tls: bool | None = None
    starttls: Literal["required", "opportunistic", "off"] | None = None
    implicit_tls: bool | None = None
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    server_name: str = ""
    insecure_skip_verify: bool = False
    reply_to: str = ""
    timeout: Duration = 30_000
    limits: LimitsSection | None = None

    def __post_init__(self) -> None:
        if self.starttls and self.require_tls is not None:
            raise WrongValue("require_tls", "starttls says it already; keep one of them")
        if bool(self.cert_file) != bool(self.key_file):
            raise WrongValue("cert_file" if self.cert_file else "key_file", "cert_file and key_file go together")
        if self.auth_token_file and self.oauth2:
            raise WrongValue("auth_token_file", "oauth2 fetches the token already; keep one of them")
        if self.auth_mechanism == "xoauth2" and not self.auth_token_file and not self.oauth2:
            raise WrongValue("auth_mechanism", "xoauth2 needs auth_token_file or oauth2")
        if (self.auth_token_file or self.oauth2) and not self.auth_username:
            raise WrongValue(
                "oauth2" if self.oauth2 else "auth_token_file", "auth_username is missing: whose mailbox it is"
            )


@dataclass(frozen=True, slots=True)
class SlackSection:
    """`channels.slack`: a bot token, or an incoming webhook's URL."""

    __title__ = "channels.slack"
    place: Place
    bot_token: Secret | None = None
    bot_token_file: Text | None = None
    webhook_url: Secret | None = None
    webhook_url_file: Text | None = None
    base_url: str = ""
    broadcast: tuple[Literal["rises", "escalation", "resolved"], ...] = ("rises", "escalation")
    timeout: Duration = 10_000
    limits: LimitsSection | None = None


@dataclass(frozen=True, slots=True)
class PagerDutySection:
    """`channels.pagerduty`: the service that entries with `pagerduty: true` tell."""

    __title__ = "channels.pagerduty"
    place: Place
    routing_key: Secret | None = None
    routing_key_file: Text | None = None
    url: str = ""
    timeout: Duration = 10_000
    limits: LimitsSection | None = None


@dataclass(frozen=True, slots=True)
class ChannelsSection:
    """How messages travel."""

    __title__ = "channels"
    email: EmailSection | None = None
    slack: SlackSection | None = None
    sms: SmsSection | None = None
    pagerduty: PagerDutySection | None = None

    def limits(self) -> dict[Channel, ChannelLimits]:
        """Return the limits of each channel that has any: what is written, else the default."""
        written = {
            Channel.EMAIL: self.email,
            Channel.SLACK: self.slack,
            Channel.SMS: self.sms,
            Channel.PAGERDUTY: self.pagerduty,
        }
        found = dict(DEFAULTS)
        for channel, section in written.items():
            own = section.limits if section else None
            if own:
                kept = found.get(channel, ChannelLimits())
                found[channel] = ChannelLimits(
                    kept.per_target if own.per_target is None else own.per_target,
                    kept.per_provider if own.per_provider is None else own.per_provider,
                    kept.updates if own.updates is None else own.updates,
                )
        return found


@dataclass(frozen=True, slots=True)
class StepSpec:
    """One step of escalation: `after` counts from the incident's first message, `until` says what stops it."""

    __title__ = "escalation step"
    place: Place
    after: Duration
    notify: tuple[NotifyEntry, ...]
    until: Literal["ack", "resolve"] = "ack"
    hours: Hours | None = None

    def __post_init__(self) -> None:
        if not self.notify:
            raise WrongValue("notify", "a step must tell somebody")
        if self.after <= 0:
            raise WrongValue("after", "a step needs a time to wait; what is told at once stands in notify")


def _repeat(text: Any) -> int:
    """Read a duration, or `never`, which is longer than anybody waits; raise ValueError."""
    if text == "never":
        return NEVER_MS
    found = parse_duration(str(text))
    if found <= 0:
        message = "a repeat interval cannot be zero; `never` lets nothing be repeated"
        raise ValueError(message)
    return found


@dataclass(frozen=True, slots=True)
class PlanSpec:
    """What escalation.yml gives to one receiver's name."""

    __title__ = "receiver"
    place: Place
    notify: tuple[NotifyEntry, ...] = ()
    escalate: tuple[StepSpec, ...] = ()
    repeat: int = 0
    on_failure: Text | None = None
    mute_time_intervals: tuple[Text, ...] = ()
    active_time_intervals: tuple[Text, ...] = ()
    repeat_interval: Annotated[int | None, Convert(_repeat, "a duration like 4h, or never")] = None

    def __post_init__(self) -> None:
        if not 0 <= self.repeat <= MOST_REPEATS:
            raise WrongValue("repeat", f"the chain can start over {MOST_REPEATS} times at most, found {self.repeat}")
        if self.repeat and not self.escalate:
            raise WrongValue("repeat", "there is no chain to repeat; write its steps under escalate")
        for earlier, later in zip(self.escalate, self.escalate[1:], strict=False):
            if later.after <= earlier.after:
                message = "steps must follow one another; `after` counts from the first message, so it must grow"
                raise WrongValue("escalate", message)


@dataclass(frozen=True, slots=True)
class SettingsSpec:
    """Switches for all of the room."""

    __title__ = "settings"
    place: Place = key(factory=lambda: Place("escalation.yml", 1, 1))
    alertmanager_compat: Literal["default", "strict"] = "default"
    renotify_on_unmute: bool = True
    critical_bypass: bool = True
    ack_timeout: Duration = HOUR_MS
    timezone: TimeZone = UTC
    send_resolved: Literal["to-whoever-was-told", "true", "false"] = "to-whoever-was-told"
    links: Literal["auto", "always", "never"] = "auto"
    link_lifetime: Duration = 24 * HOUR_MS
    link_key: Secret | None = None
    link_key_file: Text | None = None


@dataclass(frozen=True, slots=True)
class EscalationFile:
    """The whole of escalation.yml."""

    __title__ = "escalation.yml"
    people: dict[str, Person] = key(factory=dict)
    teams: dict[str, Team] = key(factory=dict)
    policies: dict[str, Ways] = key(factory=dict)
    channels: ChannelsSection = key(factory=ChannelsSection)
    receivers: dict[str, PlanSpec] = key(factory=dict)
    troubles: dict[str, TroubleSpec] = key(factory=dict)
    settings: SettingsSpec = key(factory=SettingsSpec)
    time_intervals: dict[str, tuple[OwnIntervalSpec, ...]] = key(factory=dict)
    drill: DrillSpec | tuple[DrillSpec, ...] = ()
    templates: Text | None = None
    """The folder of the jinja2 templates of our own messages, relative to this file."""

    @property
    def drills(self) -> tuple[DrillSpec, ...]:
        """The drills that come by themselves, one or several."""
        return (self.drill,) if isinstance(self.drill, DrillSpec) else self.drill
