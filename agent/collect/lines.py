"""The page of one target, read again and again: only a line whose text before the value is new takes the full parser.

A page with the lines of the last one, values apart, costs a split, one comparison of prefixes per line and one decoder call
for all numbers. Correct because a known line is its old text up to the value, and what follows is checked to be a plain
number or read by the grammar. What is remembered is the last page alone, so a page that changes at every scrape cannot make
it grow.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import compress
from typing import Final

from agent.collect.floats import floats
from agent.collect.naming import SeriesNaming
from agent.collect.page import Page
from agent.collect.prometheus_text import PrometheusText
from agent.collect.rows import RowWriter
from agent.collect.scanning import Grammar, Metadata, Tail
from agent.collect.shape import Extras, Shape
from agent.collect.walk import Walk, too_many_samples
from agent.errors import ScrapeError

_STRETCH: Final = 32 * 1024
"""A page is split in stretches of this many bytes, so that its lines stay in the processor's cache and take no memory."""
_SAMPLE_LINE: Final = re.compile(rb"^[ \t]*[^ \t\n#]", re.MULTILINE)


class PageReader:
    """Read a target's text pages into the columns of its RowWriter. `metadata` holds what the last page said by family."""

    def __init__(
        self,
        naming: SeriesNaming,
        writer: RowWriter,
        *,
        max_samples: int,
        honor_timestamps: bool = True,
        grammar: Callable[[], Grammar] = PrometheusText,
    ) -> None:
        self.metadata: dict[str, Metadata] = {}
        self._naming = naming
        self._writer = writer
        self._max_samples = max_samples
        self._honor_timestamps = honor_timestamps
        self._grammar = grammar
        self._tails = grammar()
        self._shape: Shape | None = None
        self._generation = writer.generation

    def read(self, body: bytes) -> Page:
        """Read one page; raise ScrapeError where it is not the text format or passes a limit."""
        if self._generation != self._writer.generation:
            self._shape, self._generation = None, self._writer.generation
        page = self._again(body, self._shape) if self._shape is not None else None
        if page is not None:
            return page
        self._refuse_early(body)
        walk = Walk(
            body.split(b"\n"),
            self._shape,
            grammar=self._grammar(),
            naming=self._naming,
            writer=self._writer,
            max_samples=self._max_samples,
            honor_timestamps=self._honor_timestamps,
        )
        page = walk.page()
        self._shape, self.metadata = walk.shape, walk.grammar.metadata
        return page

    def _again(self, body: bytes, shape: Shape) -> Page | None:
        """Read a page that has the shape of the last one; None where it has not."""
        words = _words(body, shape)
        if words is None:
            return None
        joined = b",".join(words)
        # A key that is not there leaves its line longer than it should be; nothing could make up for that.
        if len(joined) - max(len(words) - 1, 0) != len(body) - shape.size:
            return None
        extras = None
        values = floats(joined, words) if not (shape.stamped or shape.exemplars) else None
        if values is None:
            extras = self._take_extras(words, shape)
            values = floats(b",".join(words), words) if extras is not None else None
            if extras is None or values is None:
                return None
            shape.exemplars = extras.texts
        page = Page(shape.cells, values[shape.places], [], shape.scraped, shape.kept, 0, shape.dropped)
        if extras is not None:
            extras.add_to(page, shape, self._writer.columns.labels)
        return page

    def _take_extras(self, words: list[bytes], shape: Shape) -> Extras | None:
        """Take timestamps and exemplars off the words, in place; None where one is wrong or not where it was before."""
        extras = Extras(honor_timestamps=self._honor_timestamps)
        for number in [number for number, word in enumerate(words) if b" " in word]:
            word, before = words[number], shape.exemplars.get(number)
            if before is not None and word.endswith(before):
                extras.keep(number, before)
                word = words[number] = word.removesuffix(before)
            if b" " in word:
                tail = self._tail(word)
                if tail is None:
                    return None
                extras.add(number, tail, before)
                words[number] = tail.value_text.encode()
        return extras if extras.stamped_alike(shape.stamped) else None

    def _tail(self, word: bytes) -> Tail | None:
        """Read what follows a key; None where it is wrong: the full parser, which sees the whole line, says how."""
        try:
            return self._tails.tail(word.decode(), 0, 0)
        except (ScrapeError, UnicodeDecodeError):
            return None

    def _refuse_early(self, body: bytes) -> None:
        """Refuse a page of far too many lines before one of them is taken apart, where no relabeling could drop any."""
        if body.count(b"\n") < self._max_samples or self._naming.relabels:
            return
        if sum(1 for _ in _SAMPLE_LINE.finditer(body)) > self._max_samples:
            raise too_many_samples(self._max_samples)


def _words(body: bytes, shape: Shape) -> list[bytes] | None:
    """Return each sample line less its key, the whole line where it has another; None where another line changed."""
    words: list[bytes] = []
    start = first = 0
    while start <= len(body):
        end = body.find(b"\n", start + _STRETCH)
        end = end if end >= 0 else len(body)
        lines = body[start:end].split(b"\n")
        last = first + len(lines)
        rests = list(map(bytes.removeprefix, lines, shape.keys[first:last]))
        if any(compress(rests, shape.is_other[first:last])):
            return None
        words += compress(rests, shape.is_sample[first:last])
        start, first = end + 1, last
    return words if first == len(shape.keys) else None
