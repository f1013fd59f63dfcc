"""What a set of matchers selects, planned once: groups of series that share their tables, and how to read each group.

A selection stays valid until the index's epoch moves; it is then planned again, and what came out the same keeps the same
labels tuple, so that readers may cache by its identity.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agent.model import ABSENT_BITS, Block, Labels, is_absent, is_missing, is_stale
from agent.store.chunks import Chunk
from agent.store.index import Entry, Placement
from agent.store.table import Table


class Picked:
    """Columns of one table, in the order of a group's labels."""

    __slots__ = ("array", "columns", "highest", "table")

    def __init__(self, table: Table, columns: Sequence[int]) -> None:
        self.table = table
        self.array = np.array(columns, dtype=np.intp)
        self.highest = int(self.array.max())
        first = int(self.array[0])
        run = np.array_equal(self.array, np.arange(first, first + len(self.array)))
        self.columns: slice | NDArray[np.intp] = slice(first, first + len(self.array)) if run else self.array

    def read(self, start_ms: int, end_ms: int) -> tuple[NDArray[np.int64], NDArray[np.float64], bool] | None:
        """Return timestamps (T,), values (T, S) and whether all cells have values; None without rows in [start, end]."""
        pieces, kept = [], []
        for chunk in self.table.overlapping(start_ms, end_ms):
            stamps = chunk.timestamps
            lo = int(np.searchsorted(stamps, start_ms, "left"))
            hi = int(np.searchsorted(stamps, end_ms, "right"))
            if lo < hi:
                pieces.append((chunk, lo, hi))
                kept.append(stamps[lo:hi])
        if not pieces:
            return None
        timestamps = np.concatenate(kept)
        values = np.empty((len(timestamps), len(self.array)), dtype=np.float64)
        at, dense = 0, True
        for chunk, lo, hi in pieces:
            dense &= self._fill(chunk, lo, hi, values[at : at + hi - lo])
            at += hi - lo
        return timestamps, values, dense

    def cells(self, start_ms: int, end_ms: int) -> int:
        """Return how many cells `read` would fill."""
        rows = 0
        for chunk in self.table.overlapping(start_ms, end_ms):
            stamps = chunk.timestamps
            rows += int(np.searchsorted(stamps, end_ms, "right")) - int(np.searchsorted(stamps, start_ms, "left"))
        return max(rows, 0) * len(self.array)

    def _fill(self, chunk: Chunk, lo: int, hi: int, out: NDArray[np.float64]) -> bool:
        if self.highest < chunk.width:
            chunk.read(lo, hi, self.columns, out)
            return not chunk.missing[self.columns].any()
        out.view(np.int64)[...] = ABSENT_BITS
        inside = np.flatnonzero(self.array < chunk.width)
        if len(inside):
            cells = np.empty((hi - lo, len(inside)), dtype=np.float64)
            chunk.read(lo, hi, self.array[inside], cells)
            out[:, inside] = cells
        return False


class Group(NamedTuple):
    """Series that lie in the same tables: one block."""

    labels: tuple[Labels, ...]
    picked: tuple[Picked, ...]

    def read(self, start_ms: int, end_ms: int) -> Block | None:
        """Return the block of [start, end], None where no table has a row there."""
        found = [part for part in (each.read(start_ms, end_ms) for each in self.picked) if part is not None]
        if not found:
            return None
        if len(found) > 1:
            return _merge(self.labels, found)
        timestamps, values, dense = found[0]
        return Block(self.labels, timestamps, values, dense)

    def cells(self, start_ms: int, end_ms: int) -> int:
        """Return how many cells `read` would fill, counting each table."""
        return sum(each.cells(start_ms, end_ms) for each in self.picked)


class Selection:
    """The groups that a tuple of matchers selects."""

    __slots__ = ("epoch", "groups", "placements")

    def __init__(self, epoch: int, entries: Sequence[Entry], before: Selection | None) -> None:
        self.epoch = epoch
        self.placements = [(entry.labels, entry.placements) for entry in entries]
        if before is not None and before.placements == self.placements:
            self.groups: tuple[Group, ...] = before.groups
            return
        self.groups = _groups(self.placements, before)


def _groups(placements: Sequence[tuple[Labels, tuple[Placement, ...]]], before: Selection | None) -> tuple[Group, ...]:
    by_tables: dict[tuple[Table, ...], list[tuple[tuple[int, ...], Labels]]] = {}
    for labels, places in placements:
        if places:
            key = tuple(place.table for place in places)
            by_tables.setdefault(key, []).append((tuple(place.column for place in places), labels))
    known = {group.labels: group.labels for group in before.groups} if before else {}
    groups = []
    for tables, members in by_tables.items():
        members.sort(key=lambda each: each[0])
        series = tuple(each for _, each in members)
        columns = zip(*(each for each, _ in members), strict=True)
        picked = tuple(Picked(table, each) for table, each in zip(tables, columns, strict=True))
        groups.append(Group(known.get(series, series), picked))
    return tuple(groups)


def _merge(labels: tuple[Labels, ...], parts: Sequence[tuple[NDArray[np.int64], NDArray[np.float64], bool]]) -> Block:
    """Lay tables over each other. At one instant a value beats a staleness marker; of two values the older table's stays."""
    timestamps = np.unique(np.concatenate([part[0] for part in parts]))
    cells = np.full((len(timestamps), len(labels)), ABSENT_BITS, dtype=np.int64)
    for own, values, _ in reversed(parts):
        rows = np.searchsorted(timestamps, own)
        below = cells[rows]
        takes = ~is_missing(values) | (is_absent(below.view(np.float64)) & is_stale(values))
        cells[rows] = np.where(takes, values.view(np.int64), below)
    merged = cells.view(np.float64)
    return Block(labels, timestamps, merged, not is_missing(merged).any())
