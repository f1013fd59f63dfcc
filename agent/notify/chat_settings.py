"""Make the settings of Slack, webhooks and PagerDuty out of what the two files say: own values win over `global:`."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from agent.model import Secret
from agent.notify.alertmanager_file import GlobalSpec
from agent.notify.channels import PagerDutyChannel, SlackChannel, WebhookChannel
from agent.notify.escalation_file import PagerDutySection, SlackSection
from agent.notify.http_settings import credentials, http_settings
from agent.notify.integrations import SLACK_POST, SlackConfig, WebhookConfig
from agent.notify.pagerduty_config import PagerDutyConfig
from agent.notify.settings import Secrets

_PATIENCE_MS: Final = {False: 10_000, True: 24 * 3_600_000}
"""How long an answer is awaited where nothing is written: in strict mode (True) as long as the tick lasts."""


def slack_channel(config: SlackConfig, defaults: GlobalSpec, secrets: Secrets, *, strict: bool = False) -> SlackChannel:
    """Return the settings of one Slack integration: its own URL or token, else the global token, else the global URL.

    In `strict` mode each change is a message of its own, as in Alertmanager, unless update_message asks to edit the first.
    """
    made = replace(
        _slack_access(config, defaults, secrets, config.timeout or _PATIENCE_MS[strict]),
        http=http_settings(config.http_config or defaults.http_config, secrets),
    )
    return replace(made, style="edit" if config.update_message else "post") if strict else made


def _slack_access(config: SlackConfig, defaults: GlobalSpec, secrets: Secrets, timeout_ms: int) -> SlackChannel:
    bearer = credentials(config.http_config or defaults.http_config, secrets)
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


def webhook_channel(
    config: WebhookConfig, defaults: GlobalSpec, secrets: Secrets, *, strict: bool = False
) -> WebhookChannel:
    """Return the settings of one webhook."""
    return WebhookChannel(
        url=secrets.of(config.url, config.url_file),
        http=http_settings(config.http_config or defaults.http_config, secrets),
        max_alerts=config.max_alerts,
        timeout_ms=config.timeout or _PATIENCE_MS[strict],
    )


def pagerduty_channel(config: PagerDutyConfig, defaults: GlobalSpec, secrets: Secrets) -> PagerDutyChannel:
    """Return the settings of one PagerDuty integration."""
    return PagerDutyChannel(
        routing_key=secrets.of(config.routing_key, config.routing_key_file),
        url=config.url or defaults.pagerduty_url,
        http=http_settings(config.http_config or defaults.http_config, secrets),
        timeout_ms=config.timeout or 10_000,
    )


def people_pagerduty(section: PagerDutySection | None, secrets: Secrets) -> PagerDutyChannel:
    """Return the service that `{pagerduty: true}` tells: `channels.pagerduty`."""
    if section is None:
        return PagerDutyChannel()
    return PagerDutyChannel(
        routing_key=secrets.of(section.routing_key, section.routing_key_file),
        url=section.url,
        timeout_ms=section.timeout,
    )
