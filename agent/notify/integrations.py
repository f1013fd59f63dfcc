"""The integrations of alertmanager.yml's receivers as written: email, Slack, webhook in full, the others' required keys.

A table says what the integrations that we do not send must have, so that a file Alertmanager refuses is refused here too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

from agent.model import Secret
from agent.notify.endpoints import check_host_port, check_twins, check_urls, url_flaw
from agent.notify.http_config import HttpConfig
from agent.notify.tls import TlsConfig
from agent.schema import Duration, Place, Text, WrongValue, key

SLACK_POST: Final = "https://slack.com/api/chat.postMessage"


@dataclass(frozen=True, slots=True)
class EmailThreading:
    """`threading` of an email config: one thread for all mails of a group, each day a new one or one for ever."""

    __title__ = "threading"
    enabled: bool = False
    thread_by_date: Literal["daily", "none"] = "daily"


@dataclass(frozen=True, slots=True)
class EmailConfig:
    """One entry of email_configs; None where `global:` decides."""

    __title__ = "email config"
    place: Place
    to: Text
    send_resolved: bool | None = None
    from_: str | None = key("from", default=None)
    hello: str = ""
    smarthost: str = ""
    auth_username: str = ""
    auth_password: Secret | None = None
    auth_password_file: Text | None = None
    auth_secret: Secret | None = None
    auth_secret_file: Text | None = None
    auth_identity: str = ""
    headers: dict[str, Text] = key(factory=dict)
    html: Text | None = None
    text: Text | None = None
    require_tls: bool | None = None
    tls_config: TlsConfig | None = None
    force_implicit_tls: bool | None = None
    threading: EmailThreading | None = None

    def __post_init__(self) -> None:
        if not self.to:
            raise WrongValue("to", "missing to address in email config")
        check_twins(self, "auth_password", "auth_secret")
        check_host_port("smarthost", self.smarthost)
        seen = [name.lower() for name in self.headers]
        if len(set(seen)) < len(seen):
            raise WrongValue("headers", "a header is given twice (their case does not matter)")


@dataclass(frozen=True, slots=True)
class SlackField:
    """One field of a Slack attachment."""

    __title__ = "slack field"
    title: Text
    value: Text
    short: bool | None = None

    def __post_init__(self) -> None:
        for name in ("title", "value"):
            if not getattr(self, name):
                raise WrongValue(name, f"missing {name} in Slack field configuration")


@dataclass(frozen=True, slots=True)
class SlackConfirmation:
    """What Slack asks before a button does something."""

    __title__ = "slack confirmation"
    text: Text
    title: Text | None = None
    ok_text: Text | None = None
    dismiss_text: Text | None = None

    def __post_init__(self) -> None:
        if not self.text:
            raise WrongValue("text", "missing text in Slack confirmation configuration")


@dataclass(frozen=True, slots=True)
class SlackAction:
    """One button of a Slack attachment."""

    __title__ = "slack action"
    type: Text
    text: Text
    url: Text | None = None
    style: Text | None = None
    name: Text | None = None
    value: Text | None = None
    confirm: SlackConfirmation | None = None

    def __post_init__(self) -> None:
        for name in ("type", "text"):
            if not getattr(self, name):
                raise WrongValue(name, f"missing {name} in Slack action configuration")
        if not self.url and not self.name:
            raise WrongValue("name", "missing name or url in Slack action configuration")


@dataclass(frozen=True, slots=True)
class SlackConfig:
    """One entry of slack_configs; None where the default or `global:` decides."""

    __title__ = "slack config"
    place: Place
    send_resolved: bool | None = None
    http_config: HttpConfig | None = None
    api_url: Secret | None = None
    api_url_file: Text | None = None
    app_token: Secret | None = None
    app_token_file: Text | None = None
    app_url: str = ""
    channel: Text | None = None
    username: Text | None = None
    color: Text | None = None
    title: Text | None = None
    title_link: Text | None = None
    pretext: Text | None = None
    text: Text | None = None
    message_text: Text | None = None
    fields: tuple[SlackField, ...] = ()
    short_fields: bool = False
    footer: Text | None = None
    fallback: Text | None = None
    callback_id: Text | None = None
    icon_emoji: Text | None = None
    icon_url: Text | None = None
    image_url: Text | None = None
    thumb_url: Text | None = None
    link_names: bool = False
    mrkdwn_in: tuple[str, ...] = ()
    actions: tuple[SlackAction, ...] = ()
    timeout: Duration = 0
    update_message: bool = False

    def __post_init__(self) -> None:
        check_twins(self, "api_url", "app_token")
        check_urls(self, "api_url", "app_url")
        if (self.app_token or self.app_token_file) and (self.api_url or self.api_url_file):
            raise WrongValue("api_url", "at most one of app_token and api_url can be set")
        if self.update_message and (self.api_url or self.api_url_file):
            raise WrongValue("update_message", "update_message needs a bot token; an incoming webhook cannot update")


@dataclass(frozen=True, slots=True)
class WebhookConfig:
    """One entry of webhook_configs."""

    __title__ = "webhook config"
    place: Place
    send_resolved: bool | None = None
    http_config: HttpConfig | None = None
    url: Secret | None = None
    url_file: Text | None = None
    max_alerts: int = 0
    timeout: Duration = 0
    payload: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        check_twins(self, "url")
        if not self.url and not self.url_file:
            raise WrongValue("url", "one of url and url_file must be set")
        if self.url and "{{" not in self.url.reveal():
            check_urls(self, "url")
        if self.max_alerts < 0:
            raise WrongValue("max_alerts", "max_alerts cannot be negative")


@dataclass(frozen=True, slots=True)
class SigV4:
    """How requests to Amazon are signed; what is left out comes from AWS' environment and files."""

    __title__ = "sigv4"
    region: str = ""
    access_key: str = ""
    secret_key: Secret | None = None
    profile: str = ""
    role_arn: str = ""
    external_id: str = ""
    use_fips_sts_endpoint: bool = False

    def __post_init__(self) -> None:
        if bool(self.access_key) != bool(self.secret_key):
            raise WrongValue("secret_key", "access_key and secret_key must be given together, or neither")


