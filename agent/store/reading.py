"""What has been unpacked stays for a while: the rows of a selection, contiguous, and growing with their table.

A dashboard and a rule ask for the same series again and again, over a window that moves. The past of a table never changes,
so an assembly is extended by the rows that came since, and a query gets a view of it: nothing is copied twice. Rows that a
view shows are never written again; where there is no room for more, new arrays are made and the old ones left to their
readers. All assemblies together are bounded by bytes; the one that was not used for longest goes first.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agent.store.chunks import Chunk
from agent.store.table import Table

IDLE_TURNS: Final = 60
"""Turns (see `ReadCache.turn`) after which an assembly that nobody asked for is let go."""
_SPARE_ROWS: Final = 16

Fill = Callable[[Chunk, int, int, NDArray[np.float64]], bool]
"""Writes rows lo:hi of a run into an array of shape (hi - lo, columns), and says whether all cells have values."""


class Rows(NamedTuple):
    """timestamps (T,), values (T, S), and whether all cells have values."""

    timestamps: NDArray[np.int64]
    values: NDArray[np.float64]
    dense: bool


class Piece(NamedTuple):
    """Rows lo:hi of a run."""

    chunk: Chunk
    lo: int
    hi: int
    timestamps: NDArray[np.int64]


def pieces(table: Table, start_ms: int, end_ms: int) -> list[Piece]:
    """Return the parts of the table's runs that lie in [start, end]."""
    found = []
    for chunk in table.overlapping(start_ms, end_ms):
        stamps = chunk.timestamps
        lo, hi = np.searchsorted(stamps, start_ms, "left"), np.searchsorted(stamps, end_ms, "right")
        if lo < hi:
            found.append(Piece(chunk, int(lo), int(hi), stamps[lo:hi]))
    return found


def rows_between(table: Table, start_ms: int, end_ms: int) -> int:
    """Return how many rows of the table lie in [start, end]; only the runs at the edges are looked into."""
    rows = 0
    for chunk in table.overlapping(start_ms, end_ms):
        if start_ms <= chunk.first_ms and chunk.last_ms <= end_ms:
            rows += chunk.rows
        else:
            lo, hi = np.searchsorted(chunk.timestamps, [start_ms, end_ms + 1])
            rows += max(0, int(hi - lo))
    return rows


class Assembly:
    """All rows of some columns of a table from `start_ms` on, up to `end_ms`. One thread at a time extends it."""

    def __init__(self, table: Table, columns: int, fill: Fill, start_ms: int) -> None:
        self._table, self._fill = table, fill
        self.start_ms, self.end_ms = start_ms, start_ms - 1
        self._asked_ms = start_ms
        self._count = 0
        self._sparse_until = 0
        self._timestamps = np.empty(0, dtype=np.int64)
        self._values = np.empty((0, columns), dtype=np.float64)

    @property
    def nbytes(self) -> int:
        """Bytes of its arrays."""
        return self._values.nbytes + self._timestamps.nbytes

    def reaches(self, start_ms: int) -> bool:
        """Say whether it can be extended to hold all rows from `start_ms` on."""
        return self.start_ms <= start_ms <= self.end_ms + 1

    def rows(self, start_ms: int, end_ms: int) -> Rows | None:
        """Return the rows in [start, end], reading those that are not there yet; None where there are none."""
        self._asked_ms = min(self._asked_ms, start_ms)
        if end_ms > self.end_ms:
            self._extend(pieces(self._table, self.end_ms + 1, end_ms), start_ms)
        stamps = self._timestamps[: self._count]
        lo = int(np.searchsorted(stamps, max(start_ms, self._oldest()), "left"))
        hi = int(np.searchsorted(stamps, end_ms, "right"))
        if lo >= hi:
            return None
        values = self._values[lo:hi]
        values.flags.writeable = False  # other queries see the same cells
        return Rows(stamps[lo:hi], values, lo >= self._sparse_until)

    def _oldest(self) -> int:
        """Return the time of the table's first row: what was dropped is not shown, though it is still here."""
        chunks = self._table.chunks
        return chunks[0].first_ms if chunks else 2**62

    def _extend(self, found: list[Piece], start_ms: int) -> None:
        if not found:
            return
        self._make_room(sum(piece.hi - piece.lo for piece in found), start_ms)
        at = self._count
        for chunk, lo, hi, stamps in found:
            self._timestamps[at : at + hi - lo] = stamps
            dense = self._fill(chunk, lo, hi, self._values[at : at + hi - lo])
            at += hi - lo
            if not dense:
                self._sparse_until = at
        self._count = at
        self.end_ms = int(self._timestamps[at - 1])

    def _make_room(self, more: int, start_ms: int) -> None:
        """Make new arrays where `more` rows do not fit, without the rows that nobody has asked for since the last time."""
        if self._count + more <= len(self._timestamps):
            return
        first = int(np.searchsorted(self._timestamps[: self._count], self._asked_ms, "left"))
        kept = self._count - first
        room = kept + more + (kept // 4 + _SPARE_ROWS if self._count else min(_SPARE_ROWS, more))
        timestamps, values = np.empty(room, dtype=np.int64), np.empty((room, self._values.shape[1]))
        timestamps[:kept], values[:kept] = self._timestamps[first : self._count], self._values[first : self._count]
        self._timestamps, self._values, self._count = timestamps, values, kept
        self._sparse_until = max(0, self._sparse_until - first)
        self.start_ms, self._asked_ms = max(self.start_ms, self._asked_ms), start_ms


class ReadCache:
    """Assemblies by whom they belong to, within `limit_bytes`. Threads may share it."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.nbytes = 0
        self._turn = 0
        self._kept: OrderedDict[Hashable, tuple[Assembly, int, int]] = OrderedDict()
        self._lock = Lock()

    def get(self, owner: Hashable) -> Assembly | None:
        """Return the owner's assembly."""
        found = self._kept.get(owner)
        return None if found is None else found[0]

    def keep(self, owner: Hashable, assembly: Assembly) -> None:
        """Keep an assembly, as it is now, as the one that was used last."""
        with self._lock:
            self._forget(owner)
            self._kept[owner] = (assembly, assembly.nbytes, self._turn)
            self.nbytes += assembly.nbytes
        self.shrink(self.limit_bytes)

    def shrink(self, limit_bytes: int) -> None:
        """Let go of the assemblies that were not used for longest until the others fit."""
        with self._lock:
            while self._kept and self.nbytes > limit_bytes:
                self._forget(next(iter(self._kept)))

    def turn(self) -> None:
        """Let a turn pass: what was not used for IDLE_TURNS goes."""
        with self._lock:
            self._turn += 1
            while self._kept and next(iter(self._kept.values()))[2] < self._turn - IDLE_TURNS:
                self._forget(next(iter(self._kept)))

    def _forget(self, owner: Hashable) -> None:
        gone = self._kept.pop(owner, None)
        self.nbytes -= gone[1] if gone is not None else 0
