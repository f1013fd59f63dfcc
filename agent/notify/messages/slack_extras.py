"""What slack_configs add to our layout: fields, buttons, pictures, a fallback. Rendered and bounded, in Slack's structure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from agent.notify.messages.escape import clip, clip_mrkdwn, one_line, web_link

Say = Callable[[Any, str], str]
"""Renders one text of alertmanager.yml, "" where there is none; the second argument names it in errors."""

FIELDS_IN_A_SECTION: Final = 10
_MOST_FIELDS: Final = 40
_MOST_BUTTONS: Final = 15
_FIELD: Final = 2_000
_LABEL: Final = 75
_URL: Final = 3_000


@dataclass(frozen=True, slots=True)
class SlackExtras:
    """What a slack config adds; empty where it says nothing. `blocks` holds the fields, `picture` the image's block."""

    blocks: tuple[Mapping[str, Any], ...] = ()
    buttons: tuple[Mapping[str, Any], ...] = ()
    picture: Mapping[str, Any] | None = None
    thumbnail: Mapping[str, Any] | None = None
    fallback: str = ""


def extras(options: Mapping[str, Any], say: Say) -> SlackExtras:
    """Render the options of a message's row: fields, actions, image_url, thumb_url, fallback."""
    return SlackExtras(
        blocks=tuple(_sections(_fields(options.get("fields"), say))),
        buttons=tuple(_buttons(options.get("actions"), say)),
        picture=_image(say(options.get("image_url"), "image_url")),
        thumbnail=_image(say(options.get("thumb_url"), "thumb_url")),
        fallback=one_line(say(options.get("fallback"), "fallback"), 1_000),
    )


def mrkdwn(text: str) -> dict[str, Any]:
    """Return Slack's text object; `verbatim`, so that names of channels and people in it are not turned into links."""
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def button(label: str, url: str, action_id: str, style: str = "") -> dict[str, Any]:
    """Return a button that opens a page; it needs nothing of ours that Slack could reach."""
    made: dict[str, Any] = {
        "type": "button",
        "text": {"type": "plain_text", "text": clip(label, _LABEL)},
        "url": url,
        "action_id": action_id,
    }
    return made | ({"style": style} if style in ("primary", "danger") else {})


def usable_link(url: str) -> str:
    """Return an http(s) link that Slack takes, else ""."""
    link = web_link(url, "")
    return link if len(link) <= _URL else ""


def _fields(written: Any, say: Say) -> Iterable[tuple[str, bool]]:
    for number, field in enumerate(list(written or ())[:_MOST_FIELDS], 1):
        title = say(field.get("title"), f"title of field {number}")
        value = say(field.get("value"), f"value of field {number}")
        text = "\n".join(part for part in (f"*{title.strip()}*" if title.strip() else "", value.strip()) if part)
        if text:
            yield clip_mrkdwn(text, _FIELD), bool(field.get("short"))


def _sections(fields: Iterable[tuple[str, bool]]) -> Iterable[Mapping[str, Any]]:
    """Give short fields two in a row, long ones a row of their own."""
    row: list[dict[str, Any]] = []
    for text, short in fields:
        if row and (not short or len(row) == FIELDS_IN_A_SECTION):
            yield {"type": "section", "fields": row}
            row = []
        if short:
            row.append(mrkdwn(text))
        else:
            yield {"type": "section", "text": mrkdwn(text)}
    if row:
        yield {"type": "section", "fields": row}


def _buttons(written: Any, say: Say) -> Iterable[Mapping[str, Any]]:
    for number, action in enumerate(list(written or ())[:_MOST_BUTTONS], 1):
        said = {name: say(action.get(name), f"{name} of action {number}") for name in ("text", "url", "style")}
        link, label = usable_link(said["url"]), one_line(said["text"], _LABEL)
        if link and label:
            made = button(label, link, f"action-{number}", said["style"])
            confirm = _confirmation(action.get("confirm"), number, say)
            yield made | ({"confirm": confirm} if confirm else {})


def _confirmation(written: Any, number: int, say: Say) -> dict[str, Any] | None:
    if not written:
        return None
    limits = {"title": 100, "text": 300, "ok_text": 30, "dismiss_text": 30}
    defaults = {"title": "Are you sure?", "text": "", "ok_text": "Yes", "dismiss_text": "No"}
    said = {
        name: one_line(say(written.get(name), f"{name} of the confirmation of action {number}"), limit)
        or defaults[name]
        for name, limit in limits.items()
    }
    names = {"title": "title", "text": "text", "ok_text": "confirm", "dismiss_text": "deny"}
    return {names[name]: {"type": "plain_text", "text": text} for name, text in said.items()} if said["text"] else None


def _image(url: str) -> dict[str, Any] | None:
    link = usable_link(url)
    return {"type": "image", "image_url": link, "alt_text": "picture from alertmanager.yml"} if link else None
