"""The words of a message: what it says (`Content`), and how it reads as mail, in Slack and as a text message.

Nothing here sends. Labels and annotations are strangers' text and are bounded and escaped for each channel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.doors import lazy

if TYPE_CHECKING:
    from agent.notify.messages.content import AlertText, Content, describe
    from agent.notify.messages.renderer import EmailText, Renderer, SlackText
    from agent.notify.messages.samples import named_samples, sample_alert, sample_notification, sample_notifications
    from agent.notify.messages.shipped import shipped_templates
    from agent.notify.messages.trial import template_problems
    from agent.notify.messages.wording import clock_in, moment_in

__all__ = [
    "AlertText",
    "Content",
    "EmailText",
    "Renderer",
    "SlackText",
    "clock_in",
    "describe",
    "moment_in",
    "named_samples",
    "sample_alert",
    "sample_notification",
    "sample_notifications",
    "shipped_templates",
    "template_problems",
]

__getattr__ = lazy(
    __name__,
    {
        "content": (
            "AlertText",
            "Content",
            "describe",
        ),
        "shipped": ("shipped_templates",),
        "renderer": (
            "EmailText",
            "Renderer",
            "SlackText",
        ),
        "samples": (
            "named_samples",
            "sample_alert",
            "sample_notification",
            "sample_notifications",
        ),
        "trial": ("template_problems",),
        "wording": ("clock_in", "moment_in"),
    },
)
