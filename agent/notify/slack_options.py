"""What slack_configs say of a message, as plain data: it is kept with the message's row and rendered when it is sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from agent.notify.integrations import SlackAction, SlackConfig
from agent.schema import Text

_TEXTS: Final = (
    "username",
    "color",
    "title",
    "title_link",
    "pretext",
    "text",
    "message_text",
    "footer",
    "fallback",
    "callback_id",
    "icon_emoji",
    "icon_url",
    "image_url",
    "thumb_url",
)
_ACTION_TEXTS: Final = ("type", "text", "url", "style", "name", "value")
_CONFIRMATION_TEXTS: Final = ("title", "text", "ok_text", "dismiss_text")


def slack_texts(config: SlackConfig) -> Mapping[str, Text | None]:
    """Return every text of a slack config that may be a Go template, under the name that errors show."""
    found: dict[str, Text | None] = {"channel": config.channel}
    found |= {name: getattr(config, name) for name in _TEXTS}
    for number, field in enumerate(config.fields, 1):
        found |= {f"title of field {number}": field.title, f"value of field {number}": field.value}
    for number, action in enumerate(config.actions, 1):
        found |= {f"{name} of action {number}": getattr(action, name) for name in _ACTION_TEXTS}
        if action.confirm:
            confirm = {f"{name} of the confirmation of action {number}": name for name in _CONFIRMATION_TEXTS}
            found |= {shown: getattr(action.confirm, name) for shown, name in confirm.items()}
    return found


def slack_options(config: SlackConfig) -> dict[str, Any]:
    """Return the options of a message's row: plain JSON, None left out."""
    made: dict[str, Any] = _said(config, _TEXTS)
    if config.fields:
        made["fields"] = [
            {
                "title": str(field.title),
                "value": str(field.value),
                "short": config.short_fields if field.short is None else field.short,
            }
            for field in config.fields
        ]
    if config.actions:
        made["actions"] = [_action(action) for action in config.actions]
    if config.link_names:
        made["link_names"] = True
    if config.mrkdwn_in:
        made["mrkdwn_in"] = list(config.mrkdwn_in)
    return made


def _action(action: SlackAction) -> dict[str, Any]:
    made: dict[str, Any] = _said(action, _ACTION_TEXTS)
    if action.confirm:
        made["confirm"] = _said(action.confirm, _CONFIRMATION_TEXTS)
    return made


def _said(config: object, names: tuple[str, ...]) -> dict[str, str]:
    return {name: str(getattr(config, name)) for name in names if getattr(config, name) is not None}
