"""Run test files of any kind: rule unit tests in promtool's format, and whatever kind has a runner in the table below.

Exit code 0 where everything passed, 1 where something did not or could not be run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import click
import re2

from agent.cli.kinds import EMPTY, ROUTING_TESTS, UNIT_TESTS, expanded, kind_of
from agent.cli.test_report import Shown, show, total
from agent.errors import InvalidInput
from agent.replay import FileOutcome
from agent.telemetry import configure_logging

_RUNNERS: Final[Mapping[str, str]] = {
    UNIT_TESTS: "agent.cli.unit_tests",
    ROUTING_TESTS: "agent.cli.routing_tests",
}
"""Which page runs a kind of file: its `runner(Chosen)` returns a function from a path to an outcome."""

Runner = Callable[[Path], FileOutcome]


@dataclass(frozen=True, slots=True)
class Chosen:
    """What of the files is run, and how strictly: tests whose name one of `patterns` finds, all where there is none."""

    patterns: tuple[Any, ...]
    ignore_unknown: bool

    def wanted(self, name: str) -> bool:
        """Say whether a test of this name is to run."""
        return not self.patterns or any(pattern.search(name) for pattern in self.patterns)


@dataclass(frozen=True, slots=True)
class Reports:
    """Where the outcome goes besides the terminal."""

    shown: Shown
    junit: Path | None = None
    as_json: bool = False


def run_files(files: Sequence[Path], names: Sequence[str], reports: Reports, *, ignore_unknown: bool) -> int:
    """Run the test files (of folders, those directly in them), print, and return the exit code."""
    configure_logging("error")
    chosen = Chosen(_compiled(names), ignore_unknown)
    runners: dict[str, Runner] = {}
    began = time.perf_counter()
    outcomes = []
    for path in _test_files(files):
        outcome = _run(path, chosen, runners)
        outcomes.append(outcome)
        if not reports.as_json:
            show(outcome, reports.shown)
    if reports.as_json:
        from agent.cli.test_json import as_json

        click.echo(as_json(outcomes))
    else:
        total(outcomes, reports.shown, time.perf_counter() - began)
    if reports.junit is not None:
        from agent.cli.junit import write_junit

        write_junit(outcomes, reports.junit)
    return 0 if outcomes and all(outcome.passed for outcome in outcomes) else 1


def _compiled(names: Sequence[str]) -> tuple[Any, ...]:
    try:
        return tuple(re2.compile(name) for name in names)
    except re2.error as error:
        message = f"--run: not a regular expression: {error}"
        raise InvalidInput(message) from error


def _test_files(files: Sequence[Path]) -> list[Path]:
    found = list(expanded(files))
    if not found:
        message = f"no test file is in {', '.join(map(str, files))}"
        raise InvalidInput(message)
    return found


def _run(path: Path, chosen: Chosen, runners: dict[str, Runner]) -> FileOutcome:
    try:
        kind = kind_of(path)
    except InvalidInput as error:
        return FileOutcome(str(path), problems=(str(error),))
    if kind == EMPTY:
        return FileOutcome(str(path), warnings=(f"{path}:1:1: nothing stands in this file",))
    if kind not in _RUNNERS:
        problem = f"{path}:1:1: this is a file of {kind}, not of tests; unit tests stand under tests:"
        return FileOutcome(str(path), problems=(problem,))
    if kind not in runners:
        runners[kind] = import_module(_RUNNERS[kind]).runner(chosen)
    return runners[kind](path)
