"""Read a file of routing tests, and run it: the two verbs of these pages."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from agent.errors import SchemaError
from agent.replay.routing_tests.coverage import everything
from agent.replay.routing_tests.report import RoutingReport, RoutingResult, problems_of, timeline
from agent.replay.routing_tests.spec import RoutingTest, RoutingTestFile
from agent.replay.routing_tests.story import Stage
from agent.replay.routing_tests.verdict import Judge, texts
from agent.replay.told import Told
from agent.schema import read

if TYPE_CHECKING:
    from agent.notify.messages import Renderer


def read_routing_tests(path: Path) -> RoutingTestFile:
    """Read a file; raise SchemaError with a line for each problem, also where it cannot be read."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise SchemaError([f"{path}:1:1: cannot read the file: {reason}"]) from error
    return read(RoutingTestFile, text, str(path))


def check_routing_tests(path: Path) -> Iterator[str]:
    """Check a file and all that it names without playing it; give warnings, raise SchemaError."""
    file = read_routing_tests(path)
    stage = Stage(file, path)
    problems = [problem for test in file.routing_tests for problem in stage.check(test)]
    if problems:
        raise SchemaError(problems)
    yield from (
        f'{test.place}: routing test "{test.name}": it expects nothing and allows all; it cannot fail'
        for test in file.routing_tests
        if test.others == "allow" and not (test.expect or test.never or test.held)
    )


def run_routing_tests(path: Path, *, run: Sequence[re.Pattern[str]] = ()) -> RoutingReport:
    """Play the tests of a file (those whose name one of `run` is found in); errors of the file are in the report."""
    try:
        file = read_routing_tests(path)
        stage = Stage(file, path)
    except SchemaError as error:
        return RoutingReport(str(path), errors=tuple(error.problems))
    chosen = [test for test in file.routing_tests if not run or any(each.search(test.name) for each in run)]
    results, covered = [], set[str]()
    for test in chosen:
        result, reached = _result(stage, test)
        results.append(result)
        covered |= reached
    left_out = len(file.routing_tests) - len(chosen)
    return RoutingReport(str(path), tuple(results), (), everything(stage.routing(())), frozenset(covered), left_out)


def _result(stage: Stage, test: RoutingTest) -> tuple[RoutingResult, frozenset[str]]:
    begun = perf_counter()
    try:
        played = stage.play(test)
    except SchemaError as error:
        return RoutingResult(test.name, test.place, perf_counter() - begun, tuple(error.problems)), frozenset()
    judge = Judge(test, played, _words)
    problems = tuple(problems_of(test, played, judge.verdict(), judge))
    return RoutingResult(
        test.name, test.place, perf_counter() - begun, problems, tuple(timeline(played))
    ), played.reached


def _words(told: Told) -> str:
    return texts(_renderer())(told)


@cache
def _renderer() -> Renderer:
    from agent.notify.messages import Renderer

    return Renderer()
