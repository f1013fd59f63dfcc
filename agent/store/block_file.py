"""The form of a block file: records of label lists and runs, then a footer that says where they are. Written once.

    file    = magic · record… · footer record · trailer (place of the footer, its checksum)
    record  = frame (magic, kind, length of head and body, checksum of the body, checksum of frame and head) · head · body
    labels  : head TableHead, body a label list (label_lists)
    run     : head RunHead with the checksums of all parts, body packed timestamps · page · page …
    footer  : head FooterHead, body all heads again with their places

The footer makes opening cheap. Where it is damaged or cut off, the records tell the same (`recover`): each stands for itself,
and the next one is found by its magic.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final, Protocol, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from agent.model import Labels
from agent.store.label_lists import encode_labels
from agent.store.sealed import SealedChunk

VERSION: Final = 1
MAGIC: Final = b"burnline samples %d\n" % VERSION
_ANY_MAGIC: Final = re.compile(rb"burnline samples (\d{1,9})\n")
_RECORD: Final = b"\xb1REC"
_END: Final = b"\xb1END"
_FRAME: Final = struct.Struct("<4sBIQI")
_CHECK: Final = struct.Struct("<I")
_TRAILER: Final = struct.Struct("<QI4s")
LABELS, RUN, FOOTER = 1, 2, 3
FRAME_BYTES: Final = _FRAME.size + _CHECK.size


class TableHead(msgspec.Struct, frozen=True, array_like=True):
    """Whose labels a list is: the table's number, whether its samples carry timestamps of their own, and how many."""

    table: int
    stamped: bool
    count: int


class RunHead(msgspec.Struct, frozen=True, array_like=True):
    """A run without its cells. missing and present: packed bits, empty where all are alike (see `_bits`)."""

    table: int
    first_ms: int
    last_ms: int
    rows: int
    width: int
    samples: int
    missing: bytes
    present: bytes
    timestamps_length: int
    timestamps_crc: int
    page_lengths: bytes
    page_crcs: bytes


class FooterHead(msgspec.Struct, frozen=True, array_like=True):
    """What the file is: sources are the names of the files that it replaces."""

    sources: list[str]


class _Contents(msgspec.Struct, frozen=True, array_like=True):
    labels: list[tuple[TableHead, int, int, int]]
    runs: list[tuple[RunHead, int]]


Head = TypeVar("Head", TableHead, RunHead, FooterHead)


@dataclass(frozen=True, slots=True)
class LabelsAt:
    """A label list: its place, length and checksum."""

    head: TableHead
    offset: int
    length: int
    crc: int


@dataclass(frozen=True, slots=True)
class RunAt:
    """A run and where its body begins."""

    head: RunHead
    offset: int


@dataclass(frozen=True, slots=True)
class Contents:
    """What a file holds. `whole` is false where it had to be gathered from what is left."""

    sources: list[str]
    labels: list[LabelsAt]
    runs: list[RunAt]
    whole: bool


class Writer:
    """Writes a block file to an open file, from its beginning; `close` ends it. Raises OSError as the file does."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._at = 0
        self._labels: list[LabelsAt] = []
        self._runs: list[RunAt] = []
        self._put(MAGIC)

    def table(self, number: int, labels: list[Labels], *, stamped: bool) -> None:
        """Write the labels of a table's columns."""
        body = encode_labels(labels)
        head, crc = TableHead(number, stamped, len(labels)), zlib.crc32(body)
        self._frame(LABELS, msgspec.msgpack.encode(head), len(body), crc)
        self._labels.append(LabelsAt(head, self._at, len(body), crc))
        self._put(body)

    def run(self, number: int, chunk: SealedChunk) -> bool:
        """Write a run of the table; return whether there was one: a run without timestamps is damaged beyond use."""
        timestamps = chunk.source.timestamps()
        if timestamps is None:
            return False
        pages = [chunk.whole_page(page) for page in range(chunk.pages)]
        head = RunHead(
            table=number,
            first_ms=chunk.first_ms,
            last_ms=chunk.last_ms,
            rows=chunk.rows,
            width=chunk.width,
            samples=chunk.samples,
            missing=_bits(chunk.missing),
            present=_bits(chunk.present),
            timestamps_length=len(timestamps),
            timestamps_crc=zlib.crc32(timestamps),
            page_lengths=np.array([len(page) for page in pages], dtype="<u4").tobytes(),
            page_crcs=np.array([zlib.crc32(page) for page in pages], dtype="<u4").tobytes(),
        )
        self._frame(RUN, msgspec.msgpack.encode(head), len(timestamps) + sum(map(len, pages)), 0)
        self._runs.append(RunAt(head, self._at))
        self._put(timestamps)
        for page in pages:
            self._put(page)
        return True

    def close(self, sources: list[str]) -> Contents:
        """Write the footer and return what the file holds."""
        contents = _Contents(
            [(each.head, each.offset, each.length, each.crc) for each in self._labels],
            [(each.head, each.offset) for each in self._runs],
        )
        head, body = msgspec.msgpack.encode(FooterHead(sources)), msgspec.msgpack.encode(contents)
        at = self._at
        self._frame(FOOTER, head, len(body), zlib.crc32(body))
        self._put(body)
        self._put(_TRAILER.pack(at, zlib.crc32(struct.pack("<Q", at)), _END))
        return Contents(sources, self._labels, self._runs, whole=True)

    def _frame(self, kind: int, head: bytes, body_length: int, body_crc: int) -> None:
        frame = _FRAME.pack(_RECORD, kind, len(head), body_length, body_crc)
        self._put(frame + _CHECK.pack(zlib.crc32(head, zlib.crc32(frame))) + head)

    def _put(self, data: bytes) -> None:
        self._file.write(data)
        self._at += len(data)


