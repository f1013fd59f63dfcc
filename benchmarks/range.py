"""What a dashboard waits for: range queries over six hours at 15 s, asked through HTTP, of both sides with the same samples."""

from __future__ import annotations

import json
import math
import statistics
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.configurations import for_ours
from benchmarks.history import History, into_blocks, into_folder
from benchmarks.measurement import Measurement
from benchmarks.pages import BOUNDS, ROUTES_PER_SERVICE, UNIT
from benchmarks.programs import Program, agent, prometheus

BUCKETS = "http_request_duration_seconds_bucket"
QUERIES = {
    "rate by le": f"sum by (le) (rate({BUCKETS}{{JOB}}[5m]))",
    "quantile by service": f"histogram_quantile(0.99, sum by (le, service) (rate({BUCKETS}{{JOB}}[5m])))",
    "increase over 1h": f"sum by (service) (increase({BUCKETS}{{JOB}}[1h]))",
    "error ratio": 'sum by (service) (rate(http_requests_total{JOB,code="500"}[5m]))'
    " / sum by (service) (rate(http_requests_total{JOB}[5m]))",
    "max over time": "max by (service) (max_over_time(http_queue_depth{JOB}[10m]))",
    "100 lines": 'http_queue_depth{JOB,service="svc-000"}',
}
"""Panels of a service's dashboard: the first three read all bucket series, the last draws a hundred lines."""
WARM = 3
"""How often a query is asked again; the median counts."""
TOLERANCE = 1e-9
SERVICES = (("small", 1), ("wide", 10))
"""By job: services of 1,000 bucket series each."""

Answers = Mapping[str, tuple[float, float, Any]]
"""By query: seconds of the first time, of the median of those after, and the answer."""


def arguments(parser: ArgumentParser) -> None:
    """Declare what can be asked for."""
    parser.add_argument("--hours", type=float, default=6.0, help="of samples and of the queries (%(default)s)")
    parser.add_argument("--step", type=int, default=60, help="seconds between two points (%(default)s)")


def measure(asked: Namespace) -> list[Measurement]:
    """Ask both sides every query again and again; raise RuntimeError where their answers differ."""
    end_ms = int(time.time()) // 60 * 60_000
    per_service = ROUTES_PER_SERVICE * UNIT
    sizes = tuple((job, services * per_service) for job, services in SERVICES)
    history = History(sizes, round(asked.hours * 3600 / 15), end_ms)
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        into_blocks(history.pages(), history.times(), folder / "peer" / "data")
        with prometheus(folder / "peer", "{}") as program:
            theirs = _asked(program, history, asked.step)
        into_folder(history.pages(), history.times(), folder / "ours" / "data" / "samples")
        with agent(folder / "ours", for_ours({})) as program:
            ours = _asked(program, history, asked.step)
    return [_measurement(job, ours[job], theirs[job], asked) for job, _ in reversed(SERVICES)]


def _measurement(job: str, ours: Answers, theirs: Answers, asked: Namespace) -> Measurement:
    series = dict(SERVICES)[job] * ROUTES_PER_SERVICE * len(BOUNDS)
    details = {}
    for name in QUERIES:
        disagreement = difference(ours[name][2], theirs[name][2])
        if disagreement:
            message = f"{name} over {job}: the answers differ: {disagreement}"
            raise RuntimeError(message)
        first = f"first {ours[name][0] * 1000:.1f} / {theirs[name][0] * 1000:.1f} ms"
        then = f"then {ours[name][1] * 1000:.1f} / {theirs[name][1] * 1000:.1f} ms"
        details[name] = f"{first}, {then}, ratio {ours[name][1] / theirs[name][1]:.3f}"
    cold = [sum(each[0] for each in side.values()) for side in (ours, theirs)]
    details["first run (cold)"] = f"{cold[0]:.3f} / {cold[1]:.3f} s, ratio {cold[0] / cold[1]:.3f}"
    wide = job == "wide"
    return Measurement(
        name=f"range query, {series:,} series",
        what=f"{len(QUERIES)} dashboard queries over {asked.hours:g} h at 15 s, a point each {asked.step} s, asked again",
        unit="s",
        ours=sum(each[1] for each in ours.values()),
        theirs=sum(each[1] for each in theirs.values()),
        floor=0.5 if wide else None,
        aim=0.1 if wide else None,
        details=details,
    )


def _asked(program: Program, history: History, step: int) -> dict[str, Answers]:
    found: dict[str, Answers] = {}
    span = {"start": history.start_ms // 60_000 * 60 + 60, "end": history.end_ms // 1000 - 60, "step": step}
    for job, _ in history.sizes:
        answers = {}
        for name, query in QUERIES.items():
            text = query.replace("JOB", f'job="{job}"')
            seconds = []
            for _ in range(1 + WARM):
                began = time.perf_counter()
                body = program.get("/api/v1/query_range", query=text, **span)
                seconds.append(time.perf_counter() - began)
            answers[name] = (seconds[0], statistics.median(seconds[1:]), json.loads(body)["data"]["result"])
        found[job] = answers
    return found


def difference(ours: list[Any], theirs: list[Any]) -> str:
    """Say in what two matrices differ; "" where each series has the same times and values within 1e-9 of each other."""
    left, right = ({_key(each): each["values"] for each in side} for side in (ours, theirs))
    if left.keys() != right.keys():
        return f"series {sorted(left.keys() ^ right.keys())[:3]} on one side only"
    if not left:
        return "both are empty"
    for key, values in left.items():
        others = right[key]
        if [each[0] for each in values] != [each[0] for each in others]:
            return f"{key} has points at other times: {len(values)} and {len(others)}"
        for (at, one), (_, other) in zip(values, others, strict=True):
            a, b = float(one), float(other)
            if not (math.isclose(a, b, rel_tol=TOLERANCE, abs_tol=1e-12) or (math.isnan(a) and math.isnan(b))):
                return f"{key} at {at}: {one} and {other}"
    return ""


def _key(series: dict[str, Any]) -> str:
    return json.dumps(series["metric"], sort_keys=True)
