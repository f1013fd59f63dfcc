"""What a channel needs to reach its provider, as read from alertmanager.yml's `global:` and escalation.yml's `channels:`.

Values only; secrets are `Secret`. A channel is usable when its `missing()` is empty, else it says what is not there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from agent.model import Labels, Secret
from agent.notify.tls import TlsSettings

StartTls = Literal["required", "opportunistic", "off"]
Mechanism = Literal["", "plain", "login", "cram-md5", "xoauth2"]


@dataclass(frozen=True, slots=True)
class OAuth2Settings:
    """Where to fetch an access token: by the refresh token where there is one, else by the client's own credentials."""

    token_url: str
    client_id: str
    client_secret: Secret | None = None
    refresh_token: Secret | None = None
    scopes: tuple[str, ...] = ()
    parameters: Labels = field(default_factory=Labels, repr=False)
    """Further form fields of the token request."""


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """How a client connects over HTTP: who it says it is, by which proxy, what it trusts. The default is a plain client."""

    username: str = ""
    password: Secret | None = None
    credentials: Secret | None = None
    """The Authorization header's value after its `scheme`."""
    scheme: str = "Bearer"
    oauth2: OAuth2Settings | None = None
    oauth2_tls: TlsSettings | None = None
    tls: TlsSettings | None = None
    proxy_url: Secret | None = None
    """Without one the environment's proxy is used, as everywhere in Burnline."""
    no_proxy: tuple[str, ...] = ()
    proxy_headers: tuple[tuple[str, Secret], ...] = ()
    follow_redirects: bool = True
    headers: tuple[tuple[str, Secret], ...] = ()


SlackStyle = Literal["thread", "edit", "post"]
SlackBroadcast = Literal["rises", "escalation", "resolved"]


@dataclass(frozen=True, slots=True)
class EmailChannel:
    """An SMTP relay. `smarthost` is host:port; port 465 means implicit TLS unless `implicit_tls` says otherwise."""

    smarthost: str = ""
    sender: str = "burnline@localhost"
    hello: str = "localhost"
    auth_username: str = ""
    auth_password: Secret | None = None
    auth_identity: str = ""
    auth_secret: Secret | None = None
    """The secret of CRAM-MD5; where there is none the password serves."""
    auth_mechanism: Mechanism = ""
    """Empty: the first that the relay offers and that there are credentials for."""
    auth_token_file: str = ""
    """A file with XOAUTH2's access token, read anew at every login: somebody else keeps it fresh."""
    oauth2: OAuth2Settings | None = None
    starttls: StartTls = "required"
    implicit_tls: bool | None = None
    tls: TlsSettings = field(default_factory=TlsSettings)
    reply_to: str = ""
    thread_by: Literal["", "daily", "none"] = ""
    """Alertmanager's `threading`: also put all mails of a group under one root, a new one each day or one for ever."""
    together: bool = False
    """One mail to all recipients, and to none of them where one is refused, as Alertmanager sends it."""
    timeout_ms: int = 30_000

    def missing(self) -> str:
        """Say what is not there, or nothing."""
        return "" if self.smarthost else "no smarthost is set (channels.email.smarthost or global.smtp_smarthost)"


@dataclass(frozen=True, slots=True)
class SlackChannel:
    """Slack: a bot token (update in place, threads) or an incoming webhook's URL (neither). `base_url` replaces Slack's."""

    bot_token: Secret | None = None
    webhook_url: Secret | None = None
    base_url: str = ""
    style: SlackStyle = "thread"
    """A change edits the message and is told in its thread; or it only edits; or it is a message of its own."""
    broadcast: tuple[SlackBroadcast, ...] = ("rises", "escalation")
    """Which replies are also shown in the channel: a rising severity, a step of escalation, the end."""
    http: HttpSettings = field(default_factory=HttpSettings)
    """Of it the proxy, the certificates and the headers."""
    timeout_ms: int = 10_000

    def missing(self) -> str:
        """Say what is not there, or nothing."""
        return "" if self.bot_token or self.webhook_url else "neither a bot token nor a webhook URL is set"