class Reader(Protocol):
    """Where a file is read."""

    size: int

    def read(self, offset: int, length: int) -> bytes:
        """Return the bytes there, fewer at the end of the file; raise OSError."""


def version_of(file: Reader) -> int | None:
    """Return the version of the form that the file begins with, None where it says none. Raises OSError."""
    found = _ANY_MAGIC.match(file.read(0, len(MAGIC) + 8))
    return int(found[1]) if found else None


def contents(file: Reader) -> Contents:
    """Return what the file holds, from its footer, or else from what is left of it. Raises OSError, nothing for damage."""
    if version_of(file) is None:
        return recover(file)
    tail = file.read(max(0, file.size - _TRAILER.size), _TRAILER.size)
    if len(tail) == _TRAILER.size:
        at, crc, end = _TRAILER.unpack(tail)
        if end == _END and crc == zlib.crc32(struct.pack("<Q", at)) and at < file.size:
            found = _footer(file, at)
            if found is not None:
                return found
    return recover(file)


def _footer(file: Reader, at: int) -> Contents | None:
    record = _record(file, at)
    if record is None or record[0] != FOOTER:
        return None
    _, head, offset, length, crc = record
    body = file.read(offset, length)
    if len(body) != length or zlib.crc32(body) != crc:
        return None
    footer, inside = _decode(head, FooterHead), _decode_contents(body)
    if footer is None or inside is None:
        return None
    labels = [LabelsAt(*each) for each in inside.labels]
    return Contents(footer.sources, labels, [RunAt(*each) for each in inside.runs], whole=True)


def recover(file: Reader) -> Contents:
    """Return the records that can be found in a file without a footer."""
    found = Contents([], [], [], whole=False)
    for kind, head, offset, length, crc in _records(file):
        if kind == LABELS and (table := _decode(head, TableHead)) is not None:
            found.labels.append(LabelsAt(table, offset, length, crc))
        elif kind == RUN and (run := _decode(head, RunHead)) is not None:
            found.runs.append(RunAt(run, offset))
    return found


def _records(file: Reader) -> Iterator[tuple[int, bytes, int, int, int]]:
    at = 0
    while at < file.size:
        record = _record(file, at)
        if record is None:
            at = _next_magic(file, at + 1)
            continue
        yield record
        # A body's length was checked with its frame; what was cut off of it is damage of that record alone.
        at = record[2] + record[3]


def _record(file: Reader, at: int) -> tuple[int, bytes, int, int, int] | None:
    """Return (kind, head, place of the body, its length, its checksum), None where no record begins."""
    raw = file.read(at, FRAME_BYTES)
    if len(raw) < FRAME_BYTES or not raw.startswith(_RECORD):
        return None
    magic_to_crc = raw[: _FRAME.size]
    _, kind, head_length, body_length, body_crc = _FRAME.unpack(magic_to_crc)
    if head_length > file.size:
        return None
    head = file.read(at + FRAME_BYTES, head_length)
    if _CHECK.unpack(raw[_FRAME.size :])[0] != zlib.crc32(head, zlib.crc32(magic_to_crc)):
        return None
    return kind, head, at + FRAME_BYTES + head_length, body_length, body_crc


def _next_magic(file: Reader, at: int, stretch: int = 2**20) -> int:
    while at < file.size:
        found = file.read(at, stretch + len(_RECORD)).find(_RECORD)
        if found >= 0:
            return at + found
        at += stretch
    return file.size


def _decode(head: bytes, kind: type[Head]) -> Head | None:
    try:
        return msgspec.msgpack.decode(head, type=kind)
    except msgspec.MsgspecError:
        return None


def _decode_contents(body: bytes) -> _Contents | None:
    try:
        return msgspec.msgpack.decode(body, type=_Contents)
    except msgspec.MsgspecError:
        return None


def _bits(marks: NDArray[np.bool_]) -> bytes:
    """Return marks as packed bits, `b""` for all false and `b"1"` for all true."""
    if not marks.any():
        return b""
    return b"1" if marks.all() else b"\x00" + np.packbits(marks).tobytes()


def marks_of(bits: bytes, width: int) -> NDArray[np.bool_]:
    """Return the marks that `_bits` packed."""
    if len(bits) <= 1:
        return np.full(width, bool(bits), dtype=np.bool_)
    return np.unpackbits(np.frombuffer(bits, dtype=np.uint8, offset=1), count=width).astype(np.bool_)
