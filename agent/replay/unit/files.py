"""A file of unit tests from its path to its outcome. A file that cannot be read is an outcome too: the others still run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from agent.errors import SchemaError
from agent.replay.outcome import FileOutcome, TestOutcome
from agent.replay.unit.preparing import prepare
from agent.replay.unit.reading import evaluation_order, read_tests, rules_of
from agent.replay.unit.running import Run, Samples, Tested
from agent.replay.unit.spec import UnitTest, UnitTestFile
from agent.schema import suggest
from agent.telemetry import Telemetry

Bench = Callable[[int], Samples]
"""Make an empty store with its engine, whose subqueries without a step take the given one (ms)."""


def run_tests(
    path: Path,
    bench: Bench,
    *,
    stopwatch: Callable[[], float],
    wanted: Callable[[str], bool] = lambda _: True,
    ignore_unknown: bool = False,
    telemetry: Telemetry | None = None,
) -> FileOutcome:
    """Run the tests of one file, those alone whose name is `wanted`. `stopwatch` gives seconds."""
    source = str(path)
    try:
        file = read_tests(path)
        rules, warnings = rules_of(file, path, ignore_unknown=ignore_unknown)
    except SchemaError as error:
        return FileOutcome(source, problems=tuple(error.problems))
    order = evaluation_order(file, rules)
    tested = Tested(rules, order, file.step_ms, file.fuzzy_compare, telemetry or Telemetry())
    chosen = list(_chosen(file, wanted))
    outcomes = [_run_test(test, name, tested, bench, stopwatch) for name, test in chosen]
    alerts = tuple(tested.alerting())
    skipped = len(file.tests) - len(chosen)
    return FileOutcome(source, tuple(outcomes), (), tuple(warnings), alerts, skipped)


def _chosen(file: UnitTestFile, wanted: Callable[[str], bool]) -> Iterator[tuple[str, UnitTest]]:
    for number, test in enumerate(file.tests):
        if wanted(test.name):
            yield test.name or f"unnamed#{number}", test


def _run_test(test: UnitTest, name: str, tested: Tested, bench: Bench, stopwatch: Callable[[], float]) -> TestOutcome:
    began = stopwatch()
    prepared = prepare(test, tested.step_ms, len(tested.rules.rules))
    warnings = (*prepared.warnings, *_unknown_alerts(test, tested))
    run = None
    failures = list(prepared.failures)
    if not failures:
        run = Run(prepared, tested, bench(tested.step_ms))
        failures = run.run()
    return TestOutcome(
        name=name,
        place=test.place,
        failures=tuple(failures),
        warnings=warnings,
        seconds=stopwatch() - began,
        lives=run.lives.until(prepared.ticks[-1]) if run is not None else (),
        asserted=_asserted(test),
        start_ms=test.start_ms,
        step_ms=tested.step_ms,
        last_ms=prepared.ticks[-1] - test.start_ms,
    )


def _asserted(test: UnitTest) -> dict[str, frozenset[bool]]:
    found: dict[str, frozenset[bool]] = {}
    for case in test.alert_rule_test:
        found[case.alertname] = found.get(case.alertname, frozenset()) | {bool(case.exp_alerts)}
    return found


def _unknown_alerts(test: UnitTest, tested: Tested) -> Iterator[str]:
    """Warn of silent cases about alerts that no rule makes: they would pass whatever happens."""
    known = list(tested.alerting())
    for case in test.alert_rule_test:
        if case.alertname and not case.exp_alerts and case.alertname not in known:
            near = suggest(case.alertname, known)
            yield f'{case.place}: no rule is called "{case.alertname}"{near}; the case passes whatever happens'
