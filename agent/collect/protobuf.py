"""The page of one target in Prometheus' protobuf format: the same series as its text has, and native histograms.

A native histogram is one series: its cell says that a histogram stands beside the row. Classic buckets of the same metric
are left out then, unless `always_scrape_classic_histograms` asks for them. What is remembered is the last page alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agent.collect.families import Family, Metric, Point, families, label_pairs
from agent.collect.naming import SeriesNaming
from agent.collect.page import Page
from agent.collect.rows import RowWriter
from agent.collect.scanning import Metadata, ParsedExemplar, normalise_float
from agent.collect.shape import EXEMPLAR_CHARACTERS
from agent.collect.spec import MAX_SAMPLES, ScrapeJob
from agent.collect.walk import too_many_samples
from agent.model import HISTOGRAM_NAN, METRIC_NAME, Histogram, Labels, Sample

MEDIA_TYPE: Final = "application/vnd.google.protobuf"
Key = tuple[str, str, bytes]
"""What names a series on a page: its full name, its own label (`le`, `quantile`) as text, and the labels' bytes."""


class _Reading(NamedTuple):
    """One sample of a metric: its series' name and own label, and what it is worth."""

    name: str
    own: tuple[tuple[str, str], ...]
    value: float
    native: Histogram | None = None
    exemplars: tuple[ParsedExemplar, ...] = ()


class ProtobufReader:
    """Fulfils `Reader`. Labels are decoded and named once; a page with known series costs its numbers alone."""

    def __init__(self, naming: SeriesNaming, writer: RowWriter, job: ScrapeJob) -> None:
        self.metadata: dict[str, Metadata] = {}
        self._naming, self._writer, self._job = naming, writer, job
        self._limit = job.sample_limit or MAX_SAMPLES
        self._named: dict[Key, Labels | str] = {}
        self._exemplars: dict[Labels, tuple[ParsedExemplar, ...]] = {}
        self._cells: NDArray[np.intp] = np.empty(0, np.intp)
        self._generation = writer.generation

    def read(self, body: bytes) -> Page:
        """Read one page; raise ScrapeError (`byte N: what`) where it is not the format, or where it passes a limit."""
        draft = _Draft(self, body)
        for family in families(body):
            draft.take(family)
        self.metadata, self._named, self._exemplars = draft.metadata, draft.named, draft.exemplars
        page = draft.page(self._writer)
        if self._generation == self._writer.generation and np.array_equal(page.cells, self._cells):
            page.cells = self._cells
        self._cells, self._generation = page.cells, self._writer.generation
        return page

    def readings(self, family: Family, metric: Metric) -> Iterator[_Reading]:
        """Yield the samples of one metric, as the text format would list them."""
        name = family.name
        if family.type not in ("summary", "histogram", "gaugehistogram"):
            yield _Reading(name, (), metric.value, None, tuple(metric.exemplars))
            return
        if metric.native is not None and self._job.scrape_native_histograms:
            exemplars = metric.exemplars or [each.exemplar for each in metric.points if each.exemplar]
            yield _Reading(name, (), HISTOGRAM_NAN, metric.native, tuple(exemplars))
            if not (metric.points and self._job.always_scrape_classic_histograms):
                return
        if family.type == "summary":
            for point in metric.points:
                yield _Reading(name, (("quantile", _bound(point)),), point.value)
        else:
            for point in _with_infinity(metric):
                exemplars = [point.exemplar] if point.exemplar else []
                yield _Reading(f"{name}_bucket", (("le", _bound(point)),), point.value, None, tuple(exemplars))
        yield _Reading(f"{name}_sum", (), metric.sum)
        yield _Reading(f"{name}_count", (), metric.count)

    def series(self, key: Key, reading: _Reading, metric: Metric, body: bytes) -> Labels | str:
        """Return the series, or why it is left out; labels are decoded where the last page did not have them."""
        known = self._named.get(key)
        if known is None:
            pairs = [(METRIC_NAME, reading.name), *label_pairs(body, metric.labels), *reading.own]
            labels, why = self._naming.series(pairs)
            known = why if labels is None else labels
        return known

    @property
    def job(self) -> ScrapeJob:
        """The job that the target belongs to."""
        return self._job

    def refuse_past_limit(self, kept: int) -> None:
        """Raise where the page holds more samples than the job allows."""
        if kept > self._limit:
            raise too_many_samples(self._limit)

    def is_new(self, series: Labels, exemplars: tuple[ParsedExemplar, ...]) -> list[ParsedExemplar]:
        """Return those that the page before did not have."""
        before = self._exemplars.get(series, ())
        return [each for each in exemplars if each not in before]


