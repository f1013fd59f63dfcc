"""The log's pen: rows into segments, one caller at a time, each verb at an instant. It never raises for the disk.

Writing and syncing are two things: a written row outlives the process at once, a sync may take as long as the disk likes and
runs where no row waits for it. When the disk refuses, the segment is cut back to its last whole record and left; rows are
counted and let pass until a new segment can be begun. After a failed sync nothing is synced again: the kernel may have let go
of what it could not write.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Final

from agent.model import Columns, Row
from agent.store.wal_records import RowEncoder
from agent.store.wal_segments import HEADER_BYTES, SegmentFile, SegmentName, frame, header, segments, sync_folder

PROBE_BYTES: Final = 2**18
"""A disk that refused a write is trusted again when it takes this much at once."""
_BATCH_BYTES: Final = 2**20

Later = Callable[[Callable[[], None]], object]
"""How work that may wait for the disk is run: one piece after the other, in the order it was given."""


@dataclass(frozen=True, slots=True)
class LogState:
    """How the log is.

    durable: rows are being written and none is missing; reason: why not; gap: rows are missing that memory holds, until a
    block covers them; dropped: rows that were never written, in all; damaged: files that were set aside at the start.
    """

    durable: bool
    reason: str
    gap: bool
    bytes: int
    segments: int
    dropped: int
    damaged: int


@dataclass(frozen=True, slots=True)
class _Unsynced:
    """A sync that failed: which file's, and the epoch that it was of."""

    file: SegmentFile
    epoch: int
    error: OSError


@dataclass(frozen=True, slots=True)
class LogLimits:
    """When a segment ends, how often to sync, and when to try a refusing disk again."""

    segment_bytes: int
    sync_s: float
    retry_s: float


