"""What a query answers: a scalar, a string, an instant vector or a matrix, over arrays, with easy iteration.

Vectors and matrices keep the engine's arrays; series objects are made while iterating, so that asking for a large
result costs nothing until somebody reads it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from agent.model import Labels, Sample


@dataclass(frozen=True, slots=True)
class Scalar:
    """A number at an instant."""

    timestamp_ms: int
    value: float


@dataclass(frozen=True, slots=True)
class String:
    """A text at an instant."""

    timestamp_ms: int
    value: str


@dataclass(frozen=True, slots=True)
class Vector:
    """One value of each of S series at an instant: `labels` of length S, `values` float64 of shape (S,).

    histograms: None where all values are floats, else object of shape (S,): a `Histogram` where the value is one, and there
    `values` holds NaN.
    """

    timestamp_ms: int
    labels: tuple[Labels, ...]
    values: NDArray[np.float64]
    histograms: NDArray[np.object_] | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def __iter__(self) -> Iterator[Sample]:
        for labels, value in zip(self.labels, self.values.tolist(), strict=True):
            yield Sample(labels, self.timestamp_ms, value)


@dataclass(frozen=True, slots=True)
class Series:
    """One series of a matrix: timestamps int64 and values float64, both of shape (points,), no gaps.

    histograms as in `Vector`, of the same shape.
    """

    labels: Labels
    timestamps: NDArray[np.int64]
    values: NDArray[np.float64]
    histograms: NDArray[np.object_] | None = None


def series_of(
    labels: Labels, timestamps: NDArray[np.int64], values: NDArray[np.float64], natives: NDArray[np.object_] | None
) -> Series:
    """Make a series; one without histograms says so by None."""
    if natives is None or not natives.any():
        return Series(labels, timestamps, values)
    return Series(labels, timestamps, floats_beside(values, natives), natives)


def floats_beside(values: NDArray[np.float64], natives: NDArray[np.object_]) -> NDArray[np.float64]:
    """Return the values with NaN where a histogram stands."""
    return np.where(natives.astype(np.bool_), np.nan, values)


@dataclass(frozen=True)
class Matrix:
    """S series over T timestamps, ordered by labels when iterated; series without a point are left out.

    labels, timestamps (T,), values (T, S) and present (T, S) or None are as computed, not ordered; histograms as in `Vector`.
    """

    labels: tuple[Labels, ...]
    timestamps: NDArray[np.int64]
    values: NDArray[np.float64]
    present: NDArray[np.bool_] | None = None
    histograms: NDArray[np.object_] | None = None

    @cached_property
    def _order(self) -> list[int]:
        columns = range(len(self.labels))
        kept = columns if self.present is None else np.flatnonzero(self.present.any(axis=0)).tolist()
        return sorted(kept, key=lambda column: self.labels[column].pairs) if len(self.timestamps) else []

    def __len__(self) -> int:
        return len(self._order)

    def __iter__(self) -> Iterator[Series]:
        for column in self._order:
            values = self.values[:, column]
            natives = None if self.histograms is None else self.histograms[:, column]
            if self.present is None:
                yield series_of(self.labels[column], self.timestamps, values, natives)
            else:
                mask = self.present[:, column]
                natives = None if natives is None else natives[mask]
                yield series_of(self.labels[column], self.timestamps[mask], values[mask], natives)


@dataclass(frozen=True, slots=True)
class Ragged:
    """Series that do not share timestamps: what a range selector gives to an instant query."""

    series: tuple[Series, ...]

    def __len__(self) -> int:
        return len(self.series)

    def __iter__(self) -> Iterator[Series]:
        return iter(self.series)


Value = Scalar | String | Vector | Matrix | Ragged


@dataclass(frozen=True, slots=True)
class Result:
    """A query's value, what was noticed on the way, and how many series its selectors gave and samples were read or made."""

    value: Value
    warnings: tuple[str, ...] = ()
    infos: tuple[str, ...] = ()
    series: int = field(default=0, compare=False)
    samples: int = field(default=0, compare=False)
