"""What a set of matchers selects, planned once: groups of series that share their tables, and how to read each group.

A selection stays valid until the index's epoch moves; it is then planned again, and what came out the same keeps the same
labels tuple, so that readers may cache by its identity.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agent.model import ABSENT_BITS, Block, Labels, is_absent, is_missing, is_stale
from agent.store.index import Entry, Placement
from agent.store.natives import Natives, natives_of
from agent.store.picked import Picked
from agent.store.table import Table


class Group(NamedTuple):
    """Series that lie in the same tables: one block."""

    labels: tuple[Labels, ...]
    picked: tuple[Picked, ...]
    natives: Natives | None = None
    """Where the native histograms of the group lie; None where it has none."""

    def read(self, start_ms: int, end_ms: int) -> Block | None:
        """Return the block of [start, end], None where no table has a row there."""
        found = [part for part in (each.read(start_ms, end_ms) for each in self.picked) if part is not None]
        if not found:
            return None
        timestamps, values, dense = found[0]
        block = Block(self.labels, timestamps, values, dense) if len(found) == 1 else _merge(self.labels, found)
        return block if self.natives is None else self.natives.fill(block, start_ms, end_ms)

    def cells(self, start_ms: int, end_ms: int) -> int:
        """Return how many cells `read` would fill, counting each table."""
        natives = self.natives.cells(start_ms, end_ms) if self.natives is not None else 0
        return natives + sum(each.cells(start_ms, end_ms) for each in self.picked)


class Selection:
    """The groups that a tuple of matchers selects."""

    __slots__ = ("epoch", "groups", "parts", "placements")

    def __init__(
        self,
        epoch: int,
        entries: Sequence[Entry],
        before: Selection | None,
        parts: Mapping[Labels, Sequence[Placement]],
    ) -> None:
        self.epoch = epoch
        self.placements = [(entry.labels, entry.placements) for entry in entries]
        self.parts = (
            {each.labels: tuple(parts[each.labels]) for each in entries if each.labels in parts} if parts else {}
        )
        if before is not None and before.placements == self.placements and before.parts == self.parts:
            self.groups: tuple[Group, ...] = before.groups
            return
        groups = _groups(self.placements, before)
        self.groups = tuple(each._replace(natives=natives_of(each.labels, self.parts)) for each in groups)


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
