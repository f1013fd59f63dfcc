"""Reading the journal's records and events: beside its writer, or offline, without an agent and without changing a file.

Values come as plain JSON data. It writes nothing and knows no meaning of a kind.
"""

from __future__ import annotations

import fcntl
import sqlite3
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import quote

import msgspec

from agent.errors import StorageError

_EVENT: Final = "SELECT sequence, kind, subject, at_ms, value FROM events WHERE kind = ?"


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the history; `value` is plain JSON data."""

    sequence: int
    kind: str
    subject: str
    at_ms: int
    value: Any

    @property
    def position(self) -> Position:
        """Where the event stands in the order of time."""
        return Position(self.at_ms, self.sequence)


class Position(NamedTuple):
    """A place in the history: an instant, and which of the events of that instant."""

    at_ms: int
    sequence: int = 0


class Reader:
    """Reads over one connection; threads may share it. `lock` is held while it is used."""

    def __init__(self, connection: sqlite3.Connection, name: str, lock: Path | None = None) -> None:
        self._connection, self._name, self._writers = connection, name, lock
        self.lock = threading.Lock()

    @classmethod
    def open(cls, path: Path) -> Reader:
        """Open the database at `path` for reading only, an agent may be using it; raise StorageError where it cannot be read."""
        if not path.is_file():
            message = f"cannot read the journal {path}: there is no such file; check --storage.path"
            raise StorageError(message)
        address = f"file:{quote(str(path))}?mode=ro"
        # Beside no write-ahead log, nobody writes; a folder that may not be written to cannot get the files that WAL needs.
        choices = [address] if path.with_name(path.name + "-wal").exists() else [address, address + "&immutable=1"]
        problem: sqlite3.Error | None = None
        for each in choices:
            connection = sqlite3.connect(each, uri=True, check_same_thread=False, timeout=10)
            try:
                connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            except sqlite3.Error as error:
                connection.close()
                problem = error
            else:
                return cls(connection, str(path), path.with_suffix(".lock"))
        message = f"cannot read the journal {path}: {problem}"
        raise StorageError(message) from problem

    def written_to(self) -> bool | None:
        """Say whether an agent has the folder now; None where that cannot be known."""
        try:
            with (self._writers or Path()).open() as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return None
        return False

    def record(self, kind: str, key: str) -> Any | None:
        """Return one record, or None."""
        rows = self._read("SELECT value FROM records WHERE kind = ? AND key = ?", (kind, key))
        return msgspec.json.decode(rows[0][0]) if rows else None

    def records(self, kind: str) -> dict[str, Any]:
        """Return all records of a kind, by key."""
        rows = self._read("SELECT key, value FROM records WHERE kind = ? ORDER BY key", (kind,))
        return {key: msgspec.json.decode(value) for key, value in rows}

    def events(self, kind: str, subject: str | None = None, *, since_ms: int = 0, limit: int = 1000) -> list[Event]:
        """Return the newest `limit` events of a kind (about one subject), oldest first."""
        query, values = f"{_EVENT} AND at_ms >= ?", [kind, since_ms]
        if subject is not None:
            query += " AND subject = ?"
            values.append(subject)
        return self._events(query + " ORDER BY sequence DESC LIMIT ?", (*values, limit))[::-1]

    def newest(self, kind: str, before: Position, *, subject: str | None = None, limit: int = 1000) -> list[Event]:
        """Return the `limit` events of a kind (about one subject) that are next before a position, newest first."""
        query, values = _EVENT, [kind]
        if subject is not None:
            query += " AND subject = ?"
            values.append(subject)
        query += " AND (at_ms, sequence) < (?, ?) ORDER BY at_ms DESC, sequence DESC LIMIT ?"
        return self._events(query, (*values, *before, limit))

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()

    def _events(self, query: str, values: Sequence[Any]) -> list[Event]:
        rows = self._read(query, values)
        return [Event(row[0], row[1], row[2], row[3], msgspec.json.decode(row[4])) for row in rows]

    def _read(self, query: str, values: Sequence[Any]) -> list[Any]:
        with self.lock:
            try:
                return self._connection.execute(query, values).fetchall()
            except sqlite3.Error as error:
                message = f"cannot read the journal {self._name}: {error}"
                raise StorageError(message) from error
