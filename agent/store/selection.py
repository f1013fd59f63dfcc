"""What a set of matchers selects, planned once: groups of series that share their tables, and how to read each group.

A selection stays valid until one of its series moves; it is then planned again, and what came out the same keeps the same
labels tuple, so that readers may cache by its identity.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from agent.model import ABSENT_BITS, Block, Labels, is_absent, is_missing, is_stale
from agent.store.index import Entry, Ids, Placement
from agent.store.natives import Natives, natives_of
from agent.store.picked import Picked
from agent.store.reading import ReadCache, Rows
from agent.store.table import Table


class Group(NamedTuple):
    """Series that lie in the same tables: one block."""

    labels: tuple[Labels, ...]
    picked: tuple[Picked, ...]
    natives: Natives | None = None
    """Where the native histograms of the group lie; None where it has none."""

    def read(self, start_ms: int, end_ms: int, cache: ReadCache) -> Block | None:
        """Return the block of [start, end], None where no table has a row there."""
        found = [part for part in (each.read(start_ms, end_ms, cache) for each in self.picked) if part is not None]
        if not found:
            return None
        rows = found[0] if len(found) == 1 else _merge(len(self.labels), found)
        block = Block(self.labels, rows.timestamps, rows.values, rows.dense)
        return block if self.natives is None else self.natives.fill(block, start_ms, end_ms, cache)

    def cells(self, start_ms: int, end_ms: int) -> int:
        """Return how many cells `read` would fill, counting each table."""
        natives = self.natives.cells(start_ms, end_ms) if self.natives is not None else 0
        return natives + sum(each.cells(start_ms, end_ms) for each in self.picked)


class Selection:
    """The groups that a tuple of matchers selects: series `numbers` (of `numbering`), as they were placed at `epoch`."""

    __slots__ = ("epoch", "groups", "numbering", "numbers", "placements")

    def __init__(
        self,
        epoch: int,
        numbering: int,
        numbers: Ids,
        entries: Sequence[Entry],
        before: Selection | None,
        parts: Mapping[Labels, Sequence[Placement]],
    ) -> None:
        self.epoch = epoch
        self.numbering = numbering
        self.numbers = numbers
        self.placements = [(entry.labels, entry.placements) for entry in entries]
        groups = _groups(self.placements, before)
        if parts:
            groups = tuple(each._replace(natives=natives_of(each.labels, parts)) for each in groups)
        self.groups = groups


def _groups(placements: Sequence[tuple[Labels, tuple[Placement, ...]]], before: Selection | None) -> tuple[Group, ...]:
    by_tables: dict[tuple[Table, ...], list[tuple[tuple[int, ...], Labels]]] = {}
    for labels, places in placements:
        if places:
            key = tuple(place.table for place in places)
            by_tables.setdefault(key, []).append((tuple(place.column for place in places), labels))
    known = {group.labels: group for group in before.groups} if before else {}
    groups = []
    for tables, members in by_tables.items():
        members.sort(key=lambda each: each[0])
        series = tuple(each for _, each in members)
        columns = zip(*(each for each, _ in members), strict=True)
        picked = tuple(Picked(table, each) for table, each in zip(tables, columns, strict=True))
        old = known.get(series)
        if old is not None and _same(old.picked, picked):
            groups.append(Group(old.labels, old.picked))  # and with it what has been unpacked of it
        else:
            groups.append(Group(old.labels if old is not None else series, picked))
    return tuple(groups)


def _same(left: Sequence[Picked], right: Sequence[Picked]) -> bool:
    if len(left) != len(right):
        return False
    pairs = zip(left, right, strict=True)
    return all(one.table is other.table and np.array_equal(one.array, other.array) for one, other in pairs)


def _merge(series: int, parts: Sequence[Rows]) -> Rows:
    """Lay tables over each other. At one instant a value beats a staleness marker; of two values the older table's stays."""
    ordered = sorted(parts, key=lambda each: int(each.timestamps[0]))
    if all(one.timestamps[-1] < other.timestamps[0] for one, other in pairwise(ordered)):
        stamps = np.concatenate([each.timestamps for each in ordered])
        return Rows(stamps, np.concatenate([each.values for each in ordered]), all(each.dense for each in parts))
    return _overlaid(series, parts)


def _overlaid(series: int, parts: Sequence[Rows]) -> Rows:
    every = np.concatenate([part.timestamps for part in parts])
    timestamps = np.unique(every, return_index=True)[0]  # asked for values alone, numpy would load its masked arrays
    cells = np.full((len(timestamps), series), ABSENT_BITS, dtype=np.int64)
    for own, values, _ in reversed(parts):
        rows = np.searchsorted(timestamps, own)
        below = cells[rows]
        takes = ~is_missing(values) | (is_absent(below.view(np.float64)) & is_stale(values))
        cells[rows] = np.where(takes, values.view(np.int64), below)
    merged = cells.view(np.float64)
    return Rows(timestamps, merged, not is_missing(merged).any())
