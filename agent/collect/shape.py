"""What is remembered of a target's last page, and what its lines have beside a value: timestamps and exemplars."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import compress
from typing import Final

import numpy as np
from numpy.typing import NDArray

from agent.collect.page import Page
from agent.collect.scanning import ParsedExemplar, Tail
from agent.model import Labels, Sample

LEFT_OUT: Final = {"relabeled": -1, "label_too_long": -2}
STAMPED: Final = -3
"""In the place of a column: why the series is left out, or that the line has a timestamp of its own."""
EXEMPLAR_CHARACTERS: Final = 128
"""Most characters of an exemplar's label names and values together (OpenMetrics 1.0, "Exemplars")."""

Stamped = dict[int, Labels | None]


@dataclass(slots=True)
class Shape:
    """The last page that was read, without its values.

    keys: every line up to its value, the whole line where it holds no sample; is_sample: which of them hold one.
    By number of the sample line: columns[i] (or LEFT_OUT, STAMPED); places: the first line of each series of the row, cells
    its column; stamped: the series of a line with its own timestamp, None if left out; exemplars: the text of its exemplar.
    """

    keys: list[bytes]
    is_sample: bytearray
    columns: NDArray[np.intp]
    places: NDArray[np.intp]
    cells: NDArray[np.intp]
    scraped: int
    kept: int
    dropped: Counter[str]
    stamped: Stamped
    exemplars: dict[int, bytes]
    size: int = field(init=False)
    """The bytes of the page less its values."""
    is_other: bytearray = field(init=False)
    """The lines that hold no sample."""

    def __post_init__(self) -> None:
        self.size = sum(map(len, self.keys)) + len(self.keys) - 1
        self.is_other = self.is_sample.translate(bytes([1, 0, *range(2, 256)]))

    def known(self) -> dict[bytes, int]:
        """Return the number of the sample line by its key."""
        return {key: number for number, key in enumerate(compress(self.keys, self.is_sample))}


class Extras:
    """What lines have beside a value, by the number of the line (of the sample line, after `renumber`)."""

    def __init__(self, *, honor_timestamps: bool) -> None:
        self._honor = honor_timestamps
        self._stamps: dict[int, tuple[int, float]] = {}
        self._exemplars: dict[int, ParsedExemplar] = {}
        self.texts: dict[int, bytes] = {}

    def __contains__(self, number: int) -> bool:
        """Say whether the line has a timestamp that counts."""
        return number in self._stamps

    def stamped_alike(self, stamped: Stamped) -> bool:
        """Say whether it is these lines that have timestamps."""
        return self._stamps.keys() == stamped.keys()

    def keep(self, number: int, text: bytes) -> None:
        """Note that the line has the exemplar that it had before."""
        self.texts[number] = text

    def add(self, number: int, tail: Tail, before: bytes | None = None) -> None:
        """Take what a tail has beside its value; `before` is the text of the exemplar that the line had before."""
        if tail.timestamp_ms is not None and self._honor:
            self._stamps[number] = (tail.timestamp_ms, tail.value)
        if tail.exemplar is not None:
            text = self.texts[number] = tail.exemplar_text.encode()
            if before != text:
                self._exemplars[number] = tail.exemplar

    def renumber(self, numbers: NDArray[np.intp]) -> None:
        """Replace each number by numbers[number]."""
        self._stamps = {int(numbers[index]): each for index, each in self._stamps.items()}
        self._exemplars = {int(numbers[index]): each for index, each in self._exemplars.items()}
        self.texts = {int(numbers[index]): each for index, each in self.texts.items()}

    def add_to(self, page: Page, shape: Shape, labels: list[Labels]) -> None:
        """Put samples with timestamps, and exemplars that are new, on the page; `labels` are those of the columns."""
        for number, (timestamp_ms, value) in self._stamps.items():
            series = shape.stamped[number]
            if series is not None:
                page.stamped.append(Sample(series, timestamp_ms, value))
        for number, exemplar in self._exemplars.items():
            column = int(shape.columns[number])
            series = labels[column] if column >= 0 else shape.stamped.get(number)
            if series is None:
                continue
            if sum(len(name) + len(value) for name, value in exemplar.pairs) > EXEMPLAR_CHARACTERS:
                page.long_exemplars += 1
                continue
            if exemplar.timestamp_ms is None and number in self._stamps:
                exemplar = exemplar._replace(timestamp_ms=self._stamps[number][0])
            page.exemplars.append((series, exemplar))
