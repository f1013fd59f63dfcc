"""How fast the shipped rules are replayed: a day of a service's samples in a folder, against the day itself."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser, Namespace
from pathlib import Path

import numpy as np

from agent.model import STALE_NAN, Columns, Labels, Row
from agent.store import Store
from benchmarks.measurement import Measurement

ROOT = Path(__file__).resolve().parents[1]
STEP_MS = 15_000
BEGIN_MS = 1_699_920_000_000
BOUNDS = ("0.1", "0.25", "0.5", "1", "2.5", "5", "10", "+Inf")
STATUSES = ("ok", "cached", "error")


def arguments(parser: ArgumentParser) -> None:
    """Declare what can be asked for."""
    parser.add_argument("--hours", type=float, default=24.0, help="of recorded samples (%(default)s)")
    parser.add_argument("--series", type=int, default=1000, help="(%(default)s)")


def measure(asked: Namespace) -> list[Measurement]:
    """Record, then replay by the command as a user would, routing included."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        samples = record(folder, asked.hours, asked.series)
        took, said = replayed(folder, asked.hours)
        slow, same = replayed(folder, asked.hours, "--step-by-step")
    if [each["spells"] for each in said["alerts"]] != [each["spells"] for each in same["alerts"]]:
        message = "a replay step by step came to something else"
        raise RuntimeError(message)
    real = asked.hours * 3600
    fired = sum(each["fired"] for each in said["alerts"])
    return [
        Measurement(
            name="replay",
            what=f"the shipped rules and routes over {asked.hours:g} h of {asked.series:,} series at 15 s ({samples:,} samples):"
            f" {said['evaluations']['due']:,} evaluations, {fired} firings, {len(said['told'])} messages, start included",
            unit="s",
            ours=took,
            theirs=real,
            peer="the time itself",
            ours_how=f"{real / took:,.0f} times as fast; step by step {real / slow:,.0f} times",
            floor=1 / 2000,
            aim=1 / 10_000,
        )
    ]


def replayed(folder: Path, hours: float, *more: str) -> tuple[float, dict[str, object]]:
    """Replay everything; return the seconds of the whole command and its report."""
    command = [sys.executable, "-m", "agent", "replay", "rules", "--storage.path", str(folder), "--json"]
    began = time.perf_counter()
    done = subprocess.run([*command, "--from", f"{hours + 1:.0f}h", *more], cwd=ROOT, capture_output=True, check=True)
    return time.perf_counter() - began, json.loads(done.stdout)


def record(folder: Path, hours: float, series: int) -> int:
    """Write a folder of samples: a service with two bad stretches, one of them down; return how many samples."""
    store = Store.open(folder / "samples", retention_ms=10**13, max_memory_bytes=2**29)
    labels, rates = _series(series)
    columns, random = Columns(labels), np.random.default_rng(1)
    steps = round(hours * 3_600_000 / STEP_MS)
    errors = [
        at for at, each in enumerate(labels) if each.get("status") == "error" and each["__name__"].endswith("_total")
    ]
    cells, kept = np.zeros(series), 0
    for step in range(steps):
        cells += random.poisson(rates)
        bad, down = 0.3 < step / steps < 0.32, 0.7 < step / steps < 0.705
        if bad:
            cells[errors] += 30
        row = cells.copy()
        row[0] = 1.0
        if down:
            row[:] = STALE_NAN
            row[0] = 0.0
        kept += series
        store.append(Row(columns, BEGIN_MS + step * STEP_MS, row))
        if step % 200 == 0:
            store.enforce(BEGIN_MS + step * STEP_MS)
    store.close()
    return kept


def _series(count: int) -> tuple[list[Labels], np.ndarray]:
    """Return labels and increments per scrape: those that the shipped rules read first, then others of the same target."""
    own = {"job": "rag", "instance": "127.0.0.1:8000", "tier": "web"}
    found = [("up", {}, 0.0), ("rag_cache_hits_total", {}, 40.0), ("rag_cache_misses_total", {}, 60.0)]
    for status, share in zip(STATUSES, (60.0, 40.0, 0.2), strict=True):
        found.append(("rag_queries_total", {"status": status}, share))
        found.append(("rag_query_duration_seconds_count", {"status": status}, share))
        found += [
            ("rag_query_duration_seconds_bucket", {"status": status, "le": bound}, share * min(1, 0.5 + at / 4))
            for at, bound in enumerate(BOUNDS)
        ]
    found += [(f"rag_other_{number % 40}_total", {"n": str(number)}, 5.0) for number in range(count - len(found))]
    labels = [Labels({"__name__": name, **own, **more}) for name, more, _ in found]
    return labels, np.array([rate for _, _, rate in found])
