"""How long a start takes: from the command to /-/ready, with a day of samples on the disk, after a stop and after kill -9."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from agent.store import Store
from benchmarks.configurations import for_ours
from benchmarks.history import History, into_blocks, into_store
from benchmarks.measurement import Measurement
from benchmarks.programs import ROOT, Program, agent, prometheus

RETENTION_MS = 15 * 86_400_000
SAMPLES_FOLDER = Path("data", "samples")
VARIABLE = "BENCHMARK_HISTORY"


def arguments(parser: ArgumentParser) -> None:
    """Declare what can be asked for."""
    parser.add_argument("--hours", type=float, default=24.0, help="of samples at 15 s (%(default)s)")
    parser.add_argument("--series", type=int, default=2000, help="in ten jobs (%(default)s)")
    parser.add_argument("--starts", type=int, default=5, help="of each side; the median counts (%(default)s)")


def measure(asked: Namespace) -> list[Measurement]:
    """Start both sides again and again on the same samples."""
    end_ms = int(time.time()) // 60 * 60_000
    sizes = tuple((f"job-{number}", asked.series // 10) for number in range(10))
    history = History(sizes, round(asked.hours * 240), end_ms)
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        into_blocks(history.pages(), history.times(), folder / "peer" / "data")
        theirs = _starts(lambda: prometheus(folder / "peer", "{}"), asked.starts)
        for side, ending in (("killed", "kill"), ("stopped", "stop")):
            _write(history, folder / side / SAMPLES_FOLDER, ending)
        kept = folder / "kept"
        (folder / "killed").rename(kept)
        stopped = _starts(lambda: agent(folder / "stopped", for_ours({})), asked.starts)
        killed = _starts(lambda: agent(_copy(kept, folder / "killed"), for_ours({})), asked.starts)
        empty = _starts(lambda: agent(folder / "empty", for_ours({})), asked.starts)
    return [
        Measurement(
            name="ready after a start",
            what=f"from the command to /-/ready with {history.samples:,} samples: {asked.hours:g} h of {asked.series:,} series",
            unit="s",
            ours=max(stopped, killed),
            theirs=theirs,
            ours_how="the slower of after a stop and after kill -9",
            theirs_how="all samples in blocks, none in its log",
            floor=1.5,
            aim=1.0,
            absolute=True,
            details={"after a stop": stopped, "after kill -9": killed, "without samples": empty},
        )
    ]


def _starts(start: Callable[[], AbstractContextManager[Program]], times: int) -> float:
    """Return the median of the seconds until a program was ready."""
    found = []
    for _ in range(times):
        running = start()
        began = time.perf_counter()
        with running:
            found.append(time.perf_counter() - began)
    return statistics.median(found)


def _copy(kept: Path, folder: Path) -> Path:
    """Return a fresh copy of what a killed writer has left: a start mends it."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(kept, folder)
    return folder


def _write(history: History, folder: Path, ending: str) -> None:
    """Fill a store in a process of its own that ends as `ending` says."""
    wanted = json.dumps({"sizes": history.sizes, "steps": history.steps, "end_ms": history.end_ms})
    command = [sys.executable, "-m", "benchmarks.ready", str(folder), ending]
    subprocess.run(command, check=True, cwd=ROOT, env={**os.environ, VARIABLE: wanted})


def _fill(folder: Path, ending: str) -> None:
    wanted = json.loads(os.environ[VARIABLE])
    history = History(tuple(map(tuple, wanted["sizes"])), wanted["steps"], wanted["end_ms"])
    folder.mkdir(parents=True, exist_ok=True)
    store = Store.open(folder, retention_ms=RETENTION_MS, max_memory_bytes=2**30)
    into_store(history.pages(), history.times(), store)
    if ending == "stop":
        store.close()
        return
    time.sleep(1)  # the log's thread writes what it was given; a killed one had that second too
    os._exit(0)


if __name__ == "__main__":
    _fill(Path(sys.argv[1]), sys.argv[2])
