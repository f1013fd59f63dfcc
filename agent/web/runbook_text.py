"""Turns a runbook's Markdown into HTML, with raw HTML disabled and unsafe links refused; finds an alert's runbook."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from markdown_it import MarkdownIt


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    # CommonMark with tables. html False escapes tags; markdown-it itself refuses javascript:, vbscript:, file: and data:.
    return MarkdownIt("commonmark", {"html": False}).enable("table")


def to_html(markdown: str) -> str:
    """Return safe HTML."""
    return str(_parser().render(markdown))


def plain_name(name: str) -> str:
    """Return a runbook's name without the ending that a link may carry."""
    return name.removesuffix(".md").removesuffix(".html")


def local_name(url: str, known: Sequence[str]) -> str:
    """Return which of our runbooks `url` means, "" where none: the agent's copy is there while the app is down."""
    try:
        last = unquote(urlsplit(url).path.rstrip("/").rpartition("/")[2])
    except ValueError:
        return ""
    return plain_name(last) if plain_name(last) in known else ""


def outside_link(url: str) -> str:
    """Return `url` if a browser may follow it (absolute http or https), else ""."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return url if parts.scheme in ("http", "https") and parts.netloc else ""
