"""Putting a message's Slack fields into Slack's structure: one line of text, a coloured attachment with blocks, buttons.

The limits are Slack's: 3000 characters a section, ten fields of 2000, 75 on a button, and about 13,000 over all blocks
(undocumented, `msg_blocks_too_long`), of which 10,000 are used.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from agent.notify.messages.content import Content
from agent.notify.messages.escape import clip_mrkdwn, slack_escape

COLOURS: Final = {"critical": "#d40e0d", "warning": "#f2a600", "info": "#3d7bd9"}
NAMED_COLOURS: Final = {"danger": "#d40e0d", "warning": "#f2a600", "good": "#2fa44f"}
RESOLVED_COLOUR: Final = "#2fa44f"
ACKNOWLEDGED_COLOUR: Final = "#8f8f8f"
_BUDGET: Final = 10_000
_HEADLINE: Final = 1_000
_SECTION: Final = 3_000
_FIELD: Final = 2_000
_URL: Final = 3_000


def colour(content: Content) -> str:
    """Return the bar's colour: green once resolved, grey once acknowledged, else the severity's."""
    if content.status == "resolved":
        return RESOLVED_COLOUR
    return ACKNOWLEDGED_COLOUR if content.acknowledged_by else COLOURS.get(content.severity, COLOURS["info"])


def attachment(content: Content, fields: Mapping[str, str], bar: str, notes: str) -> dict[str, Any]:
    """Return the coloured part of the message; `notes` is small print such as a template's error."""
    blocks: list[dict[str, Any]] = []
    left = _BUDGET
    for name in ("body", "facts", "alerts"):
        shown = clip_mrkdwn(fields.get(name, ""), min(_SECTION, left))
        if shown:
            blocks.append(_facts(shown) if name == "facts" else {"type": "section", "text": _text(shown)})
            left -= len(shown)
    buttons = _buttons(content)
    if buttons:
        blocks.append({"type": "actions", "elements": buttons})
    for small in (fields.get("context", ""), notes):
        shown = clip_mrkdwn(small, min(_FIELD, max(left, 100)))
        if shown:
            blocks.append({"type": "context", "elements": [_text(shown)]})
            left -= len(shown)
    return {"color": bar, "fallback": slack_escape(f"{content.short_severity} {content.title}"), "blocks": blocks}


def headline(text: str) -> str:
    """Return the message's first line within what a push notification shows."""
    return clip_mrkdwn(" ".join(text.split()), _HEADLINE)


def _text(text: str) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _facts(text: str) -> dict[str, Any]:
    lines = [line for line in text.splitlines() if line.strip()][:10]
    return {"type": "section", "fields": [_text(clip_mrkdwn(line.replace(" | ", "\n", 1), _FIELD)) for line in lines]}


def _buttons(content: Content) -> list[dict[str, Any]]:
    wanted = (("Runbook", content.runbook), ("Details", content.page), ("Dashboard", content.dashboard))
    made = []
    for label, url in wanted:
        if url and len(url) <= _URL:
            button: dict[str, Any] = {
                "type": "button",
                "text": {"type": "plain_text", "text": label},
                "url": url,
                "action_id": f"open-{label.lower()}",
            }
            if label == "Runbook" and content.status == "firing":
                button["style"] = "primary"
            made.append(button)
    return made
