"""Rows as bytes and back: each cell is xor'd with the cell above it, and bytes that are zero are not written.

A segment is read alone, so the encoder starts each one knowing nothing: a table's labels and its first row come whole. No
files and no threads here. Most cells of a scrape do not move, and those that do share sign, exponent and the ends of the
mantissa with the value before; a moved counter costs two or three bytes, an unmoved cell a bit.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from agent.errors import InvalidInput
from agent.model import Buckets, Columns, Exemplar, Histogram, Labels, ResetHint, Row, Sample
from agent.store.label_lists import Pair, decode_labels, encode_labels

UNREADABLE: Final = (InvalidInput, ValueError, KeyError, IndexError, struct.error, zlib.error, OverflowError)
"""What decoding a record raises when the record says what it cannot mean."""

_COLUMNS: Final = struct.Struct("<II")
_ROW: Final = struct.Struct("<IqI")
_COUNT: Final = struct.Struct("<I")
_HISTOGRAM: Final = struct.Struct("<IiBddddIII")
_HINTS: Final = tuple(ResetHint)
_NOTHING: Final = np.empty(0, dtype=np.uint64)

Words = NDArray[np.uint64]


class Kind(IntEnum):
    """What a record holds; a reader skips the kinds it does not know. ROW ends what belongs to one append."""

    COLUMNS = 1
    ROW = 2
    SERIES = 3
    STAMPED = 4
    HISTOGRAMS = 5
    EXEMPLARS = 6


def squeeze(words: Words) -> bytes:
    """Write n words without their zero bytes: n bits for which words are not zero, a byte of bits for each of those
    that says which of its bytes are not, then these bytes. About 10 ns a word; `expand` is told n.
    """
    moved = words != 0
    octets = words[moved].view(np.uint8)
    kept = octets != 0
    return b"".join((np.packbits(moved).tobytes(), np.packbits(kept).tobytes(), octets[kept].tobytes()))


def expand(data: memoryview, count: int) -> tuple[Words, memoryview]:
    """Return the `count` words at the start of `data`, and what follows them; raise ValueError where it is too short."""
    end = (count + 7) // 8
    if len(data) < end:
        message = f"{count} words cannot stand in {len(data)} bytes"
        raise ValueError(message)
    moved = np.unpackbits(np.frombuffer(data[:end], dtype=np.uint8), count=count).view(np.bool_)
    last = end + int(np.count_nonzero(moved))
    kept = np.unpackbits(np.frombuffer(data[end:last], dtype=np.uint8)).view(np.bool_)
    octets = np.zeros(8 * (last - end), dtype=np.uint8)
    rest = last + int(np.count_nonzero(kept))
    octets[kept] = np.frombuffer(data[last:rest], dtype=np.uint8)
    words = np.zeros(count, dtype=np.uint64)
    words[moved] = octets.view(np.uint64)
    return words, data[rest:]


class RowEncoder:
    """Turn rows into records. `begin` starts a segment; a table keeps its number until a whole segment has no row of it."""

    def __init__(self) -> None:
        self._numbers: dict[Columns, int] = {}
        self._above: dict[int, Words] = {}
        self._given = 0
        self.begin()

    def begin(self) -> None:
        """Know nothing of what was written before."""
        self._numbers = {columns: number for columns, number in self._numbers.items() if number in self._above}
        self._introduced: dict[int, int] = {}
        self._above = {}
        self._series: dict[Labels, int] = {}
        self._last = _NOTHING

    def forget(self, columns: Columns) -> None:
        """Let go of a table that will get no more rows; were it to get one, it would be a table anew."""
        number = self._numbers.pop(columns, 0)
        self._introduced.pop(number, None)
        self._above.pop(number, None)

    def records(self, row: Row) -> Iterator[tuple[Kind, bytes]]:
        """Yield the records of one row, ROW last; the next row may be encoded when all of them are taken."""
        number = self._number(row.columns)
        words = np.ascontiguousarray(row.values, dtype=np.float64).view(np.uint64)
        width, introduced = len(words), self._introduced.get(number, 0)
        if width > introduced:
            fresh = row.columns.labels[introduced:width]
            self._introduced[number] = width
            yield Kind.COLUMNS, _COLUMNS.pack(number, introduced) + encode_labels(fresh)
        if row.stamped:
            yield from self._stamped(row.stamped, row.timestamp_ms)
        if row.histograms:
            yield from self._histograms(row.histograms)
        if row.exemplars:
            yield from self._exemplars(row.exemplars)
        above = self._above.get(number, _NOTHING)
        self._above[number] = words
        yield Kind.ROW, _ROW.pack(number, row.timestamp_ms, width) + squeeze(words ^ _fitted(above, width))

    def _number(self, columns: Columns) -> int:
        number = self._numbers.get(columns)
        if number is None:
            self._given += 1
            number = self._numbers[columns] = self._given
        return number

    def _numbered(self, labels: list[Labels], into: list[int]) -> Iterator[tuple[Kind, bytes]]:
        before = len(self._series)
        into.extend(self._series.setdefault(each, len(self._series)) for each in labels)
        if len(self._series) > before:
            fresh = list(self._series)[before:]
            self._last = _fitted(self._last, len(self._series))
            yield Kind.SERIES, _COUNT.pack(before) + encode_labels(fresh)

    def _stamped(self, samples: Sequence[Sample], row_ms: int) -> Iterator[tuple[Kind, bytes]]:
        numbers: list[int] = []
        yield from self._numbered([each.labels for each in samples], numbers)
        places = np.array(numbers, dtype=np.int64)
        ages = np.array([each.timestamp_ms for each in samples], dtype=np.int64) - row_ms
        words = np.array([each.value for each in samples], dtype=np.float64).view(np.uint64)
        moves = words ^ self._last[places]
        self._last[places] = words
        parts = (_COUNT.pack(len(words)), squeeze(_steps(places)), squeeze(_steps(ages)), squeeze(moves))
        yield Kind.STAMPED, b"".join(parts)

    def _histograms(self, samples: Sequence[tuple[Labels, Histogram]]) -> Iterator[tuple[Kind, bytes]]:
        numbers: list[int] = []
        yield from self._numbered([labels for labels, _ in samples], numbers)
        parts = [_encode_histogram(number, each) for number, (_, each) in zip(numbers, samples, strict=True)]
        yield Kind.HISTOGRAMS, zlib.compress(b"".join(parts), 1)

    def _exemplars(self, exemplars: Sequence[Exemplar]) -> Iterator[tuple[Kind, bytes]]:
        numbers: list[int] = []
        yield from self._numbered([each.series for each in exemplars], numbers)
        times = np.array([each.timestamp_ms for each in exemplars], dtype="<i8")
        values = np.array([each.value for each in exemplars], dtype="<f8")
        parts = (np.array(numbers, dtype="<u4").tobytes(), times.tobytes(), values.tobytes())
        labels = encode_labels([each.labels for each in exemplars])
        yield Kind.EXEMPLARS, b"".join((_COUNT.pack(len(exemplars)), *parts, labels))


class RowDecoder:
    """Turn records back into rows. A table is the same `Columns` in all segments of one run of the writer."""

    def __init__(self) -> None:
        self._pairs: dict[Pair, Pair] = {}
        self._columns: dict[int, Columns] = {}
        self._run = 0
        self._stamped: memoryview | None = None
        self._histograms: list[tuple[Labels, Histogram]] = []
        self._exemplars: list[Exemplar] = []
        self.begin(0)

    def begin(self, run: int) -> None:
        """Start a segment that the writer's run `run` wrote."""
        if run != self._run:
            self._columns = {}
        self._run = run
        self._above: dict[int, Words] = {}
        self._introduced: dict[int, int] = {}
        self._series: list[Labels] = []
        self._last = _NOTHING
        self._clear()

    def read(self, kind: int, payload: memoryview) -> Row | None:
        """Take a record in; return the row that it ends, if any. Raise one of UNREADABLE for what cannot be."""
        if kind == Kind.ROW:
            return self._row(payload)
        if kind == Kind.COLUMNS:
            self._widen(payload)
        elif kind == Kind.SERIES:
            (first,) = _COUNT.unpack_from(payload)
            del self._series[first:]
            self._series += decode_labels(payload[_COUNT.size :], self._pairs)
            self._last = _fitted(self._last, len(self._series))
        elif kind == Kind.STAMPED:
            self._stamped = payload
        elif kind == Kind.HISTOGRAMS:
            self._histograms = [*self._decode_histograms(memoryview(zlib.decompress(payload)))]
        elif kind == Kind.EXEMPLARS:
            self._exemplars = self._decode_exemplars(payload)
        return None

    def _clear(self) -> None:
        self._stamped, self._histograms, self._exemplars = None, [], []

    def _widen(self, payload: memoryview) -> None:
        number, first = _COLUMNS.unpack_from(payload)
        columns = self._columns.setdefault(number, Columns())
        labels = decode_labels(payload[_COLUMNS.size :], self._pairs)
        for column, each in enumerate(labels, first):
            if columns.column(each) != column:
                message = f"column {column} of table {number} is another one than before"
                raise ValueError(message)
        self._introduced[number] = first + len(labels)

    def _row(self, payload: memoryview) -> Row:
        number, timestamp_ms, width = _ROW.unpack_from(payload)
        if width > self._introduced.get(number, 0):
            message = f"a row of table {number} is wider than the columns that were named"
            raise ValueError(message)
        moves, rest = expand(payload[_ROW.size :], width)
        if rest:
            message = f"a row of table {number} is followed by {len(rest)} bytes"
            raise ValueError(message)
        words = moves ^ _fitted(self._above.get(number, _NOTHING), width)
        self._above[number] = words
        row = Row(
            self._columns.setdefault(number, Columns()),
            timestamp_ms,
            words.view(np.float64),
            self._decode_stamped(timestamp_ms),
            self._histograms,
            self._exemplars,
        )
        self._clear()
        return row

    def _decode_stamped(self, row_ms: int) -> Sequence[Sample]:
        if self._stamped is None:
            return ()
        (count,) = _COUNT.unpack_from(self._stamped)
        steps, rest = expand(self._stamped[_COUNT.size :], count)
        places = _places(steps)
        steps, rest = expand(rest, count)
        times = _places(steps) + row_ms
        moves, _ = expand(rest, count)
        words = moves ^ self._last[places]
        self._last[places] = words
        cells = zip(places.tolist(), times.tolist(), words.view(np.float64).tolist(), strict=True)
        return [Sample(self._series[place], at_ms, value) for place, at_ms, value in cells]

    def _decode_histograms(self, data: memoryview) -> Iterator[tuple[Labels, Histogram]]:
        while data:
            number, histogram, data = _decode_histogram(data)
            yield self._series[number], histogram

    def _decode_exemplars(self, payload: memoryview) -> list[Exemplar]:
        (count,) = _COUNT.unpack_from(payload)
        at = _COUNT.size
        numbers = np.frombuffer(payload, dtype="<u4", count=count, offset=at).tolist()
        times = np.frombuffer(payload, dtype="<i8", count=count, offset=at + 4 * count).tolist()
        values = np.frombuffer(payload, dtype="<f8", count=count, offset=at + 12 * count).tolist()
        labels = decode_labels(payload[at + 20 * count :], self._pairs)
        cells = zip(numbers, labels, values, times, strict=True)
        return [Exemplar(self._series[number], each, value, at_ms) for number, each, value, at_ms in cells]


