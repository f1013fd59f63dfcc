"""The runner of rule unit tests: the replay room's, over stores in memory."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from agent.app import Bench
from agent.replay import FileOutcome, run_tests
from agent.telemetry import Telemetry

if TYPE_CHECKING:
    from agent.cli.test import Chosen


def runner(chosen: Chosen) -> Callable[[Path], FileOutcome]:
    """Return what runs a file of unit tests; plans of expressions are shared between files."""
    bench, telemetry = Bench(), Telemetry()

    def run(path: Path) -> FileOutcome:
        return run_tests(
            path,
            bench,
            stopwatch=time.perf_counter,
            wanted=chosen.wanted,
            ignore_unknown=chosen.ignore_unknown,
            telemetry=telemetry,
        )

    return run
