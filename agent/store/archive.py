"""The block files of a store: a folder of immutable files, each with the runs of all tables over a stretch of time.

A file is written under another name, synced, and renamed; so what has its name is whole, unless the disk damaged it later.
Each part is checked when it is read. What is damaged reads as absent, is told of once, and waits for `mend`, which writes
what is intact as a new file and moves the old one to `damaged/`. Nothing here is raised into a query.
"""

from __future__ import annotations

import os
import re
import weakref
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Final

import numpy as np
import structlog

from agent.errors import InvalidInput
from agent.model import Labels
from agent.store.block_file import VERSION, Contents, LabelsAt, RunAt, Writer, contents, marks_of, version_of
from agent.store.label_lists import Pair, decode_labels
from agent.store.sealed import SealedChunk

_NAME: Final = re.compile(r"(\d{8,})\.block")
_log = structlog.get_logger()

Runs = dict[int, list[SealedChunk]]
"""Runs by the number of their table, oldest first."""


@dataclass(slots=True)
class StoredTable:
    """A table as files hold it: its labels and its runs, oldest first."""

    number: int
    stamped: bool
    labels: Sequence[Labels]
    runs: list[SealedChunk] = field(default_factory=list)


class BlockFile:
    """One open file. Its descriptor lives as long as a reader holds the file, also when the file has been deleted."""

    __slots__ = ("__weakref__", "_descriptor", "damage", "first_ms", "last_ms", "path", "size")

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        weakref.finalize(self, os.close, self._descriptor)
        self.size = os.fstat(self._descriptor).st_size
        self.damage: list[str] = []
        self.first_ms = self.last_ms = 0

    def read(self, offset: int, length: int) -> bytes:
        """Return the bytes there; raise OSError."""
        return os.pread(self._descriptor, length, offset)

    def checked(self, offset: int, length: int, crc: int, what: str) -> bytes | None:
        """Return the bytes there; None, and a note of the damage, where they cannot be read or are not what was written."""
        try:
            data = self.read(offset, length)
        except OSError as error:
            self.damage.append(f"{what} at {offset}: {error.strerror}")
            return None
        if len(data) == length and zlib.crc32(data) == crc:
            return data
        self.damage.append(f"{what} at {offset}: {'cut off' if len(data) < length else 'wrong checksum'}")
        return None


class FilePages:
    """The bytes of a run, in a file."""

    __slots__ = ("_crcs", "_lengths", "_starts", "_timestamps", "file", "nbytes")

    def __init__(self, file: BlockFile, at: RunAt) -> None:
        head = at.head
        self.file = file
        self._timestamps = (at.offset, head.timestamps_length, head.timestamps_crc)
        self._lengths = np.frombuffer(head.page_lengths, dtype="<u4")
        self._crcs = np.frombuffer(head.page_crcs, dtype="<u4")
        ends = np.cumsum(self._lengths, dtype=np.int64)
        self._starts = at.offset + head.timestamps_length + ends - self._lengths
        self.nbytes = 300 + 16 * len(ends)

    def page(self, number: int) -> bytes | None:
        """Return the page, None where it is damaged."""
        start, length = int(self._starts[number]), int(self._lengths[number])
        return self.file.checked(start, length, int(self._crcs[number]), "a page of samples")

    def timestamps(self) -> bytes | None:
        """Return the packed timestamps, None where they are damaged."""
        return self.file.checked(*self._timestamps, "the timestamps of a run")


