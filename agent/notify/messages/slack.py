"""Putting a message's Slack fields into Slack's structure: one line of text, a coloured attachment with blocks, buttons.

The limits are Slack's: 50 blocks, 3000 characters a section, ten fields of 2000, 75 on a button, and about 13,000 over all
blocks (undocumented, `msg_blocks_too_long`), of which 10,000 are used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from agent.notify.messages.content import Content
from agent.notify.messages.escape import clip_mrkdwn, slack_escape
from agent.notify.messages.slack_extras import SlackExtras, button, mrkdwn, usable_link

COLOURS: Final = {"critical": "#d40e0d", "warning": "#f2a600", "info": "#3d7bd9"}
NAMED_COLOURS: Final = {"danger": "#d40e0d", "warning": "#f2a600", "good": "#2fa44f"}
RESOLVED_COLOUR: Final = "#2fa44f"
ACKNOWLEDGED_COLOUR: Final = "#8f8f8f"
_BUDGET: Final = 10_000
_MOST_BLOCKS: Final = 50
_MOST_BUTTONS: Final = 25
_HEADLINE: Final = 1_000
_SECTION: Final = 3_000
_FIELD: Final = 2_000
_SMALL_PRINT: Final = 1_000
"""What is kept of the budget for the lines below the buttons: who acknowledges, what went wrong in a template."""
_NOTHING_MORE: Final = SlackExtras()


def colour(content: Content) -> str:
    """Return the bar's colour: green once resolved, grey once acknowledged, else the severity's."""
    if content.status == "resolved":
        return RESOLVED_COLOUR
    return ACKNOWLEDGED_COLOUR if content.acknowledged_by else COLOURS.get(content.severity, COLOURS["info"])


def attachment(
    content: Content, fields: Mapping[str, str], bar: str, notes: str, more: SlackExtras = _NOTHING_MORE
) -> dict[str, Any]:
    """Return the coloured part of the message; `notes` is small print such as a template's error.

    Where all of it is too long the lists are cut first, then what the slack config adds is left out.
    """
    buttons = _buttons(content, more.buttons)
    room = _BUDGET - _SMALL_PRINT - _size(buttons)
    blocks: list[dict[str, Any]] = []
    for block in (*_sections(fields, more.thumbnail, room), *more.blocks, more.picture):
        if block and len(blocks) < _MOST_BLOCKS - 3 and _size([*blocks, block]) <= room:
            blocks.append(dict(block))
    if buttons:
        blocks.append({"type": "actions", "elements": buttons})
    left = _BUDGET - _size(blocks)
    for small in (fields.get("context", ""), notes):
        shown = clip_mrkdwn(small, max(100, min(_FIELD, left - 100)))
        if shown:
            blocks.append({"type": "context", "elements": [mrkdwn(shown)]})
            left -= _size(blocks[-1:])
    fallback = more.fallback or slack_escape(f"{content.short_severity} {content.title}")
    return {"color": bar, "fallback": fallback, "blocks": blocks}


def headline(text: str) -> str:
    """Return the message's first line within what a push notification shows."""
    return clip_mrkdwn(" ".join(text.split()), _HEADLINE)


def linked(text: str, url: str) -> str:
    """Return `text`, which is mrkdwn already, as a link where there is a URL that Slack takes."""
    link = usable_link(url)
    return f"<{slack_escape(link).replace('|', '%7C')}|{' '.join(text.split()).replace('|', '/')}>" if link else text


def _sections(fields: Mapping[str, str], thumbnail: Mapping[str, Any] | None, room: int) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []
    for name in ("body", "facts", "alerts"):
        left = room - _size(made) - 200
        shown = clip_mrkdwn(fields.get(name, ""), max(10, min(_SECTION, left // (1 + _weight(fields.get(name, ""))))))
        if shown.strip():
            made.append(_facts(shown) if name == "facts" else {"type": "section", "text": mrkdwn(shown)})
    if thumbnail and made and "text" in made[0]:
        made[0]["accessory"] = dict(thumbnail)
    return made


def _weight(text: str) -> int:
    """Return how many bytes a character of the text takes beyond one: Slack's sum seems to be over encoded blocks."""
    return len(text.encode("utf-8", "replace")) // len(text) - 1 if text else 0


def _size(blocks: Sequence[Mapping[str, Any]]) -> int:
    return len(msgspec.json.encode(blocks))


def _facts(text: str) -> dict[str, Any]:
    lines = [line for line in text.splitlines() if line.strip()][:10]
    return {"type": "section", "fields": [mrkdwn(clip_mrkdwn(line.replace(" | ", "\n", 1), _FIELD)) for line in lines]}


def _buttons(content: Content, further: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return what can be done: acknowledge first, then what helps, then what the slack config adds."""
    firing = content.status == "firing"
    wanted = (
        ("Acknowledge", content.ack_link if firing else "", "acknowledge", "primary"),
        ("Silence", content.silence_link if firing else "", "silence", ""),
        ("Runbook", content.runbook, "open-runbook", "primary" if firing and not content.ack_link else ""),
        ("Details", content.page, "open-details", ""),
        ("Dashboard", content.dashboard, "open-dashboard", ""),
    )
    made = [button(label, url, action, style) for label, url, action, style in wanted if usable_link(url)]
    return [*made, *(dict(each) for each in further)][:_MOST_BUTTONS]
