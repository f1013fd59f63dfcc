"""What the programs hold in memory: busy at 50,000 series each second, idle at 1,000 and 5,000, and ours as it is shipped."""

from __future__ import annotations

import json
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from benchmarks.configurations import for_ours, for_peer, scraping
from benchmarks.ingest import Start
from benchmarks.measurement import Measurement
from benchmarks.programs import ROOT, agent, page_server, prometheus

MB = 1e6
SIDES: tuple[tuple[Start, Callable[..., str]], ...] = ((prometheus, for_peer), (agent, for_ours))


def arguments(parser: ArgumentParser) -> None:
    """Declare what can be asked for."""
    parser.add_argument("--series", type=int, default=50_000, help="of the busy run (%(default)s)")
    parser.add_argument("--seconds", type=float, default=600.0, help="of the busy run, each side (%(default)s)")
    parser.add_argument("--idle", type=float, default=300.0, help="seconds of the idle runs (%(default)s)")


def measure(asked: Namespace) -> list[Measurement]:
    """Run the busy sides one after the other, then the idle ones together."""
    theirs, ours = (_busy(start, configuration, asked) for start, configuration in SIDES)
    busy = Measurement(
        name=f"RSS at {asked.series:,} series",
        what=f"resident memory after {asked.seconds:g} s of {asked.series:,} series each second",
        unit="MB",
        ours=ours[0],
        theirs=theirs[0],
        ours_how=f"at most {ours[1]:.0f} MB",
        theirs_how=f"at most {theirs[1]:.0f} MB",
        floor=0.6,
        aim=0.4,
    )
    return [busy, *_idle(asked.idle)]


def _busy(start: Start, configuration: Callable[..., str], asked: Namespace) -> tuple[float, float]:
    """Return resident MB at the end, and the most that was seen."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder, most = Path(name), 0.0
        with (
            page_server("--series", str(asked.series), folder=folder) as port,
            start(folder / "peer", configuration(scraping(port, 1, "1s"))) as program,
        ):
            deadline = time.monotonic() + asked.seconds
            while time.monotonic() < deadline:
                time.sleep(min(1.0, asked.seconds / 10))
                most = max(most, program.rss() / MB)
            return program.rss() / MB, most


def _idle(seconds: float) -> list[Measurement]:
    """Run all idle ones at the same time: they hardly use the processor."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name, ExitStack() as running:
        folder, pairs = Path(name), {}
        ports = {}
        for series in (1_000, 5_000):
            wanted = ("--series", str(series), "--seconds", "15")
            ports[series] = running.enter_context(page_server(*wanted, folder=folder / f"pages-{series}"))
            settings = scraping(ports[series], 1, "15s")
            pairs[series] = [
                running.enter_context(start(folder / f"{start.__name__}-{series}", configuration(settings)))
                for start, configuration in SIDES
            ]
        whole = running.enter_context(agent(folder / "shipped", shipped(ports[1_000])))
        time.sleep(seconds)
        found = [
            Measurement(
                name=f"RSS idle, {series:,} series",
                what=f"resident memory after {seconds:g} s of {series:,} series at 15 s",
                unit="MB",
                ours=ours.rss() / MB,
                theirs=theirs.rss() / MB,
            )
            for series, (theirs, ours) in pairs.items()
        ]
        whole.get("/")
        return [
            *found,
            Measurement(
                name="agent RSS, MB",
                what=f"resident memory of the agent after {seconds:g} s: 1,000 series at 15 s, "
                "shipped rules and objectives, its page open",
                unit="MB",
                ours=whole.rss() / MB,
                theirs=pairs[1_000][0].rss() / MB,
                theirs_how="without rules",
                floor=90,
                aim=70,
                absolute=True,
            ),
        ]


def shipped(port: int) -> str:
    """Return the example configuration with a page of ours as its target."""
    settings = scraping(port, 1, "15s")
    settings["rule_files"] = [str(ROOT / "rules" / "*.yml")]
    settings["slo_files"] = [str(ROOT / "rules" / "slos" / "*.yml")]
    settings["notify"] = {
        "config_file": str(ROOT / "alertmanager" / "alertmanager.yml"),
        "escalation_file": str(ROOT / "alertmanager" / "escalation.yml"),
    }
    return json.dumps(settings)