class Archive:
    """The files of a folder. One thread at a time writes; readers hold the runs that they were given."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: list[BlockFile] = []
        self.damaged = 0
        self._next = 1

    @property
    def nbytes(self) -> int:
        """Bytes on the disk."""
        return sum(file.size for file in self.files)

    def load(self) -> list[StoredTable]:
        """Open all files and return their tables. Raises OSError where the folder can be neither read nor made."""
        self.folder.mkdir(parents=True, exist_ok=True)
        paths = sorted(self.folder.iterdir())  # glob would take a folder that cannot be read for an empty one
        for path in paths:
            if path.suffix == ".part":
                path.unlink()
        opened = [each for path in paths for each in self._open(path)]
        replaced = _replaced(opened)
        kept = []
        for file, holds in opened:
            if file.path.name in replaced:
                _delete(file)
            else:
                self.files.append(file)
                kept.append((file, holds))
        return _tables(kept)

    def peek(self) -> list[StoredTable]:
        """Return the tables of the files as they are, changing nothing; another process may be writing there.

        Raises FileNotFoundError where a file went between being seen and being opened: look again.
        """
        paths = sorted(path for path in self.folder.iterdir() if _NAME.fullmatch(path.name))
        opened = [each for path in paths for each in self._open(path)]
        gone = [path for path in set(paths) - {file.path for file, _ in opened} if not path.exists()]
        if gone:
            raise FileNotFoundError(0, "it was merged into another file", str(gone[0]))
        replaced = _replaced(opened)
        kept = [each for each in opened if each[0].path.name not in replaced]
        self.files = [file for file, _ in kept]
        return _tables(kept)

    def write(
        self, tables: Iterable[tuple[StoredTable, Iterable[SealedChunk]]], replaces: Sequence[BlockFile] = ()
    ) -> Runs:
        """Write runs as one new file that will stand for `replaces`; return the runs as they are there, by table.

        The files it stands for are the caller's to `drop`. Raises OSError, and then nothing has changed.
        """
        path = self.folder / f"{self._next:08d}.block"
        part = path.with_suffix(".part")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with part.open("wb") as out:
                writer = Writer(out)
                for table, runs in tables:
                    _write_table(writer, table, runs)
                holds = writer.close([each.path.name for each in replaces])
                out.flush()
                os.fsync(out.fileno())
            part.rename(path)
            _sync(self.folder)
            made = BlockFile(path)
        except OSError:
            with suppress(OSError):
                part.unlink(missing_ok=True)
            raise
        self._next += 1
        _describe(made, holds)
        self.files.append(made)
        runs_of: Runs = {}
        for at in holds.runs:
            runs_of.setdefault(at.head.table, []).append(_chunk(made, at))
        return runs_of

    def look(self) -> None:
        """Take note of the files that somebody deleted: as long as they are open here, they can be written anew."""
        for file in self.files:
            if not file.damage and not file.path.exists():
                file.damage.append("it was deleted")

    def drop(self, file: BlockFile) -> None:
        """Delete a file; readers that still hold runs of it may go on reading them."""
        self.files.remove(file)
        _delete(file)

    def set_aside(self, file: BlockFile) -> None:
        """Move a damaged file to `damaged/`, where nothing reads it. Raises OSError."""
        aside = self.folder.parent / "damaged"
        aside.mkdir(parents=True, exist_ok=True)
        target = aside / file.path.name
        while target.exists():
            target = target.with_name(target.name + "~")
        with suppress(FileNotFoundError):
            file.path.rename(target)
        self.files.remove(file)
        self.damaged += 1
        _log.warning("damaged block file set aside, its intact part is kept", file=str(target), damage=file.damage[:3])

    def _open(self, path: Path) -> list[tuple[BlockFile, Contents]]:
        match = _NAME.fullmatch(path.name)
        if match is None:
            return []
        self._next = max(self._next, int(match[1]) + 1)
        try:
            file = BlockFile(path)
            version = version_of(file)
            if version not in (None, VERSION):
                self.damaged += 1
                _log.warning(
                    "a block file is of another version of Burnline, and left alone", file=str(path), its=version
                )
                return []
            holds = contents(file)
        except OSError as error:
            self.damaged += 1
            _log.warning("cannot read a block file, going on without it", file=str(path), why=error.strerror)
            return []
        if not holds.whole:
            file.damage.append("no footer")
        _describe(file, holds)
        return [(file, holds)]


Place = tuple[BlockFile, RunAt]


def _replaced(opened: list[tuple[BlockFile, Contents]]) -> set[str]:
    return {name for _, holds in opened for name in holds.sources}


def _describe(file: BlockFile, holds: Contents) -> None:
    file.first_ms = min((at.head.first_ms for at in holds.runs), default=0)
    file.last_ms = max((at.head.last_ms for at in holds.runs), default=0)


def _delete(file: BlockFile) -> None:
    try:
        file.path.unlink()
    except OSError as error:
        _log.warning("cannot delete a block file", file=str(file.path), why=error.strerror)


def _tables(files: list[tuple[BlockFile, Contents]]) -> list[StoredTable]:
    lists: dict[int, list[tuple[BlockFile, LabelsAt]]] = {}
    runs: dict[int, list[Place]] = {}
    for file, holds in files:
        for each in holds.labels:
            lists.setdefault(each.head.table, []).append((file, each))
        for at in holds.runs:
            runs.setdefault(at.head.table, []).append((file, at))
    known: dict[Pair, Pair] = {}
    fresh = count(max(runs, default=0) + 1)
    found: list[StoredTable] = []
    for number, places in sorted(runs.items()):
        for table, own in _shared_out(places, _labelled(lists.get(number, []), known)):
            table.runs = list(_in_order(own, len(table.labels)))
            if table.runs:
                table.number = next(fresh) if found and found[-1].number == number else number
                found.append(table)
    return found


Labelled = list[tuple[StoredTable, set[BlockFile]]]


def _labelled(lists: list[tuple[BlockFile, LabelsAt]], known: dict[Pair, Pair]) -> Labelled:
    """Return the tables that files hold by one number, each with the files that name its labels.

    A table's columns only grow, so of its lists the shorter ones begin the longest. A list that does not is another table's,
    from a file that was put there or that could not be read for a while; its samples must not get these labels.
    """
    found: Labelled = []
    read: dict[tuple[int, int, int], set[BlockFile]] = {}
    for file, at in sorted(lists, key=lambda each: -each[1].head.count):
        key = at.head.count, at.length, at.crc
        if key not in read:
            labels = _labels(file, at, known)
            if labels is None:
                continue
            same = [files for table, files in found if table.labels[: len(labels)] == labels]
            if not same:
                same = [set()]
                found.append((StoredTable(at.head.table, at.head.stamped, labels), same[0]))
            read[key] = same[0]
        read[key].add(file)
    return found


def _labels(file: BlockFile, at: LabelsAt, known: dict[Pair, Pair]) -> list[Labels] | None:
    body = file.checked(at.offset, at.length, at.crc, "the labels of a table")
    try:
        return None if body is None else decode_labels(body, known)
    except InvalidInput as error:
        file.damage.append(str(error))
        return None


def _shared_out(places: list[Place], labelled: Labelled) -> Iterator[tuple[StoredTable, list[Place]]]:
    """Yield each table with its runs. Those of files whose lists are lost are the only table's, or nobody's."""
    lost = [each for each in places if not any(each[0] in files for _, files in labelled)]
    if len(labelled) != 1:
        labelled = [*labelled, (StoredTable(0, False, []), set())]
    for table, files in labelled:
        yield table, [each for each in places if each[0] in files] + (lost if table is labelled[-1][0] else [])


def _in_order(places: list[Place], labels: int) -> Iterator[SealedChunk]:
    """Yield a table's runs in time order; one that has no labels, or overlaps the one before it, is damage."""
    last_ms = -(2**63)
    for file, at in sorted(places, key=lambda each: (each[1].head.first_ms, -each[1].head.last_ms)):
        if at.head.width > labels:
            file.damage.append(f"a run of table {at.head.table} has lost its labels")
        elif at.head.first_ms <= last_ms:
            file.damage.append(f"a run of table {at.head.table} overlaps another")
        else:
            yield _chunk(file, at)
            last_ms = at.head.last_ms


def _chunk(file: BlockFile, at: RunAt) -> SealedChunk:
    head = at.head
    return SealedChunk(
        FilePages(file, at),
        first_ms=head.first_ms,
        last_ms=head.last_ms,
        rows=head.rows,
        samples=head.samples,
        missing=marks_of(head.missing, head.width),
        present=marks_of(head.present, head.width),
    )


def _write_table(writer: Writer, table: StoredTable, runs: Iterable[SealedChunk]) -> None:
    width = 0
    for run in runs:
        if run.width > width:
            labels = list(table.labels)  # it may grow meanwhile
            width = len(labels)
            writer.table(table.number, labels, stamped=table.stamped)
        writer.run(table.number, run)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
