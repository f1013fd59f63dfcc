"""A whole page in a text format, read once and without a cache: samples, exemplars and metadata as values.

For text files and tests; a target's pages go through `lines`, which reads with the same grammars.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from agent.collect.prometheus_text import PrometheusText
from agent.collect.scanning import Grammar, Metadata, ParsedExemplar
from agent.errors import ScrapeError
from agent.model import Labels


@dataclass(slots=True)
class Exposition:
    """A whole page: samples in its order, metadata by family name, exemplars by the series they stand at."""

    samples: list[tuple[Labels, float, int | None]] = field(default_factory=list)
    metadata: dict[str, Metadata] = field(default_factory=dict)
    exemplars: list[tuple[Labels, ParsedExemplar]] = field(default_factory=list)


def parse_exposition(text: str, grammar: Callable[[], Grammar] = PrometheusText) -> Exposition:
    """Parse a page; raise ScrapeError (`line:column: what, found "…"`) at the first thing that is wrong."""
    reading, page = grammar(), Exposition()
    lines = text.removesuffix("\n").split("\n") if text else []
    for number, line in enumerate(lines, 1):
        if not reading.is_sample(line):
            reading.comment(line, number)
            continue
        pairs, position = reading.series(line, number)
        tail = reading.tail(line, number, position)
        page.samples.append((Labels(pairs), tail.value, tail.timestamp_ms))
        if tail.exemplar:
            page.exemplars.append((Labels(pairs), tail.exemplar))
    reading.end(len(lines))
    page.metadata = reading.metadata
    return page


def decode(body: bytes, number: int = 1) -> str:
    """Decode text that begins at line `number` as UTF-8; raise ScrapeError at the first byte that is not."""
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + number
        start = body.rfind(b"\n", 0, error.start) + 1
        column = len(body[start : error.start].decode(errors="replace")) + 1
        message = f"{line}:{column}: the page is not valid UTF-8, found byte 0x{body[error.start]:02x}"
        raise ScrapeError(message, reason="parse") from error
