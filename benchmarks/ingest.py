"""What scraping costs: processor time per sample from the socket to the store and its log, in real processes."""

from __future__ import annotations

import shutil
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from benchmarks.configurations import for_ours, for_peer, scraping
from benchmarks.measurement import Measurement
from benchmarks.programs import Program, agent, page_server, prometheus, victoria

Start = Callable[[Path, str], AbstractContextManager[Program]]
APPENDED = {
    "ours": "burnline_samples_ingested_total",
    "Prometheus": "prometheus_tsdb_head_samples_appended_total",
    "victoria-metrics": "vm_promscrape_scraped_samples_sum",
}


def arguments(parser: ArgumentParser) -> None:
    """Declare what can be asked for."""
    parser.add_argument("--series", type=int, default=50_000, help="over all targets (%(default)s)")
    parser.add_argument("--targets", type=int, default=1, help="pages they are spread over (%(default)s)")
    parser.add_argument("--seconds", type=float, default=150.0, help="of measuring (%(default)s)")
    parser.add_argument("--warm-up", type=float, default=10.0, help="seconds before (%(default)s)")


def measure(asked: Namespace) -> list[Measurement]:
    """Scrape the same pages each second with one side after the other."""
    theirs = scraped(prometheus, for_peer, asked)
    ours = scraped(agent, for_ours, asked)
    details = {
        "our RSS at the end, MB": ours["rss"] / 1e6,
        "Prometheus' RSS at the end, MB": theirs["rss"] / 1e6,
        "we wrote to files, bytes per sample": ours["written"] / ours["samples"],
        "Prometheus wrote to files, bytes per sample": theirs["written"] / theirs["samples"],
    }
    if shutil.which("victoria-metrics"):
        other = scraped(victoria, for_peer, asked)
        details["victoria-metrics, CPU µs per sample"] = other["cpu"] / other["samples"] * 1e6
        details["victoria-metrics' RSS at the end, MB"] = other["rss"] / 1e6
    return [
        Measurement(
            name="ingest CPU per sample",
            what=f"{asked.series:,} series on {asked.targets} page(s) scraped each second for {asked.seconds:g} s",
            unit="CPU µs per sample",
            ours=ours["cpu"] / ours["samples"] * 1e6,
            theirs=theirs["cpu"] / theirs["samples"] * 1e6,
            ours_how=f"{ours['cpu']:.1f} s for {ours['samples']:,.0f} samples",
            theirs_how=f"{theirs['cpu']:.1f} s for {theirs['samples']:,.0f} samples",
            floor=0.8,
            aim=0.5,
            details=details,
        )
    ]


def scraped(start: Start, configuration: Callable[..., str], asked: Namespace) -> dict[str, float]:
    """Let one program scrape; return CPU seconds and samples in the window, and its resident bytes at the end."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        wanted = ("--series", str(asked.series), "--targets", str(asked.targets))
        with page_server(*wanted, folder=folder) as port:
            settings = scraping(port, asked.targets, "1s")
            with start(folder / "peer", configuration(settings)) as program:
                time.sleep(asked.warm_up)
                cpu, written = program.cpu_seconds(), program.written_bytes()
                samples = program.metric(APPENDED[program.name])
                time.sleep(asked.seconds)
                return {
                    "written": program.written_bytes() - written,
                    "cpu": program.cpu_seconds() - cpu,
                    "samples": program.metric(APPENDED[program.name]) - samples,
                    "rss": program.rss(),
                }
