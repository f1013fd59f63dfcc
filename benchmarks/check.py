"""How long `burnline check` takes from the command to its end: 10,000 alerts beside promtool, and the shipped rules."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

from benchmarks.measurement import Measurement
from benchmarks.programs import ROOT, peer
from benchmarks.rulefile import alerts_with_templates

CHECK = [sys.executable, "-m", "agent", "check"]
PER_GROUP = 20


def arguments(parser: ArgumentParser) -> None:
    """Declare what can be asked for."""
    parser.add_argument("--alerts", type=int, default=10_000, help="in one file (%(default)s)")
    parser.add_argument("--times", type=int, default=3, help="each command is run; the median counts (%(default)s)")


def measure(asked: Namespace) -> list[Measurement]:
    """Check one large file by turns with both, then the shipped rules."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        file = Path(name) / "alerts.yml"
        file.write_text(alerts_with_templates(asked.alerts, PER_GROUP))
        large = _by_turns([*CHECK, str(file)], [peer("promtool"), "check", "rules", str(file)], asked.times)
    shipped = sorted(str(each) for each in (ROOT / "rules").glob("*.yml"))
    small = _by_turns([*CHECK, *shipped], [peer("promtool"), "check", "rules", *shipped], asked.times * 3)
    return [
        Measurement(
            name=f"check of {asked.alerts:,} alerts",
            what=f"one file of {asked.alerts:,} alerts with four templates each, lints included",
            unit="s",
            ours=large[0],
            theirs=large[1],
            peer="promtool",
            theirs_how="its lint is the one about duplicates",
            floor=4.0,
            aim=2.5,
        ),
        Measurement(
            name="check of the shipped rules",
            what="the rule files of rules/, from the command to its end",
            unit="s",
            ours=small[0],
            theirs=small[1],
            peer="promtool",
            floor=0.6,
            aim=0.4,
            absolute=True,
        ),
    ]


def _by_turns(ours: Sequence[str], theirs: Sequence[str], times: int) -> tuple[float, float]:
    """Return the median of the seconds that each command took."""
    pairs = [(_seconds(ours), _seconds(theirs)) for _ in range(times)]
    return statistics.median(each[0] for each in pairs), statistics.median(each[1] for each in pairs)


def _seconds(command: Sequence[str]) -> float:
    began = time.perf_counter()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    taken = time.perf_counter() - began
    if done.returncode not in (0, 3):  # 3: lints, which both have
        raise RuntimeError(f"{' '.join(command[:4])}: exit {done.returncode}: {done.stderr[:500]}")
    return taken