@dataclass(frozen=True, slots=True)
class SnsConfig:
    """One entry of sns_configs; it sends to a topic, to a phone number, or to another ARN."""

    __title__ = "sns config"
    place: Place
    send_resolved: bool | None = None
    http_config: HttpConfig | None = None
    api_url: str = ""
    sigv4: SigV4 | None = None
    topic_arn: Text | None = None
    phone_number: Text | None = None
    target_arn: Text | None = None
    subject: Text | None = None
    message: Text | None = None
    attributes: dict[str, Text] = key(factory=dict)

    def __post_init__(self) -> None:
        if sum(map(bool, (self.topic_arn, self.phone_number, self.target_arn))) not in (1, 3):
            raise WrongValue("topic_arn", "one of topic_arn, phone_number and target_arn must be set, and only one")

    @property
    def address(self) -> str:
        """Where it sends: Alertmanager takes a file with all three, too."""
        return str(self.topic_arn or self.target_arn or self.phone_number)


REQUIRED: Final[dict[str, tuple[tuple[str, ...], ...]]] = {
    "discord": (("webhook_url", "webhook_url_file"),),
    "incidentio": (("url", "url_file"),),
    "jira": (("project",), ("issue_type",)),
    "mattermost": (),
    "msteams": (("webhook_url", "webhook_url_file"),),
    "msteamsv2": (("webhook_url", "webhook_url_file"),),
    "opsgenie": (),
    "pushover": (("user_key", "user_key_file"), ("token", "token_file")),
    "rocketchat": (),
    "telegram": (("chat_id", "chat_id_file"),),
    "victorops": (("routing_key",),),
    "webex": (("room_id",),),
    "wechat": (),
}
"""Of an integration that we do not send: for each tuple one key must be there."""

INHERITED: Final[dict[str, dict[tuple[str, ...], str]]] = {
    "jira": {("api_url",): "jira_api_url"},
    "mattermost": {("webhook_url", "webhook_url_file"): "mattermost_webhook_url"},
    "opsgenie": {("api_key", "api_key_file"): "opsgenie_api_key"},
    "rocketchat": {("token", "token_file"): "rocketchat_token", ("token_id", "token_id_file"): "rocketchat_token_id"},
    "telegram": {("bot_token", "bot_token_file"): "telegram_bot_token"},
    "victorops": {("api_key", "api_key_file"): "victorops_api_key"},
    "wechat": {("api_secret", "api_secret_file"): "wechat_api_secret", ("corp_id",): "wechat_api_corp_id"},
}
"""What `global:` may say in place of one of the keys, there or in a file."""


def flaw(integration: str, config: dict[str, Any], defaults: object) -> str:
    """Say what is wrong with an integration that we do not send, where `defaults` is `global:`; or nothing.

    Only what any of them must have is looked at: their other keys are Alertmanager's to judge.
    """
    for names in REQUIRED[integration]:
        if not any(config.get(name) for name in names):
            return f"one of {', '.join(names)} must be set" if len(names) > 1 else f'missing key "{names[0]}"'
    for names, name in INHERITED.get(integration, {}).items():
        given = getattr(defaults, name) or getattr(defaults, f"{name}_file", "")
        if not given and not any(config.get(each) for each in names):
            return f"one of {', '.join(names)} must be set, here or as {name} in global"
    for name, value in config.items():
        if value and config.get(f"{name}_file"):
            return f"at most one of {name} and {name}_file can be set"
    for name in ("api_url", "webhook_url"):
        if config.get(name) and (why := url_flaw(str(config[name]))):
            return f"{name}: {why}"
    return ""
