"""Markdown documents as the service reads them: a title, a topic, and passages split into units.

A passage is one section; a unit is a sentence, or a list item with the code below it, so that an answer quotes whole
steps. Files are read, never written, except a document that was added and is to outlive a restart.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

NAME: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
FIRST_STEPS: Final = "Check first"
_TOPIC: Final = re.compile(r"^\*Topic: ([a-z]+)\b.*\*$")
_ITEM: Final = re.compile(r"^(?:[-*]|\d+\.) +")
_SENTENCE_END: Final = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9`\"(])")
_HEADING: Final = re.compile(r"^#{2,6} +")
_LINK: Final = re.compile(r"\[([^\]]*)\]\(([^)\s]*)\)")


@dataclass(frozen=True, slots=True)
class Passage:
    """One section of a document: its heading and its units in reading order."""

    heading: str
    units: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """A document's name (kebab-case, unique), title, topic, passages and the markdown they come from."""

    name: str
    title: str
    topic: str
    passages: tuple[Passage, ...]
    text: str
    modified_seconds: float
    shipped: bool

    @property
    def first_steps(self) -> Passage | None:
        """What a runbook says to check first; None for a document that is no runbook."""
        return next((passage for passage in self.passages if passage.heading == FIRST_STEPS), None)


def parse_document(name: str, text: str, *, modified_seconds: float = 0.0, shipped: bool = False) -> Document:
    """Read a markdown text; without a `# title` the name stands in, without a topic line the topic is `other`."""
    title, topic = name.replace("-", " ").capitalize(), "other"
    body: list[str] = []
    for line in text.splitlines():
        if line.startswith("# ") and not body:
            title = line[2:].strip()
        elif found := _TOPIC.match(line.strip()):
            topic = found[1]
        elif body or line.strip():
            body.append(line)
    return Document(name, title, topic, tuple(_passages(title, body)), text, modified_seconds, shipped)


def _passages(title: str, lines: list[str]) -> Iterator[Passage]:
    heading, section, fenced = title, list[str](), False
    for line in lines:
        if line.lstrip().startswith("```"):
            fenced = not fenced
        if not fenced and _HEADING.match(line):
            if units := tuple(_units(section)):
                yield Passage(heading, units)
            heading, section = _HEADING.sub("", line).strip(), []
        else:
            section.append(line)
    if units := tuple(_units(section)):
        yield Passage(heading, units)


def _units(lines: list[str]) -> Iterator[str]:
    for block, is_item in _blocks(lines):
        if is_item or "```" in block:
            yield block
        else:
            yield from _SENTENCE_END.split(" ".join(block.split()))


def _blocks(lines: list[str]) -> Iterator[tuple[str, bool]]:
    """Group a section's lines into paragraphs and list items (told apart); a fence belongs to what precedes it."""
    block: list[str] = []
    fenced = blank = is_item = False
    for line in lines:
        stripped = line.strip()
        if fenced or stripped.startswith("```"):
            fenced = fenced != stripped.startswith("```")
            block.append(stripped)
        elif not stripped:
            blank = True
            continue
        else:
            item = _ITEM.match(stripped)
            if block and (item or (blank and not line.startswith(" "))):
                yield "\n".join(block), is_item
                block = []
            is_item = bool(item) if not block else is_item
            block.append(_ITEM.sub("", stripped))
        blank = False
    if block:
        yield "\n".join(block), is_item


def plain(unit: str) -> str:
    """Return a unit with every link replaced by its text."""
    return _LINK.sub(r"\1", unit)


def searchable(unit: str) -> str:
    """Return a unit without its links to other documents: whoever looks for their words wants those documents."""
    return _LINK.sub(lambda link: " " if link[2].endswith(".md") else link[1], unit)


def read_folder(folder: Path, *, shipped: bool) -> list[Document]:
    """Read every `*.md` of a folder in name order; a folder that does not exist holds nothing.

    Raises OSError and UnicodeDecodeError as they come: a service that cannot read its documents must not start.
    """
    return [
        parse_document(
            path.stem, path.read_text(encoding="utf-8"), modified_seconds=path.stat().st_mtime, shipped=shipped
        )
        for path in sorted(folder.glob("*.md"))
    ]


def slug(title: str) -> str:
    """Make a document name of a title: lower case ASCII words joined by hyphens, at most 60 characters; may be empty."""
    return "-".join(re.findall(r"[a-z0-9]+", title.casefold()))[:60].strip("-")
