"""The tables of a store, the index over their series, and the count of the bytes they take, changed together.

Whatever changes something here holds `lock`; `seal_ended` takes it by itself, for the moments in which it needs it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Lock
from typing import Final

import numpy as np
from numpy.typing import NDArray

from agent.model import Labels
from agent.store.chunks import Chunk, RawChunk
from agent.store.index import Index, Placement
from agent.store.sealed import SealedChunk, seal
from agent.store.table import Table

FOREVER: Final = (-(2**62), 2**62)


class Catalogue:
    """The tables by number. `ended` hears of a table that is gone."""

    def __init__(self, ended: Callable[[Table], None]) -> None:
        self.lock = Lock()
        self.index = Index(self.lock)
        self.tables: dict[int, Table] = {}
        self._ended = ended
        self._bytes = 0
        self._number = 0

    @property
    def nbytes(self) -> int:
        """Bytes in memory: runs, and the index."""
        return self._bytes + self.index.nbytes

    def new(self, labels: list[Labels], *, stamped: bool = False) -> Table:
        """Return a table, which counts as one when it gets its first row."""
        self._number += 1
        return Table(self._number, labels, stamped=stamped)

    def restore(self, number: int, labels: list[Labels], runs: Sequence[SealedChunk], *, stamped: bool) -> Table:
        """Take over a table as it is on the disk."""
        self._number = max(self._number, number)
        table = self.tables[number] = Table(number, labels, stamped=stamped)
        before = self.index.nbytes
        for column in table.restore(runs).tolist():
            self.index.add(labels[column], Placement(table, column))
        table.index_bytes = self.index.nbytes - before
        self._bytes += table.nbytes
        return table

    def append(self, table: Table, timestamp_ms: int, values: NDArray[np.float64]) -> None:
        """Write a row later than the table's last."""
        self.tables[table.number] = table
        before = table.nbytes
        fresh = table.append(timestamp_ms, values)
        self._bytes += table.nbytes - before
        if len(fresh):
            before = self.index.nbytes
            for column in fresh.tolist():
                self.index.add(table.labels[column], Placement(table, column))
            table.mark(fresh.tolist(), indexed=True)
            table.index_bytes += self.index.nbytes - before

    def replace(self, table: Table, old: Sequence[Chunk], new: Sequence[Chunk]) -> bool:
        """Put runs in the place of others, where all of those are still there."""
        before = table.nbytes
        done = table.replace(old, new)
        self._bytes += table.nbytes - before
        return done

    def freeze(self, before_ms: int) -> None:
        """End the hot runs that got no row since `before_ms`."""
        for table in self.tables.values():
            if table.last_ms < before_ms:
                table.freeze()

    def seal_ended(self) -> int:
        """Compress the runs that have ended, outside the lock; return how many."""
        with self.lock:
            raw = [
                (table, chunk)
                for table in self.tables.values()
                for chunk in table.parts[0]
                if isinstance(chunk, RawChunk)
            ]
        for table, chunk in raw:
            compact = seal(chunk)
            with self.lock:
                self.replace(table, [chunk], [compact])
        return len(raw)

    def drop(self, doomed: Callable[[Chunk], bool]) -> tuple[int, int]:
        """Drop runs, then series without samples, then tables without runs; return (samples, series) that went."""
        samples = ended = 0
        for table in list(self.tables.values()):
            before = table.nbytes
            gone = table.drop(doomed)
            if not gone:
                continue
            samples += sum(chunk.samples for chunk in gone)
            self._bytes += table.nbytes - before
            ended += self._forget_dead(table)
            if not table.chunks:
                del self.tables[table.number]
                self._ended(table)
        return samples, ended

    def _forget_dead(self, table: Table) -> int:
        dead = np.flatnonzero(table.indexed & ~table.present(*FOREVER)).tolist()
        table.mark(dead, indexed=False)
        before = self.index.nbytes
        ended = self.index.remove((table.labels[column], Placement(table, column)) for column in dead)
        table.index_bytes += self.index.nbytes - before
        return ended
