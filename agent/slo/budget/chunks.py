"""A stretch of checkpoints at rest: running sums of many tracks, each column in the narrowest numbers that lose nothing.

Sums are whole numbers nearly always (requests, milliseconds), so a column is its first value and small offsets from it, and
a column that does not move takes no room at all. It knows nothing of windows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from agent.errors import StorageError

BAD: Final = 0
TOTAL: Final = 1
MISSED: Final = 2
QUANTITIES: Final = 3
"""A checkpoint holds three running sums per track: bad events, all events, and milliseconds in which nothing was seen."""

_WIDTHS: Final = (np.uint8, np.uint16, np.uint32)
_FORMAT: Final = 1

Sums = NDArray[np.float64]
"""Shape (3, tracks): BAD, TOTAL, MISSED."""


@dataclass(frozen=True, slots=True)
class Lane:
    """The columns of one quantity that share a width: `tracks` rising, `values` of shape (rows, len(tracks))."""

    tracks: NDArray[np.int32]
    values: NDArray[Any]

    @property
    def nbytes(self) -> int:
        """Bytes of both arrays."""
        return self.tracks.nbytes + self.values.nbytes


@dataclass(frozen=True, slots=True)
class Chunk:
    """Checkpoints `times` (int64, rising) of `base.shape[1]` tracks; `lanes` holds what moved, per quantity, above `base`."""

    times: NDArray[np.int64]
    base: Sums
    lanes: tuple[tuple[Lane, ...], ...]
    spacing_ms: int = 0
    """The grid on which checkpoints were kept; 0 where all were."""

    @classmethod
    def of(cls, times: NDArray[np.int64], sums: NDArray[np.float64], spacing_ms: int = 0) -> Chunk:
        """Pack running sums of shape (3, rows, tracks)."""
        base = sums[:, 0, :].copy()
        lanes = tuple(_lanes(sums[quantity], base[quantity]) for quantity in range(QUANTITIES))
        return cls(times.copy(), base, lanes, spacing_ms)

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        return self.times.nbytes + self.base.nbytes + sum(lane.nbytes for each in self.lanes for lane in each)

    def row(self, index: int, into: Sums) -> None:
        """Write the sums at checkpoint `index` to the first columns of `into`; tracks that came later are left alone."""
        into[:, : self.base.shape[1]] = self.base
        for quantity, lanes in enumerate(self.lanes):
            for lane in lanes:
                into[quantity, lane.tracks] += lane.values[index]

    def column(self, track: int) -> NDArray[np.float64]:
        """Return one track's sums at all checkpoints, of shape (3, rows); zeros where the track came later."""
        found = np.zeros((QUANTITIES, len(self.times)))
        if track < self.base.shape[1]:
            found += self.base[:, track, np.newaxis]
            for quantity, lanes in enumerate(self.lanes):
                for lane in lanes:
                    place = int(np.searchsorted(lane.tracks, track))
                    if place < len(lane.tracks) and lane.tracks[place] == track:
                        found[quantity] += lane.values[:, place]
        return found

    def unpacked(self, tracks: int | None = None) -> NDArray[np.float64]:
        """Return all sums, of shape (3, rows, tracks), zeros for tracks beyond those that the chunk knows."""
        width = self.base.shape[1]
        found = np.zeros((QUANTITIES, len(self.times), width if tracks is None else tracks))
        found[:, :, :width] = self.base[:, np.newaxis, :]
        for quantity, lanes in enumerate(self.lanes):
            for lane in lanes:
                found[quantity][:, lane.tracks] += lane.values
        return found

    def encoded(self) -> bytes:
        """Return the chunk as bytes of format 1."""
        lanes = [
            [(lane.tracks.tobytes(), lane.values.dtype.str, lane.values.tobytes()) for lane in each]
            for each in self.lanes
        ]
        return msgspec.msgpack.encode((_FORMAT, self.spacing_ms, self.times.tobytes(), self.base.tobytes(), lanes))

    @classmethod
    def decoded(cls, data: bytes) -> Chunk:
        """Return the chunk that `encoded` wrote; raise StorageError for other bytes."""
        try:
            version, spacing_ms, times, base, lanes = msgspec.msgpack.decode(data)
            if version != _FORMAT:
                message = f"budget chunk has format {version}; this version reads {_FORMAT}: a newer agent wrote it"
                raise StorageError(message)
            stamps = np.frombuffer(times, np.int64)
            sums = np.frombuffer(base, np.float64).reshape(QUANTITIES, -1)
            read = tuple(tuple(_lane(*each, rows=len(stamps)) for each in quantity) for quantity in lanes)
        except (msgspec.DecodeError, ValueError, TypeError) as error:
            message = f"budget chunk of {len(data)} bytes is damaged: {error}"
            raise StorageError(message) from error
        return cls(stamps, sums, read, spacing_ms)


def _lane(tracks: bytes, kind: str, values: bytes, *, rows: int) -> Lane:
    return Lane(np.frombuffer(tracks, np.int32), np.frombuffer(values, np.dtype(kind)).reshape(rows, -1))


def _lanes(sums: NDArray[np.float64], base: NDArray[np.float64]) -> tuple[Lane, ...]:
    """Sort the columns of one quantity by the width that they need; columns of fractions lose their `base` and stay whole."""
    offsets = sums - base
    most = offsets.max(axis=0)
    fraction = ((sums != np.floor(sums)) | (offsets < 0)).any(axis=0) | (most > np.iinfo(np.uint32).max)
    lanes, least = [], 0
    for width in _WIDTHS:
        bound = int(np.iinfo(width).max)
        tracks = np.flatnonzero(~fraction & (most > least) & (most <= bound)).astype(np.int32)
        least = bound
        if len(tracks):
            lanes.append(Lane(tracks, offsets[:, tracks].astype(width)))
    tracks = np.flatnonzero(fraction).astype(np.int32)
    if len(tracks):
        base[tracks] = 0.0
        lanes.append(Lane(tracks, sums[:, tracks].copy()))
    return tuple(lanes)
