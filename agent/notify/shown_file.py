"""alertmanager.yml as it may be shown: every secret replaced, comments gone, and still a file that amtool can parse.

It goes by the names of keys, so that a secret of an integration that we do not send is hidden as well. What is written
inside a URL (its password, and a webhook's whole path) is hidden in place, because amtool wants a URL there.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import yaml

from agent.model import format_duration
from agent.notify.routing import Routing

HIDDEN: Final = "<secret>"
SECRET_KEYS: Final = frozenset(
    {
        "access_key",
        "api_key",
        "api_secret",
        "api_token",
        "app_token",
        "auth_password",
        "auth_secret",
        "bearer_token",
        "bot_token",
        "client_certificate_key",
        "client_secret",
        "credentials",
        "key",
        "opsgenie_api_key",
        "password",
        "proxy_connect_header",
        "rocketchat_token",
        "rocketchat_token_id",
        "routing_key",
        "secret_key",
        "secrets",
        "service_key",
        "slack_api_url",
        "slack_app_token",
        "smtp_auth_password",
        "smtp_auth_secret",
        "telegram_bot_token",
        "token",
        "token_id",
        "user_key",
        "victorops_api_key",
        "webhook_url",
        "wechat_api_secret",
        "mattermost_webhook_url",
        "alert_source_token",
    }
)
"""Whatever stands under one of these is hidden, in whichever integration."""
_SECRET_URLS: Final = frozenset({("slack_configs", "api_url")})
_SECRET_PATHS: Final = frozenset({("webhook_configs", "url"), ("incidentio_configs", "url")})
_MEANT: Final = frozenset(
    {"labels", "match", "match_re", "headers", "details", "payload", "source_match", "target_match"}
)
"""Under these, keys are anybody's words, and no settings."""


def file_without_secrets(routing: Routing) -> str:
    """Return the text of alertmanager.yml without its secrets; of a routing that no file gave, one that says the same."""
    return without_secrets(routing.original) if routing.original else _written(routing)


@lru_cache(maxsize=4)
def without_secrets(text: str) -> str:
    """Return a file's YAML with its secrets replaced. The text must be one that has been loaded."""
    hidden = _hide(yaml.safe_load(text), "")
    return yaml.safe_dump(hidden, sort_keys=False, allow_unicode=True, default_flow_style=False, width=1000)


def _hide(value: Any, under: str) -> Any:
    if isinstance(value, list):
        return [_hide(each, under) for each in value]
    if isinstance(value, str):
        return _without_password(value)
    if not isinstance(value, dict) or under in _MEANT:
        return value
    return {name: _hidden(str(name), each, under) for name, each in value.items()}


def _hidden(name: str, value: Any, under: str) -> Any:
    if value in (None, ""):
        return value
    if name in SECRET_KEYS or (under, name) in _SECRET_URLS:
        return _masked(value)
    if (under, name) in _SECRET_PATHS and isinstance(value, str):
        return _only_host(value)
    # The settings of an integration may be nested: what is below belongs to it, but a list's name says where we are.
    return _hide(value, name)


def _masked(value: Any) -> Any:
    if isinstance(value, list):
        return [_masked(each) for each in value]
    if isinstance(value, dict):
        return {name: _masked(each) for name, each in value.items()}
    return HIDDEN


def _only_host(url: str) -> str:
    parts = urlsplit(url)
    if not parts.hostname:
        return f"http://{HIDDEN}" if "{{" in url else HIDDEN
    port = f":{parts.port}" if parts.port else ""
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}{port}/{HIDDEN}"


def _without_password(text: str) -> str:
    """Hide the password in a URL, as Alertmanager does in a proxy's."""
    if "://" not in text or "@" not in text:
        return text
    try:
        parts = urlsplit(text)
        password = parts.password
    except ValueError:
        return text
    if not password:
        return text
    address = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{parts.username}:xxxxx@{address}"))


def _written(routing: Routing) -> str:
    root = routing.root
    route = {
        "receiver": root.receiver,
        "group_by": ["..."] if root.group_by_all else sorted(root.group_by),
        "group_wait": format_duration(root.group_wait_ms),
        "group_interval": format_duration(root.group_interval_ms),
        "repeat_interval": format_duration(root.repeat_interval_ms),
    }
    whole = {"route": route, "receivers": [{"name": name} for name in routing.receivers]}
    return yaml.safe_dump(whole, sort_keys=False)