@dataclass(frozen=True, slots=True)
class TwilioChannel:
    """SMS by Twilio's Messages resource. `sender` is a phone number in E.164 form or a messaging service's SID (MG…).

    An API key (SK…) may stand in for the token; what Twilio sends to us is signed with the token alone, though.
    """

    account_sid: str = ""
    auth_token: Secret | None = None
    sender: str = ""
    base_url: str = ""
    timeout_ms: int = 10_000
    max_segments: int = 1
    replies: bool = True
    """Whether replies to the sender's number reach the agent, so that a page may ask for one."""
    api_key: str = ""
    api_secret: Secret | None = None

    def missing(self) -> str:
        """Say what is not there, or nothing."""
        gaps = [
            name
            for name, value in (
                ("account_sid", self.account_sid),
                ("api_secret" if self.api_key else "auth_token", self.api_secret if self.api_key else self.auth_token),
                ("from", self.sender),
            )
            if not value
        ]
        return f"no {', '.join(gaps)} for Twilio" if gaps else ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Which answers of a gateway mean something: by status, and by what is at a path of its JSON, or in its text.

    `statuses` are numbers or classes (`2xx`); `path` holds keys and numbers with dots between them, "" for the whole text;
    `matches` is a regular expression (RE2) that must be found there, "" where anything will do.
    """

    statuses: tuple[str, ...] = ()
    path: str = ""
    matches: str = ""


@dataclass(frozen=True, slots=True)
class GatewayChannel:
    """SMS by any HTTP gateway. Fields, template, headers and URL may hold what `receivers.gateway.PLACEHOLDERS` lists."""

    url: Secret | None = None
    method: str = "POST"
    headers: tuple[tuple[str, Secret], ...] = ()
    """Each value is held to be a secret: an `X-API-Key` is as good as a password."""
    body: str = "json"
    """Where the fields go: `json`, `form` or `query`; or `template`, which is the body as it is."""
    fields: Labels = field(default_factory=lambda: Labels({"to": "{to}", "text": "{text}"}), repr=False)
    bearer_token: Secret | None = None
    username: str = ""
    password: Secret | None = None
    template: str = field(default="", repr=False)
    content_type: str = ""
    id_path: str = "id"
    """Where the provider's id is in the answer's JSON: keys and numbers with dots between them."""
    success: Verdict = field(default_factory=lambda: Verdict(statuses=("2xx",)))
    retry_on: Verdict = field(default_factory=lambda: Verdict(statuses=("408", "425", "429", "5xx")))
    timeout_ms: int = 10_000
    max_segments: int = 1

    def missing(self) -> str:
        """Say what is not there, or nothing."""
        return "" if self.url else "no url is set for the SMS gateway"


@dataclass(frozen=True, slots=True)
class SnsChannel:
    """Amazon SNS: a text message to a phone, or a topic that others listen to. `url` replaces the region's endpoint."""

    region: str = ""
    access_key: str = ""
    secret_key: Secret | None = None
    session_token: Secret | None = None
    url: str = ""
    sender_id: str = ""
    max_price: str = ""
    """The most US dollars that one message may cost, as SNS wants it written: 0.50."""
    max_segments: int = 1
    timeout_ms: int = 10_000
    http: HttpSettings = field(default_factory=HttpSettings)
    refused: str = ""
    """Why it cannot be used although everything is there."""

    def missing(self) -> str:
        """Say what is not there, or nothing."""
        gaps = ("region", self.region), ("access_key", self.access_key), ("secret_key", self.secret_key)
        lacking = ", ".join(name for name, value in gaps if not value)
        return self.refused or (f"no {lacking} for SNS, neither in the file nor in AWS' environment" if lacking else "")


@dataclass(frozen=True, slots=True)
class WebhookChannel:
    """One URL that is given Alertmanager's JSON. The URL is a secret, so a target's address shows only its host."""

    url: Secret | None = None
    """It may be a Go template."""
    http: HttpSettings = field(default_factory=HttpSettings)
    max_alerts: int = 0
    """The most alerts in one message; 0 means all."""
    timeout_ms: int = 10_000

    def missing(self) -> str:
        """Say what is not there, or nothing."""
        return "" if self.url else "no url is set for the webhook"


@dataclass(frozen=True, slots=True)
class PagerDutyChannel:
    """A service of PagerDuty, by its integration's key (Events API v2). `url` replaces PagerDuty's, as for the EU."""

    routing_key: Secret | None = None
    url: str = ""
    http: HttpSettings = field(default_factory=HttpSettings)
    timeout_ms: int = 10_000

    def missing(self) -> str:
        """Say what is not there, or nothing."""
        return "" if self.routing_key else "no routing key is set for PagerDuty"


@dataclass(frozen=True, slots=True)
class LogChannel:
    """The agent's own log: it needs nothing, so it is where messages go that reach nobody else."""

    def missing(self) -> str:
        """Say that nothing is missing."""
        return ""


ChannelSettings = (
    EmailChannel
    | SlackChannel
    | TwilioChannel
    | GatewayChannel
    | SnsChannel
    | WebhookChannel
    | PagerDutyChannel
    | LogChannel
)
