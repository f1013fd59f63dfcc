"""Rows from the agent's own machine and process: collectors are read in a worker thread, their samples become one row.

A collector that fails costs its own samples only; `node_scrape_collector_success` says which one it was.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
import structlog
from numpy.typing import NDArray

from agent.collect.naming import SeriesNaming
from agent.collect.rows import RowWriter
from agent.collect.scanning import Metadata
from agent.collect.scraper import REPORTS, Health, ScrapeOutcome, Sink, TargetStatus
from agent.collect.slots import run_in_slots
from agent.collect.spec import DEFAULT_INTERVAL_MS, ScrapeJob
from agent.model import Columns, Labels

if TYPE_CHECKING:
    from agent.telemetry import Telemetry

log = structlog.get_logger(__name__)


class Collector(Protocol):
    """Something that can be read for samples; `read` may block and may raise OSError or ValueError."""

    @property
    def name(self) -> str:
        """The word for it in `node_scrape_collector_success{collector}`."""

    def read(self, at_ms: int) -> Iterable[tuple[Labels, float]]:
        """Return the samples at `at_ms`; labels carry the metric name and no labels of the target."""


class LocalScraper:
    """Read collectors at an instant and hand over one row. `labels` (job, instance) are put on every sample."""

    def __init__(
        self,
        labels: Labels,
        collectors: Sequence[Collector],
        *,
        sink: Sink,
        interval_ms: int = DEFAULT_INTERVAL_MS,
        telemetry: Telemetry | None = None,
        landed: Callable[[ScrapeOutcome], None] | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.last: ScrapeOutcome | None = None
        self.metadata: dict[str, Metadata] = {}
        self.labels = labels
        self._collectors, self._sink, self._interval_ms = tuple(collectors), sink, interval_ms
        self._telemetry, self._landed, self._clock = telemetry, landed, clock
        self._naming = SeriesNaming(labels, ScrapeJob(job_name=labels.get("job") or "local"))
        self._writer = RowWriter([self._naming.report(name) for name in REPORTS])
        self._known: dict[Labels, int] = {}
        self._generation = 0
        self._busy = asyncio.Lock()
        self._retired = False

    async def scrape(self, at_ms: int) -> ScrapeOutcome:
        """Read every collector now and hand over one row with `at_ms` as its time; never raise for what one of them does."""
        async with self._busy:
            started = self._clock()
            samples, errors = await asyncio.to_thread(self._read, at_ms)
            duration = self._clock() - started
            known = len(self._known)
            cells, values, dropped = self._cells(samples)
            added = max(0, len(self._known) - known)
            error = "; ".join(errors) if len(errors) == len(self._collectors) else ""
            outcome = ScrapeOutcome(at_ms, duration, error, len(samples), len(cells), added, sum(dropped.values()))
            if not self._retired:
                self._hand_over(outcome, cells, values, dropped)
            return outcome

    async def run(
        self, *, now: Callable[[], float] = time.time, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        """Scrape at each whole interval until cancelled."""
        await run_in_slots(self.scrape, self._interval_ms, self.offset_ms, self._missed, now=now, sleep=sleep)

    def retire(self, at_ms: int) -> None:
        """End all series; call it once, after `run` ended."""
        if not self._retired:
            self._retired = True
            self._sink(self._writer.ending(at_ms))

    @property
    def columns(self) -> Columns:
        """The series that the next row is written to."""
        return self._writer.columns

    @property
    def offset_ms(self) -> int:
        """Nothing: whole intervals."""
        return 0

    @property
    def status(self) -> TargetStatus:
        """How the collectors are, for /api/v1/targets; the URL is a name, for there is nothing to fetch."""
        last, names = self.last, ",".join(each.name for each in self._collectors)
        return TargetStatus(
            scrape_pool=self.labels.get("job"),
            labels=self.labels,
            discovered_labels=self.labels,
            scrape_url=f"local:{names}",
            health=Health.UNKNOWN if last is None else Health.UP if last.up else Health.DOWN,
            last_error=last.error if last else "",
            last_scrape_ms=last.at_ms if last else 0,
            last_scrape_duration_seconds=last.duration_seconds if last else 0.0,
            scrape_interval_ms=self._interval_ms,
            scrape_timeout_ms=self._interval_ms,
        )

    def _read(self, at_ms: int) -> tuple[list[tuple[Labels, float]], list[str]]:
        samples: list[tuple[Labels, float]] = []
        errors = []
        for collector in self._collectors:
            started, succeeded = self._clock(), 1.0
            try:
                samples.extend(collector.read(at_ms))
            except Exception as error:  # noqa: BLE001  # a collector is an extension; one that breaks must not end the others
                succeeded = 0.0
                errors.append(f"collector {collector.name}: {type(error).__name__}: {error}")
                log.warning("collector failed", collector=collector.name, error=str(error), at_ms=at_ms)
            label = ("collector", collector.name)
            duration = self._clock() - started
            samples.append((Labels([("__name__", "node_scrape_collector_success"), label]), succeeded))
            samples.append((Labels([("__name__", "node_scrape_collector_duration_seconds"), label]), duration))
        return samples, errors

    def _cells(self, samples: list[tuple[Labels, float]]) -> tuple[NDArray[np.intp], NDArray[np.float64], Counter[str]]:
        if self._generation != self._writer.generation:
            self._known, self._generation = {}, self._writer.generation
        found: dict[int, float] = {}
        dropped: Counter[str] = Counter()
        for labels, value in samples:
            column = self._known.get(labels)
            if column is None:
                column = self._column(labels)
            if column is None:
                dropped["label_too_long"] += 1
            elif column in found:
                dropped["duplicate_series"] += 1
            else:
                found[column] = value
        cells = np.fromiter(found.keys(), np.intp, len(found))
        return cells, np.fromiter(found.values(), np.float64, len(found)), dropped

    def _column(self, labels: Labels) -> int | None:
        series, _ = self._naming.series(labels.pairs)
        if series is None or series in self._writer.reports:
            return None
        name = labels.name
        self.metadata.setdefault(name, Metadata("counter" if name.endswith("_total") else "gauge"))
        self._known[labels] = column = self._writer.columns.column(series)
        return column

    def _hand_over(
        self, outcome: ScrapeOutcome, cells: NDArray[np.intp], values: NDArray[np.float64], dropped: Counter[str]
    ) -> None:
        self.last = outcome
        if self._telemetry is not None:
            for reason, count in dropped.items():
                self._telemetry.samples_dropped.labels(reason).inc(count)
        o = outcome
        reports = [float(o.up), o.duration_seconds, float(o.scraped), float(o.kept), float(o.added)]
        self._sink(self._writer.row(o.at_ms, cells, values, reports))
        if self._landed:
            self._landed(outcome)

    def _missed(self, slots: int) -> None:
        if self._telemetry is not None:
            self._telemetry.scrapes_missed.inc(slots)
