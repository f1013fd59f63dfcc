"""One target's life: at an instant, fetch its page and hand one row to the sink, whatever happened.

The row holds the page's samples and the scrape's own series (`up`, `scrape_*`, for https the certificate's end). A failed
scrape is a row too: `up` 0 and the end of every series that lived. `run` only sleeps and calls `scrape`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import numpy as np

from agent.collect import certificate
from agent.collect.fetch import Body, Fetcher
from agent.collect.formats import TargetReaders
from agent.collect.naming import SeriesNaming
from agent.collect.page import Page
from agent.collect.rows import RowWriter
from agent.collect.scanning import Metadata
from agent.collect.slots import run_in_slots
from agent.collect.target import Target
from agent.errors import ScrapeError
from agent.model import Columns, Exemplar, Labels, Row

if TYPE_CHECKING:
    import aiohttp

    from agent.telemetry import Telemetry

Sink = Callable[[Row], int | None]
"""Takes a row; says how many of its samples were kept, where it knows."""

REPORTS: Final = (
    "up",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling",
    "scrape_series_added",
)
CERTIFICATE: Final = "probe_ssl_earliest_cert_expiry"
"""blackbox_exporter's name: unix seconds of the end of the certificate that the server shows."""
_PARSE_APART_BYTES: Final = 256 * 1024
"""Pages from this size are parsed in a worker thread, so that the event loop answers meanwhile."""
_CERTIFICATE_KEPT_MS: Final = 300_000
_MAX_ERROR: Final = 1_000


class Health(StrEnum):
    """How the last scrape went, as /api/v1/targets says it."""

    UP = "up"
    DOWN = "down"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ScrapeOutcome:
    """What one scrape came to. `error` is empty where it succeeded; counts are of the page, reports not included."""

    at_ms: int
    duration_seconds: float
    error: str = ""
    scraped: int = 0
    kept: int = 0
    added: int = 0
    dropped: int = 0

    @property
    def up(self) -> bool:
        """Say whether the page was usable."""
        return not self.error


@dataclass(frozen=True, slots=True)
class TargetStatus:
    """One entry of /api/v1/targets. Labels are final, `discovered_labels` before relabeling; durations as named."""

    scrape_pool: str
    labels: Labels
    discovered_labels: Labels
    scrape_url: str
    health: Health
    last_error: str
    last_scrape_ms: int
    last_scrape_duration_seconds: float
    scrape_interval_ms: int
    scrape_timeout_ms: int


