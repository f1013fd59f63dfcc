"""Classic histograms turned into native ones with bounds of their own, where a job asks for it.

A reader's page comes in, and goes out with one histogram in the place of the `_bucket`, `_sum` and `_count` series of each
classic histogram. Which series belong together is found once per set of series; each page then costs array arithmetic.
Source: Prometheus' convert_classic_histograms_to_nhcb.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from agent.collect.page import Page, Reader
from agent.collect.rows import RowWriter
from agent.collect.scanning import Metadata, is_float
from agent.model import ABSENT_NAN, CUSTOM, HISTOGRAM_NAN, METRIC_NAME, Buckets, Histogram, Labels, ResetHint

_PARTS: Final = ("_bucket", "_sum", "_count")
_TYPES: Final = {"histogram": ResetHint.UNKNOWN, "gaugehistogram": ResetHint.GAUGE}


@dataclass(frozen=True, slots=True)
class _Group:
    """One classic histogram on a page: its series as a native one, and the places of its parts among the cells.

    bounds: the finite ones, rising; buckets: their places and then that of +Inf, -1 where there is none.
    """

    series: Labels
    column: int
    bounds: tuple[float, ...]
    buckets: NDArray[np.intp]
    sum: int
    count: int
    hint: ResetHint


class ConvertingReader:
    """Fulfils `Reader` around another: what it reads, with classic histograms converted (and kept, with `keep`)."""

    def __init__(self, inner: Reader, writer: RowWriter, *, keep: bool) -> None:
        self._inner, self._writer, self._keep = inner, writer, keep
        self._groups: list[_Group] = []
        self._cells: NDArray[np.intp] | None = None
        self._kept: NDArray[np.intp] = np.empty(0, np.intp)
        self._made: NDArray[np.intp] = np.empty(0, np.intp)

    @property
    def metadata(self) -> dict[str, Metadata]:
        """What the last page said by family."""
        return self._inner.metadata

    def read(self, body: bytes) -> Page:
        """Read one page; raise ScrapeError as the reader within."""
        page = self._inner.read(body)
        if page.cells is not self._cells:
            self._arrange(page)
        found = [_converted(group, page.values) for group in self._groups]
        made = [(group.series, each) for group, each in zip(self._groups, found, strict=True) if each is not None]
        marks = [ABSENT_NAN if each is None else HISTOGRAM_NAN for each in found]
        values = np.concatenate([page.values[self._kept], np.array(marks, np.float64)])
        dropped = page.dropped + Counter(classic_not_rising=len(found) - len(made))
        return replace(page, cells=self._made, values=values, histograms=[*page.histograms, *made], dropped=dropped)

    def _arrange(self, page: Page) -> None:
        """Find the classic histograms among the page's series, those left out that have a native one beside them."""
        columns = self._writer.columns
        native = {series for series, _ in page.histograms}
        by_series = _parts(page.cells.tolist(), columns.labels, self._inner.metadata)
        groups = [_group(series, parts) for series, parts in by_series.items() if series not in native]
        self._groups = [replace(each, column=columns.column(each.series)) for each in groups if each is not None]
        taken = np.zeros(len(page.cells), np.bool_)
        for group in () if self._keep else self._groups:
            taken[group.buckets[group.buckets >= 0]] = True
            taken[[place for place in (group.sum, group.count) if place >= 0]] = True
        self._cells, self._kept = page.cells, np.flatnonzero(~taken)
        made = np.array([group.column for group in self._groups], np.intp)
        self._made = np.concatenate([page.cells[self._kept], made])


_Found = list[tuple[str, str, int, ResetHint]]


def _parts(cells: Sequence[int], labels: Sequence[Labels], metadata: Mapping[str, Metadata]) -> dict[Labels, _Found]:
    """Return the parts of each classic histogram: (suffix, `le`, place among the cells, hint), by its own series."""
    found: dict[Labels, _Found] = {}
    for place, column in enumerate(cells):
        series = labels[column]
        suffix = next((each for each in _PARTS if series.name.endswith(each)), "")
        family = series.name.removesuffix(suffix)
        kind = metadata[family].type if suffix and family in metadata else ""
        if kind in _TYPES:
            pairs = {name: value for name, value in series.pairs if name not in (METRIC_NAME, "le")}
            base = Labels({**pairs, METRIC_NAME: family})
            found.setdefault(base, []).append((suffix, series.get("le"), place, _TYPES[kind]))
    return found


def _group(series: Labels, parts: _Found) -> _Group | None:
    """Put the parts in order; None where there is no bucket, or one whose bound is no number."""
    buckets = [(le, place) for suffix, le, place, _ in parts if suffix == "_bucket"]
    if not buckets or not all(is_float(le) for le, _ in buckets):
        return None
    ends = {float(le): place for le, place in buckets}
    bounds = tuple(sorted(end for end in ends if not np.isinf(end)))
    places = np.array([*(ends[end] for end in bounds), ends.get(np.inf, -1)], np.intp)
    single = {suffix: place for suffix, _, place, _ in parts}
    return _Group(series, -1, bounds, places, single.get("_sum", -1), single.get("_count", -1), parts[0][3])


def _converted(group: _Group, values: NDArray[np.float64]) -> Histogram | None:
    """Return the histogram of cumulative buckets, None where they fall.

    A count that is missing is the last bucket's, and the other way round.
    """
    total = float(values[group.sum]) if group.sum >= 0 else 0.0
    cumulative = values[group.buckets].copy()
    if group.buckets[-1] < 0:
        below = float(cumulative[-2]) if len(cumulative) > 1 else 0.0
        cumulative[-1] = values[group.count] if group.count >= 0 else below
    count = float(values[group.count]) if group.count >= 0 else float(cumulative[-1])
    counts = np.diff(cumulative, prepend=0.0)
    if not (counts >= 0).all():
        return None
    kept = np.flatnonzero(counts)
    positive = Buckets(kept.astype(np.int64), counts[kept])
    return Histogram(CUSTOM, count, total, positive=positive, bounds=group.bounds, hint=group.hint)
