"""A page that was seen before: our line cache against prometheus_client's own parser, on the same text."""

from __future__ import annotations

import time

from prometheus_client.parser import text_string_to_metric_families

from agent.collect import parse_exposition
from agent.collect.lines import PageReader
from agent.collect.naming import SeriesNaming
from agent.collect.rows import RowWriter
from agent.collect.spec import ScrapeJob
from agent.model import Labels

SERIES = 20_000
ROUNDS = 5


def page(number: int) -> str:
    """Return a page of SERIES counters whose values differ from those of the other pages."""
    lines = ["# TYPE requests_total counter"]
    lines += [f'requests_total{{route="/r{i % 500}",code="{i // 500}"}} {i * 3 + number}' for i in range(SERIES)]
    return "\n".join(lines) + "\n"


def measure() -> dict[str, object]:
    """Return CPU seconds per million lines of both; ours is measured on pages after the first."""
    naming = SeriesNaming(Labels.of(job="bench", instance="x"), ScrapeJob(job_name="bench"))
    reader = PageReader(naming, RowWriter(), max_samples=SERIES * 2)
    pages = [page(number) for number in range(ROUNDS + 1)]
    bodies = [each.encode() for each in pages]
    reader.read(pages[0].encode())
    ours = _cpu(lambda: [reader.read(each) for each in bodies[1:]]) / (ROUNDS * SERIES)
    theirs = _cpu(lambda: [list(text_string_to_metric_families(pages[1]))]) / SERIES
    full = _cpu(lambda: parse_exposition(pages[0])) / SERIES
    return {
        "what": f"reading a page of {SERIES} series that was seen before",
        "unit": "CPU µs per line",
        "ours": ours * 1e6,
        "theirs": theirs * 1e6,
        "peer": "prometheus_client",
        "our first reading": full * 1e6,
    }


def _cpu(work) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began
