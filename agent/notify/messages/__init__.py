"""The words of a message: what it says (`Content`), and how it reads as mail, in Slack and as a text message.

Nothing here sends. Labels and annotations are strangers' text and are bounded and escaped for each channel.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agent.notify.messages.content import AlertText, Content
    from agent.notify.messages.environment import shipped_templates
    from agent.notify.messages.renderer import EmailText, Renderer, SlackText
    from agent.notify.messages.samples import sample_alert, sample_notification, sample_notifications

__all__ = [
    "AlertText",
    "Content",
    "EmailText",
    "Renderer",
    "SlackText",
    "sample_alert",
    "sample_notification",
    "sample_notifications",
    "shipped_templates",
]

_HOMES = {
    "AlertText": "content",
    "Content": "content",
    "EmailText": "renderer",
    "Renderer": "renderer",
    "SlackText": "renderer",
    "sample_alert": "samples",
    "sample_notification": "samples",
    "sample_notifications": "samples",
    "shipped_templates": "environment",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
