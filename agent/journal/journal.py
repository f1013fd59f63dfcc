"""The one owner of SQLite: current records by kind and key, and a history of events, durable when a write's future is done.

One writer thread commits queued writes together (group commit, WAL, synchronous=FULL); reads use a connection of their own.
Rooms say what they need of it by Protocols; the journal knows no room and no meaning, only kinds, keys and JSON.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import os
import queue
import sqlite3
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import msgspec

from agent.errors import AlreadyRunning, StorageError
from agent.journal.reading import Event, Position, Reader

MIGRATIONS: Final = (
    """
    CREATE TABLE records (kind TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (kind, key)) WITHOUT ROWID;
    CREATE TABLE events (
      sequence INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, subject TEXT NOT NULL, at_ms INTEGER NOT NULL,
      value BLOB NOT NULL
    );
    CREATE INDEX events_by_subject ON events (kind, subject, at_ms);
    CREATE INDEX events_by_time ON events (at_ms);
    """,
    """
    DROP INDEX events_by_time;
    CREATE INDEX events_by_time ON events (kind, at_ms);
    """,
)
"""Applied in order; the database's user_version says how many were. Only ever append."""


@dataclass(frozen=True, slots=True)
class Put:
    """Set the record `kind`/`key` to `value` (anything msgspec can write as JSON, dataclasses and mappings among it).

    It is written as JSON by the journal's thread: what is handed over must not change any more.
    """

    kind: str
    key: str
    value: Any


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove the record `kind`/`key`, if it is there."""

    kind: str
    key: str


@dataclass(frozen=True, slots=True)
class Append:
    """Add an event about `subject` to the history."""

    kind: str
    subject: str
    at_ms: int
    value: Any


@dataclass(frozen=True, slots=True)
class Prune:
    """Forget the events of `kind` from before `before_ms`."""

    kind: str
    before_ms: int


def plain(value: Any) -> str | dict[Any, Any]:
    """Write text that knows its place in a file (a subclass of str) as text, any mapping as an object; refuse all else."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, Mapping):
        return dict(value.items())
    message = f"a value of type {type(value).__name__} cannot be written down"
    raise TypeError(message)


_ASKED_SECONDS: Final = 0.05
_ENCODER: Final = msgspec.json.Encoder(enc_hook=plain)
Write = Put | Delete | Append | Prune
_STATEMENTS: Final[Mapping[type[Write], str]] = {
    Put: "INSERT OR REPLACE INTO records VALUES (?, ?, ?)",
    Delete: "DELETE FROM records WHERE kind = ? AND key = ?",
    Append: "INSERT INTO events (kind, subject, at_ms, value) VALUES (?, ?, ?, ?)",
    Prune: "DELETE FROM events WHERE kind = ? AND at_ms < ?",
}


