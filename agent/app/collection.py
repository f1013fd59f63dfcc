"""What is being collected: a task per target, per machine and for the agent itself; a reload touches only what changed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import aiohttp
import structlog

from agent.app.changes import Difference, difference
from agent.collect import (
    Collector,
    LocalScraper,
    Metadata,
    ProcessCollector,
    RegistryCollector,
    ScrapeOutcome,
    Scraper,
    Sink,
    SystemCollector,
    TargetStatus,
    TextfileCollector,
    targets_of,
)
from agent.config import Config
from agent.errors import InvalidInput
from agent.model import Columns, Labels, Row
from agent.rules import Cadence
from agent.telemetry import Telemetry

Landed = Callable[[ScrapeOutcome], None]

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Wanted:
    """A collector that should run: what it is made from (equal means the same one) and how it is made."""

    spec: object
    make: Callable[[Landed], Scraper | LocalScraper]
    """Makes it; what it is given is called after each row."""


class Feed(NamedTuple):
    """A collector as the rules see it: the labels that its series get, who writes them now, and when."""

    labels: Labels
    columns: Columns
    cadence: Cadence
    has_landed: bool
    made_of: frozenset[str] = frozenset()
    """The collectors that it waits for before its own row."""


@dataclass(slots=True)
class _Running:
    spec: object
    scraper: Scraper | LocalScraper
    task: asyncio.Task[None]
    has_landed: bool = False
    row: Row | None = None
    """What it handed over and has not landed."""


class Collection:
    """All running collectors. `apply` starts, keeps or ends them to fit a configuration."""

    def __init__(self, *, sink: Sink, telemetry: Telemetry, session: aiohttp.ClientSession) -> None:
        self._sink, self._telemetry, self._session = sink, telemetry, session
        self._running: dict[str, _Running] = {}
        self.version = 0
        """Moves whenever there are other collectors, or one has landed for the first time."""
        self.landed: Callable[[str, int], object] = lambda _key, _at_ms: None
        """Called with a collector's key and a row's timestamp (ms) once the row has been handed to the sink."""
        self.counted: Callable[[str, ScrapeOutcome, Row | None], object] = lambda _key, _outcome, _row: None
        """Called before `landed`, with the row that the store took, None where the scrape failed."""
        self.ended: Callable[[str], object] = lambda _key: None
        """Called with the key of a collector that is not wanted any more."""

    def plan(self, config: Config) -> dict[str, Wanted]:
        """Return how each collector would be made, by its identity; raise InvalidInput where a target is impossible."""
        wanted: dict[str, Wanted] = {}
        settings = config.file.global_
        for job in config.file.scrape_configs:
            try:
                targets, _ = targets_of(job.resolved(settings))
            except ValueError as error:
                raise InvalidInput(f"{config.source}: {error}") from error
            for target in targets:
                # A job's other targets are no part of this one: adding one must not restart its neighbours.
                spec = (replace(target.job, static_configs=()), target.discovered)
                key = f"target {target.key}"
                wanted[key] = Wanted(spec, partial(self._scraper, key, target))
        system = config.file.system
        instance = f"{config.host}:{config.port}"
        interval = system.interval or settings.scrape_interval
        if system.enabled:
            wanted["node"] = Wanted(
                (system, interval, config.root),
                lambda landed: self._local("node", instance, _machine(config), interval, landed),
            )
        own: list[Collector] = [RegistryCollector(self._telemetry.registry)]
        every = settings.scrape_interval
        wanted["burnline"] = Wanted(every, partial(self._local, "burnline", instance, own, every))
        return wanted

    def compare(self, wanted: Mapping[str, Wanted]) -> Difference:
        """Return which targets would come, go or be made anew."""
        return difference(
            {key: each.spec for key, each in self._running.items()}, {key: each.spec for key, each in wanted.items()}
        )

    def apply(self, wanted: Mapping[str, Wanted], at_ms: int) -> None:
        """End what is no longer wanted, with staleness markers; keep what is; start what is new."""
        kept = {key for key, each in self._running.items() if key in wanted and wanted[key].spec == each.spec}
        for key in self._running.keys() - kept:
            ended = self._running.pop(key)
            ended.task.cancel()
            ended.scraper.retire(at_ms)
            if key not in wanted:
                self.ended(key)
        for key, each in wanted.items():
            if key not in kept:
                scraper = each.make(partial(self._has_landed, key))
                task = asyncio.create_task(scraper.run(), name=f"collect {key[:60]}")
                self._running[key] = _Running(each.spec, scraper, task)
        self.version += 1

    def feeds(self) -> dict[str, Feed]:
        """Return all collectors by their keys, as the rules see them."""
        return {key: _feed(each) for key, each in self._running.items()}

    async def scrape_local(self, at_ms: int) -> None:
        """Read the machine and the agent once now, so that the first page has something to show."""
        for each in self._running.values():
            if isinstance(each.scraper, LocalScraper):
                await each.scraper.scrape(at_ms)

    async def stop(self) -> None:
        """Cancel the tasks; no staleness markers, as after a stop of Prometheus."""
        for each in self._running.values():
            each.task.cancel()
        await asyncio.gather(*(each.task for each in self._running.values()), return_exceptions=True)
        self._running.clear()

    def statuses(self) -> list[TargetStatus]:
        """Return how each target is, remote ones first."""
        ordered = sorted(self._running.values(), key=lambda each: isinstance(each.scraper, LocalScraper))
        return [each.scraper.status for each in ordered]

    def metadata(self) -> dict[str, list[Metadata]]:
        """Return what the targets say of each metric, each wording once."""
        found: dict[str, list[Metadata]] = {}
        for each in self._running.values():
            for name, metadata in each.scraper.metadata.items():
                known = found.setdefault(name, [])
                if metadata not in known:
                    known.append(metadata)
        return found

    def _has_landed(self, key: str, outcome: ScrapeOutcome) -> None:
        running = self._running.get(key)
        if running is None:
            return
        if not running.has_landed:
            running.has_landed = True
            self.version += 1
        row, running.row = running.row, None
        self.counted(key, outcome, row if outcome.up else None)
        self.landed(key, outcome.at_ms)

    def _taken(self, key: str, row: Row) -> int | None:
        running = self._running.get(key)
        if running is not None:
            running.row = row
        return self._sink(row)

    def _scraper(self, key: str, target: Any, landed: Landed) -> Scraper:
        turns = _turns(target.scrape_url)

        def told(outcome: ScrapeOutcome) -> None:
            turns(outcome)
            landed(outcome)

        sink = partial(self._taken, key)
        return Scraper(target, session=self._session, sink=sink, telemetry=self._telemetry, landed=told)

    def _local(
        self, job: str, instance: str, collectors: list[Collector], interval_ms: int, landed: Landed
    ) -> LocalScraper:
        return LocalScraper(
            Labels.of(job=job, instance=instance),
            collectors,
            sink=partial(self._taken, job),
            interval_ms=interval_ms,
            telemetry=self._telemetry,
            landed=landed,
        )


def _feed(running: _Running) -> Feed:
    scraper, status = running.scraper, running.scraper.status
    cadence = Cadence(status.scrape_interval_ms, scraper.offset_ms)
    return Feed(status.labels, scraper.columns, cadence, running.has_landed)


def _machine(config: Config) -> list[Collector]:
    system = config.file.system
    collectors: list[Collector] = [SystemCollector(cgroup_root=config.under(system.cgroup_root))]
    if system.pid is not None or system.pid_file:
        pid_file = config.under(system.pid_file) if system.pid_file else None
        collectors.append(ProcessCollector(pid=system.pid or 0, pid_file=pid_file))
    if system.textfile_directory:
        collectors.append(TextfileCollector(config.under(system.textfile_directory)))
    return collectors


def _turns(url: str) -> Callable[[ScrapeOutcome], None]:
    """Return what logs a target's turns: the first failure, another reason, and the end of it; not every scrape."""
    last = ""

    def landed(outcome: ScrapeOutcome) -> None:
        nonlocal last
        if outcome.error and outcome.error != last:
            _log.warning("target is down", target=url, why=outcome.error)
        elif last and outcome.up:
            _log.info("target is up again", target=url)
        last = outcome.error

    return landed
