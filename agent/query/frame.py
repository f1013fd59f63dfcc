"""Instant vectors at every step at once: a block of (step × series), and the series set that its columns stand for.

A `SeriesSet` is where everything lives that depends only on the set of series (group indexes, join indexes, labels
without the name): the store hands out the same label tuple while its series do not change, so each is computed once.
Values are never changed in place; a frame may share its arrays with another, or with the store.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from threading import Lock, local
from typing import Any, Final, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from agent.errors import ExecutionError
from agent.model import METRIC_NAME, Histogram, Labels
from agent.query.limits import LABELS

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
Natives = NDArray[np.object_]
"""Native histograms by cell; None where the cell's sample is a float, or none."""

METADATA: Final = (METRIC_NAME, "__type__", "__unit__")
"""Labels that say what a metric is; they go with the name."""
SAME_LABELSET: Final = "vector cannot contain metrics with the same labelset"
_DERIVED_KEPT: Final = 64

Derived = TypeVar("Derived")


class _Builds(local):
    """How many times this thread made something of a series set that was not kept already."""

    count = 0


builds: Final = _Builds()


class _Derived:
    """About how many bytes have been made of series sets, in this process, ever."""

    size = 0


derived_so_far: Final = _Derived()
_PER_COLUMN: Final = 20
"""Bytes that an index over a set takes for each of its series."""


class SeriesSet:
    """The label sets of a frame's columns. Compare by identity. Threads may share it.

    `drops` marks the columns whose name goes at the very end (delayed name removal); None where none does.
    """

    __slots__ = ("_derived", "_lock", "drops", "labels")

    def __init__(self, labels: tuple[Labels, ...], drops: Bools | None = None) -> None:
        self.labels = labels
        self.drops = drops
        self._lock = Lock()
        self._derived: dict[Hashable, Any] = {}

    def __len__(self) -> int:
        return len(self.labels)

    def derived(self, key: Hashable, build: Callable[[], Derived]) -> Derived:
        """Return what `build` makes of this set, made once per `key`; the oldest of many is forgotten."""
        found: Derived | None = self._derived.get(key)
        if found is None:
            found = build()
            builds.count += 1
            derived_so_far.size += _PER_COLUMN * len(self.labels)
            with self._lock:
                while len(self._derived) >= _DERIVED_KEPT:
                    self._derived.pop(next(iter(self._derived)))
                self._derived[key] = found
        return found


EMPTY: Final = SeriesSet(())
NO_LABELS: Final = Labels()
UNLABELLED: Final = SeriesSet((NO_LABELS,))


@dataclass(frozen=True, slots=True)
class Frame:
    """values: float64 of shape (steps, series); present: bool of the same shape, or None where every cell holds a value.

    A cell that is not present holds anything. histograms: None in the usual case, that no cell is a native histogram; else
    object of the same shape, and where it holds a `Histogram`, the cell of `values` holds anything.
    """

    series: SeriesSet
    values: Floats
    present: Bools | None = None
    histograms: Natives | None = None

    def columns(self, picked: NDArray[np.intp], series: SeriesSet) -> Frame:
        """Return the columns `picked`, under the label sets of `series`."""
        present = None if self.present is None else self.present[:, picked]
        histograms = None if self.histograms is None else self.histograms[:, picked]
        return Frame(series, self.values[:, picked], present, histograms)

    def named(self, series: SeriesSet) -> Frame:
        """Return the same columns under the label sets of `series`."""
        return Frame(series, self.values, self.present, self.histograms)

    def where(self, kept: Bools) -> Frame:
        """Return the cells that `kept` marks."""
        present = kept if self.present is None else kept & self.present
        return Frame(self.series, self.values, present, self.histograms)

    def mask(self) -> Bools:
        """Return `present` as an array of the full shape."""
        if self.present is None:
            return np.ones(self.values.shape, np.bool_)
        return self.present

    def sample(self, step: int, column: int) -> float | Histogram:
        """Return what one cell holds."""
        native = None if self.histograms is None else self.histograms[step, column]
        return float(self.values[step, column]) if native is None else native

    def native(self) -> Bools:
        """Mark the cells that are native histograms."""
        if self.histograms is None:
            return np.zeros(self.values.shape, np.bool_)
        return np.asarray(self.histograms.astype(np.bool_) & self.mask())

    def floats(self) -> Frame:
        """Return the frame without its native histograms."""
        if self.histograms is None:
            return self
        return Frame(self.series, self.values, self.mask() & ~self.native())


def only(histograms: Natives, kept: Bools) -> Natives:
    """Return the native histograms that `kept` marks, None elsewhere."""
    found: Natives = np.full(histograms.shape, None)
    found[kept] = histograms[kept]
    return found


