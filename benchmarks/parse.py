"""A page that was seen before: our line cache against prometheus_client's own parser, on the same text."""

from __future__ import annotations

import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable

from prometheus_client.parser import text_string_to_metric_families

from agent.collect import parse_exposition
from agent.collect.lines import PageReader
from agent.collect.naming import SeriesNaming
from agent.collect.rows import RowWriter
from agent.collect.spec import ScrapeJob
from agent.model import Labels
from benchmarks.measurement import Measurement
from benchmarks.pages import Page

ROUNDS = 5


def arguments(parser: ArgumentParser) -> None:
    """Declare what can be asked for."""
    parser.add_argument("--series", type=int, default=20_000, help="lines of the page (%(default)s)")


def measure(asked: Namespace) -> list[Measurement]:
    """Return CPU time per line of both; ours is measured on pages after the first."""
    naming = SeriesNaming(Labels.of(job="bench", instance="x"), ScrapeJob(job_name="bench"))
    reader = PageReader(naming, RowWriter(), max_samples=asked.series * 2)
    turning = Page(asked.series)
    pages = [turning.text() for _ in range(ROUNDS + 1)]
    reader.read(pages[0])
    text = pages[1].decode()
    ours = _cpu(lambda: [reader.read(each) for each in pages[1:]]) / (ROUNDS * asked.series)
    theirs = _cpu(lambda: list(text_string_to_metric_families(text))) / asked.series
    first = _cpu(lambda: parse_exposition(text)) / asked.series
    return [
        Measurement(
            name="reading a page again",
            what=f"a page of {asked.series:,} series that was seen before, its text alone",
            unit="CPU µs per line",
            ours=ours * 1e6,
            theirs=theirs * 1e6,
            peer="prometheus_client",
            details={"our first reading of it, CPU µs per line": first * 1e6},
        )
    ]


def _cpu(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began
