"""The runner of routing tests: the replay room's, its reports as the outcomes that `burnline test` shows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from agent.replay import Failure, FileOutcome, Line, Mark, RoutingResult, TestOutcome, run_routing_tests

if TYPE_CHECKING:
    from agent.cli.test import Chosen


def runner(chosen: Chosen) -> Callable[[Path], FileOutcome]:
    """Return what runs a file of routing tests."""

    def run(path: Path) -> FileOutcome:
        report = run_routing_tests(path, run=chosen.patterns)
        return FileOutcome(
            report.path,
            tuple(_outcome(result) for result in report.results),
            report.errors,
            skipped=report.left_out,
            ways=report.all_ways,
            reached=report.reached,
        )

    return run


def _outcome(result: RoutingResult) -> TestOutcome:
    failures = tuple(_failure(result, problem) for problem in result.problems)
    return TestOutcome(result.name, result.place, failures, seconds=result.seconds, story=result.timeline)


def _failure(result: RoutingResult, problem: str) -> Failure:
    title, *rest = problem.splitlines()
    return Failure(result.place, title, tuple(Line(Mark.SAME, line) for line in rest))
