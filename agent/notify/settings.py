"""Make channel settings out of what the two files say: defaults from `global:`, secrets from files, own values winning.

A secret file that is missing is an error in alertmanager.yml (as any other mistake there) and disables the channel in
escalation.yml, so that a lost Slack token never stops the mail.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from agent.model import Labels, Secret
from agent.notify.alertmanager_file import GlobalSpec
from agent.notify.channels import GatewayChannel, SlackChannel, TwilioChannel, WebhookChannel
from agent.notify.escalation_file import SlackSection, SmsSection
from agent.notify.integrations import SLACK_POST, HttpConfig, SlackConfig, WebhookConfig
from agent.schema import Place, Text

ReadSecret = Callable[[Path], str]


def read_secret(path: Path) -> str:
    """Read a secret file; the line break at its end is no part of the secret. Raises OSError."""
    return path.read_text(encoding="utf-8").strip("\r\n")


@dataclass
class Secrets:
    """Reads secret files relative to one configuration file, and gathers what could not be read."""

    folder: Path
    read: ReadSecret
    environment: Mapping[str, str] = field(default_factory=dict)
    """Where AWS' own variables are looked up."""
    problems: list[tuple[Place, str]] = field(default_factory=list)

    def of(self, inline: Secret | None, file: Text | None) -> Secret | None:
        """Return the secret given inline or by file; None where there is none or it cannot be read."""
        if not file:
            return inline or None
        path = self.folder / str(file)
        try:
            return Secret(self.read(path)) or None
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
            self.problems.append((file.place, f"cannot read the secret file {path}: {reason}"))
            return None


def slack_channel(config: SlackConfig, defaults: GlobalSpec, secrets: Secrets, *, strict: bool = False) -> SlackChannel:
    """Return the settings of one Slack integration: its own URL or token, else the global token, else the global URL.

    In `strict` mode each change is a message of its own, as in Alertmanager, unless update_message asks to edit the first.
    """
    made = _slack_access(config, defaults, secrets)
    return replace(made, style="edit" if config.update_message else "post") if strict else made


def _slack_access(config: SlackConfig, defaults: GlobalSpec, secrets: Secrets) -> SlackChannel:
    timeout_ms = config.timeout or 10_000
    bearer = _bearer(config.http_config or defaults.http_config, secrets)
    if config.app_token or config.app_token_file:
        token = secrets.of(config.app_token, config.app_token_file)
        return SlackChannel(
            token, base_url=_slack_base(config.app_url or defaults.slack_app_url), timeout_ms=timeout_ms
        )
    if config.api_url or config.api_url_file:
        return _slack_by_url(secrets.of(config.api_url, config.api_url_file), bearer, timeout_ms)
    if bearer:
        address = config.app_url or defaults.slack_app_url
        return SlackChannel(bearer, base_url=_slack_base(address), timeout_ms=timeout_ms)
    if defaults.slack_app_token or defaults.slack_app_token_file:
        token = secrets.of(defaults.slack_app_token, defaults.slack_app_token_file)
        return SlackChannel(
            token, base_url=_slack_base(config.app_url or defaults.slack_app_url), timeout_ms=timeout_ms
        )
    return _slack_by_url(secrets.of(defaults.slack_api_url, defaults.slack_api_url_file), bearer, timeout_ms)


def _slack_by_url(url: Secret | None, bearer: Secret | None, timeout_ms: int) -> SlackChannel:
    """Tell an incoming webhook from the Web API's chat.postMessage with a bearer token (an older way to use a bot)."""
    if url and bearer and url.reveal().endswith("/chat.postMessage"):
        return SlackChannel(bearer, base_url=_slack_base(url.reveal()), timeout_ms=timeout_ms)
    return SlackChannel(webhook_url=url, timeout_ms=timeout_ms)


def _slack_base(address: str) -> str:
    """Return the Web API's base for chat.postMessage's address; Slack's own is ""."""
    return "" if address in ("", SLACK_POST) else address.removesuffix("chat.postMessage")


def webhook_channel(config: WebhookConfig, defaults: GlobalSpec, secrets: Secrets) -> WebhookChannel:
    """Return the settings of one webhook."""
    http = config.http_config or defaults.http_config
    basic = http.basic_auth if http else None
    return WebhookChannel(
        url=secrets.of(config.url, config.url_file),
        bearer_token=_bearer(http, secrets),
        username=basic.username if basic else "",
        password=secrets.of(basic.password, basic.password_file) if basic else None,
        max_alerts=config.max_alerts,
        timeout_ms=config.timeout or 10_000,
    )


def _bearer(http: HttpConfig | None, secrets: Secrets) -> Secret | None:
    if http is None:
        return None
    if http.authorization:
        return secrets.of(http.authorization.credentials, http.authorization.credentials_file)
    return secrets.of(http.bearer_token, http.bearer_token_file)


def people_slack(section: SlackSection | None, defaults: GlobalSpec, secrets: Secrets, am: Secrets) -> SlackChannel:
    """Return how people's Slack messages travel: `channels.slack`, else alertmanager.yml's `global:`."""
    if section is None:
        if defaults.slack_app_token or defaults.slack_app_token_file:
            token = am.of(defaults.slack_app_token, defaults.slack_app_token_file)
            return SlackChannel(token, base_url=_slack_base(defaults.slack_app_url))
        return SlackChannel(webhook_url=am.of(defaults.slack_api_url, defaults.slack_api_url_file))
    return SlackChannel(
        bot_token=secrets.of(section.bot_token, section.bot_token_file),
        webhook_url=secrets.of(section.webhook_url, section.webhook_url_file),
        base_url=section.base_url,
        broadcast=section.broadcast,
        timeout_ms=section.timeout,
    )


def people_sms(section: SmsSection | None, secrets: Secrets) -> TwilioChannel | GatewayChannel:
    """Return how SMS travel: Twilio or a gateway. Without the section it is a Twilio channel that lacks everything."""
    if section is None:
        return TwilioChannel()
    if section.provider == "twilio":
        token = secrets.of(section.auth_token, section.auth_token_file) if section.account_sid else None
        return TwilioChannel(section.account_sid, token, section.from_, section.base_url, section.timeout)
    made = GatewayChannel(
        url=secrets.of(section.url, section.url_file),
        method=section.method,
        headers=Labels(section.headers),
        body=section.body,
        bearer_token=secrets.of(section.bearer_token, section.bearer_token_file),
        username=section.username,
        password=secrets.of(section.password, section.password_file),
        id_field=section.id_field,
        timeout_ms=section.timeout,
    )
    if not section.fields:
        return made
    return replace(made, fields=Labels(section.fields))
