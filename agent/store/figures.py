"""How a store is, in figures: what it holds in memory and on the disk, what it dropped, and whether it is durable."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Final

from agent.store.catalogue import Catalogue
from agent.store.disk import Disk

_MEMORY_ONLY: Final = "samples are kept in memory only"


@dataclass(frozen=True, slots=True)
class StoreStats:
    """How the store is. Samples are cells with a value; times in ms, 0 where there is nothing; `dropped` by reason.

    bytes: in memory, index_bytes of them for the index; disk_bytes: block files; log_bytes: the log before them; damaged:
    files that were set aside; durable: whether what is appended outlives the process, and the reason where not.
    """

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
    blocks: int = 0
    disk_bytes: int = 0
    log_bytes: int = 0
    damaged: int = 0
    durable: bool = False
    reason: str = _MEMORY_ONLY


@dataclass(frozen=True, slots=True)
class Enforced:
    """What keeping the bounds took: samples that had become too old, samples dropped early for memory, series that ended,
    runs that were compressed, files that were written.
    """

    expired: int = 0
    dropped_for_memory: int = 0
    series_ended: int = 0
    sealed: int = 0
    written: int = 0


def counted(catalogue: Catalogue, *, appended: int, dropped: Counter[str], cached: int) -> StoreStats:
    """Return the figures of what is known in memory; the catalogue's lock is held. cached: bytes of unpacked samples."""
    chunks = [chunk for table in catalogue.tables.values() for chunk in table.chunks]
    index = catalogue.index
    return StoreStats(
        series=len(index),
        tables=len(catalogue.tables),
        chunks=len(chunks),
        samples=sum(chunk.samples for chunk in chunks),
        bytes=catalogue.nbytes + cached,
        index_bytes=index.nbytes,
        epoch=index.epoch,
        oldest_ms=min((chunk.first_ms for chunk in chunks), default=0),
        newest_ms=max((chunk.last_ms for chunk in chunks), default=0),
        appended=appended,
        dropped=dict(+dropped),
    )


def with_disk(stats: StoreStats, disk: Disk) -> StoreStats:
    """Return the figures, those of the disk among them."""
    log, reason = disk.log.state, disk.reason
    return replace(
        stats,
        blocks=len(disk.archive.files),
        disk_bytes=disk.archive.nbytes,
        log_bytes=log.bytes,
        damaged=disk.archive.damaged + log.damaged,
        durable=not reason,
        reason=reason,
    )
