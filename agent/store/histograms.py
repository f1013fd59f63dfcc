"""Native histograms as float64 cells and back: a bundle of columns per series, so that all that holds of columns holds of them.

A part is one number of a histogram in one layout (schema, zero threshold, own bounds): its count, sum, zero count, hint, or
one bucket. A part's column carries the series' labels and, under an empty name that no page can have, what part it is. The
series' own column says at which instants there is a histogram, or that the series ended. Pure: no tables, no index.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agent.model import NO_BUCKETS, Buckets, Histogram, Labels, ResetHint, is_missing

PART: Final = ""
"""The name of the label that makes a column a part of a histogram."""
_HINTS: Final = tuple(ResetHint)
COUNT, SUM, ZERO, HINT, POSITIVE, NEGATIVE = "count", "sum", "zero", "hint", "positive", "negative"


class Layout(NamedTuple):
    """What the parts of one histogram have in common."""

    schema: int
    zero_threshold: float
    bounds: tuple[float, ...]


class Part(NamedTuple):
    """One number of a histogram: a kind (`count`, `positive`, …) and, of a bucket, its index."""

    layout: Layout
    kind: str
    bucket: int


def layout_of(histogram: Histogram) -> Layout:
    """Return the layout of a histogram."""
    return Layout(histogram.schema, histogram.zero_threshold, histogram.bounds)


def parts_of(histogram: Histogram) -> list[Part]:
    """Return the parts that a histogram is kept in, in the order of `cells_of`."""
    layout = layout_of(histogram)
    single = [COUNT, SUM] + ([] if histogram.custom else [ZERO])
    single += [] if histogram.hint is ResetHint.UNKNOWN else [HINT]
    parts = [Part(layout, kind, 0) for kind in single]
    for kind, side in ((POSITIVE, histogram.positive), (NEGATIVE, histogram.negative)):
        parts += [Part(layout, kind, index) for index in side.index.tolist()]
    return parts


def cells_of(histogram: Histogram) -> NDArray[np.float64]:
    """Return the numbers of a histogram, one per part; a NaN that would say that there is none becomes an ordinary one."""
    single = [histogram.count, histogram.sum] + ([] if histogram.custom else [histogram.zero_count])
    single += [] if histogram.hint is ResetHint.UNKNOWN else [float(_HINTS.index(histogram.hint))]
    cells = np.concatenate([single, histogram.positive.counts, histogram.negative.counts])
    cells[is_missing(cells)] = np.nan
    return cells


def part_labels(series: Labels, part: Part) -> Labels:
    """Return the labels of a part's column."""
    schema, threshold, bounds = part.layout
    words = [str(schema), repr(threshold), " ".join(map(repr, bounds)), part.kind, str(part.bucket)]
    return Labels.from_sorted(((PART, ";".join(words)), *series.pairs))


def is_part(labels: Labels) -> bool:
    """Say whether the labels are those of a part's column."""
    return bool(labels.pairs) and labels.pairs[0][0] == PART


def series_of(labels: Labels) -> Labels:
    """Return the series that a part's column is of."""
    return Labels.from_sorted(labels.pairs[1:])


def split_labels(labels: Labels) -> tuple[Labels, Part]:
    """Return the series and the part that a part's column is of."""
    return series_of(labels), _part(labels.pairs[0][1])


@lru_cache(maxsize=65536)
def _part(text: str) -> Part:
    schema, threshold, bounds, kind, index = text.split(";")
    return Part(Layout(int(schema), float(threshold), tuple(map(float, bounds.split()))), kind, int(index))


@dataclass(frozen=True, slots=True)
class Bundle:
    """The columns of one layout of one series among C columns: single parts by kind, buckets with rising indexes."""

    layout: Layout
    single: Mapping[str, int]
    positive: tuple[NDArray[np.int64], NDArray[np.intp]]
    negative: tuple[NDArray[np.int64], NDArray[np.intp]]


def bundles(parts: Iterable[tuple[Part, int]]) -> list[Bundle]:
    """Put the parts of one series, each with its column, together by layout."""
    by_layout: dict[Layout, list[tuple[Part, int]]] = {}
    for part, column in parts:
        by_layout.setdefault(part.layout, []).append((part, column))
    return [
        Bundle(
            layout,
            {part.kind: column for part, column in members if part.kind not in (POSITIVE, NEGATIVE)},
            _side(members, POSITIVE),
            _side(members, NEGATIVE),
        )
        for layout, members in by_layout.items()
    ]


def _side(members: Sequence[tuple[Part, int]], kind: str) -> tuple[NDArray[np.int64], NDArray[np.intp]]:
    found = sorted((part.bucket, column) for part, column in members if part.kind == kind)
    return np.array([index for index, _ in found], np.int64), np.array([column for _, column in found], np.intp)


def histograms_of(cells: NDArray[np.float64], bundle: Bundle) -> tuple[NDArray[np.intp], list[Histogram]]:
    """Return the rows of (T, C) cells at which the layout has a histogram, and those histograms.

    Histograms with the same buckets share their index arrays, which arithmetic on many of them knows to use.
    """
    if COUNT not in bundle.single or SUM not in bundle.single:
        return np.empty(0, np.intp), []
    rows = np.flatnonzero(~is_missing(cells[:, bundle.single[COUNT]]))
    here = cells[rows]
    counts, sums = (here[:, bundle.single[kind]].tolist() for kind in (COUNT, SUM))
    zeros = here[:, bundle.single[ZERO]].tolist() if ZERO in bundle.single else [0.0] * len(rows)
    hints = _hints(here[:, bundle.single[HINT]]) if HINT in bundle.single else [ResetHint.UNKNOWN] * len(rows)
    sides = [_buckets(here, *side) for side in (bundle.positive, bundle.negative)]
    schema, threshold, bounds = bundle.layout
    made = [
        Histogram(schema, count, total, threshold, zero, positive, negative, bounds, hint)
        for count, total, zero, positive, negative, hint in zip(counts, sums, zeros, *sides, hints, strict=True)
    ]
    return rows, made


def _hints(cells: NDArray[np.float64]) -> list[ResetHint]:
    unknown = is_missing(cells).tolist()
    return [
        ResetHint.UNKNOWN if none else _HINTS[int(cell)] for none, cell in zip(unknown, cells.tolist(), strict=True)
    ]


def _buckets(here: NDArray[np.float64], index: NDArray[np.int64], columns: NDArray[np.intp]) -> list[Buckets]:
    if not len(index):
        return [NO_BUCKETS] * len(here)
    counts = here[:, columns]
    there = ~is_missing(counts)
    if there.all():
        return [Buckets(index, row) for row in counts]
    shared: dict[bytes, NDArray[np.int64]] = {}
    made = []
    for row, mask in zip(counts, there, strict=True):
        if not mask.any():
            made.append(NO_BUCKETS)
            continue
        made.append(Buckets(shared.setdefault(mask.tobytes(), index[mask]), row[mask]))
    return made
