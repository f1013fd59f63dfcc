"""Making strangers' text harmless for the place it is put: a header, a line, Slack's mrkdwn, a link. Pure functions.

Label values come from whoever writes metrics, so they may hold newlines, markup, mentions or a hundred kilobytes.
"""

from __future__ import annotations

import re
import unicodedata
from ipaddress import ip_address
from typing import Final
from urllib.parse import quote, urljoin, urlsplit

from markupsafe import Markup

_LONGEST_LINK: Final = 2000
_MENTION_WORDS: Final = re.compile(r"@(channel|here|everyone)", re.IGNORECASE)
_MENTION_MARKUP: Final = re.compile(r"<(!(?:channel|here|everyone|subteam)[^>]*|@[A-Z0-9]+[^>]*)>")


def one_line(text: str, limit: int = 200) -> str:
    """Return `text` on one line, without control characters, at most `limit` characters long (… marks a cut)."""
    visible = "".join(
        " " if unicodedata.category(each) in ("Cc", "Zl", "Zp") else each
        for each in text[: 4 * limit]
        if unicodedata.category(each) not in ("Cs", "Cf") or each == "\u200d"
    )
    return clip(" ".join(visible.split()), limit)


def paragraph(text: str, limit: int = 2000) -> str:
    """Return `text` with its line breaks, each line cleaned as by `one_line`, at most `limit` characters in all."""
    lines = [one_line(line, limit) for line in text[: 4 * limit].strip().splitlines()]
    return clip("\n".join(lines).strip(), limit)


def clip(text: str, limit: int) -> str:
    """Cut `text` to `limit` characters, the last being … where something was cut."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def slack_escape(text: object) -> str:
    """Escape what Slack reads as markup (& < >) and take the power from @channel, @here and @everyone."""
    if isinstance(text, Markup):
        return str(text)
    escaped = str(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _MENTION_WORDS.sub("@\u200b\\1", escaped)


def slack_link(url: str, text: str) -> Markup:
    """Return Slack's link; just the text where there is no URL."""
    label = slack_escape(text).replace("|", "/")
    if not url:
        return Markup(label)  # noqa: S704 - escaped on the line above, for Slack
    return Markup(f"<{slack_escape(url).replace('|', '%7C')}|{label}>")  # noqa: S704 - both parts are escaped for Slack


def slack_code(text: object) -> Markup:
    """Return Slack's `code`; a backtick within would end it and becomes an apostrophe."""
    return Markup("`" + slack_escape(one_line(str(text))).replace("`", "'") + "`")  # noqa: S704 - escaped for Slack


def slack_time(at_ms: int, fallback: str) -> Markup:
    """Return a time of day that Slack shows in the reader's own zone, `fallback` where it cannot."""
    shown = slack_escape(fallback).replace("|", "/")
    return Markup(f"<!date^{at_ms // 1000}^{{time}}|{shown}>")  # noqa: S704 - escaped on the line above, for Slack


def without_foreign_mentions(text: str, source: str) -> str:
    """Disarm the mentions in `text` that its template `source` does not spell out itself: they came with the data."""

    def disarm(found: re.Match[str]) -> str:
        return found[0] if found[0] in source else f"&lt;{found[1]}&gt;"

    return _MENTION_MARKUP.sub(disarm, text)


def clip_mrkdwn(text: str, limit: int) -> str:
    """Cut mrkdwn to `limit` characters without leaving half a link or half an escape; lists are cut between lines."""
    if len(text) <= limit:
        return text
    kept = text[: limit - 2]
    last_break = kept.rfind("\n")
    if last_break > limit // 2:
        kept = kept[:last_break]
    else:
        if kept.rfind("<") > kept.rfind(">"):
            kept = kept[: kept.rfind("<")]
        if kept.rfind("&") > kept.rfind(";"):
            kept = kept[: kept.rfind("&")]
    return kept.rstrip() + "\n…"


def web_link(url: str, base: str) -> str:
    """Return `url` made absolute against `base`, or "" where the result is no http(s) link.

    A scheme such as javascript: in an annotation must not become a button; neither must what is longer than providers take
    of a link (Slack's buttons: 3,000 characters), for half a link leads nowhere.
    """
    text = one_line(url, _LONGEST_LINK)
    if not text or len(url) > _LONGEST_LINK:
        return ""
    try:
        absolute = urljoin(base.rstrip("/") + "/", text.lstrip("/")) if not urlsplit(text).scheme else text
        parts = urlsplit(absolute)
    except ValueError:
        return ""
    link = quote(absolute, safe="%/:?#[]@!$&'()*+,;=~") if parts.scheme in ("http", "https") and parts.netloc else ""
    return link if len(link) <= _LONGEST_LINK else ""


def is_loopback(url: str) -> bool:
    """Say whether `url` leads to the machine that opens it: 127.0.0.0/8, ::1 or localhost."""
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
