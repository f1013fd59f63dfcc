"""What alertmanager.yml says: frozen values in the shape of the file, checked on their own. What runs is `Routing`.

Every key of Alertmanager 0.34 is known. The checks here need one value only; those across the file are in `loading`.
Places are kept where a later error must point into the file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from agent.model import Secret, is_legacy_label_name
from agent.notify.endpoints import check_host_port, check_twins, check_urls
from agent.notify.http_config import HttpConfig
from agent.notify.integrations import SLACK_POST, EmailConfig, SlackConfig, SnsConfig, WebhookConfig
from agent.notify.intervals import IntervalSpec
from agent.notify.pagerduty_config import PagerDutyConfig
from agent.notify.tls import TlsConfig
from agent.schema import Duration, Place, Text, WrongValue, key

MINUTE_MS = 60_000
_TWINS: Final = (
    "smtp_auth_password",
    "smtp_auth_secret",
    "slack_api_url",
    "slack_app_token",
    "opsgenie_api_key",
    "victorops_api_key",
    "wechat_api_secret",
    "telegram_bot_token",
    "rocketchat_token",
    "rocketchat_token_id",
    "mattermost_webhook_url",
)
_URLS: Final = (
    "slack_api_url",
    "slack_app_url",
    "pagerduty_url",
    "opsgenie_api_url",
    "wechat_api_url",
    "victorops_api_url",
    "telegram_api_url",
    "webex_api_url",
    "rocketchat_api_url",
    "jira_api_url",
    "mattermost_webhook_url",
)


@dataclass(frozen=True, slots=True)
class GlobalSpec:
    """`global:`: defaults of the integrations. Secrets stay as written until the file is known to be right."""

    __title__ = "global"
    resolve_timeout: Duration = 5 * MINUTE_MS
    http_config: HttpConfig | None = None
    smtp_from: str = ""
    smtp_hello: str = "localhost"
    smtp_smarthost: str = ""
    smtp_auth_username: str = ""
    smtp_auth_password: Secret | None = None
    smtp_auth_password_file: Text | None = None
    smtp_auth_secret: Secret | None = None
    smtp_auth_secret_file: Text | None = None
    smtp_auth_identity: str = ""
    smtp_require_tls: bool = True
    smtp_tls_config: TlsConfig | None = None
    smtp_force_implicit_tls: bool | None = None
    slack_api_url: Secret | None = None
    slack_api_url_file: Text | None = None
    slack_app_token: Secret | None = None
    slack_app_token_file: Text | None = None
    slack_app_url: str = ""
    pagerduty_url: str = ""
    opsgenie_api_url: str = ""
    opsgenie_api_key: str = ""
    opsgenie_api_key_file: str = ""
    wechat_api_url: str = ""
    wechat_api_secret: str = ""
    wechat_api_secret_file: str = ""
    wechat_api_corp_id: str = ""
    victorops_api_url: str = ""
    victorops_api_key: str = ""
    victorops_api_key_file: str = ""
    telegram_api_url: str = ""
    telegram_bot_token: str = ""
    telegram_bot_token_file: str = ""
    webex_api_url: str = ""
    rocketchat_api_url: str = ""
    rocketchat_token: str = ""
    rocketchat_token_file: str = ""
    rocketchat_token_id: str = ""
    rocketchat_token_id_file: str = ""
    jira_api_url: str = ""
    mattermost_webhook_url: str = ""
    mattermost_webhook_url_file: str = ""

    def __post_init__(self) -> None:
        check_twins(self, *_TWINS)
        check_urls(self, *_URLS)
        check_host_port("smtp_smarthost", self.smtp_smarthost)
        url = self.slack_api_url.reveal() if self.slack_api_url else ""
        by_url = self.slack_api_url_file or (url and url != (self.slack_app_url or SLACK_POST))
        if by_url and (self.slack_app_token or self.slack_app_token_file):
            raise WrongValue("slack_app_token", "at most one of slack_app_token and slack_api_url can be set")


def _check_names(match: dict[str, Text | None], match_re: dict[str, Text | None], keys: tuple[str, str]) -> None:
    for place, pairs in zip(keys, (match, match_re), strict=True):
        for name, value in pairs.items():
            if not is_legacy_label_name(name):
                raise WrongValue(
                    place, f'invalid label name "{name}"; use matchers for names beyond [a-zA-Z_][a-zA-Z0-9_]*'
                )
            if value is None and place.endswith("_re"):
                raise WrongValue(place, f'no regular expression is given for "{name}"')


@dataclass(frozen=True, slots=True)
class RouteSpec:
    """One node of the tree as written; None where the node inherits."""

    __title__ = "route"
    place: Place
    receiver: Text | None = None
    group_by: tuple[Text, ...] | None = None
    continue_: bool = key("continue", default=False)
    match: dict[str, Text | None] = key(factory=dict)
    match_re: dict[str, Text | None] = key(factory=dict)
    matchers: tuple[Text, ...] = ()
    group_wait: Duration | None = None
    group_interval: Duration | None = None
    repeat_interval: Duration | None = None
    mute_time_intervals: tuple[Text, ...] = ()
    active_time_intervals: tuple[Text, ...] = ()
    labels: dict[str, str] = key(factory=dict)
    routes: tuple[RouteSpec, ...] = ()

    def __post_init__(self) -> None:
        _check_names(self.match, self.match_re, ("match", "match_re"))
        names = self.group_by or ()
        for name in names:
            if not name:
                raise WrongValue("group_by", "an empty label name cannot be grouped by")
        if len(set(names)) < len(names) and set(names) != {"..."}:
            raise WrongValue("group_by", "a label is named twice in group_by")
        if "..." in names and set(names) != {"..."}:
            raise WrongValue("group_by", "cannot have the wildcard '...' and other labels in group_by at once")
        for each in ("group_interval", "repeat_interval"):
            if getattr(self, each) == 0:
                raise WrongValue(each, f"{each} cannot be zero")


@dataclass(frozen=True, slots=True)
class InhibitSpec:
    """One rule of inhibit_rules as written."""

    __title__ = "inhibit rule"
    place: Place
    name: str = ""
    source_match: dict[str, Text | None] = key(factory=dict)
    source_match_re: dict[str, Text | None] = key(factory=dict)
    source_matchers: tuple[Text, ...] = ()
    target_match: dict[str, Text | None] = key(factory=dict)
    target_match_re: dict[str, Text | None] = key(factory=dict)
    target_matchers: tuple[Text, ...] = ()
    equal: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_names(self.source_match, self.source_match_re, ("source_match", "source_match_re"))
        _check_names(self.target_match, self.target_match_re, ("target_match", "target_match_re"))
        if "" in self.equal:
            raise WrongValue("equal", "an empty label name cannot be compared")


@dataclass(frozen=True, slots=True)
class ReceiverSpec:
    """One receiver as written: a name, and lists of integrations; those we cannot send are kept as plain data."""

    __title__ = "receiver"
    place: Place
    name: Text
    labels: dict[str, str] = key(factory=dict)
    email_configs: tuple[EmailConfig, ...] = ()
    slack_configs: tuple[SlackConfig, ...] = ()
    webhook_configs: tuple[WebhookConfig, ...] = ()
    discord_configs: tuple[dict[str, Any], ...] = ()
    incidentio_configs: tuple[dict[str, Any], ...] = ()
    jira_configs: tuple[dict[str, Any], ...] = ()
    mattermost_configs: tuple[dict[str, Any], ...] = ()
    msteams_configs: tuple[dict[str, Any], ...] = ()
    msteamsv2_configs: tuple[dict[str, Any], ...] = ()
    opsgenie_configs: tuple[dict[str, Any], ...] = ()
    pagerduty_configs: tuple[PagerDutyConfig, ...] = ()
    pushover_configs: tuple[dict[str, Any], ...] = ()
    rocketchat_configs: tuple[dict[str, Any], ...] = ()
    sns_configs: tuple[SnsConfig, ...] = ()
    telegram_configs: tuple[dict[str, Any], ...] = ()
    victorops_configs: tuple[dict[str, Any], ...] = ()
    webex_configs: tuple[dict[str, Any], ...] = ()
    wechat_configs: tuple[dict[str, Any], ...] = ()

    def __post_init__(self) -> None:
        if not self.name:
            raise WrongValue("name", "missing name in receiver")


@dataclass(frozen=True, slots=True)
class TimeIntervalSpec:
    """A named list of time intervals; it contains an instant if any of them does."""

    __title__ = "time interval"
    place: Place
    name: Text
    time_intervals: tuple[IntervalSpec, ...] = ()

    def __post_init__(self) -> None:
        if not self.name:
            raise WrongValue("name", "missing name in time interval")


@dataclass(frozen=True, slots=True)
class AlertmanagerFile:
    """The whole of alertmanager.yml."""

    __title__ = "alertmanager.yml"
    place: Place
    route: RouteSpec | None = None
    global_: GlobalSpec = key("global", factory=GlobalSpec)
    receivers: tuple[ReceiverSpec, ...] = ()
    inhibit_rules: tuple[InhibitSpec | None, ...] = ()
    time_intervals: tuple[TimeIntervalSpec, ...] = ()
    mute_time_intervals: tuple[TimeIntervalSpec, ...] = ()
    templates: tuple[Text, ...] = ()
    tracing: Any = None
    event_recorder: Any = None
