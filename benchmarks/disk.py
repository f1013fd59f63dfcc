"""What a sample takes on disk: sealed blocks of hours of node_exporter's and the sample service's pages, on both sides."""

from __future__ import annotations

import math
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.store import Store
from benchmarks.history import Pages, into_blocks, into_store
from benchmarks.measurement import Measurement
from benchmarks.models import Model
from benchmarks.programs import ROOT, bytes_in, fetch, free_port, peer, started

LOOKS = 12
"""Real pages that a model is made from."""


STEP_MS = 15_000
TITLES = {"node": "node_exporter", "rag": "the sample service"}


def arguments(parser: ArgumentParser) -> None:
    """Declare what can be asked for."""
    parser.add_argument("--hours", type=float, default=12.0, help="of samples at 15 s (%(default)s)")
    parser.add_argument("--apart", type=float, default=2.5, help="seconds between two of the real pages (%(default)s)")


def measure(asked: Namespace) -> list[Measurement]:
    """Look at both pages for a while, then let them go on for hours on both sides."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        looks = observed(Path(name), asked.apart)
        sets = (("node", "rag"), ("node",), ("rag",))
        return [_compared(Path(name) / "-".join(jobs), jobs, looks, asked) for jobs in sets]


def _compared(folder: Path, jobs: tuple[str, ...], looks: dict[str, list[str]], asked: Namespace) -> Measurement:
    def pages() -> list[tuple[str, Model]]:
        return [(job, Model(looks[job], asked.apart)) for job in jobs]

    steps = round(asked.hours * 240)
    end_ms = int(time.time()) // 7_200 * 7_200_000
    times = range(end_ms - steps * STEP_MS, end_ms, STEP_MS)
    models = [model for _, model in pages()]
    series = sum(len(model.series) for model in models)
    into_blocks(pages(), times, folder / "peer", block=f"{math.ceil(asked.hours)}h")
    into_blocks(pages(), times, folder / "short")
    theirs, short = bytes_in(folder / "peer"), bytes_in(folder / "short")
    ours, log = _ours(pages(), times, folder / "ours")
    samples = series * steps
    return Measurement(
        name="disk bytes per sample" + ("" if len(jobs) > 1 else f", {jobs[0]} alone"),
        what=f"{series:,} series of {' and '.join(TITLES[job] for job in jobs)} over {asked.hours:g} h at 15 s, sealed; "
        f"{sum(model.moving for model in models):,} of them move",
        unit="bytes per sample",
        ours=ours / samples,
        theirs=theirs / samples,
        ours_how="all files in the folder",
        theirs_how=f"one block of {math.ceil(asked.hours)} h, index included; in blocks of 2 h {short / samples:.3f}",
        floor=0.8 if len(jobs) > 1 else None,
        aim=0.4 if len(jobs) > 1 else None,
        details={
            "Prometheus' chunks alone, bytes per sample": bytes_in(folder / "peer", "chunks") / samples,
            "our log, bytes per sample that is not in a block yet": log,
        },
    )


def _ours(pages: Pages, times: range, folder: Path) -> tuple[int, float]:
    """Return the bytes of our block files, and what a sample takes in the log.

    The store runs as an agent's does and is closed, which puts all into files; the log is read once, after its first hour.
    """
    store = Store.open(folder, retention_ms=10**12, max_memory_bytes=10**11)
    first = times[: 3_600_000 // STEP_MS]
    into_store(pages, first, store)
    logged, samples = store.stats().log_bytes, len(first) * sum(len(page.series) for _, page in pages)
    into_store(pages, times[len(first) :], store)
    store.enforce(times[-1])
    store.close()
    return bytes_in(folder), logged / samples


def observed(folder: Path, apart: float) -> dict[str, list[str]]:
    """Return LOOKS pages of node_exporter and of the sample service under load, `apart` seconds between two."""
    exporter, service = free_port(), free_port()
    serving = [sys.executable, "-m", "sample_rag_app", "--listen-address", f"127.0.0.1:{service}"]
    serving += ["--data-dir", str(folder / "documents")]
    asking = [sys.executable, "-m", "sample_rag_app.load", "--url", f"http://127.0.0.1:{service}", "--rate", "20"]
    command = [peer("prometheus-node-exporter"), f"--web.listen-address=127.0.0.1:{exporter}"]
    looks: dict[str, list[str]] = {"node": [], "rag": []}
    with (
        started("node_exporter", command, exporter, "/metrics", folder / "node.log"),
        started("service", serving, service, "/health/ready", folder / "service.log"),
        _beside(asking),
    ):
        time.sleep(2 * apart)
        for _ in range(LOOKS):
            looks["node"].append(fetch(exporter, "/metrics").decode())
            looks["rag"].append(fetch(service, "/metrics").decode())
            time.sleep(apart)
    return looks


@contextmanager
def _beside(command: list[str]) -> Iterator[None]:
    """Run a program until the block ends, whatever it says."""
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, cwd=ROOT, **quiet)
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)
