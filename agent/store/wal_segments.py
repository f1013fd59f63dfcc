"""Segments of the log on disk: their names, the frame around a record, and where a file stops being intact.

A segment is `EPOCH-PART.wal`: the epoch moves when the store cuts, the part when a segment is full or could not be written.
The frame is kind, length, the payload's CRC32, and a check of these three, so that a length that was damaged is not taken
for a record that was cut short.
"""

from __future__ import annotations

import os
import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

MAGIC: Final = b"burnwal\x01"
_RUN: Final = struct.Struct("<Q")
HEADER_BYTES: Final = len(MAGIC) + _RUN.size
_FRAME: Final = struct.Struct("<BII")
_CHECK: Final = struct.Struct("<H")
FRAME_BYTES: Final = _FRAME.size + _CHECK.size
_NAME: Final = re.compile(r"(\d{8,})-(\d{4,})\.wal")


@dataclass(frozen=True, slots=True, order=True)
class SegmentName:
    """Where a segment stands in the order of writing."""

    epoch: int
    part: int

    @classmethod
    def parse(cls, name: str) -> SegmentName | None:
        """Return what a file's name says, None where it is no segment's."""
        found = _NAME.fullmatch(name)
        return cls(int(found[1]), int(found[2])) if found else None

    def __str__(self) -> str:
        return f"{self.epoch:08d}-{self.part:04d}.wal"


class SegmentFile(Protocol):
    """A segment that is being written; each method raises OSError where the disk does."""

    def write(self, data: bytes) -> None:
        """Append all of `data`."""

    def sync(self) -> None:
        """Wait until what was written is on the disk."""

    def truncate(self, size: int) -> None:
        """Cut the file at `size` bytes, and go on writing there."""

    def close(self) -> None:
        """Let go of the file."""


class PlainSegment:
    """A segment by plain write(2): what was written outlives the process, what was synced outlives the machine."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o640)
        self._unnamed_in: Path | None = path.parent

    def write(self, data: bytes) -> None:
        """Append all of `data`; a disk that takes a part of it takes the rest or raises."""
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]

    def sync(self) -> None:
        """Wait until what was written is on the disk."""
        os.fdatasync(self._descriptor)
        if self._unnamed_in is not None:
            sync_folder(self._unnamed_in)
            self._unnamed_in = None

    def truncate(self, size: int) -> None:
        """Cut the file at `size` bytes, and go on writing there."""
        os.ftruncate(self._descriptor, size)
        os.lseek(self._descriptor, size, os.SEEK_SET)

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


def sync_folder(folder: Path) -> None:
    """Wait until the folder's names are on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def segments(folder: Path) -> dict[SegmentName, int]:
    """Return the segments in `folder`, oldest first, and their sizes in bytes; raise OSError."""
    found = {}
    with os.scandir(folder) as entries:
        for entry in entries:
            name = SegmentName.parse(entry.name)
            if name is not None:
                found[name] = entry.stat().st_size
    return dict(sorted(found.items()))


def header(run: int) -> bytes:
    """Return how a segment begins; `run` tells one run of the writer from the others."""
    return MAGIC + _RUN.pack(run)


def frame(kind: int, payload: bytes) -> bytes:
    """Return what stands before a payload."""
    head = _FRAME.pack(kind, len(payload), zlib.crc32(payload))
    return head + _CHECK.pack(zlib.crc32(head) & 0xFFFF)


class SegmentReader:
    """Read the bytes of one segment. After `records`, `intact` is where it stopped, and `fault` why ("" at the end);
    `torn` says that the file ends there in the middle of a record, as a crash leaves it.
    """

    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)
        self.intact = 0
        self.fault = ""
        self.torn = False
        self.run = 0

    def records(self) -> Iterator[tuple[int, memoryview]]:
        """Yield (kind, payload) as long as they are intact."""
        if not self._begin():
            return
        at = self.intact
        while at < len(self._data):
            payload = self._payload(at)
            if payload is None:
                return
            yield self._data[at], payload
            at += FRAME_BYTES + len(payload)
            self.intact = at

    def reject(self, why: str) -> None:
        """Say that the record which was yielded last is not what it should be."""
        self._stop(why, torn=False)

    def _begin(self) -> bool:
        if len(self._data) < HEADER_BYTES:
            known = bytes(self._data[: len(MAGIC)])
            self._stop("it ends within its header", torn=MAGIC.startswith(known) or not any(self._data))
            return False
        if bytes(self._data[: len(MAGIC)]) != MAGIC:
            self._stop("it does not begin as a segment of this version", torn=not any(self._data))
            return False
        (self.run,) = _RUN.unpack_from(self._data, len(MAGIC))
        self.intact = HEADER_BYTES
        return True

    def _payload(self, at: int) -> memoryview | None:
        head = self._data[at : at + FRAME_BYTES]
        if len(head) < FRAME_BYTES:
            self._stop("it ends within a record's frame", torn=True)
            return None
        if zlib.crc32(head[: _FRAME.size]) & 0xFFFF != _CHECK.unpack_from(head, _FRAME.size)[0]:
            # A machine that lost power may leave a file longer than what reached it.
            self._stop("a record's frame is damaged", torn=not any(self._data[at:]))
            return None
        _, length, checksum = _FRAME.unpack_from(head)
        payload = self._data[at + FRAME_BYTES : at + FRAME_BYTES + length]
        if len(payload) < length:
            self._stop("it ends within a record", torn=True)
            return None
        if zlib.crc32(payload) != checksum:
            self._stop("a record does not have its checksum", torn=False)
            return None
        return payload

    def _stop(self, fault: str, *, torn: bool) -> None:
        self.fault, self.torn = fault, torn
