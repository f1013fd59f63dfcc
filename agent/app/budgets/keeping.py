"""Where budgets outlive the process: records of the journal, and beside them up to where each target was counted.

Both are one transaction, so whatever is read back belongs together: no event counts twice after a restart, and none is lost.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from typing import Any, Final

from agent.errors import StorageError
from agent.journal import Delete, Journal, Put

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

    def read(self) -> Mapping[str, bytes]:
        """Return everything that is kept; raise StorageError where it is no bytes."""
        try:
            return {key: base64.b64decode(text, validate=True) for key, text in self._journal.records(KIND).items()}
        except (binascii.Error, TypeError, ValueError) as error:
            message = f"cannot read the budgets that were kept in the journal: {error}"
            raise StorageError(message) from error

    def write(self, put: Mapping[str, bytes], drop: Iterable[str]) -> None:
        """Keep and drop, on the disk when it returns: never call it in the event loop. Raises StorageError."""
        done = self._journal.write(
            *(Put(KIND, key, data) for key, data in put.items()),
            *(Delete(KIND, key) for key in drop),
            Put(MARKS, _ALL, dict(self.marks)),
        )
        try:
            done.result(self._patience_seconds)
        except TimeoutError as error:
            message = f"the journal did not write the budgets within {self._patience_seconds:g} s; look at its disk"
            raise StorageError(message) from error


def _marks(found: Any) -> dict[str, int]:
    return {str(name): int(at_ms) for name, at_ms in found.items()} if isinstance(found, dict) else {}
