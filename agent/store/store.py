"""The store's verbs: append a row, select blocks, list labels, keep within time and memory, and outlive the process.

Threads: `append` and `enforce` change things under one lock, held for one row, or for the swap of a finished run. Readers
take no lock for samples: a table's runs are one value that is replaced as a whole, rows below a run's count never change,
and a count is published after its row was written. So a reader sees every row completely or not at all, while two tables
may be a row apart. Only the first use of a selector after the series set moved visits the lock, briefly, for its postings.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from agent.model import Block, Columns, Labels, Matcher, Row
from agent.store.adoption import Binding, left_behind
from agent.store.bounds import SERIES_BYTES, among, costly, victims
from agent.store.catalogue import FOREVER, Catalogue
from agent.store.chunks import missing_cells
from agent.store.disk import Disk
from agent.store.exemplars import MAX_EXEMPLARS, ExemplarRing
from agent.store.figures import Enforced, StoreStats, counted, with_disk
from agent.store.natives import NativeRows
from agent.store.onlooking import onlook
from agent.store.reading import ReadCache
from agent.store.selection import Selection
from agent.store.stamped import Stamped
from agent.store.table import Table

IDLE_MS: Final = 900_000
"""A run that got no row for this long is ended and sealed."""
MAX_SELECTIONS: Final = 4096
REWIND_MS: Final = 60_000
"""A row so much older than its table is no straggler: the clock was set back. It begins another table, so that nobody is blind
until the clock comes to the old place again; what was stamped too late stays at its time."""
ROOM: Final = 0.95
"""How far below the bound the store goes when it must drop, so that it does not drop a run at every row."""
INDEX_SHARE: Final = 0.5
"""The share of the memory that series may take: then those go that are nowhere but on the disk, see `costly`."""
CACHE_SHARE: Final = 0.25
"""The share of the memory that unpacked samples may take, as long as it is not needed otherwise."""


class Store:
    """Samples, in memory alone (`Store(...)`) or on the disk too (`Store.open`). `on_drop(reason, samples)` hears of every
    sample that is refused or dropped early; it is called under the store's lock, so it counts and returns.

    Reasons: duplicate_timestamp, out_of_order, too_old, too_far_ahead (refused), memory (dropped early, see `bounds`),
    memory_limit (refused: the producer itself is too large).
    """

    def __init__(
        self,
        *,
        retention_ms: int,
        max_memory_bytes: int,
        retention_bytes: int = 0,
        max_exemplars: int = MAX_EXEMPLARS,
        on_drop: Callable[[str, int], None] | None = None,
        on_exemplar_drop: Callable[[str, int], None] | None = None,
    ) -> None:
        self.retention_ms = retention_ms
        self.max_memory_bytes = max_memory_bytes
        self.retention_bytes = retention_bytes
        self.exemplars = ExemplarRing(max_exemplars)
        self._on_drop = on_drop
        self._on_exemplar_drop = on_exemplar_drop
        self._catalogue = Catalogue(self._table_ended)
        self._lock, self._index = self._catalogue.lock, self._catalogue.index
        self._housekeeping = Lock()
        self._bindings: dict[Columns, Binding] = {}
        self._bound: dict[Table, Columns] = {}
        self._stamped_by: dict[Table, Columns] = {}
        self._stamped = Stamped(self._find_stamped, self._new_stamped, lambda reason: self._tell(reason, 1))
        self._natives = NativeRows(self._find_natives, self._catalogue.new)
        self._selections: dict[tuple[Matcher, ...], Selection] = {}
        self._cache = ReadCache(int(max_memory_bytes * CACHE_SHARE))
        self._disk: Disk | None = None
        self._horizon_ms = FOREVER[0]
        self._newest_ms = 0
        self._appended = 0
        self._dropped: Counter[str] = Counter()
        self._silent = False
        self._seen_damaged = 0
        """Damaged files in a folder that is only looked into."""

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        retention_ms: int,
        max_memory_bytes: int,
        retention_bytes: int = 0,
        max_exemplars: int = MAX_EXEMPLARS,
        on_drop: Callable[[str, int], None] | None = None,
        on_exemplar_drop: Callable[[str, int], None] | None = None,
    ) -> Self:
        """Return a store that keeps its samples in the folder `path` (made where absent), with what is there already.

        Where the disk refuses, the store works in memory and says so in `stats`; nothing is raised. retention_bytes: how
        large the block files may become together, 0 for no bound.
        """
        store = cls(
            retention_ms=retention_ms,
            max_memory_bytes=max_memory_bytes,
            retention_bytes=retention_bytes,
            max_exemplars=max_exemplars,
            on_drop=on_drop,
            on_exemplar_drop=on_exemplar_drop,
        )
        disk = Disk(path, store._catalogue)
        store._silent = True
        disk.load(store.append)
        store._come_back()
        store._disk = disk
        return store

    @classmethod
    def look_into(cls, path: Path, *, max_memory_bytes: int) -> Self:
        """Return what the folder `path` holds now, to be read: nothing there changes, also while an agent writes to it.

        Rows that are appended stay in memory. Raises OSError where there are no samples or they cannot be read.
        """
        store = cls(retention_ms=FOREVER[1], max_memory_bytes=max_memory_bytes, max_exemplars=0)
        store._silent = True
        rows, store._seen_damaged = onlook(path, store._catalogue)
        for row in rows:
            store.append(row)
        store._come_back()
        return store

    def _come_back(self) -> None:
        """Forget who wrote the rows that were read: they are gone; whoever writes the same series continues their tables."""
        self._bindings.clear()
        self._bound.clear()
        self._natives.clear()
        self._silent = False

    def close(self) -> None:
        """Write what is only in memory to the disk, where there is one; the store is not to be used afterwards."""
        with self._housekeeping:
            if self._disk is not None:
                self._disk.close(self._newest_ms)

    def append(self, row: Row) -> int:
        """Keep a row and its stamped samples, return how many; what cannot be kept is counted by reason, nothing raises.

        A row must be later than the rows before it of the same columns, or REWIND_MS older; for stamped samples see `stamped`.
        """
        with self._lock:
            kept = len(row.values) > 0 and self._append(row.columns, row.timestamp_ms, row.values)
            samples = _samples(row.values) if kept else 0
            if kept and row.histograms:
                table, cells = self._natives.row(row)
                self._write(table, row.timestamp_ms, cells)
            if row.stamped:
                for each in self._stamped.rows(row.stamped, row.timestamp_ms):
                    self._stamped_by[each.table] = row.columns
                    if self._write(each.table, each.timestamp_ms, each.values):
                        kept, samples = True, samples + _samples(each.values)
            if kept and self._disk is not None:
                self._disk.log.append(row)
        if row.exemplars:
            late = self.exemplars.add(row.exemplars)
            if late and self._on_exemplar_drop is not None and not self._silent:
                self._on_exemplar_drop("out_of_order", late)
        return samples

    def select(self, matchers: Iterable[Matcher], start_ms: int, end_ms: int) -> list[Block]:
        """Return the samples with start ≤ timestamp ≤ end of the matching series, each series in one block.

        Blocks without rows are left out; a series of a block may have no value in the range.
        """
        groups = self._select(tuple(matchers)).groups
        blocks = (group.read(start_ms, end_ms, self._cache) for group in groups)
        return [block for block in blocks if block is not None]

    def cells(
        self, matchers: Iterable[Matcher], start_ms: int, end_ms: int, pulse: Callable[[], None] | None = None
    ) -> int:
        """Return how many cells `select` would read, without reading them; `pulse` may raise while the series are looked for."""
        return sum(group.cells(start_ms, end_ms) for group in self._select(tuple(matchers), pulse).groups)

    def writers(self, matchers: Iterable[Matcher]) -> set[Columns]:
        """Return the columns of those who write rows that hold the matching series, or held them before.

        Only who has written since the store was opened is known. Samples are not looked at, and as long as the series stay
        the same the answer is a look-up per table.
        """
        tables = {each.table for group in self._select(tuple(matchers)).groups for each in group.picked}
        found = {self._bound.get(table, self._stamped_by.get(table)) for table in tables}
        return {columns for columns in found if columns is not None}

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
        """Drop what is older than the retention, write to the disk what is due, then make memory fit.

        Call it every few seconds, in a worker thread: compressing and writing take their time, outside the lock.
        """
        with self._housekeeping:
            with self._lock:
                self._horizon_ms = horizon = at_ms - self.retention_ms
                self._catalogue.freeze(at_ms - IDLE_MS)
                expired, ended = self._catalogue.drop(lambda chunk: chunk.last_ms < horizon)
            self._cache.limit_bytes = int(self.max_memory_bytes * CACHE_SHARE)
            self._cache.turn()
            sealed = self._catalogue.seal_ended()
            written = self._keep_on_disk(at_ms)
            with self._lock:
                before = self._dropped["memory"]
                ended += self._make_room(0)[1] if self._nbytes > self.max_memory_bytes else 0
                return Enforced(expired, self._dropped["memory"] - before, ended, sealed, written)

    def stats(self) -> StoreStats:
        """Return how the store is."""
        with self._lock:
            found = counted(self._catalogue, appended=self._appended, dropped=self._dropped, cached=self._cache.nbytes)
        return replace(found, damaged=self._seen_damaged) if self._disk is None else with_disk(found, self._disk)

    @property
    def epoch(self) -> int:
        """A number that moves whenever the set of series does."""
        return self._index.epoch

    @property
    def _nbytes(self) -> int:
        return self._catalogue.nbytes + self._cache.nbytes

    def _select(self, matchers: tuple[Matcher, ...], pulse: Callable[[], None] | None = None) -> Selection:
        index = self._index
        known, epoch, numbering = self._selections.get(matchers), index.epoch, index.numbering
        if known is not None and known.epoch == epoch:
            return known
        entries, numbers = index.entries, index.match(matchers, pulse)
        same = known is not None and known.numbering == numbering and np.array_equal(known.numbers, numbers)
        if known is not None and same and index.stayed(numbers, numbering, known.epoch):
            known.epoch = epoch
            return known
        if index.numbering != numbering:
            return self._select(matchers)
        found = [entry for entry in map(entries.__getitem__, numbers.tolist()) if entry is not None]
        made = Selection(epoch, numbering, numbers, found, known, index.parts)
        with self._lock:
            if len(self._selections) >= MAX_SELECTIONS and matchers not in self._selections:
                del self._selections[next(iter(self._selections))]
            self._selections[matchers] = made
        return made

    def _append(self, columns: Columns, timestamp_ms: int, values: NDArray[np.float64]) -> bool:
        binding = self._bindings.get(columns)
        if binding is not None and timestamp_ms < binding.table.last_ms - REWIND_MS:
            del self._bindings[columns], self._bound[binding.table]
            binding = None
        if binding is None:
            binding = Binding(columns, self._table_for(columns, timestamp_ms))
        if not self._write(binding.table, timestamp_ms, values, binding):
            return False
        if binding.columns not in self._bindings:
            self._bindings[columns], self._bound[binding.table] = binding, columns
        return True

    def _table_for(self, columns: Columns, at_ms: int) -> Table:
        # The log holds rows of several runs, whose writers are gone all alike: the later continues what the earlier wrote.
        if self._silent:
            found = left_behind(columns.labels, self._index, lambda table: table.last_ms < at_ms, part=True)
        else:
            found = left_behind(
                columns.labels,
                self._index,
                lambda table: table not in self._bound and at_ms >= table.last_ms - REWIND_MS,
                part=False,
            )
        return found or self._catalogue.new(columns.labels)

    def _write(
        self, table: Table, timestamp_ms: int, values: NDArray[np.float64], binding: Binding | None = None
    ) -> bool:
        """Write a row to a table, or count why not."""
        refusal = self._refusal(table, timestamp_ms)
        if not refusal:
            cells = values if binding is None else binding.cells(values)
            refusal = "" if self._has_room(table, len(cells)) else "memory_limit"
        if refusal:
            self._tell(refusal, _samples(values))
            return False
        self._catalogue.append(table, timestamp_ms, cells)
        self._appended += 1
        self._newest_ms = max(self._newest_ms, timestamp_ms)
        return True

    def _refusal(self, table: Table, timestamp_ms: int) -> str:
        if timestamp_ms < self._horizon_ms:
            return "too_old"
        if timestamp_ms > table.last_ms:
            return ""
        return "duplicate_timestamp" if timestamp_ms == table.last_ms else "out_of_order"

    def _has_room(self, table: Table, width: int) -> bool:
        if self._fits(table, width):
            return True
        table.freeze()  # a smaller run may fit where the hot one may not grow
        return self._fits(table, width)

    def _needs(self, table: Table, width: int) -> int:
        """Return the bytes that a row of `width` cells would take, 0 in the usual case."""
        allocation, fresh = table.allocation(width), table.labels[len(table.indexed) : width]
        needed = allocation + SERIES_BYTES * len(fresh)
        if fresh and needed < self.max_memory_bytes:  # else the text is not worth counting
            needed += sum(len(value) for labels in fresh for _, value in labels.pairs)
        return needed

    def _fits(self, table: Table, width: int) -> bool:
        needed = self._needs(table, width)
        if not needed or self._nbytes + needed <= self.max_memory_bytes:
            return True
        # What is dropped may be the table's own: then its series are new again, and need their place anew.
        return self._make_room(needed, table)[0] and self._nbytes + self._needs(table, width) <= self.max_memory_bytes

    def _make_room(self, needed: int, asking: Table | None = None) -> tuple[bool, int]:
        """Drop runs until `needed` bytes fit; return (fits, series ended)."""
        self._cache.shrink(max(0, self.max_memory_bytes - self._catalogue.nbytes - needed))
        goal, ended = int(self.max_memory_bytes * ROOM) - needed, 0
        while self._catalogue.nbytes > goal:
            runs = victims(self._catalogue.tables.values(), self._catalogue.nbytes - goal, needed, asking)
            if not runs:
                break
            dropped, gone = self._catalogue.drop(among(runs))
            self._tell("memory", dropped)
            ended += gone
        return self._catalogue.nbytes + needed <= self.max_memory_bytes, ended

    def _keep_on_disk(self, at_ms: int) -> int:
        disk = self._disk
        if disk is None:
            return 0
        written = disk.keep(at_ms, self._horizon_ms, self.max_memory_bytes, self.retention_bytes)
        bound = int(self.max_memory_bytes * INDEX_SHARE)
        if self._index.nbytes > bound:
            dropped, _ = disk.let_go(at_ms, lambda tables: costly(tables, self._index.nbytes - int(bound * ROOM)))
            with self._lock:
                self._tell("memory", dropped)
        return written

    def _tell(self, reason: str, samples: int) -> None:
        if self._silent or not samples:
            return
        self._dropped[reason] += samples
        if self._on_drop is not None:
            self._on_drop(reason, samples)

    def _find_stamped(self, labels: Labels) -> tuple[Table, int] | None:
        entry = self._index.find(labels)
        places = [each for each in entry.placements if each.table.stamped] if entry is not None else []
        return (places[-1].table, places[-1].column) if places else None

    def _find_natives(self, series: Labels) -> Table | None:
        """Return the newest table that holds histograms of the series and that nobody writes to."""
        tables = {each.table for each in self._index.parts.get(series, ()) if not self._natives.writes_to(each.table)}
        return max(tables, key=lambda table: table.number, default=None)

    def _new_stamped(self, labels: list[Labels]) -> Table:
        return self._catalogue.new(labels, stamped=True)

    def _table_ended(self, table: Table) -> None:
        self._stamped_by.pop(table, None)
        columns = self._bound.pop(table, None)
        if columns is not None:
            del self._bindings[columns]
            if self._disk is not None:
                self._disk.log.forget(columns)
        if table.stamped:
            self._stamped.forget(table)
        self._natives.forget(table)


def _samples(values: NDArray[np.float64]) -> int:
    return len(values) - int(np.count_nonzero(missing_cells(values)))


def _range(start_ms: int | None, end_ms: int | None) -> tuple[int, int]:
    return FOREVER[0] if start_ms is None else start_ms, FOREVER[1] if end_ms is None else end_ms
