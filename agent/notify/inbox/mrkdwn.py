"""Slack's mrkdwn as HTML for the inbox's page: bold, strike, italics, code, links, times, a few emoji. It emits no raw input."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime
from typing import Final

from markupsafe import Markup

_ANGLE: Final = re.compile(r"<([^<>]+)>")
_EMOJI: Final = {
    "red_circle": '<i class="dot" style="background:#d40e0d"></i>',
    "large_yellow_circle": '<i class="dot" style="background:#f2a600"></i>',
    "large_blue_circle": '<i class="dot" style="background:#3d7bd9"></i>',
    "large_green_circle": '<i class="dot" style="background:#2fa44f"></i>',
    "white_circle": '<i class="dot" style="background:#8f8f8f"></i>',
    "small_red_triangle": '<i class="tip" style="border-bottom-color:#d40e0d"></i>',
    "white_check_mark": '<i class="done">&#10003;</i>',
}
_STYLES: Final = (("*", "b"), ("~", "s"), ("_", "em"))
_ESCAPED: Final = re.compile(r"&amp;(amp|lt|gt);")


def to_html(text: str) -> Markup:
    """Return the text as safe HTML, as Slack would show it."""
    out: list[str] = []
    for number, piece in enumerate(text.split("`")):
        out.append(f"<code>{_plain(piece)}</code>" if number % 2 else _styled(piece))
    return Markup("".join(out).replace("\n", "<br>"))  # noqa: S704 - every piece was escaped


def _styled(text: str) -> str:
    parts, at = [], 0
    for found in _ANGLE.finditer(text):
        parts += [_plain(text[at : found.start()]), _angle(found[1])]
        at = found.end()
    shown = "".join([*parts, _plain(text[at:])])
    for mark, tag in _STYLES:
        edge = re.escape(mark)
        shown = re.sub(
            rf"(?<![\w{edge}]){edge}(?=\S)([^{edge}\n]+?)(?<=\S){edge}(?![\w{edge}])", rf"<{tag}>\1</{tag}>", shown
        )
    return re.sub(r":([a-z_]+):", lambda found: _EMOJI.get(found[1], found[0]), shown)


def _angle(inside: str) -> str:
    """Return what stands between < and >: a link, a time, a mention."""
    target, _, label = inside.partition("|")
    if target.startswith("!date^"):
        return _plain(_date(target, label))
    if target.startswith(("!", "@", "#")):
        return f'<b class="mention">{_plain(label or target)}</b>'
    if target.startswith(("http://", "https://", "mailto:")):
        address = html.escape(html.unescape(target), quote=True)
        return f'<a href="{address}" rel="noreferrer">{_plain(label or target)}</a>'
    return _plain(f"<{inside}>")


def _date(target: str, fallback: str) -> str:
    parts = target.split("^")
    try:
        at = datetime.fromtimestamp(int(parts[1]), UTC)
    except (ValueError, IndexError, OverflowError, OSError):
        return fallback
    return parts[2].replace("{time}", f"{at:%H:%M} UTC") if len(parts) > 2 and parts[2] == "{time}" else fallback


def _plain(text: str) -> str:
    """Escape for HTML; Slack's own &amp; &lt; &gt; stay what they stand for."""
    return _ESCAPED.sub(r"&\1;", html.escape(text, quote=True))
