"""What a round of a wide rule file costs: processor time in real processes, what scraping alone costs taken off."""

from __future__ import annotations

import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path

from benchmarks.configurations import for_ours, for_peer, scraping
from benchmarks.ingest import Start
from benchmarks.measurement import Measurement
from benchmarks.pages import BOUNDS, ROUTES_PER_SERVICE, UNIT
from benchmarks.programs import Program, agent, page_server, prometheus
from benchmarks.rulefile import wide_rules

RECORDED = '{__name__=~"slo:.+|.+:latency_seconds:quantile"}'
EVALUATIONS = "prometheus_rule_evaluations_total"


def arguments(parser: ArgumentParser) -> None:
    """Declare what can be asked for."""
    parser.add_argument("--services", type=int, default=43, help="of 1,000 bucket series each (%(default)s)")
    parser.add_argument("--objectives", type=int, default=20, help="SLOs, one per service (%(default)s)")
    parser.add_argument("--interval", type=int, default=15, help="seconds of scrape and evaluation (%(default)s)")
    parser.add_argument("--seconds", type=float, default=180.0, help="of measuring with the rules (%(default)s)")
    parser.add_argument("--without", type=float, default=60.0, help="of measuring without them (%(default)s)")
    parser.add_argument("--warm-up", type=float, default=60.0, help="seconds before each (%(default)s)")


def measure(asked: Namespace) -> list[Measurement]:
    """Evaluate the same rules over the same pages with one side after the other."""
    theirs = evaluated(prometheus, for_peer, asked)
    ours = evaluated(agent, for_ours, asked)
    if ours["recorded"] != theirs["recorded"]:
        message = f"the sides recorded different numbers of series: {ours['recorded']} and {theirs['recorded']}"
        raise RuntimeError(message)
    buckets = asked.services * ROUTES_PER_SERVICE * len(BOUNDS)
    return [
        Measurement(
            name="rule evaluation CPU",
            what=f"{ours['rules']:.0f} rules: {asked.objectives} SLOs over windows of 5m to 30d, quantiles of {buckets:,}"
            f" bucket series, every {asked.interval} s; {ours['recorded']:,.0f} series recorded by both",
            unit="CPU s per round",
            ours=ours["round"],
            theirs=theirs["round"],
            ours_how=f"{ours['rounds']:.1f} rounds; scraping alone {ours['idle']:.3f} CPU s each second",
            theirs_how=f"{theirs['rounds']:.1f} rounds; scraping alone {theirs['idle']:.3f} CPU s each second",
            floor=0.2,
            aim=0.05,
        )
    ]


def evaluated(start: Start, configuration: Callable[..., str], asked: Namespace) -> dict[str, float]:
    """Let one program scrape, then scrape and evaluate; return CPU seconds per round and what the rounds came to."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder, interval = Path(name), f"{asked.interval}s"
        series = asked.services * ROUTES_PER_SERVICE * UNIT
        (folder / "wide.yml").write_text(wide_rules(asked.objectives))
        with page_server("--series", str(series), "--seconds", str(asked.interval), folder=folder) as port:
            settings = scraping(port, 1, interval)
            with start(folder / "peer", configuration(settings, evaluation=interval)) as program:
                time.sleep(asked.warm_up)
                idle = _spent(program, asked.without) / asked.without
                file = next((folder / "peer").glob("*.yml"))
                rules = [str(folder / "wide.yml")]
                file.write_text(configuration(settings, rule_files=rules, evaluation=interval))
                program.reload()
                time.sleep(asked.warm_up)
                done = program.metric(EVALUATIONS)
                busy = _spent(program, asked.seconds) / asked.seconds
                done = program.metric(EVALUATIONS) - done
                return _figures(program, idle, busy, done, asked)


def _figures(program: Program, idle: float, busy: float, done: float, asked: Namespace) -> dict[str, float]:
    groups = program.api("rules")["groups"]
    rules = sum(len(each["rules"]) for each in groups)
    failed = [rule["lastError"] for each in groups for rule in each["rules"] if rule.get("lastError")]
    if failed:
        message = f"{program.name}: {len(failed)} rules fail; the first: {failed[0]}"
        raise RuntimeError(message)
    recorded = program.api("query", query=f"count({RECORDED})")["result"]
    rounds = done / rules
    return {
        "rules": rules,
        "rounds": rounds,
        "idle": idle,
        "round": (busy - idle) * asked.seconds / rounds,
        "recorded": float(recorded[0]["value"][1]),
    }


def _spent(program: Program, seconds: float) -> float:
    before = program.cpu_seconds()
    time.sleep(seconds)
    return program.cpu_seconds() - before