class SegmentWriter:
    """Write rows into the segments of `folder`. `now_s` is a clock that only rises; `after` is an epoch to stay above."""

    def __init__(
        self, folder: Path, limits: LogLimits, opener: Callable[[Path], SegmentFile], after: int, later: Later
    ) -> None:
        self._later = later
        self._syncing = False
        self._unsynced: _Unsynced | None = None
        self._folder, self._limits, self._opener = folder, limits, opener
        self._encoder = RowEncoder()
        self._file: SegmentFile | None = None
        self._name = SegmentName(0, 0)
        self._size = 0
        self._batch: list[bytes] = []
        self._batch_bytes = self._batch_rows = 0
        self._dirty_since: float | None = None
        self._retry_at = 0.0
        self._refusal = ""
        self._losses = Lock()
        self._lost_in: int | None = None
        self._lost_why = ""
        self._dropped = 0
        self.files: dict[SegmentName, int] = {}
        self.look()
        self.epoch = self.run = max((after, *(name.epoch for name in self.files))) + 1

    def look(self) -> None:
        """See which segments there are."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self.files = segments(self._folder)
        except OSError as error:
            self._refuse(error, 0.0)

    def add(self, row: Row, now_s: float) -> None:
        """Take a row; it is written with those after it, at the latest by `write`."""
        if self._file is None and not self._begin(now_s):
            self.lose(1, self.epoch, self._refusal)
            return
        for kind, payload in list(self._encoder.records(row)):
            head = frame(kind, payload)
            self._batch += (head, payload)
            self._batch_bytes += len(head) + len(payload)
        self._batch_rows += 1
        if self._batch_bytes >= _BATCH_BYTES:
            self.write(now_s)

    def write(self, now_s: float) -> None:
        """Write what was taken, and end the segment when it is full."""
        self._see_failed_sync(now_s)
        if self._file is None or not self._batch:
            return
        try:
            self._file.write(b"".join(self._batch))
        except OSError as error:
            self._fail(error, now_s)
            return
        self._size += self._batch_bytes
        self.files[self._name] = self._size
        self._clear()
        if self._dirty_since is None:
            self._dirty_since = now_s
        if self._size >= self._limits.segment_bytes:
            self._end(now_s)

    def sync(self, now_s: float) -> None:
        """Write what was taken, and have it brought to the disk."""
        self.write(now_s)
        file, path, epoch = self._file, self._folder / str(self._name), self.epoch
        if file is None or self._dirty_since is None:
            return
        self._dirty_since, self._syncing = None, True
        self._later(lambda: self._sync(file, path, epoch))
        self._see_failed_sync(now_s)

    def _sync(self, file: SegmentFile, path: Path, epoch: int) -> None:
        try:
            file.sync()
            path.stat()  # a file that was deleted takes all that is written to it
        except OSError as error:
            self._unsynced = _Unsynced(file, epoch, error)
        self._syncing = False

    def _see_failed_sync(self, now_s: float) -> None:
        failed, self._unsynced = self._unsynced, None
        if failed is None:
            return
        if failed.file is self._file:
            self._fail(failed.error, now_s)
        elif isinstance(failed.error, FileNotFoundError):
            return  # it has ended, and a block that covers it may have been quicker
        else:
            self._refuse(failed.error, now_s)
        self.lose(0, failed.epoch, self._refusal)

    def cut(self, epoch: int, now_s: float) -> None:
        """End the segment; the next row begins one of this epoch."""
        self._end(now_s)
        self.epoch = epoch

    def drop_before(self, epoch: int) -> None:
        """Delete the segments of earlier epochs; what they miss is missed no more.

        A file that cannot be deleted stays for the next time.
        """
        for name in [each for each in self.files if each.epoch < epoch and each != self._writing]:
            with suppress(OSError):
                (self._folder / str(name)).unlink(missing_ok=True)
                del self.files[name]
        self._later(self._sync_folder)
        with self._losses:
            if self._lost_in is not None and self._lost_in < epoch:
                self._lost_in = None

    def forget(self, columns: Columns) -> None:
        """Let go of a table."""
        self._encoder.forget(columns)

    def tick(self, now_s: float) -> None:
        """Do what time asks for: sync, or try a disk that refused."""
        self._see_failed_sync(now_s)
        if self._dirty_since is not None and now_s >= self._dirty_since + self._limits.sync_s:
            if self._syncing:
                self._dirty_since = now_s  # the disk is slow; look again in a while
            else:
                self.sync(now_s)
        if self._refusal and now_s >= self._retry_at:
            self._begin(now_s)

    def next_tick_s(self) -> float | None:
        """Return when `tick` has something to do, None when never."""
        if self._refusal:
            return self._retry_at
        return None if self._dirty_since is None else self._dirty_since + self._limits.sync_s

    def close(self, now_s: float) -> None:
        """Write, sync and end."""
        self._end(now_s)

    def lose(self, rows: int, epoch: int, why: str) -> None:
        """Count rows of an epoch that will not be written; any thread may."""
        with self._losses:
            self._dropped += rows
            self._lost_in, self._lost_why = epoch, why

    def fail(self, error: Exception, now_s: float) -> None:
        """Give up a row, and the segment whose encoding it broke off, for a reason that is not the disk's."""
        self.write(now_s)
        self._fail(error, now_s)
        self.lose(1, self.epoch, self._refusal)

    def state(self, damaged: int) -> LogState:
        """Return how the log is; any thread may."""
        with self._losses:
            gap, dropped, why = self._lost_in is not None, self._dropped, self._lost_why
        sizes = list(self.files.values())
        reason = self._refusal or (why if gap else "")
        return LogState(not reason, reason, gap, sum(sizes), len(sizes), dropped, damaged)

    @property
    def _writing(self) -> SegmentName | None:
        return self._name if self._file is not None else None

    def _begin(self, now_s: float) -> bool:
        if self._refusal and now_s < self._retry_at:
            return False
        parts = [name.part for name in self.files if name.epoch == self.epoch]
        name = SegmentName(self.epoch, max(parts, default=-1) + 1)
        path = self._folder / str(name)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._file = self._opener(path)
            self._name, self._size = name, 0
            self._file.write(header(self.run))
            if self._refusal:
                self._file.write(bytes(PROBE_BYTES))
                self._file.sync()
                self._file.truncate(HEADER_BYTES)
        except OSError as error:
            self._fail(error, now_s)
            return False
        self._size = self.files[name] = HEADER_BYTES
        self._refusal = ""
        self._encoder.begin()
        return True

    def _end(self, now_s: float) -> None:
        self.sync(now_s)
        file, self._file = self._file, None
        if file is not None:
            self._later(lambda: _close(file))

    def _fail(self, error: Exception, now_s: float) -> None:
        file, self._file = self._file, None
        if file is not None:
            self._leave(file)
        self._refuse(error, now_s)
        if self._batch_rows or self._dirty_since is not None:
            self.lose(self._batch_rows, self.epoch, self._refusal)
        self._dirty_since = None
        self._clear()

    def _leave(self, file: SegmentFile) -> None:
        """Cut the segment back to its last whole record; delete it where it has none."""
        with suppress(OSError):
            if self._size > HEADER_BYTES:
                file.truncate(self._size)
            else:
                (self._folder / str(self._name)).unlink()
                self.files.pop(self._name, None)
        self._later(lambda: _close(file))

    def _refuse(self, error: Exception, now_s: float) -> None:
        why = (error.strerror if isinstance(error, OSError) else None) or f"{type(error).__name__}: {error}"
        self._refusal = f"cannot write the log of the samples in {self._folder}: {why}; they are kept in memory alone"
        self._retry_at = now_s + self._limits.retry_s

    def _sync_folder(self) -> None:
        with suppress(OSError):
            sync_folder(self._folder)

    def _clear(self) -> None:
        self._batch = []
        self._batch_bytes = self._batch_rows = 0


def _close(file: SegmentFile) -> None:
    with suppress(OSError):
        file.close()
