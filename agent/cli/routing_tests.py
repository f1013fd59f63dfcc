"""The runner of routing tests: the replay room's."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from agent.replay import FileOutcome, run_routing_tests

if TYPE_CHECKING:
    from agent.cli.test import Chosen


def runner(chosen: Chosen) -> Callable[[Path], FileOutcome]:
    """Return what runs a file of routing tests."""

    def run(path: Path) -> FileOutcome:
        return run_routing_tests(path, stopwatch=time.perf_counter, wanted=chosen.wanted)

    return run
