"""alertmanager.yml as it is shown: without one secret, and nothing else gone that somebody needs."""

from __future__ import annotations

import dataclasses
import typing

import pytest
import yaml

from agent.model import Secret
from agent.notify import alertmanager_file, file_without_secrets, integrations, log_only
from agent.notify.shown_file import SECRET_KEYS, without_secrets

FILE = """
# an old token: planted-comment
global:
  smtp_auth_password: planted-1
  slack_api_url: https://hooks.slack.com/services/planted-2
  http_config: {proxy_url: "http://user:planted-3@proxy:3128", authorization: {credentials: planted-4}}
route: {receiver: all, matchers: [], routes: [{receiver: all, matchers: ['token="not-a-secret"']}]}
receivers:
- name: all
  webhook_configs:
  - {url: "https://hook.example.org:8443/planted-5?key=planted-6", http_config: {basic_auth: {username: u, password: planted-7}}}
  - url: https://user:planted-8@hook.example.org/x
  slack_configs: [{api_url: "https://hooks.slack.com/planted-9", channel: "#x"}, {app_token: planted-10}]
  pagerduty_configs: [{routing_key: planted-11, details: {key: shown}}]
  sns_configs: [{topic_arn: a, sigv4: {access_key: planted-12, secret_key: planted-13}}]
  telegram_configs: [{bot_token: planted-14, chat_id: 1}]
  discord_configs: [{webhook_url: "https://discord.com/planted-15"}]
  opsgenie_configs: [{api_key: planted-16, http_config: {oauth2: {client_secret: planted-17, token_url: "https://x"}}}]
  email_configs: [{to: a@b, auth_password: planted-18, tls_config: {cert_file: c, key: planted-19}, headers: {token: shown}}]
  pushover_configs: [{user_key: planted-20, token: planted-21}]
  incidentio_configs: [{url: "https://api/planted-22", alert_source_token: planted-23}]
  rocketchat_configs: [{token: planted-24, token_id: planted-25}]
"""


def test_no_secret_and_no_comment_is_shown_and_the_rest_is():
    shown = without_secrets(FILE)

    assert "planted" not in shown
    data = yaml.safe_load(shown)
    assert data["route"] == yaml.safe_load(FILE)["route"]
    assert [each["url"] for each in data["receivers"][0]["webhook_configs"]] == [
        "https://hook.example.org:8443/<secret>",
        "https://hook.example.org/<secret>",
    ]
    assert data["global"]["http_config"]["proxy_url"] == "http://user:xxxxx@proxy:3128"
    assert data["receivers"][0]["pagerduty_configs"][0]["details"] == {"key": "shown"}
    assert data["receivers"][0]["email_configs"][0]["headers"] == {"token": "shown"}


def secret_fields():
    """Give the names of all settings of alertmanager.yml that we read as secrets."""
    for module in (alertmanager_file, integrations):
        for cls in vars(module).values():
            if dataclasses.is_dataclass(cls):
                hints = typing.get_type_hints(cls)
                yield from ((cls.__name__, name) for name, hint in hints.items() if Secret in typing.get_args(hint))


@pytest.mark.parametrize(("cls", "name"), sorted(set(secret_fields())))
def test_every_setting_that_is_read_as_a_secret_is_hidden(cls, name):
    """Or, where its name alone does not say so, `test_no_secret_and_no_comment_is_shown_and_the_rest_is` has it."""
    by_place = {("WebhookConfig", "url"), ("SlackConfig", "api_url"), ("HttpConfig", "proxy_url")}

    assert name in SECRET_KEYS or (cls, name) in by_place


def test_without_a_file_what_runs_is_shown_as_one():
    shown = yaml.safe_load(file_without_secrets(log_only()))

    assert shown["receivers"] == [{"name": "log"}]
    assert shown["route"]["receiver"] == "log"
