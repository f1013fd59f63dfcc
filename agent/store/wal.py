"""The write-ahead log of the samples: a row is appended in memory and written by one thread of its own, in order.

`append` and `cut` never wait for the disk and never raise for it. What was written with write(2) outlives a killed process;
another thread syncs every few seconds, so a machine that loses power loses as much. When the disk refuses, the log says so in
`state`, lets rows pass, and tries again with a new segment; the rows it missed are covered when the store has written what
it holds as a block: `number = cut()`, write the block, `drop_before(number)`.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from threading import Condition, Event, Thread

from agent.model import Columns, Row
from agent.store.wal_replay import Damage, replay
from agent.store.wal_segments import PlainSegment, SegmentFile
from agent.store.wal_writer import LogLimits, LogState, SegmentWriter

_ROW_COST, _SAMPLE_COST, _HISTOGRAM_COST = 256, 200, 1000


@dataclass(frozen=True, slots=True)
class _Cut:
    epoch: int


@dataclass(frozen=True, slots=True)
class _Drop:
    before: int


@dataclass(frozen=True, slots=True)
class _Forget:
    columns: Columns


@dataclass(frozen=True, slots=True)
class _Barrier:
    passed: Event
    last: bool = False


_Work = Row | _Cut | _Drop | _Forget | _Barrier


class _Syncing:
    """A thread that waits for the disk, so that rows need not: it runs what it is given, one piece after the other."""

    def __init__(self) -> None:
        self._pieces: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread: Thread | None = None

    def put(self, piece: Callable[[], None]) -> None:
        """Run a piece when those before it are done; it does not raise."""
        if self._thread is None:
            self._thread = Thread(target=self._run, name="sync of the log", daemon=True)
            self._thread.start()
        self._pieces.put(piece)

    def wait(self, *, last: bool) -> None:
        """Wait until what was given is done; `last` ends the thread."""
        done = Event()
        self.put(done.set)
        done.wait()
        if last:
            self._pieces.put(None)

    def _run(self) -> None:
        while (piece := self._pieces.get()) is not None:
            piece()


class WriteAheadLog:
    """A log in a folder of its own; make one with `open`. `replay` first, once; then any thread may call anything.

    damages: what `replay` set aside.
    """

    def __init__(
        self,
        folder: Path,
        writer: SegmentWriter,
        syncing: _Syncing,
        queue_bytes: int,
        on_trouble: _OnTrouble | None,
    ) -> None:
        self.damages: list[Damage] = []
        self._folder = folder
        self._writer = writer
        self._syncing = syncing
        self._queue_bytes = queue_bytes
        self._on_trouble = on_trouble
        self._told = (True, False)
        self._epoch = writer.epoch
        self._changed = Condition()
        self._waiting: deque[tuple[_Work, int]] = deque()
        self._waiting_bytes = 0
        self._closed = False
        self._thread: Thread | None = None

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        segment_bytes: int = 64 * 2**20,
        queue_bytes: int = 32 * 2**20,
        sync_s: float = 2.0,
        retry_s: float = 5.0,
        after: int = 0,
        on_trouble: _OnTrouble | None = None,
        opener: Callable[[Path], SegmentFile] = PlainSegment,
    ) -> WriteAheadLog:
        """Open the log in `folder`; where that is impossible, `state` says why and it is tried again.

        Segments are numbered above `after`. `on_trouble(state)` is called by the writing thread when `durable` or `gap`
        changes; `opener` makes the files that are written.
        """
        limits = LogLimits(segment_bytes, sync_s, retry_s)
        syncing = _Syncing()
        writer = SegmentWriter(folder, limits, opener, after, syncing.put)
        return cls(folder, writer, syncing, queue_bytes, on_trouble)

    def replay(self) -> Iterator[Row]:
        """Yield the rows of the log in the order they were appended; nothing is raised for damage, see `damages`.

        A row comes back as it was appended, on a `Columns` that is the same for the rows of one table.
        """
        yield from replay(self._folder, list(self._writer.files), self.damages)
        self._writer.look()

    def append(self, row: Row) -> bool:
        """Hand over a row whose arrays no longer change; return False where it cannot be written."""
        cost = _cost(row)
        with self._changed:
            if self._closed:
                self._writer.lose(1, self._epoch, "the log of the samples is closed")
                return False
            if self._waiting_bytes and self._waiting_bytes + cost > self._queue_bytes:
                self._writer.lose(1, self._epoch, f"the disk of {self._folder} is too slow: the log left rows out")
                return False
            self._put(row, cost)
        return True

    def cut(self) -> int:
        """Start a new segment and return its number: what was appended before stands in segments below it."""
        with self._changed:
            self._epoch += 1
            self._put(_Cut(self._epoch))
            return self._epoch

    def drop_before(self, number: int) -> None:
        """Delete the segments below `number`: a block holds what they do, and what they should have held."""
        with self._changed:
            self._put(_Drop(number))

    def forget(self, columns: Columns) -> None:
        """Let go of a table that ended."""
        with self._changed:
            self._put(_Forget(columns))

    def flush(self, timeout_s: float | None = None) -> bool:
        """Wait until what was appended so far is on the disk, or could not be; return whether the log is durable."""
        passed = Event()
        with self._changed:
            waits = self._put(_Barrier(passed))
        return (not waits or passed.wait(timeout_s)) and self.state.durable

    def close(self, timeout_s: float = 10.0) -> None:
        """Write and sync what was appended, and end the thread; a disk that hangs is left behind after the timeout."""
        with self._changed:
            if self._thread is not None:
                self._put(_Barrier(Event(), last=True))
            self._closed = True
        if self._thread is not None:
            self._thread.join(timeout_s)

    @property
    def state(self) -> LogState:
        """How the log is now."""
        return self._writer.state(len(self.damages))

    def _put(self, work: _Work, cost: int = 0) -> bool:
        if self._closed:
            return False
        if self._thread is None:
            self._thread = Thread(target=self._run, name="write-ahead log", daemon=True)
            self._thread.start()
        self._waiting.append((work, cost))
        self._waiting_bytes += cost
        self._changed.notify()
        return True

    def _run(self) -> None:
        ended = False
        while not ended:
            batch = self._take()
            for work, _ in batch:
                ended = self._safely(work) or ended
            self._safely(None)
            with self._changed:
                self._waiting_bytes -= sum(cost for _, cost in batch)
            self._tell()

    def _take(self) -> list[tuple[_Work, int]]:
        with self._changed:
            if not self._waiting:
                due = self._writer.next_tick_s()
                self._changed.wait(None if due is None else max(0.0, due - time.monotonic()))
            batch = list(self._waiting)
            self._waiting.clear()
            return batch

    def _safely(self, work: _Work | None) -> bool:
        try:
            return self._do(work, time.monotonic())
        except Exception as error:  # noqa: BLE001  # a writer that died would lose all that follows, unseen
            self._writer.fail(error, time.monotonic())
            return False

    def _do(self, work: _Work | None, now_s: float) -> bool:
        """Do one piece of work; None ends a batch. Return whether it was the last."""
        writer = self._writer
        match work:
            case Row():
                writer.add(work, now_s)
            case _Cut(epoch):
                writer.cut(epoch, now_s)
            case _Drop(before):
                writer.drop_before(before)
            case _Forget(columns):
                writer.forget(columns)
            case _Barrier(passed, last):
                writer.sync(now_s)
                if last:
                    writer.close(now_s)
                self._syncing.wait(last=last)
                writer.write(now_s)  # it sees what the sync came to
                self._tell()
                passed.set()
                return last
            case None:
                writer.write(now_s)
                writer.tick(now_s)
        return False

    def _tell(self) -> None:
        state = self.state
        if (state.durable, state.gap) != self._told:
            self._told = state.durable, state.gap
            if self._on_trouble is not None:
                self._on_trouble(state)


_OnTrouble = Callable[[LogState], None]


def _cost(row: Row) -> int:
    extras = len(row.stamped) + len(row.exemplars)
    return _ROW_COST + row.values.nbytes + _SAMPLE_COST * extras + _HISTOGRAM_COST * len(row.histograms)
