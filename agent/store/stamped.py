"""Samples that carry timestamps of their own, laid out as rows: series that keep sharing their timestamps share a table.

cAdvisor stamps all series of a container alike, a federation page those of a target: each such flock is a table, found by
watching. Series seen first at one timestamp of one page begin as a flock; those that part from the greater half of it move
to a new flock, or, when they have moved often, to one of their own.

Of one series, time goes forward, whatever the order on the page: an older sample is refused as out_of_order, another value
at the newest timestamp as duplicate_timestamp; the newest sample once more is neither news nor a loss (Prometheus' rules,
tsdb/head_append).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agent.model import ABSENT_BITS, Labels, Sample, absent_row
from agent.store.table import Table

MAX_AHEAD_MS: Final = 600_000
"""A sample with a timestamp of its own that is further ahead of its scrape is refused, as in Prometheus."""
MOST_MOVES: Final = 3
"""A series that has moved so often flies alone from then on."""
_LOOK_BACK_ROWS: Final = 64


class Flock:
    """A table of stamped series, and the newest sample of each of its columns."""

    __slots__ = ("bits", "last_ms", "table")

    def __init__(self, table: Table) -> None:
        self.table = table
        self.last_ms: list[int] = []
        self.bits: list[int] = []


class Slot(NamedTuple):
    """Where a stamped series is written, and how often it has moved."""

    flock: Flock
    column: int
    moves: int


class StampedRow(NamedTuple):
    """A row to append to a table, later than the table's last one."""

    table: Table
    timestamp_ms: int
    values: NDArray[np.float64]


