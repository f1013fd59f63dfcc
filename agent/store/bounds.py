"""Who pays when memory is full: the tables that take most of it, their oldest runs first. Pure choices, nothing is dropped here.

A target that explodes would otherwise shorten everyone's history; so a table whose share is small is spared until the great
ones are down to its size.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable

from agent.store.archive import FilePages
from agent.store.chunks import Chunk
from agent.store.sealed import SealedChunk
from agent.store.table import Table

SERIES_BYTES = 1024
"""What a new series is taken to cost before it is there: its place in the index and its labels."""
_OVERDUE = 3
"""A table whose next row has not come for so many times its pace is taken to have ended."""


def in_memory(chunk: Chunk) -> bool:
    """Say whether the run's cells are nowhere but in memory."""
    return not (isinstance(chunk, SealedChunk) and isinstance(chunk.source, FilePages))


def victims(tables: Iterable[Table], excess: int, needed: int, asking: Table | None) -> list[Chunk] | None:
    """Choose runs whose dropping frees `excess` bytes; None where the table that asks for `needed` bytes must be refused.

    Of the great tables (at least half as large as the largest) the oldest run goes first; the asking table's hot run stays.
    It is refused when it would be more than twice as large as any other that still has something to give.
    """
    spared = asking.parts[1] if asking is not None else None
    waiting = {table: [each for each in table.chunks if each is not spared and in_memory(each)] for table in tables}
    share = {table: _share(table) for table, runs in waiting.items() if runs}
    sizes = [(-size, table.number, table) for table, size in share.items()]
    heapq.heapify(sizes)
    own = needed + (_share(asking) if asking is not None else 0)
    doomed: list[Chunk] = []
    great: list[tuple[int, int, Table]] = []
    while excess > 0:
        largest = max((share[table] for _, _, table in great), default=0)
        while sizes and -sizes[0][0] * 2 >= max(largest, -sizes[0][0]):
            _, _, table = heapq.heappop(sizes)
            heapq.heappush(great, (waiting[table][0].last_ms, table.number, table))
            largest = max(largest, share[table])
        if not great or (asking is not None and own > 2 * largest):
            return None if asking is not None else doomed
        _, _, table = heapq.heappop(great)
        run = waiting[table].pop(0)
        doomed.append(run)
        last = len(table.chunks) == sum(1 for each in table.chunks if any(each is other for other in doomed))
        excess -= run.nbytes + (table.index_bytes if last else 0)
        share[table] -= run.nbytes
        if table is asking:
            own -= run.nbytes
        if waiting[table]:
            heapq.heappush(sizes, (-share[table], table.number, table))
    return doomed


def costly(tables: Iterable[Table], excess: int) -> list[SealedChunk]:
    """Choose runs in files for the sake of their labels, which are in memory: dropping them frees about `excess` bytes of it.

    Of the tables that give much (at least half as much as any), those go whole that have been without a row for longest. A
    table that goes on as it was gives nothing, and keeps its history.
    """
    stored = {
        table: [each for each in table.chunks if isinstance(each, SealedChunk) and not in_memory(each)]
        for table in tables
    }
    newest_ms = max((table.last_ms for table in stored), default=0)
    gain = {table: _ended_labels(table, newest_ms) for table, runs in stored.items() if runs}
    least = max(gain.values(), default=0) / 2
    chosen: list[SealedChunk] = []
    for table in sorted(gain, key=lambda each: (each.last_ms, each.number)):
        if excess > 0 and gain[table] >= max(least, 1):
            chosen += stored[table]
            excess -= gain[table]
    return chosen


def _ended_labels(table: Table, newest_ms: int) -> int:
    """Return the bytes that the index takes for series of the table which have no sample in memory, and get none any more.

    A table goes on when its next row is not overdue; its last run says of which series.
    """
    last = table.chunks[-1]
    pace = (last.last_ms - last.first_ms) / max(1, last.rows - 1)
    living = [each for each in table.chunks if in_memory(each)]
    if newest_ms - table.last_ms <= _OVERDUE * pace:
        living.append(last)
    gone = table.indexed.copy()
    for run in living:
        width = min(len(gone), len(run.present))
        gone[:width] &= ~run.present[:width]
    return table.index_bytes * int(gone.sum()) // max(1, int(table.indexed.sum()))


def among(runs: Iterable[Chunk]) -> Callable[[Chunk], bool]:
    """Return what says whether a run is one of these."""
    doomed = {id(each) for each in runs}
    return lambda chunk: id(chunk) in doomed


def _share(table: Table) -> int:
    return table.nbytes + table.index_bytes
