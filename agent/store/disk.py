"""The store's side on the disk: block files and the log before them. What happens to them when, and what when it cannot.

A flush writes all that is only in memory as one block file, and lets go of the log up to there. Files of one stretch of time
are merged into one; files that are too old, or too many bytes, are deleted whole, the oldest first. Where the disk refuses,
samples stay in memory, `trouble` says why, and it is tried again. One thread at a time calls; nothing is raised for the disk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

import structlog

from agent.model import Row
from agent.store.archive import Archive, BlockFile, FilePages, StoredTable
from agent.store.bounds import among, in_memory
from agent.store.catalogue import Catalogue
from agent.store.chunks import Chunk
from agent.store.merging import merged
from agent.store.sealed import SealedChunk
from agent.store.table import Table
from agent.store.wal import WriteAheadLog
from agent.store.wal_writer import LogState

FLUSH_MS: Final = 3_600_000
"""Samples that are this old are written as a block file."""
FLUSH_LOG_BYTES: Final = 32 * 2**20
"""So are all, when the log before them has become this long: reading it again takes time."""
FLUSH_SHARE: Final = 0.5
FLUSH_GAIN: Final = 1 / 16
"""So are all, when memory is full to the first share, and a flush frees at least the second."""
RETRY_MS: Final = 10_000
"""How long to wait before a disk that refused is asked again."""
_WIDE_BYTES: Final = 2**20
MERGE_SPANS_MS: Final = (2 * 3_600_000, 8 * 3_600_000, 48 * 3_600_000)
"""Files that lie within one such stretch become one when the stretch is over, or when they are MERGE_MANY."""
MERGE_MANY: Final = 8
MERGE_BYTES: Final = 256 * 2**20
_log = structlog.get_logger()


class Disk:
    """Block files in `path`/blocks, the log in `path`/log, what was damaged in `path`/damaged."""

    def __init__(self, path: Path, catalogue: Catalogue) -> None:
        self.archive = Archive(path / "blocks")
        self.log = WriteAheadLog.open(path / "log", on_trouble=_tell)
        self.trouble = ""
        self._catalogue = catalogue
        self._retry_at_ms = 0
        self._loaded = False

    def load(self, replay: Callable[[Row], object]) -> None:
        """Bring back what the files and the log hold."""
        self._try(0, self._load)
        for row in self.log.replay():
            replay(row)

    @property
    def reason(self) -> str:
        """Why samples are not safe on the disk just now; "" when they are."""
        state = self.log.state
        return self.trouble or ("" if state.durable else state.reason)

    def keep(self, at_ms: int, horizon_ms: int, memory_bytes: int, retention_bytes: int) -> int:
        """Do what is due at this instant; return the files that were written. `memory_bytes`: the bound of the memory."""
        if at_ms < self._retry_at_ms:
            return 0
        return self._try(at_ms, lambda: self._keep(at_ms, horizon_ms, memory_bytes, retention_bytes))

    def flush(self) -> None:
        """Write all that is only in memory as a block file. Raises OSError."""
        catalogue = self._catalogue
        with catalogue.lock:
            catalogue.freeze(2**63 - 1)
            cut = self.log.cut()
        catalogue.seal_ended()
        with catalogue.lock:
            waiting = [(table, _sealed_in_memory(table)) for table in catalogue.tables.values()]
        waiting = [(table, runs) for table, runs in waiting if runs]
        if waiting:
            written = self.archive.write((_stored(table), runs) for table, runs in waiting)
            with catalogue.lock:
                for table, runs in waiting:
                    for old, new in zip(runs, written[table.number], strict=True):
                        catalogue.replace(table, [old], [new])
        self.log.drop_before(cut)

    def close(self, at_ms: int) -> None:
        """Write what is in memory, and end the log."""
        if self._holds_news():
            self._try(at_ms, self._flush_at_last)
        self.log.close()

    def drop_oldest(self) -> tuple[int, int]:
        """Delete the oldest file; return (samples, series) that went."""
        return self._drop(min(self.archive.files, key=lambda file: file.last_ms))

    def let_go(self, at_ms: int, choose: Callable[[Iterable[Table]], Sequence[SealedChunk]]) -> tuple[int, int]:
        """Drop the runs in files that `choose` names, from the files too; return (samples, series) that went."""
        with self._catalogue.lock:
            runs = choose(self._catalogue.tables.values())
            gone = self._catalogue.drop(among(runs))
        held = {each.source.file for each in runs if isinstance(each.source, FilePages)}
        for file in sorted(held, key=lambda each: each.first_ms):
            self._try(at_ms, lambda file=file: self._rewrite([file], list))  # type: ignore[misc]
        return gone

    def _flush_at_last(self) -> None:
        if not self._loaded:
            self._load()  # else a file would be written over one that could not be seen
        self.flush()

    def _load(self) -> int:
        stored = self.archive.load()
        if self._catalogue.tables and stored:
            # What is there was written by another run under numbers that this one has used meanwhile.
            raise PermissionError(
                0, "samples of an earlier run are there: restart to read them", str(self.archive.folder)
            )
        with self._catalogue.lock:
            for each in stored:
                self._catalogue.restore(each.number, list(each.labels), each.runs, stamped=each.stamped)
        self._loaded = True
        return 0

    def _keep(self, at_ms: int, horizon_ms: int, memory_bytes: int, retention_bytes: int) -> int:
        if not self._loaded:
            self._load()
        for file in [each for each in self.archive.files if each.last_ms < horizon_ms]:
            self._drop(file)
        while retention_bytes and len(self.archive.files) > 1 and self.archive.nbytes > retention_bytes:
            self.drop_oldest()
        self.archive.look()
        for file in [each for each in self.archive.files if each.damage]:
            self._mend(file)
        written = 0
        if self._holds_news() and (self._relieves(memory_bytes) or self._is_due(at_ms)):
            self.flush()
            written += 1
        files = to_merge(self.archive.files, at_ms, at_ms - horizon_ms)
        if files:
            self._rewrite(files, merged)
            written += 1
        return written

    def _try(self, at_ms: int, work: Callable[[], int | None]) -> int:
        try:
            done = work() or 0
        except OSError as error:
            self._retry_at_ms = at_ms + RETRY_MS
            trouble = f"cannot keep samples in {self.archive.folder}: {error.strerror or error}; they stay in memory"
            if trouble != self.trouble:
                _log.warning("samples are not safe on the disk", why=trouble, advice="free space or mend permissions")
            self.trouble = trouble
            return 0
        if self.trouble:
            _log.info("samples are safe on the disk again", folder=str(self.archive.folder))
        self.trouble = ""
        return done

    def _relieves(self, memory_bytes: int) -> bool:
        """Say whether memory is filling up, and a flush would give back enough of it to be worth a file."""
        if self._catalogue.nbytes < memory_bytes * FLUSH_SHARE:
            return False
        with self._catalogue.lock:
            runs = [each for table in self._catalogue.tables.values() for each in _only_in_memory(table)]
        return sum(map(_used, runs)) >= memory_bytes * FLUSH_GAIN

    def _is_due(self, at_ms: int) -> bool:
        state = self.log.state
        if state.bytes > FLUSH_LOG_BYTES or state.gap:
            return True
        with self._catalogue.lock:
            oldest = [each.first_ms for table in self._catalogue.tables.values() for each in _only_in_memory(table)[:1]]
        return bool(oldest) and min(oldest) < at_ms - FLUSH_MS

    def _holds_news(self) -> bool:
        with self._catalogue.lock:
            return any(_only_in_memory(table) for table in self._catalogue.tables.values())

    def _drop(self, file: BlockFile) -> tuple[int, int]:
        with self._catalogue.lock:
            gone = self._catalogue.drop(lambda chunk: _lies_in(chunk, (file,)))
        self.archive.drop(file)
        return gone

    def _mend(self, file: BlockFile) -> None:
        """Write what is intact of a damaged file anew, and set the file aside."""
        self._rewrite([file], lambda runs: (run for run in runs if len(run.timestamps)), damaged=True)

    def _rewrite(
        self,
        files: Sequence[BlockFile],
        change: Callable[[list[SealedChunk]], Iterable[SealedChunk]],
        *,
        damaged: bool = False,
    ) -> None:
        """Write one file in the place of several."""
        catalogue = self._catalogue
        with catalogue.lock:
            lying = [(table, _of(table, files)) for table in catalogue.tables.values()]
        lying = [(table, runs) for table, runs in lying if runs]
        written = {}
        if lying:
            written = self.archive.write(((_stored(table), change(runs)) for table, runs in lying), files)
        with catalogue.lock:
            for table, runs in lying:
                catalogue.replace(table, runs, written.get(table.number, []))
            catalogue.drop(lambda chunk: _lies_in(chunk, files))
        for file in files:
            if damaged or file.damage:
                self.archive.set_aside(file)
            else:
                self.archive.drop(file)


def _tell(state: LogState) -> None:
    """Say once that rows do not reach the log, and once that they do again."""
    if state.durable and not state.gap:
        _log.info("samples are in the log on the disk again")
    elif state.reason:
        _log.warning("samples are not safe on the disk", why=state.reason, advice="free space or mend permissions")


def to_merge(files: Sequence[BlockFile], at_ms: int, retention_ms: int) -> list[BlockFile]:
    """Choose files that should become one: neighbours within one stretch of time that is over, or many of them.

    A stretch is at most a quarter of the retention, since a file is deleted as a whole.
    """
    ordered = sorted(files, key=lambda file: file.first_ms)
    for span in (each for each in MERGE_SPANS_MS if 4 * each <= retention_ms):
        groups: dict[int, list[BlockFile]] = {}
        for file in ordered:
            if file.first_ms // span == file.last_ms // span:
                groups.setdefault(file.first_ms // span, []).append(file)
        for number, group in groups.items():
            over = (number + 1) * span <= at_ms
            chosen = _within(group, MERGE_BYTES)
            if len(chosen) >= (2 if over else MERGE_MANY):
                return chosen
    return []


def _within(files: Sequence[BlockFile], most: int) -> list[BlockFile]:
    """Return the first neighbours that are together no larger than `most`."""
    chosen: list[BlockFile] = []
    for file in files:
        if sum(each.size for each in chosen) + file.size > most:
            if len(chosen) >= 2:
                break
            chosen = []
            continue
        chosen.append(file)
    return chosen


def _stored(table: Table) -> StoredTable:
    return StoredTable(table.number, table.stamped, table.labels)


def _only_in_memory(table: Table) -> list[Chunk]:
    return [each for each in table.chunks if in_memory(each)]


def _used(run: Chunk) -> int:
    """Return the bytes that a run has use for: a wide hot one has reserved more than it has filled."""
    return run.nbytes if run.nbytes < _WIDE_BYTES else min(run.nbytes, 8 * run.rows * run.width)


def _sealed_in_memory(table: Table) -> list[SealedChunk]:
    return [each for each in table.parts[0] if isinstance(each, SealedChunk) and in_memory(each)]


def _of(table: Table, files: Sequence[BlockFile]) -> list[SealedChunk]:
    return [each for each in table.parts[0] if isinstance(each, SealedChunk) and _lies_in(each, files)]


def _lies_in(chunk: Chunk, files: Sequence[BlockFile]) -> bool:
    return isinstance(chunk, SealedChunk) and isinstance(chunk.source, FilePages) and chunk.source.file in files