class Stamped:
    """Turns pages' stamped samples into rows. `find` gives the stamped table and column that hold a series from before a
    restart; `make` a new stamped table; `refuse(reason)` hears of each sample that is not kept.
    """

    def __init__(
        self,
        find: Callable[[Labels], tuple[Table, int] | None],
        make: Callable[[list[Labels]], Table],
        refuse: Callable[[str], None],
    ) -> None:
        self._find, self._make, self._refuse = find, make, refuse
        self._slots: dict[Labels, Slot] = {}
        self._flocks: dict[Table, Flock] = {}

    def rows(self, samples: Sequence[Sample], scraped_ms: int) -> Iterator[StampedRow]:
        """Yield the rows that hold what is new of a page's samples, those of a table in order of time."""
        together: dict[Flock | None, dict[int, dict[Labels, float]]] = {}
        mentioned: dict[Flock, set[Labels]] = {}
        for sample in samples:
            if sample.timestamp_ms > scraped_ms + MAX_AHEAD_MS:
                self._refuse("too_far_ahead")
                continue
            slot = self._slots.get(sample.labels) or self._adopt(sample.labels)
            if slot is not None and slot.flock.last_ms[slot.column] > scraped_ms + MAX_AHEAD_MS:
                slot = None  # the clock was set back
            flock = slot.flock if slot is not None else None
            if slot is not None:
                mentioned.setdefault(slot.flock, set()).add(sample.labels)
                if not self._is_news(slot, sample):
                    continue
            row = together.setdefault(flock, {}).setdefault(sample.timestamp_ms, {})
            if sample.labels in row:
                if _bits(row[sample.labels]) != _bits(sample.value):
                    self._refuse("duplicate_timestamp")
                continue
            row[sample.labels] = sample.value
        strays = together.pop(None, {})
        for flock, rows in together.items():
            if flock is not None:
                yield from self._of_flock(flock, len(mentioned[flock]), rows, strays)
        yield from self._of_strays(strays)

    def forget(self, table: Table) -> None:
        """Let go of a table that is gone."""
        flock = self._flocks.pop(table, None)
        for labels in table.labels if flock is not None else ():
            slot = self._slots.get(labels)
            if slot is not None and slot.flock is flock:
                del self._slots[labels]

    def _is_news(self, slot: Slot, sample: Sample) -> bool:
        last_ms = slot.flock.last_ms[slot.column]
        if sample.timestamp_ms > last_ms:
            return True
        if sample.timestamp_ms < last_ms:
            self._refuse("out_of_order")
        elif _bits(sample.value) != slot.flock.bits[slot.column]:
            self._refuse("duplicate_timestamp")
        return False

    def _of_flock(
        self, flock: Flock, size: int, rows: dict[int, dict[Labels, float]], strays: dict[int, dict[Labels, float]]
    ) -> Iterator[StampedRow]:
        """Yield the rows that hold at least half of the page's `size` series of the flock; the others go among the strays."""
        gone: set[Labels] = set()
        for timestamp_ms in sorted(rows):
            row = {labels: value for labels, value in rows[timestamp_ms].items() if labels not in gone}
            if timestamp_ms > flock.table.last_ms and 2 * len(row) >= size:
                yield self._row(flock, timestamp_ms, row)
                continue
            gone.update(row)
            strays.setdefault(timestamp_ms, {}).update(row)
            for labels in row:
                for later in sorted(rows):
                    if later > timestamp_ms and labels in rows[later]:
                        strays.setdefault(later, {})[labels] = rows[later][labels]

    def _of_strays(self, strays: dict[int, dict[Labels, float]]) -> Iterator[StampedRow]:
        """Yield the rows of series that are new, or have moved: a flock for those of one timestamp, not seen in another."""
        settled: dict[Labels, Flock] = {}
        for timestamp_ms in sorted(strays):
            by_flock: dict[Flock, dict[Labels, float]] = {}
            fresh: Flock | None = None
            for labels, value in strays[timestamp_ms].items():
                flock = settled.get(labels)
                if flock is None:
                    slot = self._slots.get(labels)
                    moves = slot.moves + 1 if slot is not None else 0
                    if moves > MOST_MOVES:
                        flock = self._new_flock()
                    else:
                        flock = fresh = fresh or self._new_flock()
                    settled[labels] = flock
                    self._settle(labels, flock, moves)
                by_flock.setdefault(flock, {})[labels] = value
            for flock, row in by_flock.items():
                yield self._row(flock, timestamp_ms, row)

    def _new_flock(self) -> Flock:
        table = self._make([])
        flock = self._flocks[table] = Flock(table)
        return flock

    def _settle(self, labels: Labels, flock: Flock, moves: int) -> None:
        self._slots[labels] = Slot(flock, len(flock.table.labels), moves)
        flock.table.labels.append(labels)
        flock.last_ms.append(-(2**63))
        flock.bits.append(ABSENT_BITS)

    def _row(self, flock: Flock, timestamp_ms: int, row: dict[Labels, float]) -> StampedRow:
        columns = [self._slots[labels].column for labels in row]
        values = absent_row(len(flock.table.labels))
        values[columns] = list(row.values())
        bits = values.view(np.int64)
        for column in columns:
            flock.last_ms[column], flock.bits[column] = timestamp_ms, int(bits[column])
        return StampedRow(flock.table, timestamp_ms, values)

    def _adopt(self, labels: Labels) -> Slot | None:
        """Go on with the table that a series had before a restart."""
        found = self._find(labels)
        if found is None or found[0] in self._flocks:
            return None
        flock = self._flocks[found[0]] = _restored(found[0])
        for column, each in enumerate(flock.table.labels):
            newest = self._find(each)
            if each not in self._slots and newest is not None and newest[0] is found[0]:
                self._slots[each] = Slot(flock, column, 0)
        return self._slots.get(labels)


def _restored(table: Table) -> Flock:
    """Read the newest samples of a table's columns; of a column without any in the last rows, assume the time before them."""
    flock, width = Flock(table), len(table.labels)
    newest, bits = np.full(width, -(2**63)), np.full(width, ABSENT_BITS, dtype=np.int64)
    rows = 0
    for chunk in reversed(table.chunks):
        if rows >= _LOOK_BACK_ROWS:
            newest[bits == ABSENT_BITS] = chunk.last_ms
            break
        stamps = chunk.timestamps
        cells = np.empty((len(stamps), chunk.width))
        chunk.read(0, len(stamps), slice(0, chunk.width), cells)
        row = np.where(cells.view(np.int64) != ABSENT_BITS, np.arange(len(cells))[:, None], -1).max(axis=0, initial=-1)
        seen = np.flatnonzero((row >= 0) & (bits[: chunk.width] == ABSENT_BITS))
        newest[seen], bits[seen] = stamps[row[seen]], cells.view(np.int64)[row[seen], seen]
        rows += len(stamps)
    flock.last_ms, flock.bits = newest.tolist(), bits.tolist()
    return flock


def _bits(value: float) -> int:
    return int(np.float64(value).view(np.int64))
