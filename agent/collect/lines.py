"""The line cache of one target: raw text before the value → column, so that only a line never seen takes the full parser.

A page whose lines are the same as the last one's, values apart, costs one comparison and one float() per line. Correct
because a cached line differs from a parsed one in its last word only, and that word is checked to be a plain number.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain, compress, repeat
from typing import Final

import numpy as np
from numpy.typing import NDArray

from agent.collect.exposition import Metadata, ParsedLine, is_float, is_sample, parse_comment, parse_sample
from agent.collect.naming import SeriesNaming
from agent.collect.rows import RowWriter
from agent.errors import ScrapeError
from agent.model import Labels, Sample

_NUMBER_BYTES: Final = b"0123456789+-.eEiInNfFtTyYaA"
_LEFT_OUT: Final = {"relabeled": -1, "label_too_long": -2}
"""Cached instead of a column where the series of a line is left out, by reason."""
_CACHE_SLACK: Final = 10_000


@dataclass(slots=True)
class Page:
    """What one page holds: `values[i]` for column `cells[i]`, each column once; samples with timestamps apart.

    scraped: sample lines; kept: those after relabeling; added: series never seen before; dropped: reason → samples.
    `cells` is the same array again while the page's lines are the same.
    """

    cells: NDArray[np.intp]
    values: NDArray[np.float64]
    stamped: list[Sample] = field(default_factory=list)
    scraped: int = 0
    kept: int = 0
    added: int = 0
    dropped: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class _Shape:
    """The lines of the last page that was read in full, and where its values go."""

    keys: list[str]
    comments: list[str]
    is_comment: list[bool]
    is_cell: list[bool]
    cells: NDArray[np.intp]
    scraped: int
    kept: int
    dropped: Counter[str]


class PageReader:
    """Read a target's pages into the columns of its RowWriter. `metadata` holds what the last page said by family."""

    def __init__(
        self, naming: SeriesNaming, writer: RowWriter, *, max_samples: int, honor_timestamps: bool = True
    ) -> None:
        self.metadata: dict[str, Metadata] = {}
        self._naming = naming
        self._writer = writer
        self._max_samples = max_samples
        self._honor_timestamps = honor_timestamps
        self._generation = writer.generation
        self._cache: dict[str, int] = {}
        self._stamped: dict[str, Labels | None] = {}
        self._shape: _Shape | None = None

    def read(self, text: str) -> Page:
        """Read one page; raise ScrapeError where it is not the text format or passes a limit."""
        if self._generation != self._writer.generation:
            self._forget()
        lines = text.split("\n")
        # One flat list, not a list of tuples: fifty thousand tuples would wake the garbage collector at each page.
        flat = list(chain.from_iterable(map(str.rpartition, lines, repeat(" "))))
        keys, words = flat[0::3], flat[2::3]
        shape = self._shape
        if shape is not None and keys == shape.keys and list(compress(words, shape.is_comment)) == shape.comments:
            values = _floats(list(compress(words, shape.is_cell)))
            if values is not None:
                return Page(shape.cells, values, [], shape.scraped, shape.kept, 0, shape.dropped)
        try:
            return _Walk(self, lines, keys, words).page()
        except ScrapeError:
            self._forget()
            raise

    def _forget(self) -> None:
        self._cache, self._stamped, self._shape = {}, {}, None
        self._generation = self._writer.generation