def _fitted(words: Words, width: int) -> Words:
    """Return the words at this width: cut, or with zeros behind."""
    if len(words) >= width:
        return words[:width]
    return np.concatenate([words, np.zeros(width - len(words), dtype=np.uint64)])


def _steps(numbers: NDArray[np.int64]) -> Words:
    """Return the differences, folded so that small negative ones are small too (zigzag)."""
    steps = np.diff(numbers, prepend=0)
    return np.asarray((steps << 1) ^ (steps >> 63)).view(np.uint64)


def _places(steps: Words) -> NDArray[np.int64]:
    unfolded = (steps >> np.uint64(1)).view(np.int64) ^ -(steps & np.uint64(1)).view(np.int64)
    return np.cumsum(unfolded, dtype=np.int64)


def _encode_histogram(number: int, each: Histogram) -> bytes:
    numbers = (each.count, each.sum, each.zero_threshold, each.zero_count)
    lengths = (len(each.positive), len(each.negative), len(each.bounds))
    head = _HISTOGRAM.pack(number, each.schema, _HINTS.index(each.hint), *numbers, *lengths)
    sides = (array.tobytes() for side in (each.positive, each.negative) for array in (side.index, side.counts))
    return b"".join((head, *sides, np.array(each.bounds, dtype="<f8").tobytes()))


def _decode_histogram(data: memoryview) -> tuple[int, Histogram, memoryview]:
    number, schema, hint, count, total, threshold, zero, *lengths = _HISTOGRAM.unpack_from(data)
    at = _HISTOGRAM.size
    sides = []
    for length in lengths[:2]:
        index = np.frombuffer(data, dtype="<i8", count=length, offset=at).astype(np.int64)
        counts = np.frombuffer(data, dtype="<f8", count=length, offset=at + 8 * length).astype(np.float64)
        sides.append(Buckets(index, counts))
        at += 16 * length
    bounds = tuple(np.frombuffer(data, dtype="<f8", count=lengths[2], offset=at).tolist())
    made = Histogram(schema, count, total, threshold, zero, sides[0], sides[1], bounds, _HINTS[hint])
    return number, made, data[at + 8 * lengths[2] :]
