"""Where budgets outlive the process: records of the journal, and beside them up to where each target was counted.

Both are one transaction, so whatever is read back belongs together: no event counts twice after a restart, and none is lost.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from agent.errors import StorageError
from agent.journal import Delete, Journal, Put, Reader

KIND: Final = "slo_budget"
"""The engine's bytes; msgspec writes them as base64."""
MARKS: Final = "slo_mark"
"""Of each target the timestamp of the last page that is counted, all in one record."""
_ALL: Final = "targets"
_PATIENCE_SECONDS: Final = 10.0
"""A disk that takes longer holds up the judgement of budgets no more: what it was given is given again with the next row."""


class JournalKept:
    """Fulfils the engine's `Kept`. `marks` is set before each row, and written with it."""

    def __init__(self, journal: Journal, *, patience_seconds: float = _PATIENCE_SECONDS) -> None:
        self._journal, self._patience_seconds = journal, patience_seconds
        self.marks: Mapping[str, int] = _marks(journal.record(MARKS, _ALL))
        self._owed: dict[str, bytes | None] = {}
        """What could not be written, None where it should go: an engine that is made meanwhile must not begin without it."""

    def read(self) -> Mapping[str, bytes]:
        """Return everything that is kept, and what is owed; raise StorageError where it is no bytes."""
        found = {**kept_bytes(self._journal.records), **self._owed}
        return {key: data for key, data in found.items() if data is not None}

    def write(self, put: Mapping[str, bytes], drop: Iterable[str]) -> None:
        """Keep and drop, on the disk when it returns: never call it in the event loop. Raises StorageError."""
        self._owed |= {**dict.fromkeys(drop), **put}
        done = self._journal.write(
            *(Delete(KIND, key) if data is None else Put(KIND, key, data) for key, data in self._owed.items()),
            Put(MARKS, _ALL, dict(self.marks)),
        )
        try:
            done.result(self._patience_seconds)
        except TimeoutError as error:
            message = f"the journal did not write the budgets within {self._patience_seconds:g} s; look at its disk"
            raise StorageError(message) from error
        self._owed = {}


class ReaderKept:
    """Fulfils the engine's `Kept` for a folder that is only read, maybe beside the agent that writes it."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def read(self) -> Mapping[str, bytes]:
        """Return everything that is kept; raise StorageError where it is no bytes."""
        return kept_bytes(self._reader.records)

    def write(self, put: Mapping[str, bytes], drop: Iterable[str]) -> None:
        """Raise StorageError: what another agent keeps is not written."""
        del put, drop
        message = "cannot write budgets to a folder that was opened for reading"
        raise StorageError(message)


def kept_bytes(records: Callable[[str], Mapping[str, Any]]) -> Mapping[str, bytes]:
    """Return an engine's bytes as a journal has them; raise StorageError where they are none."""
    try:
        return {key: base64.b64decode(text, validate=True) for key, text in records(KIND).items()}
    except (binascii.Error, TypeError, ValueError) as error:
        message = f"cannot read the budgets that were kept in the journal: {error}"
        raise StorageError(message) from error


def _marks(found: Any) -> dict[str, int]:
    return {str(name): int(at_ms) for name, at_ms in found.items()} if isinstance(found, dict) else {}
