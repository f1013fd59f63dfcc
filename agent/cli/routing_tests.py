"""The runner of routing tests: the replay room's. The store is there only for tests that give series."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from agent.replay import FileOutcome, run_routing_tests

if TYPE_CHECKING:
    from agent.app import Bench
    from agent.cli.test import Chosen
    from agent.replay import Samples


def runner(chosen: Chosen) -> Callable[[Path], FileOutcome]:
    """Return what runs a file of routing tests."""

    def run(path: Path) -> FileOutcome:
        return run_routing_tests(path, bench=_samples, stopwatch=time.perf_counter, wanted=chosen.wanted)

    return run


def _samples(subquery_step_ms: int) -> Samples:
    return _bench()(subquery_step_ms)


@cache
def _bench() -> Bench:
    from agent.app import Bench

    return Bench()
