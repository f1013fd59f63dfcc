"""Reading a log after a restart: every intact row in order, damage counted and set aside, nothing raised for it.

What a crash leaves at the end of the last segment is no damage: it is cut off in silence. Elsewhere the reading stops at
the fault, goes on with the next segment (each can be read alone), and the file as it was found is kept in `damaged/`.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import structlog

from agent.model import Row
from agent.store.wal_records import UNREADABLE, RowDecoder
from agent.store.wal_segments import HEADER_BYTES, SegmentName, SegmentReader, segments

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Damage:
    """A file with a part that could not be read: where it is kept now, how many bytes were not read, and why."""

    path: Path
    lost_bytes: int
    reason: str


def replay(folder: Path, names: list[SegmentName], damages: list[Damage]) -> Iterator[Row]:
    """Yield the rows of the segments, oldest first; what is damaged is set aside and put into `damages`.

    Afterwards each segment holds exactly what was read of it, so that the next reading finds no fault.
    """
    decoder = RowDecoder()
    for name in names:
        path = folder / str(name)
        try:
            reader = SegmentReader(path.read_bytes())
        except OSError as error:
            _tell(damages, Damage(path, _size(path), f"it cannot be read: {error.strerror}"))
            continue
        yield from _rows(reader, decoder)
        if reader.fault:
            _mend(path, reader, damages, last=name == names[-1])


def peek(folder: Path) -> tuple[list[Row], list[Damage]]:
    """Return the intact rows of a log that another process may be writing, and what is damaged, changing nothing.

    Raises FileNotFoundError where a segment went between being seen and being read: what it held is in a block by now.
    """
    decoder = RowDecoder()
    paths = [folder / str(name) for name in (segments(folder) if folder.is_dir() else ())]
    readers = [SegmentReader(path.read_bytes()) for path in paths]
    rows = [row for reader in readers for row in _rows(reader, decoder)]
    faulty = [
        Damage(path, _size(path) - reader.intact, reader.fault)
        for path, reader in zip(paths, readers, strict=True)
        if reader.fault and not (path == paths[-1] and reader.torn)
    ]
    return rows, faulty


def _rows(reader: SegmentReader, decoder: RowDecoder) -> Iterator[Row]:
    begun = False
    for kind, payload in reader.records():
        if not begun:
            decoder.begin(reader.run)
            begun = True
        try:
            row = decoder.read(kind, payload)
        except UNREADABLE as error:
            reader.reject(f"a record makes no sense: {error}")
            return
        if row is not None:
            yield row


def _mend(path: Path, reader: SegmentReader, damages: list[Damage], *, last: bool) -> None:
    lost = _size(path) - reader.intact
    if not (last and reader.torn):
        kept = _set_aside(path)
        _tell(damages, Damage(kept, lost, reader.fault))
        if kept == path:
            return  # the next start reads the same rows and finds the same fault
    with suppress(OSError):
        if reader.intact > HEADER_BYTES:
            os.truncate(path, reader.intact)
        else:
            path.unlink()


def _tell(damages: list[Damage], damage: Damage) -> None:
    damages.append(damage)
    _log.warning(
        "a segment of the samples' log is damaged: what is intact of it is served",
        why=damage.reason,
        lost_bytes=damage.lost_bytes,
        kept_as=str(damage.path),
    )


def _set_aside(path: Path) -> Path:
    """Copy the file into `damaged/` and return the copy; return the file itself where that is not possible."""
    folder = path.parent / "damaged"
    try:
        folder.mkdir(exist_ok=True)
        kept = folder / path.name
        for number in range(1, 1000):
            if not kept.exists():
                break
            kept = folder / f"{path.name}.{number}"
        shutil.copyfile(path, kept)
    except OSError:
        return path
    return kept


def _size(path: Path) -> int:
    with suppress(OSError):
        return path.stat().st_size
    return 0
