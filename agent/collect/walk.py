"""Reading one page whose lines are not all known: the first page, and one with a line that is new or in another place.

Nothing is kept of a page that is refused: columns are given out when the whole page was read.
"""

from __future__ import annotations

from collections import Counter
from itertools import compress

import numpy as np
from numpy.typing import NDArray

from agent.collect.exposition import decode
from agent.collect.floats import floats
from agent.collect.naming import SeriesNaming
from agent.collect.page import Page
from agent.collect.rows import RowWriter
from agent.collect.scanning import Grammar, Pairs, is_float
from agent.collect.shape import LEFT_OUT, STAMPED, Extras, Shape, Stamped
from agent.errors import ScrapeError
from agent.model import Labels

_NOT_YET = 0
"""In the place of a column that is given out at the end."""


class Walk:
    """One page. `shape` is what the next page is compared with, once `page` has returned."""

    shape: Shape

    def __init__(
        self,
        lines: list[bytes],
        before: Shape | None,
        *,
        grammar: Grammar,
        naming: SeriesNaming,
        writer: RowWriter,
        max_samples: int,
        honor_timestamps: bool,
    ) -> None:
        self.grammar = grammar
        self._lines = lines
        self._shape = before
        self._naming, self._writer, self._max_samples = naming, writer, max_samples
        self._known = before.known() if before else {}
        self._old_columns: list[int] = before.columns.tolist() if before else []
        # A line that was seen before ends in a plain number, nearly always.
        self._keys = [line[: line.rfind(b" ") + 1] for line in lines] if before else lines.copy()
        self._words = [line[len(key) :] for line, key in zip(lines, self._keys, strict=True)]
        self._is_sample = bytearray(b"\1") * len(lines)
        self._columns = self._known_columns()
        self._new: dict[int, Labels] = {}
        self._seen: dict[bytes, int] = {}
        self._stamped: Stamped = {}
        self._extras = Extras(honor_timestamps=honor_timestamps)
        self._dropped: Counter[str] = Counter()
        self._kept = 0

    def page(self) -> Page:
        """Read it; raise ScrapeError where it is not the text format or passes a limit."""
        last = len(self._lines) - (not self._lines[-1])
        self._kept = sum(1 for column in self._columns if column is not None and column >= 0)
        self._dropped["label_too_long"] = self._columns.count(LEFT_OUT["label_too_long"])
        for index in [index for index, column in enumerate(self._columns) if column is None]:
            line = decode(self._lines[index], index + 1)
            if index < last and self.grammar.is_sample(line):
                self._sample(line, index)
                continue
            self._is_sample[index], self._keys[index] = 0, self._lines[index]
            if index < last:
                self.grammar.comment(line, index + 1)
        self.grammar.end(last)
        return self._finish()

    def _known_columns(self) -> list[int | None]:
        """Return the column of each known line, None for the others and for those whose last word is no plain number."""
        old = self._old_columns
        numbers = list(map(self._known.get, self._keys))
        found = [None if number is None or old[number] == STAMPED else old[number] for number in numbers]
        known = [column is not None for column in found]
        words = list(compress(self._words, known))
        if floats(b",".join(words), words) is None:
            for index in compress(range(len(found)), known):
                word = self._words[index]
                if not word.isascii() or not is_float(word.decode()):
                    found[index] = None
        return found

    def _sample(self, line: str, index: int) -> None:
        pairs, position = self.grammar.series(line, index + 1)
        tail = self.grammar.tail(line, index + 1, position)
        key = self._keys[index] = line[:position].encode()
        self._words[index] = tail.value_text.encode()
        number = self._known.get(key)
        before = self._shape.exemplars.get(number) if self._shape and number is not None else None
        self._extras.add(index, tail, before)
        twin = self._seen.setdefault(key, index)
        column, labels = self._series(number, pairs) if twin == index else self._like(twin)
        stamped = index in self._extras
        if stamped:
            self._stamped[index] = labels
        if labels is None:
            self._dropped["label_too_long"] += column == LEFT_OUT["label_too_long"]
        else:
            self._kept += 1
            if self._kept > self._max_samples:
                raise too_many_samples(self._max_samples)
            if not stamped and column is None:
                self._new[index] = labels
            column = STAMPED if stamped else _NOT_YET if column is None else column
        self._columns[index] = column

    def _series(self, number: int | None, pairs: Pairs) -> tuple[int | None, Labels | None]:
        """Return the column, or None if there is none yet, or why the series is left out; and the series, None if it is."""
        if number is not None and self._shape is not None:
            column = self._old_columns[number]
            if column >= 0:
                return column, self._writer.columns.labels[column]
            if column != STAMPED:
                return column, None
            return None, self._shape.stamped[number]
        labels, why = self._naming.series(pairs)
        return (LEFT_OUT[why], None) if labels is None else (self._writer.columns.find(labels), labels)

    def _like(self, index: int) -> tuple[int | None, Labels | None]:
        """Return the same for a line that has the key of an earlier one of this page."""
        labels = self._new.get(index) or self._stamped.get(index)
        if labels is not None:
            return None, labels
        column = self._columns[index]
        return column, self._writer.columns.labels[column] if column is not None and column >= 0 else None

    def _finish(self) -> Page:
        columns, before = self._writer.columns, len(self._writer.columns)
        words = list(compress(self._words, self._is_sample))
        values = floats(b",".join(words), words)
        assert values is not None  # each of them is known to be a number
        for index, labels in self._new.items():
            self._columns[index] = columns.column(labels)
        by_line = np.array(list(compress(self._columns, self._is_sample)), dtype=np.intp)
        numbers = np.cumsum(np.frombuffer(self._is_sample, dtype=np.uint8), dtype=np.intp) - 1
        self._extras.renumber(numbers)
        places = self._first_of_each(by_line)
        self.shape = Shape(
            keys=self._keys,
            is_sample=self._is_sample,
            columns=by_line,
            places=places,
            cells=by_line[places],
            scraped=len(words),
            kept=self._kept,
            dropped=+self._dropped,
            stamped={int(numbers[index]): each for index, each in self._stamped.items()},
            exemplars=self._extras.texts,
        )
        page = Page(
            self.shape.cells, values[places], [], len(words), self._kept, len(columns) - before, self.shape.dropped
        )
        self._extras.add_to(page, self.shape, columns.labels)
        return page

    def _first_of_each(self, by_line: NDArray[np.intp]) -> NDArray[np.intp]:
        """Return where the first line of each series stands; what comes again, or claims to be a report, is dropped."""
        unique, first = np.unique(by_line, return_index=True)
        places = np.sort(first[unique >= len(self._writer.reports)])
        self._dropped["duplicate_series"] += int(np.count_nonzero(by_line >= 0)) - len(places)
        return places


def too_many_samples(limit: int) -> ScrapeError:
    """Return the error of a page past its limit of samples."""
    why = f"the page holds more than {limit} samples; raise sample_limit or drop series by metric_relabel_configs"
    return ScrapeError(why, reason="sample_limit")