class _Walk:
    """Reading one page whose lines are not all known."""

    def __init__(self, reader: PageReader, lines: list[str], keys: list[str], words: list[str]) -> None:
        self.reader = reader
        self.lines = lines
        self.keys = keys
        self.words = words
        self.columns: list[int | None] = list(map(reader._cache.get, keys))
        self.values: dict[int, float] = {}
        self.metadata: dict[str, Metadata] = {}
        self.stamped: list[Sample] = []
        self.dropped: Counter[str] = Counter()
        self.added = 0
        self.samples = 0
        self.cacheable = True
        self.kind = ""
        self.is_comment = [False] * len(lines)

    def page(self) -> Page:
        self.distrust_odd_numbers()
        known = sum(1 for column in self.columns if column is not None)
        self.samples = known
        self.dropped["label_too_long"] += self.columns.count(_LEFT_OUT["label_too_long"])
        for index in [index for index, column in enumerate(self.columns) if column is None]:
            self.unknown(index)
        self.reader.metadata = self.metadata
        return self.finish()

    def distrust_odd_numbers(self) -> None:
        """Send known lines whose last word is no plain number through the full parser, which has the words for it."""
        known = [column is not None for column in self.columns]
        if _floats(list(compress(self.words, known))) is None:
            for index in compress(range(len(known)), known):
                if not is_float(self.words[index]):
                    self.columns[index] = None

    def unknown(self, index: int) -> None:
        line = self.lines[index]
        if not is_sample(line):
            self.is_comment[index] = True
            self.kind = parse_comment(line, index + 1, self.metadata) or self.kind
            return
        self.samples += 1
        if self.known_with_timestamp(index):
            return
        again = self.reader._cache.get(self.keys[index])
        if again is not None and is_float(self.words[index]):  # the same series came earlier in this page
            self.columns[index] = again
            return
        parsed = parse_sample(line, index + 1, self.kind)
        if parsed.timestamp_ms is not None and self.reader._honor_timestamps:
            self.with_timestamp(parsed, index)
            return
        column = self.column_of(parsed)
        self.columns[index] = column
        if parsed.value_text == self.words[index] and parsed.timestamp_ms is None:
            self.reader._cache[self.keys[index]] = column
        else:
            self.values[index] = parsed.value
            self.cacheable = False

    def column_of(self, parsed: ParsedLine) -> int:
        labels, why = self.reader._naming.series(parsed.pairs)
        if labels is None:
            self.count_dropped(why)
            return _LEFT_OUT[why]
        columns = self.reader._writer.columns
        if columns.find(labels) is None:
            self.added += 1
            self.bound(len(self.stamped) + self.added)
        return columns.column(labels)

    def count_dropped(self, why: str) -> None:
        if why != "relabeled":  # that was asked for
            self.dropped[why] += 1

    def known_with_timestamp(self, index: int) -> bool:
        if not self.reader._honor_timestamps:
            return False
        series, _, value = self.keys[index].rpartition(" ")
        stamp = self.words[index]
        plain = stamp.isascii() and stamp.isdecimal() and len(stamp) < 19  # within 64 bits
        if not plain or series not in self.reader._stamped or not is_float(value):
            return False
        self.cacheable = False
        labels = self.reader._stamped[series]
        if labels is not None:
            self.stamped.append(Sample(labels, int(stamp), float(value)))
        return True

    def with_timestamp(self, parsed: ParsedLine, index: int) -> None:
        assert parsed.timestamp_ms is not None
        self.cacheable = False
        labels, why = self.reader._naming.series(parsed.pairs)
        series, _, value = self.keys[index].rpartition(" ")
        if value == parsed.value_text and why != "label_too_long":
            self.reader._stamped[series] = labels
        if labels is None:
            self.count_dropped(why)
            return
        self.bound(len(self.stamped) + self.added + 1)
        self.stamped.append(Sample(labels, parsed.timestamp_ms, parsed.value))

    def finish(self) -> Page:
        kept = [column is not None and column >= 0 for column in self.columns]
        cells = np.array(list(compress(self.columns, kept)), dtype=np.intp)
        self.bound(len(cells) + len(self.stamped))
        after_relabeling = len(cells) + len(self.stamped)
        places = np.array(list(compress(range(len(kept)), kept)), dtype=np.intp)
        first = self.first_of_each(cells)
        is_cell = [False] * len(kept)
        for place in places[first]:
            is_cell[place] = True
        values = self.numbers(is_cell)
        cells = cells[first]
        self.remember(is_cell, cells, after_relabeling)
        return Page(cells, values, self.stamped, self.samples, after_relabeling, self.added, +self.dropped)

    def first_of_each(self, cells: NDArray[np.intp]) -> NDArray[np.intp]:
        """Return the places of the first line of each series; what comes again, or claims to be a report, is dropped."""
        unique, first = np.unique(cells, return_index=True)
        first = np.sort(first[unique >= len(self.reader._writer.reports)])
        self.dropped["duplicate_series"] += len(cells) - len(first)
        return first

    def numbers(self, is_cell: Sequence[bool]) -> NDArray[np.float64]:
        if not self.values:
            values = _floats(list(compress(self.words, is_cell)))
            if values is not None:
                return values
        words = [self.values.get(index) for index in compress(range(len(is_cell)), is_cell)]
        plain = compress(self.words, is_cell)
        return np.array([float(word) if value is None else value for value, word in zip(words, plain, strict=True)])

    def remember(self, is_cell: list[bool], cells: NDArray[np.intp], kept: int) -> None:
        reader = self.reader
        if max(len(reader._cache), len(reader._stamped)) > 2 * len(self.lines) + _CACHE_SLACK:
            reader._forget()
        if not self.cacheable:
            reader._shape = None
            return
        comments = list(compress(self.words, self.is_comment))
        dropped = +self.dropped
        reader._shape = _Shape(self.keys, comments, self.is_comment, is_cell, cells, self.samples, kept, dropped)

    def bound(self, samples: int) -> None:
        limit = self.reader._max_samples
        if samples > limit:
            message = (
                f"the page holds more than {limit} samples; raise sample_limit or drop series by metric_relabel_configs"
            )
            raise ScrapeError(message, reason="sample_limit")


def _floats(words: list[str]) -> NDArray[np.float64] | None:
    """Return the numbers, or None where a word is no plain number as Prometheus reads it (no underscores, no overflow)."""
    try:
        if "".join(words).encode().translate(None, _NUMBER_BYTES):
            return None
        values = np.fromiter(map(float, words), np.float64, len(words))
    except ValueError:  # also UnicodeEncodeError
        return None
    for index in np.flatnonzero(np.isinf(values)):
        if any(digit in words[index] for digit in "0123456789"):
            return None
    return values
