"""Read a file of routing tests, and run it: the two verbs of these pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from agent.errors import SchemaError
from agent.replay.outcome import Failure, FileOutcome, TestOutcome
from agent.replay.routing_tests.coverage import everything
from agent.replay.routing_tests.report import failures_of, timeline
from agent.replay.routing_tests.spec import RoutingTest, RoutingTestFile
from agent.replay.routing_tests.stage import Stage
from agent.replay.routing_tests.verdict import Judge, texts
from agent.replay.told import Told
from agent.schema import read

if TYPE_CHECKING:
    from agent.notify.messages import Renderer
    from agent.replay.unit import Bench


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
    found = [complaint for test in file.routing_tests for complaint in stage.check(test)]
    if found:
        raise SchemaError([f"{place}: {words}" for place, words in found])
    yield from (
        f'{test.place}: routing test "{test.name}": it expects nothing and allows all; it cannot fail'
        for test in file.routing_tests
        if test.others == "allow" and not (test.expect or test.never or test.held)
    )


def run_routing_tests(
    path: Path,
    *,
    bench: Bench | None = None,
    stopwatch: Callable[[], float] = perf_counter,
    wanted: Callable[[str], bool] = lambda _: True,
) -> FileOutcome:
    """Play the tests of a file whose names are `wanted`; what keeps the file from being used is in the outcome.

    `bench` makes the store for tests that give series; without it they fail.
    """
    try:
        file = read_routing_tests(path)
        stage = Stage(file, path, bench)
    except SchemaError as error:
        return FileOutcome(str(path), problems=tuple(error.problems))
    chosen = [test for test in file.routing_tests if wanted(test.name)]
    ran = [_run(stage, test, stopwatch) for test in chosen]
    return FileOutcome(
        str(path),
        tuple(outcome for outcome, _ in ran),
        skipped=len(file.routing_tests) - len(chosen),
        ways=everything(stage.routing(())),
        reached=frozenset[str]().union(*(reached for _, reached in ran)),
    )


def _run(stage: Stage, test: RoutingTest, stopwatch: Callable[[], float]) -> tuple[TestOutcome, frozenset[str]]:
    """Play one test; return its outcome, and the routes and steps that it reached."""
    begun = stopwatch()
    complaints = stage.check(test)
    if test.input_series and stage.bench is None:
        complaints.append((test.place, "series need a store, and none was given; `burnline test` gives one"))
    if complaints:
        failures = tuple(Failure(place, words) for place, words in complaints)
        return TestOutcome(test.name, test.place, failures, seconds=stopwatch() - begun), frozenset()
    played = stage.play(test)
    judge = Judge(test, played, _words)
    failures = tuple(failures_of(test, played, judge.verdict(), judge))
    story = tuple(timeline(played))
    return TestOutcome(test.name, test.place, failures, seconds=stopwatch() - begun, story=story), played.reached


def _words(told: Told) -> str:
    return texts(_renderer())(told)


@cache
def _renderer() -> Renderer:
    from agent.notify.messages import Renderer

    return Renderer()