class Journal:
    """Durable state of one agent. Open it with `open`, close it with `close`."""

    def __init__(self, path: Path | None, lock: IO[str] | None) -> None:
        self._path = path
        self._lock = lock
        self._writer = _connect(path)
        self._reader = Reader(self._writer if path is None else _connect(path), str(path or ":memory:"))
        self._queue: queue.SimpleQueue[tuple[Sequence[Write], Future[None]] | None] = queue.SimpleQueue()
        self._closed = False
        _migrate(self._writer)
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    @classmethod
    def open(cls, path: Path | str) -> Journal:
        """Open or create the database at `path`; `:memory:` keeps nothing.

        Raises AlreadyRunning where another agent holds it, StorageError where it cannot be read. A damaged file is set
        aside as `<name>.damaged-<n>` and a new one begun, so that a damaged disk never stops the paging.
        """
        if str(path) == ":memory:":
            return cls(None, None)
        path = Path(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            lock = path.with_suffix(".lock").open("a+")
        except OSError as error:
            message = f"cannot open the journal {path}: {error.strerror}; check --storage.path and its permissions"
            raise StorageError(message) from error
        _take(lock, path.parent)
        try:
            return cls(path, lock)
        except sqlite3.DatabaseError:
            _set_aside(path)
            return cls(path, lock)

    def write(self, *writes: Write) -> Future[None]:
        """Queue `writes` as one transaction; the future is done once they are on the disk, or holds a StorageError."""
        future: Future[None] = Future()
        future.set_running_or_notify_cancel()  # who stops waiting must not stop the write, nor the thread that does it
        if self._closed:
            future.set_exception(StorageError("the journal is closed"))
        elif writes:
            self._queue.put((writes, future))
        else:
            future.set_result(None)
        return future

    def record(self, kind: str, key: str) -> Any | None:
        """Return one record as plain JSON data, or None."""
        return self._reader.record(kind, key)

    def records(self, kind: str) -> dict[str, Any]:
        """Return all records of a kind, by key."""
        return self._reader.records(kind)

    def events(self, kind: str, subject: str | None = None, *, since_ms: int = 0, limit: int = 1000) -> list[Event]:
        """Return the newest `limit` events of a kind (about one subject), oldest first."""
        return self._reader.events(kind, subject, since_ms=since_ms, limit=limit)

    def newest(self, kind: str, before: Position, *, subject: str | None = None, limit: int = 1000) -> list[Event]:
        """Return the `limit` events of a kind (about one subject) that are next before a position, newest first."""
        return self._reader.newest(kind, before, subject=subject, limit=limit)

    def close(self) -> None:
        """Commit what is queued and close; idempotent."""
        if self._closed:
            return
        self._closed = True
        self._queue.put(None)
        self._thread.join()
        self._reader.close()
        if self._lock is not None:
            self._lock.close()

    def __repr__(self) -> str:
        return f"Journal({self._path or ':memory:'})"

    def _run(self) -> None:
        stopping = False
        while not stopping:
            batch = []
            first = self._queue.get()
            while True:
                if first is None:
                    stopping = True
                    break
                batch.append(first)
                try:
                    first = self._queue.get_nowait()
                except queue.Empty:
                    break
            if batch:
                self._commit(batch)
        with self._reader.lock:
            self._writer.close()

    def _commit(self, batch: Sequence[tuple[Sequence[Write], Future[None]]]) -> None:
        """Commit a batch together; where that fails, one by one, so that one bad write does not take others with it."""
        with self._reader.lock if self._path is None else contextlib.nullcontext():
            try:
                self._apply([write for writes, _ in batch for write in writes])
            except (sqlite3.Error, TypeError, ValueError) as error:
                if len(batch) > 1:
                    for each in batch:
                        self._commit_alone(each)
                    return
                batch[0][1].set_exception(_failed(self._path, error))
                return
        for _, future in batch:
            future.set_result(None)

    def _commit_alone(self, one: tuple[Sequence[Write], Future[None]]) -> None:
        writes, future = one
        try:
            self._apply(writes)
        except (sqlite3.Error, TypeError, ValueError) as error:
            future.set_exception(_failed(self._path, error))
        else:
            future.set_result(None)

    def _apply(self, writes: Sequence[Write]) -> None:
        self._writer.execute("BEGIN IMMEDIATE")
        try:
            for statement, rows in itertools.groupby(_in_order(writes), key=_statement):
                self._writer.executemany(statement, map(_values, rows))
            self._writer.execute("COMMIT")
        except BaseException:
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
            raise


def _in_order(writes: Sequence[Write]) -> list[Write]:
    """Put the history after the records: the two know nothing of each other, and equal statements follow one another."""
    return sorted(writes, key=lambda write: isinstance(write, Append | Prune))


def _statement(write: Write) -> str:
    return _STATEMENTS[type(write)]


def _values(write: Write) -> tuple[Any, ...]:
    match write:
        case Put(kind, key, value):
            return kind, key, _ENCODER.encode(value)
        case Delete(kind, key):
            return kind, key
        case Append(kind, subject, at_ms, value):
            return kind, subject, at_ms, _ENCODER.encode(value)
        case Prune(kind, before_ms):
            return kind, before_ms


def _connect(path: Path | None) -> sqlite3.Connection:
    connection = sqlite3.connect(path or ":memory:", isolation_level=None, check_same_thread=False, timeout=10)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
    except sqlite3.DatabaseError:
        connection.close()
        raise
    return connection


def _migrate(connection: sqlite3.Connection) -> None:
    done = connection.execute("PRAGMA user_version").fetchone()[0]
    if done > len(MIGRATIONS):
        message = f"the journal was written by a newer version (schema {done}, this one knows {len(MIGRATIONS)})"
        raise StorageError(message)
    for number, migration in enumerate(MIGRATIONS[done:], start=done + 1):
        connection.executescript(f"BEGIN; {migration}; PRAGMA user_version = {number}; COMMIT;")


def _take(lock: IO[str], folder: Path) -> None:
    """Lock the directory and leave our process' number in the file; the system takes the lock back however we end."""
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:  # by a reader that only asks, which lets go at once?
            time.sleep(_ASKED_SECONDS)
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.seek(0)
        holder = lock.read(20).strip()
        lock.close()
        who = f" (process {holder})" if holder.isdecimal() else ""
        message = f"another agent uses {folder}{who}; stop it, or give this one another --storage.path"
        raise AlreadyRunning(message) from error
    except OSError as error:
        lock.close()
        message = (
            f"cannot lock {folder}: {error.strerror}; two agents on one directory would tell everybody twice, so put "
            "--storage.path on a file system with locks"
        )
        raise StorageError(message) from error
    with contextlib.suppress(OSError):  # a full disk must not stop the paging; the number is only for people
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()


def _set_aside(path: Path) -> None:
    number = next(n for n in range(1, 10_000) if not path.with_name(f"{path.name}.damaged-{n}").exists())
    path.replace(path.with_name(f"{path.name}.damaged-{number}"))
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _failed(path: Path | None, error: Exception) -> StorageError:
    failed = StorageError(f"cannot write to the journal {path}: {error}; check free space and permissions")
    failed.__cause__ = error
    return failed
