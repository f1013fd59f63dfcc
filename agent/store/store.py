"""The store's verbs: append a row, select blocks, list labels, and keep within time and memory.

Threads: `append` and `enforce` change things under one lock, held for one row, or for the swap of a finished run. Readers
take no lock for samples: a table's runs are one value that is replaced as a whole, rows below a run's count never change,
and a count is published after its row was written. So a reader sees every row completely or not at all, while two tables
may be a row apart. Only the first use of a selector after the series set moved visits the lock, briefly, for its postings.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from threading import Lock
from typing import Final

import numpy as np
from numpy.typing import NDArray

from agent.model import Block, Columns, Labels, Matcher, Row, Sample
from agent.store.chunks import Chunk, missing_cells
from agent.store.exemplars import MAX_EXEMPLARS, ExemplarRing
from agent.store.index import Index, Placement
from agent.store.sealed import seal
from agent.store.selection import Selection
from agent.store.table import Table

MAX_AHEAD_MS: Final = 600_000
"""A sample with a timestamp of its own that is further ahead of its scrape is refused, as in Prometheus."""
IDLE_MS: Final = 900_000
"""A run that got no row for this long is ended and sealed."""
MAX_SELECTIONS: Final = 4096
ROOM: Final = 0.95
"""How far below the bound the store goes when it must drop, so that it does not drop a run at every row."""
_NEW_COLUMN_BYTES: Final = 1024
_FOREVER: Final = (-(2**62), 2**62)


@dataclass(frozen=True, slots=True)
class StoreStats:
    """How the store is. Samples are cells with a value; times in ms, 0 where there is nothing; `dropped` by reason."""

    series: int
    tables: int
    chunks: int
    samples: int
    bytes: int
    index_bytes: int
    epoch: int
    oldest_ms: int
    newest_ms: int
    appended: int
    dropped: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Enforced:
    """What keeping the bounds took: samples that had become too old, samples dropped early for memory, series that ended."""

    expired: int = 0
    dropped_for_memory: int = 0
    series_ended: int = 0
    sealed: int = 0


class Store:
    """Samples in memory. `on_drop(reason, samples)` hears of every sample that is refused or dropped early;
    it is called under the store's lock, so it counts and returns, and never calls the store.

    Reasons: duplicate_timestamp, out_of_order, too_old, too_far_ahead (refused), memory (dropped early, the oldest first),
    memory_limit (refused because nothing older was left to drop).
    """

    def __init__(
        self,
        *,
        retention_ms: int,
        max_memory_bytes: int,
        max_exemplars: int = MAX_EXEMPLARS,
        on_drop: Callable[[str, int], None] | None = None,
        on_exemplar_drop: Callable[[str, int], None] | None = None,
    ) -> None:
        self.retention_ms = retention_ms
        self.max_memory_bytes = max_memory_bytes
        self.exemplars = ExemplarRing(max_exemplars)
        self._on_drop = on_drop
        self._on_exemplar_drop = on_exemplar_drop
        self._lock = Lock()
        self._index = Index(self._lock)
        self._tables: dict[Columns, Table] = {}
        self._stamped: dict[Labels, Columns] = {}
        self._selections: dict[tuple[Matcher, ...], Selection] = {}
        self._table_bytes = 0
        self._horizon_ms = _FOREVER[0]
        self._number = 0
        self._appended = 0
        self._dropped: Counter[str] = Counter()

    def append(self, row: Row) -> None:
        """Keep a row and its stamped samples; what cannot be kept is counted by reason, nothing raises.

        A row must be later than the rows before it of the same columns. A stamped sample that repeats the last one of its
        series is no news and no loss.
        """
        with self._lock:
            if len(row.values):
                self._append(row.columns, row.timestamp_ms, row.values)
            for sample in row.stamped:
                self._append_stamped(sample, row.timestamp_ms)
        if row.exemplars:
            late = self.exemplars.add(row.exemplars)
            if late and self._on_exemplar_drop is not None:
                self._on_exemplar_drop("out_of_order", late)

    def select(self, matchers: Iterable[Matcher], start_ms: int, end_ms: int) -> list[Block]:
        """Return the samples with start ≤ timestamp ≤ end of the matching series, each series in one block.

        Blocks without rows are left out; a series of a block may have no value in the range.
        """
        groups = self._select(tuple(matchers)).groups
        return [block for block in (group.read(start_ms, end_ms) for group in groups) if block is not None]

    def cells(self, matchers: Iterable[Matcher], start_ms: int, end_ms: int) -> int:
        """Return how many cells `select` would read, without reading them."""
        return sum(group.cells(start_ms, end_ms) for group in self._select(tuple(matchers)).groups)

    def series(
        self, matchers: Iterable[Matcher], start_ms: int | None = None, end_ms: int | None = None
    ) -> list[Labels]:
        """Return the labels of the matching series with samples in (about) the range, sorted."""
        marks: dict[Table, NDArray[np.bool_]] = {}
        start, end = _range(start_ms, end_ms)
        found = []
        for labels, places in self._select(tuple(matchers)).placements:
            for table, column in places:
                if table not in marks:
                    marks[table] = table.present(start, end)
                if column < len(marks[table]) and marks[table][column]:
                    found.append(labels)
                    break
        return sorted(found)

    def label_names(
        self, matchers: Iterable[Matcher] = (), start_ms: int | None = None, end_ms: int | None = None
    ) -> list[str]:
        """Return the label names of the matching series, sorted."""
        matchers = tuple(matchers)
        if not matchers and start_ms is None and end_ms is None:
            return self._index.names()
        return sorted({name for labels in self.series(matchers, start_ms, end_ms) for name in labels})

    def label_values(
        self, name: str, matchers: Iterable[Matcher] = (), start_ms: int | None = None, end_ms: int | None = None
    ) -> list[str]:
        """Return the values of label `name` among the matching series, sorted."""
        matchers = tuple(matchers)
        if not matchers and start_ms is None and end_ms is None:
            return sorted(self._index.values(name))
        return sorted({labels.get(name) for labels in self.series(matchers, start_ms, end_ms)} - {""})

    def enforce(self, at_ms: int) -> Enforced:
        """Drop what is older than the retention, then the oldest until memory fits; seal runs that have ended.

        Call it every few seconds, in a worker thread: sealing a wide run takes tens of milliseconds, outside the lock.
        """
        with self._lock:
            self._horizon_ms = at_ms - self.retention_ms
            for table in self._tables.values():
                if table.last_ms < at_ms - IDLE_MS:
                    table.freeze()
            horizon = self._horizon_ms
            expired, ended = self._drop_where(lambda chunk: chunk.last_ms < horizon)
        sealed = self._seal()
        with self._lock:
            before = self._dropped["memory"]
            ended += self._make_room(0)[1] if self._bytes > self.max_memory_bytes else 0
            return Enforced(expired, self._dropped["memory"] - before, ended, sealed)

    def stats(self) -> StoreStats:
        """Return how the store is."""
        with self._lock:
            chunks = [chunk for table in self._tables.values() for chunk in table.chunks]
            return StoreStats(
                series=len(self._index),
                tables=len(self._tables),
                chunks=len(chunks),
                samples=sum(chunk.samples for chunk in chunks),
                bytes=self._bytes,
                index_bytes=self._index.nbytes,
                epoch=self._index.epoch,
                oldest_ms=min((chunk.first_ms for chunk in chunks), default=0),
                newest_ms=max((chunk.last_ms for chunk in chunks), default=0),
                appended=self._appended,
                dropped=dict(+self._dropped),
            )

    @property
    def epoch(self) -> int:
        """A number that moves whenever the set of series does."""
        return self._index.epoch

    @property
    def _bytes(self) -> int:
        return self._table_bytes + self._index.nbytes

    def _select(self, matchers: tuple[Matcher, ...]) -> Selection:
        known, epoch = self._selections.get(matchers), self._index.epoch
        if known is not None and known.epoch == epoch:
            return known
        entries = self._index.entries
        numbers = self._index.match(matchers).tolist()
        found = [entry for entry in map(entries.get, numbers) if entry is not None]
        made = Selection(epoch, found, known)
        with self._lock:
            if len(self._selections) >= MAX_SELECTIONS and matchers not in self._selections:
                del self._selections[next(iter(self._selections))]
            self._selections[matchers] = made
        return made

    def _append(self, columns: Columns, timestamp_ms: int, values: NDArray[np.float64]) -> None:
        table = self._tables.get(columns)
        refusal = self._refusal(table, timestamp_ms)
        if refusal:
            self._count(refusal, values)
            return
        if table is None:
            self._number += 1
            table = Table(columns, self._number)
        allocation = table.allocation(len(values))
        if allocation:
            fresh_bytes = _NEW_COLUMN_BYTES * max(0, len(values) - len(table.indexed))
            if not self._fits(allocation + fresh_bytes, table):
                table.freeze()  # a smaller run may fit where the hot one may not grow
                allocation = table.allocation(len(values))
            if not self._fits(allocation + fresh_bytes, table):
                self._count("memory_limit", values)
                return
        self._tables[columns] = table
        before = table.nbytes
        fresh = table.append(timestamp_ms, values)
        self._table_bytes += table.nbytes - before
        self._appended += 1
        for column in fresh.tolist():
            self._index.add(columns.labels[column], Placement(table, column))
            table.indexed[column] = True

    def _fits(self, needed: int, table: Table) -> bool:
        return self._bytes + needed <= self.max_memory_bytes or self._make_room(needed, but=table)[0]

    def _refusal(self, table: Table | None, timestamp_ms: int) -> str:
        if timestamp_ms < self._horizon_ms:
            return "too_old"
        if table is None or timestamp_ms > table.last_ms:
            return ""
        return "duplicate_timestamp" if timestamp_ms == table.last_ms else "out_of_order"

    def _append_stamped(self, sample: Sample, scraped_ms: int) -> None:
        value = np.array([sample.value])
        if sample.timestamp_ms > scraped_ms + MAX_AHEAD_MS:
            self._count("too_far_ahead", value)
            return
        columns = self._stamped.get(sample.labels)
        table = self._tables.get(columns) if columns is not None else None
        if columns is None:
            columns = Columns([sample.labels])
        if table is not None and table.last_ms == sample.timestamp_ms and _repeats(table, value):
            return
        self._append(columns, sample.timestamp_ms, value)
        if columns in self._tables:
            self._stamped[sample.labels] = columns
        else:
            self._stamped.pop(sample.labels, None)

    def _count(self, reason: str, values: NDArray[np.float64]) -> None:
        self._tell(reason, len(values) - int(np.count_nonzero(missing_cells(values))))

    def _tell(self, reason: str, samples: int) -> None:
        self._dropped[reason] += samples
        if self._on_drop is not None and samples:
            self._on_drop(reason, samples)

    def _make_room(self, needed: int, but: Table | None = None) -> tuple[bool, int]:
        """Drop the oldest runs until `needed` bytes fit, sparing the hot run of `but`; return (fits, series ended)."""
        spared = but.parts[1] if but is not None else None
        if needed + (spared.nbytes if spared is not None else 0) > self.max_memory_bytes:
            return False, 0  # dropping everything would not help
        runs = sorted(
            (chunk.last_ms, table.number, chunk)
            for table in self._tables.values()
            for chunk in table.chunks
            if chunk is not spared
        )
        goal, doomed, freed = int(self.max_memory_bytes * ROOM) - needed, set(), 0
        for _, _, chunk in runs:
            if self._bytes - freed <= goal:
                break
            doomed.add(id(chunk))
            freed += chunk.nbytes
        dropped, ended = self._drop_where(lambda chunk: id(chunk) in doomed)
        self._tell("memory", dropped)
        return self._bytes + needed <= self.max_memory_bytes, ended

    def _drop_where(self, doomed: Callable[[Chunk], bool]) -> tuple[int, int]:
        """Drop runs, then series without samples, then tables without runs; return (samples, series) that went."""
        samples = ended = 0
        for columns, table in list(self._tables.items()):
            before = table.nbytes
            gone = table.drop(doomed)
            if not gone:
                continue
            samples += sum(chunk.samples for chunk in gone)
            self._table_bytes += table.nbytes - before
            ended += self._forget_dead(table)
            if not table.chunks:
                del self._tables[columns]
                if len(columns) == 1 and self._stamped.get(columns.labels[0]) is columns:
                    del self._stamped[columns.labels[0]]
        return samples, ended

    def _forget_dead(self, table: Table) -> int:
        dead = np.flatnonzero(table.indexed & ~table.present(*_FOREVER)).tolist()
        table.indexed[dead] = False
        return self._index.remove((table.columns.labels[column], Placement(table, column)) for column in dead)

    def _seal(self) -> int:
        with self._lock:
            raw = [(table, chunk) for table in self._tables.values() for chunk in table.unsealed()]
        for table, chunk in raw:
            compact = seal(chunk)
            with self._lock:
                before = table.nbytes
                table.replace(chunk, compact)
                self._table_bytes += table.nbytes - before
        return len(raw)


def _repeats(table: Table, value: NDArray[np.float64]) -> bool:
    last = table.chunks[-1]
    cell = np.empty((1, 1))
    last.read(last.rows - 1, last.rows, slice(0, 1), cell)
    return bool(cell.view(np.int64)[0, 0] == value.view(np.int64)[0])


def _range(start_ms: int | None, end_ms: int | None) -> tuple[int, int]:
    return _FOREVER[0] if start_ms is None else start_ms, _FOREVER[1] if end_ms is None else end_ms