class _Draft:
    """One page while it is read; nothing of it is kept where it turns out to be wrong."""

    def __init__(self, reader: ProtobufReader, body: bytes) -> None:
        self._reader, self._body = reader, body
        self.metadata: dict[str, Metadata] = {}
        self.named: dict[Key, Labels | str] = {}
        self.exemplars: dict[Labels, tuple[ParsedExemplar, ...]] = {}
        self._values: dict[Labels, float] = {}
        self._page = Page(np.empty(0, np.intp), np.empty(0))

    def take(self, family: Family) -> None:
        """Read all metrics of one family."""
        self.metadata[family.name] = Metadata(family.type, family.help, family.unit)
        for metric in family.metrics:
            labels = b"".join(self._body[span.start : span.end] for span in metric.labels)
            for reading in self._reader.readings(family, metric):
                self._page.scraped += 1
                own = reading.own[0][1] if reading.own else ""
                self._sample((reading.name, own, labels), reading, metric)

    def _sample(self, key: Key, reading: _Reading, metric: Metric) -> None:
        page = self._page
        series = self.named[key] = self._reader.series(key, reading, metric, self._body)
        if isinstance(series, str):
            page.dropped[series] += 1
            return
        page.kept += 1
        self._reader.refuse_past_limit(page.kept)
        if series in self._values:
            page.dropped["duplicate_series"] += 1
        elif metric.timestamp_ms is None or not self._reader.job.honor_timestamps:
            self._values[series] = reading.value
            if reading.native is not None:
                page.histograms.append((series, reading.native))
        elif reading.native is None:
            page.stamped.append(Sample(series, metric.timestamp_ms, reading.value))
        else:
            page.dropped["stamped_histogram"] += 1
        if reading.exemplars:
            self._exemplify(series, reading.exemplars)

    def _exemplify(self, series: Labels, exemplars: tuple[ParsedExemplar, ...]) -> None:
        self.exemplars[series] = exemplars
        for each in self._reader.is_new(series, exemplars):
            if sum(len(name) + len(value) for name, value in each.pairs) > EXEMPLAR_CHARACTERS:
                self._page.long_exemplars += 1
            else:
                self._page.exemplars.append((series, each))

    def page(self, writer: RowWriter) -> Page:
        """Return the page; its series get their columns here, and what claims to be a report gets none."""
        page, columns = self._page, writer.columns
        before, reports = len(columns), len(writer.reports)
        cells = np.array([columns.column(series) for series in self._values], dtype=np.intp)
        own = cells >= reports
        page.dropped["duplicate_series"] += int(np.count_nonzero(~own))
        page.dropped = Counter(+page.dropped)
        page.cells = cells[own]
        page.values = np.array(list(self._values.values()), np.float64)[own]
        page.added = len(columns) - before
        return page


def _bound(point: Point) -> str:
    return normalise_float(repr(point.bound))


def _with_infinity(metric: Metric) -> list[Point]:
    """Return the classic buckets; the one without an end, which protobuf may leave out, counts everything."""
    if metric.points and metric.points[-1].bound == np.inf:
        return metric.points
    return [*metric.points, Point(float("inf"), metric.count)]
