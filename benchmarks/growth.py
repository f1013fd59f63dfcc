"""Whether our cost grows in step with the series: reading, storing, selecting, asking and holding 1,000 to 200,000 of them."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import psutil

from benchmarks.measurement import Measurement
from benchmarks.pages import Page
from benchmarks.programs import ROOT

if TYPE_CHECKING:
    from agent.store import Store

SIZES = (1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000)
SCRAPES = 40
ROUNDS = 5
COSTS = {
    "ingest": "µs CPU per sample: a page read and its row stored",
    "select": "µs per series: all buckets of ten minutes, again",
    "query": "µs per series: sum by (le) (rate(buckets[5m])) at an instant, again",
    "memory": "bytes per series, of which 8 per sample are not yet sealed",
}


def arguments(parser: ArgumentParser) -> None:
    """Declare what can be asked for."""
    parser.add_argument("--most", type=int, default=SIZES[-1], help="series at the end (%(default)s)")


def measure(asked: Namespace) -> list[Measurement]:
    """Measure each size in a process of its own; the figures are all ours: the most beside the fewest series."""
    sizes = [size for size in SIZES if size <= asked.most]
    found = {size: _apart(size) for size in sizes}
    return [_grown(cost, {size: found[size][cost] for size in sizes}) for cost in COSTS]


def _grown(cost: str, by_size: dict[int, float]) -> Measurement:
    sizes = np.array(list(by_size), dtype=np.float64)
    total = sizes * np.array(list(by_size.values()))
    exponent = float(np.polyfit(np.log(sizes), np.log(total), 1)[0])
    fewest, most = min(by_size), max(by_size)
    return Measurement(
        name=f"growth: {cost}",
        what=f"cost grows with the series to the power of {exponent:.2f} (1: in step)",
        unit=COSTS[cost].partition(":")[0].partition(",")[0],
        ours=by_size[most],
        theirs=by_size[fewest],
        peer=f"ours at {fewest:,}",
        ours_how=f"at {most:,} series; {COSTS[cost].partition(':')[2].strip() or COSTS[cost]}",
        details={f"{size:,} series": value for size, value in by_size.items()},
    )


def _apart(series: int) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.growth", str(series)]
    said = subprocess.run(command, check=True, capture_output=True, cwd=ROOT)
    return {cost: float(value) for cost, value in json.loads(said.stdout).items()}


def at_size(series: int) -> dict[str, float]:
    """Return each cost at this many series, measured in this process."""
    from agent.model import Matcher, MatchOp
    from agent.query import Engine
    from agent.store import Store

    store, turning = Store(retention_ms=10**10, max_memory_bytes=10**11), Page(series)
    # What the programs weigh is not the series' weight.
    _ingested(Page(15), 15, Store(retention_ms=10**10, max_memory_bytes=10**9))
    before = psutil.Process().memory_info().rss
    spent, end_ms, kept = _ingested(turning, series, store)
    held = psutil.Process().memory_info().rss - before
    engine = Engine(store)
    buckets = "http_request_duration_seconds_bucket"
    matchers, query = (Matcher("__name__", MatchOp.EQUAL, buckets),), f"sum by (le) (rate({buckets}[5m]))"
    select = _again(lambda: store.select(matchers, end_ms - 600_000, end_ms))
    instant = _again(lambda: engine.instant(query, end_ms))
    assert kept, "what a scraper keeps counts too"
    return {
        "ingest": spent / series * 1e6,
        "select": select / series * 1e6,
        "query": instant / series * 1e6,
        "memory": held / series,
    }


def _ingested(turning: Page, series: int, store: Store) -> tuple[float, int, object]:
    """Append SCRAPES scrapes of a page; return CPU seconds of one, the time of the last, and what the scraper keeps."""
    from agent.collect.lines import PageReader
    from agent.collect.naming import SeriesNaming
    from agent.collect.rows import RowWriter
    from agent.collect.spec import ScrapeJob
    from agent.model import Labels

    writer = RowWriter()
    reader = PageReader(SeriesNaming(Labels.of(job="bench"), ScrapeJob(job_name="bench")), writer, max_samples=series)
    spent, at_ms = 0.0, 1_700_000_000_000
    for scrape in range(SCRAPES):
        text = turning.text()
        at_ms += 15_000
        began = time.process_time()
        page = reader.read(text)
        store.append(writer.row(at_ms, page.cells, page.values))
        spent += time.process_time() - began if scrape else 0.0  # the first time all is new
    store.enforce(at_ms)
    return spent / (SCRAPES - 1), at_ms, reader


def _again(work: Callable[[], object]) -> float:
    """Return the median of the wall times of ROUNDS further goes."""
    work()
    seconds = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return float(np.median(seconds))


if __name__ == "__main__":
    print(json.dumps(at_size(int(sys.argv[1]))))
