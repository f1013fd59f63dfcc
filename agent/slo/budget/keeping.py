"""How budgets outlive the process: chunks as they are sealed, and each row since then, under short keys in one place.

A row is written before it is judged, so a power cut costs at most the row that was under way; what could not be written waits
for the next row. Formats carry numbers; bytes of a newer version are refused and never overwritten.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

import msgspec
import numpy as np

from agent.errors import StorageError
from agent.model import Labels
from agent.slo.budget.chunks import QUANTITIES, Chunk, Sums
from agent.slo.budget.formats import decoded, encoded
from agent.slo.budget.objective import Key, Unit
from agent.slo.budget.remembered import Stood, unpacked
from agent.slo.budget.ring import Ring
from agent.slo.budget.tracks import Track, Tracks

_FORMAT: Final = 2
_WITHOUT_RETIRED: Final = 1
"""The format in which the tracks are written as long as no group retired, so that an agent of before can read them."""
_META: Final = "tracks"
_CHUNK: Final = "chunk/"
_ROW: Final = "row/"
_STOOD: Final = "stood"
_PENDING: Final = "pending"
_PENDING_FORMAT: Final = 1
_DISTRUST: Final = "distrust"
_DISTRUST_FORMAT: Final = 1


class Kept(Protocol):
    """Where bytes stay: the journal, or a folder."""

    def read(self) -> Mapping[str, bytes]:
        """Return everything that is kept."""
        ...

    def write(self, put: Mapping[str, bytes], drop: Iterable[str]) -> None:
        """Keep and drop, all of it or nothing, on the disk when it returns; raise StorageError."""
        ...


@dataclass(frozen=True, slots=True)
class Restored:
    """What was kept: tracks by number, chunks oldest first, rows in order as (instant, amounts), and what is in no row yet.

    pending: bad events and events that wait, by number of their track; distrusted: tracks whose queries did not fit together.
    """

    tracks: tuple[Track, ...] = ()
    chunks: tuple[Chunk, ...] = ()
    rows: tuple[tuple[int, Sums], ...] = ()
    stood: Mapping[Key, Stood] = field(default_factory=dict)
    pending: Mapping[int, tuple[float, float]] = field(default_factory=dict)
    distrusted: frozenset[int] = frozenset()


class Keeper:
    """Writes what changed of a ring and its tracks. It must begin with what `restored` read from the same place."""

    def __init__(self, kept: Kept) -> None:
        self._kept = kept
        self._rows: list[str] = []
        self._number = 0
        self._tracks: tuple[Track, ...] | None = None
        """As they were written; None where nothing was, so that rows without a budget yet are not without their list."""
        self._stood = b""
        self._pending: Mapping[int, tuple[float, float]] = {}
        self._distrusted: frozenset[int] = frozenset()
        self._width = 0
        self._waiting: list[tuple[int, Sums]] = []
        """Rows that are in no chunk and not on the disk yet."""
        self._owed: tuple[frozenset[int], frozenset[int]] = (frozenset(), frozenset())
        """Chunks that changed and went, as they were when they could not be written."""

    def restored(self) -> Restored:
        """Read everything; raise StorageError where it is damaged or of a newer version."""
        found = self._kept.read()
        if _META not in found:
            return Restored()
        self._rows = sorted(key for key in found if key.startswith(_ROW))
        self._number = int(self._rows[-1].removeprefix(_ROW)) if self._rows else 0
        chunks = [Chunk.decoded(_unpacked(data, key)) for key, data in found.items() if key.startswith(_CHUNK)]
        rows = [each for key in self._rows for each in _rows(Chunk.decoded(_unpacked(found[key], key)))]
        self._tracks = _tracks(_unpacked(found[_META], _META))
        self._stood = found.get(_STOOD, b"")
        stood = unpacked(self._stood) if self._stood else {}
        self._pending = _pending(found[_PENDING]) if _PENDING in found else {}
        self._distrusted = _distrust(found[_DISTRUST]) if _DISTRUST in found else frozenset()
        ordered = tuple(sorted(chunks, key=lambda each: int(each.times[0])))
        return Restored(self._tracks, ordered, tuple(rows), stood, self._pending, self._distrusted)

    def keep(
        self,
        ring: Ring,
        tracks: Tracks,
        rows: Sequence[tuple[int, Sums]],
        stood: bytes = b"",
        pending: Mapping[int, tuple[float, float]] | None = None,
        distrusted: frozenset[int] = frozenset(),
    ) -> None:
        """Keep rows that were just added; where chunks changed, those instead, and no rows any more.

        stood: see `remembered`; pending, distrusted: see `Audit`.

        Raises StorageError; what was not written is written with what comes next.
        """
        self._waiting += rows
        if _changes(ring) != self._owed or ring.tracks < self._width:
            # Whatever is not in a chunk yet goes into one, so that chunks alone are the whole. Where there are fewer tracks than
            # before, they have other numbers than in the rows.
            ring.seal()
            self._owed = _changes(ring)
            self._waiting = []
        self._width = ring.tracks
        put = {f"{_CHUNK}{first}": zlib.compress(ring.chunk(first).encoded(), 1) for first in ring.changed}
        drop = [f"{_CHUNK}{first}" for first in ring.dropped]
        after = list(self._rows)
        if ring.changed or ring.dropped:
            drop, after = [*self._rows, *drop], []
        if self._waiting:
            after.append(f"{_ROW}{self._number + 1:012}")
            put[after[-1]] = zlib.compress(_encoded(self._waiting), 1)
        if tuple(tracks.all) != self._tracks:
            put[_META] = _encoded_tracks(tracks.all)
        if stood != self._stood:
            put[_STOOD] = stood
        if (pending := pending or {}) != self._pending:
            put[_PENDING] = encoded(_PENDING_FORMAT, pending)
        if distrusted != self._distrusted:
            put[_DISTRUST] = encoded(_DISTRUST_FORMAT, sorted(distrusted))
        self._kept.write(put, drop)
        self._number += bool(self._waiting)
        self._tracks, self._rows, self._waiting = tuple(tracks.all), after, []
        self._stood, self._pending, self._distrusted = stood, pending, distrusted
        ring.forget_changes()
        self._owed = _changes(ring)


def _changes(ring: Ring) -> tuple[frozenset[int], frozenset[int]]:
    return frozenset(ring.changed), frozenset(ring.dropped)


def _encoded(rows: Sequence[tuple[int, Sums]]) -> bytes:
    """Pack rows as a chunk whose first checkpoint is zero, so that amounts take the narrowest numbers."""
    width = max(each.shape[1] for _, each in rows)
    amounts = np.zeros((QUANTITIES, len(rows) + 1, width))
    for number, (_, each) in enumerate(rows, start=1):
        amounts[:, number, : each.shape[1]] = each
    return Chunk.of(np.asarray([0, *(at for at, _ in rows)], dtype=np.int64), amounts).encoded()


def _rows(chunk: Chunk) -> list[tuple[int, Sums]]:
    amounts = chunk.unpacked()
    return [(int(at), amounts[:, index]) for index, at in enumerate(chunk.times) if index]


class _Listed(msgspec.Struct, frozen=True, array_like=True):
    """A track as it is written; format 1 ends with `born_ms`."""

    slo: str
    group: list[tuple[str, str]]
    unit: str
    born_ms: int
    retired_ms: int = 0


def _encoded_tracks(tracks: Sequence[Track]) -> bytes:
    retired = any(each.retired_ms for each in tracks)
    listed = [
        (each.key.slo, each.key.group.pairs, each.unit.value, each.born_ms, *([each.retired_ms] if retired else ()))
        for each in tracks
    ]
    return zlib.compress(encoded(_FORMAT if retired else _WITHOUT_RETIRED, listed), 1)


def _tracks(data: bytes) -> tuple[Track, ...]:
    what = "the list of budgets that were kept"
    return tuple(
        Track(Key(each.slo, Labels(each.group)), Unit(each.unit), each.born_ms, each.retired_ms)
        for each in decoded(data, list[_Listed], (_WITHOUT_RETIRED, _FORMAT), what)
    )


def _pending(data: bytes) -> dict[int, tuple[float, float]]:
    what = "the list of what was counted and waited for the rest of it"
    return decoded(data, dict[int, tuple[float, float]], (_PENDING_FORMAT,), what)


def _distrust(data: bytes) -> frozenset[int]:
    what = "the list of budgets whose queries did not fit together"
    return decoded(data, frozenset[int], (_DISTRUST_FORMAT,), what)


def _unpacked(data: bytes, key: str) -> bytes:
    try:
        return zlib.decompress(data)
    except zlib.error as error:
        message = f'cannot read the budgets that were kept under "{key}": {error}; move them away to begin anew'
        raise StorageError(message) from error
