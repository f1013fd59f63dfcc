"""Targets to rows: scraping over HTTP, the machine's own numbers, text files, the agent's registry.

Rows go to a sink callable (`Callable[[Row], None]`); this room knows neither the store nor queries. One verb everywhere:
`await scraper.scrape(at_ms)`. Names load on first use, so that reading a configuration costs neither aiohttp nor numpy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.doors import lazy

if TYPE_CHECKING:
    from agent.collect.cgroup import CgroupCollector
    from agent.collect.exposition import Exposition, parse_exposition
    from agent.collect.inprocess import RegistryCollector
    from agent.collect.local import Collector, LocalScraper
    from agent.collect.process import ProcessCollector
    from agent.collect.relabeling import relabel
    from agent.collect.scanning import Metadata
    from agent.collect.scraper import Health, ScrapeOutcome, Scraper, Sink, TargetStatus
    from agent.collect.spec import (
        Authorization,
        BasicAuth,
        RelabelAction,
        RelabelConfig,
        ScrapeDefaults,
        ScrapeJob,
        StaticConfig,
        TLSConfig,
        job_defaults,
    )
    from agent.collect.system import SystemCollector
    from agent.collect.target import DroppedTarget, Target, targets_of
    from agent.collect.textfile import TextfileCollector


__all__ = [
    "Authorization",
    "BasicAuth",
    "CgroupCollector",
    "Collector",
    "DroppedTarget",
    "Exposition",
    "Health",
    "LocalScraper",
    "Metadata",
    "ProcessCollector",
    "RegistryCollector",
    "RelabelAction",
    "RelabelConfig",
    "ScrapeDefaults",
    "ScrapeJob",
    "ScrapeOutcome",
    "Scraper",
    "Sink",
    "StaticConfig",
    "SystemCollector",
    "TLSConfig",
    "Target",
    "TargetStatus",
    "TextfileCollector",
    "job_defaults",
    "parse_exposition",
    "relabel",
    "targets_of",
]

__getattr__ = lazy(
    __name__,
    {
        "cgroup": ("CgroupCollector",),
        "exposition": (
            "Exposition",
            "parse_exposition",
        ),
        "inprocess": ("RegistryCollector",),
        "local": (
            "Collector",
            "LocalScraper",
        ),
        "process": ("ProcessCollector",),
        "relabeling": ("relabel",),
        "scanning": ("Metadata",),
        "scraper": (
            "Health",
            "ScrapeOutcome",
            "Scraper",
            "Sink",
            "TargetStatus",
        ),
        "spec": (
            "Authorization",
            "BasicAuth",
            "RelabelAction",
            "RelabelConfig",
            "ScrapeDefaults",
            "ScrapeJob",
            "StaticConfig",
            "TLSConfig",
            "job_defaults",
        ),
        "system": ("SystemCollector",),
        "target": (
            "DroppedTarget",
            "Target",
            "targets_of",
        ),
        "textfile": ("TextfileCollector",),
    },
)