def mapped(histograms: Natives, change: Callable[[Histogram], Histogram]) -> Natives:
    """Return what `change` makes of each native histogram."""
    found: Natives = np.full(histograms.shape, None)
    for place in np.argwhere(histograms.astype(np.bool_)).tolist():
        found[tuple(place)] = change(histograms[tuple(place)])
    return found


class Cells(Protocol):
    """What has values and perhaps native histograms, both (steps, series)."""

    @property
    def values(self) -> Floats:
        """The floats."""
        ...

    @property
    def histograms(self) -> Natives | None:
        """The native histograms."""
        ...


def side_by_side(parts: Sequence[Cells]) -> Natives | None:
    """Return the native histograms of all parts, column after column; None where there are none."""
    if all(part.histograms is None for part in parts):
        return None
    held = (np.full(part.values.shape, None) if part.histograms is None else part.histograms for part in parts)
    return np.concatenate(list(held), axis=1)


def empty(steps: int) -> Frame:
    """Return a frame without series."""
    return Frame(EMPTY, np.empty((steps, 0)))


@dataclass(frozen=True, slots=True)
class Relabelling:
    """What happens to columns when labels change: the new set, and which new column each old one goes to.

    `target` is None where the columns stay as they are (no two became equal).
    """

    series: SeriesSet
    target: NDArray[np.intp] | None


def relabelling(labels: Sequence[Labels], drops: Bools | None = None) -> Relabelling:
    """Build the relabelling of columns that are to carry `labels`."""
    index: dict[Labels, int] = {}
    target = np.fromiter((index.setdefault(each, len(index)) for each in labels), np.intp, len(labels))
    derived_so_far.size += LABELS * len(index)
    if len(index) == len(labels):
        return Relabelling(SeriesSet(tuple(labels), drops), None)
    if drops is not None:
        first = np.zeros(len(index), np.bool_)
        first[target[::-1]] = drops[::-1]
        drops = first
    return Relabelling(SeriesSet(tuple(index), drops), target)


def relabel(frame: Frame, change: Relabelling) -> Frame:
    """Give the columns new labels; series that became equal merge where they do not overlap in time, else ExecutionError."""
    if change.target is None:
        return frame.named(change.series)
    groups = len(change.series)
    present = frame.mask()
    order = np.argsort(change.target, kind="stable")
    starts = np.searchsorted(change.target[order], np.arange(groups))
    counts = np.add.reduceat(present[:, order], starts, axis=1, dtype=np.int64)
    if (counts > 1).any():
        raise ExecutionError(SAME_LABELSET)
    values = np.add.reduceat(np.where(present, frame.values, 0.0)[:, order], starts, axis=1)
    return Frame(change.series, values, counts > 0, _merged(frame, change.target, groups))


def _merged(frame: Frame, target: NDArray[np.intp], groups: int) -> Natives | None:
    """Return the native histograms of columns that merge; no two meet in a cell."""
    if frame.histograms is None:
        return None
    merged = np.full((len(frame.values), groups), None)
    rows, columns = np.nonzero(frame.native())
    merged[rows, target[columns]] = frame.histograms[rows, columns]
    return merged


def stacked(frames: Sequence[Frame]) -> Frame:
    """Put frames side by side; equal series merge, as `relabel` merges them."""
    labels = [each for frame in frames for each in frame.series.labels]
    values = np.concatenate([frame.values for frame in frames], axis=1)
    present = np.concatenate([frame.mask() for frame in frames], axis=1)
    drops = None
    if any(frame.series.drops is not None for frame in frames):
        drops = np.concatenate([_marks(frame.series) for frame in frames])
    side = Frame(EMPTY, values, present, side_by_side(frames))
    return relabel(side, relabelling(labels, drops))


def _marks(series: SeriesSet) -> Bools:
    return np.zeros(len(series), np.bool_) if series.drops is None else series.drops


def drop_names(frame: Frame, *, delayed: bool) -> Frame:
    """Take the metric name away, or only mark it for removal where removal is delayed."""
    series = frame.series
    if delayed:
        marked = series.derived("marked", lambda: SeriesSet(series.labels, np.ones(len(series), np.bool_)))
        return frame.named(marked)
    return relabel(frame, series.derived("nameless", lambda: relabelling([nameless(each) for each in series.labels])))


def remove_marked_names(frame: Frame) -> Frame:
    """Do what `drop_names` delayed."""
    series = frame.series
    drops = series.drops
    if drops is None or not drops.any():
        return frame

    def build() -> Relabelling:
        pairs = zip(series.labels, drops.tolist(), strict=True)
        return relabelling([nameless(each) if drop else each for each, drop in pairs])

    return relabel(frame, series.derived("unmarked", build))


def nameless(labels: Labels) -> Labels:
    """Return `labels` less the name and what describes it."""
    return labels.without(*METADATA)