class Scraper:
    """Scrape one target. The session is shared and not closed here; `landed` is called after each row has been handed over."""

    def __init__(
        self,
        target: Target,
        *,
        session: aiohttp.ClientSession,
        sink: Sink,
        telemetry: Telemetry | None = None,
        landed: Callable[[ScrapeOutcome], None] | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        job = target.job
        self.target = target
        self.last: ScrapeOutcome | None = None
        self._sink, self._landed, self._clock, self._telemetry = sink, landed, clock, telemetry
        self._https = target.scrape_url.startswith("https:")
        naming = SeriesNaming(target.labels, job)
        names = (*REPORTS, CERTIFICATE) if self._https else REPORTS
        reports = [naming.report(name) for name in names]
        self._writer = RowWriter(reports, track_stamped=job.track_timestamps_staleness)
        self._readers = TargetReaders(naming, self._writer, job)
        self._fetcher = Fetcher(target, session)
        self._expiry: float | None = None
        self._expiry_read_ms = 0
        self._busy = asyncio.Lock()
        self._retired = False

    async def scrape(self, at_ms: int) -> ScrapeOutcome:
        """Scrape now, with `at_ms` as the samples' time; hand over one row; never raise for what the target does."""
        async with self._busy:
            started = self._clock()
            page, error, body = None, None, None
            try:
                body = await self._fetcher.fetch()
                page = await self._read(body)
            except ScrapeError as failure:
                error = failure
            duration = self._clock() - started
            await self._read_certificate(at_ms, body, error)
            outcome = self._outcome(at_ms, duration, page, error)
            return outcome if self._retired else self._hand_over(outcome, page, error)

    async def run(
        self, *, now: Callable[[], float] = time.time, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        """Scrape in the target's slots until cancelled; slots that pass during a late scrape are skipped and counted."""
        await run_in_slots(
            self.scrape, self.target.job.scrape_interval, self.target.offset_ms(), self._missed, now=now, sleep=sleep
        )

    def retire(self, at_ms: int) -> None:
        """End all series of the target, reports included, for it is no longer watched; call it once, after `run` ended."""
        if not self._retired:
            self._retired = True
            self._sink(self._writer.ending(at_ms))

    @property
    def columns(self) -> Columns:
        """The series that the next row is written to."""
        return self._writer.columns

    @property
    def offset_ms(self) -> int:
        """The target's place in its interval."""
        return self.target.offset_ms()

    @property
    def metadata(self) -> dict[str, Metadata]:
        """What the last page said of each metric family: type, help, unit."""
        return self._readers.current.metadata

    @property
    def status(self) -> TargetStatus:
        """How the target is, for /api/v1/targets."""
        last, job = self.last, self.target.job
        health = Health.UNKNOWN if last is None else Health.UP if last.up else Health.DOWN
        return TargetStatus(
            scrape_pool=job.job_name,
            labels=self.target.labels,
            discovered_labels=self.target.discovered,
            scrape_url=self.target.scrape_url,
            health=health,
            last_error=last.error if last else "",
            last_scrape_ms=last.at_ms if last else 0,
            last_scrape_duration_seconds=last.duration_seconds if last else 0.0,
            scrape_interval_ms=job.scrape_interval,
            scrape_timeout_ms=job.scrape_timeout,
        )

    async def _read(self, body: Body) -> Page:
        try:
            reader = self._readers.of(body.content_type)
            if len(body.content) < _PARSE_APART_BYTES:
                return reader.read(body.content)
            return await asyncio.to_thread(reader.read, body.content)
        except ScrapeError as error:
            raise ScrapeError(f"scrape {self.target.scrape_url}: {error}", reason=error.reason) from error

    async def _read_certificate(self, at_ms: int, body: Body | None, error: ScrapeError | None) -> None:
        """Learn the certificate's end: from the scrape's own connection where it showed one, else by asking apart."""
        if not self._https:
            return
        der = body.certificate if body else b""
        fresh = self._expiry is not None and 0 <= at_ms - self._expiry_read_ms < _CERTIFICATE_KEPT_MS
        if not der and (not fresh or (error is not None and error.reason == "tls")):
            der = await self._fetcher.certificate()
        if der:
            try:
                self._expiry, self._expiry_read_ms = certificate.not_after(der), at_ms
            except ValueError:
                self._expiry = None

    def _outcome(self, at_ms: int, duration: float, page: Page | None, error: ScrapeError | None) -> ScrapeOutcome:
        if page is None:
            return ScrapeOutcome(at_ms, duration, str(error)[:_MAX_ERROR])
        dropped = sum(page.dropped.values())
        return ScrapeOutcome(at_ms, duration, "", page.scraped, page.kept, page.added, dropped)

    def _hand_over(self, outcome: ScrapeOutcome, page: Page | None, error: ScrapeError | None) -> ScrapeOutcome:
        """Pass on what the scrape gave, and say how it went in the end: a page that the sink refuses is a failed scrape."""
        o = outcome
        reports = [float(o.up), o.duration_seconds, float(o.scraped), float(o.kept), float(o.added)]
        row = self._row(o.at_ms, page, [*reports, self._expiry] if self._https else reports)
        if self._sink(row) == 0 and page is not None:
            why = f"none of its {o.kept} samples was stored (burnline_samples_dropped_total says why)"
            error = ScrapeError(f"scrape {self.target.scrape_url}: {why}", reason="refused")
            outcome = replace(o, error=str(error))
            self._sink(_down(row, len(self._writer.reports)))
        self.last = outcome
        self._count(page, error)
        if self._landed:
            self._landed(outcome)
        return outcome

    def _row(self, at_ms: int, page: Page | None, reports: Sequence[float | None]) -> Row:
        if page is None:
            return self._writer.row(at_ms, np.empty(0, dtype=np.intp), np.empty(0), reports)
        exemplars = [
            Exemplar(series, Labels(each.pairs), each.value, at_ms if each.timestamp_ms is None else each.timestamp_ms)
            for series, each in page.exemplars
        ]
        return self._writer.row(at_ms, page.cells, page.values, reports, page.stamped, page.histograms, exemplars)

    def _count(self, page: Page | None, error: ScrapeError | None) -> None:
        if self._telemetry is None:
            return
        if error is not None:
            self._telemetry.scrapes_failed.labels(error.reason).inc()
        for reason, count in page.dropped.items() if page else ():
            self._telemetry.samples_dropped.labels(reason).inc(count)
        if page is not None and page.long_exemplars:
            self._telemetry.exemplars_dropped.labels("too_long").inc(page.long_exemplars)

    def _missed(self, slots: int) -> None:
        if self._telemetry is not None:
            self._telemetry.scrapes_missed.inc(slots)


def _down(row: Row, reports: int) -> Row:
    """Return a row of the reports alone, with `up` 0: a page too large for the store must not take them along."""
    values = row.values[:reports].copy()
    values[0] = 0.0
    return Row(row.columns, row.timestamp_ms, values)
