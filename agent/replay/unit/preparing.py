"""From what a test says to what it runs: series, values and labels read, cases that cannot be asked named with their place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from agent.errors import ParseError
from agent.model import Histogram, Labels, format_duration
from agent.query import SeriesValues, parse, parse_metric, parse_values
from agent.replay.outcome import Failure
from agent.replay.unit.comparing import Measured
from agent.replay.unit.feeding import MAX_CELLS, cells_needed
from agent.replay.unit.spec import ExpectedSample, ExpressionCase, InputSeries, UnitTest
from agent.schema import Place, Text

MAX_EVALUATIONS: Final = 50_000_000
"""Evaluations of one rule that one test may take."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A test that can run, unless there are `failures`. `ticks` are the instants of evaluation."""

    test: UnitTest
    ticks: range
    interval_ms: int
    rows: int
    series: tuple[tuple[Labels, SeriesValues], ...] = ()
    failures: tuple[Failure, ...] = ()
    warnings: tuple[str, ...] = ()


def prepare(test: UnitTest, step_ms: int, rules: int) -> Prepared:
    """Read a test's series and bound what it takes, with `rules` rules evaluated each `step_ms`."""
    ticks = range(test.start_ms, test.start_ms + test.last_ms + 1, step_ms)
    interval_ms = test.interval_ms or step_ms
    rows = (ticks[-1] - test.start_ms) // interval_ms + 1
    found: dict[Labels, SeriesValues] = {}
    failures: list[Failure] = []
    warnings: list[str] = []
    for each in test.input_series:
        try:
            labels, values = read_series(each)
        except Wrong as error:
            failures.append(Failure(error.place, error.message))
            continue
        if labels in found:
            warnings.append(
                f"{each.place}: {labels} is given twice; the later values replace the earlier, as in promtool"
            )
        found[labels] = values
    if not failures:
        failures += _nameless(test)
        failures += _too_much(test, len(ticks) * max(rules, 1), cells_needed(list(found.values()), rows))
    return Prepared(test, ticks, interval_ms, rows, tuple(found.items()), tuple(failures), tuple(warnings))


def _nameless(test: UnitTest) -> Iterator[Failure]:
    for case in test.alert_rule_test:
        if not case.alertname:
            yield Failure(case.place, f"an alert test at {format_duration(case.eval_time_ms)} has no alertname")


def _too_much(test: UnitTest, evaluations: int, cells: int) -> Iterator[Failure]:
    if evaluations > MAX_EVALUATIONS:
        span = format_duration(test.last_ms)
        text = (
            f"the test takes {evaluations:,} evaluations until its last eval_time {span}, more than {MAX_EVALUATIONS:,}"
        )
        yield Failure(test.place, f"{text}; raise evaluation_interval, or ask earlier")
    if cells > MAX_CELLS:
        text = f"the test loads {cells:,} samples, more than {MAX_CELLS:,}"
        yield Failure(test.place, f"{text}; shorten its series, or raise its interval")


class Wrong(Exception):  # control flow inside this room, mapped to a Failure
    """Say what cannot be read, and where it stands."""

    def __init__(self, place: Place, message: str) -> None:
        self.place, self.message = place, message
        super().__init__(message)


def _located(text: Text | None, fallback: Place, error: ParseError, about: str) -> Wrong:
    place = fallback if text is None else text.locate(error.line, error.column)
    return Wrong(place, f"{about}: {error}")


def read_series(given: InputSeries) -> tuple[Labels, SeriesValues]:
    """Read one series in Prometheus' notation; raise Wrong."""
    try:
        labels = parse_metric(given.series or "")
    except ParseError as error:
        raise _located(given.series, given.place, error, f"series {given.series!s}") from error
    try:
        values = parse_values(given.values or "")
    except ParseError as error:
        raise _located(given.values, given.place, error, f"values of {labels}") from error
    if not labels and any(stretch.first is not None for stretch in values.stretches):
        place = given.series.place if given.series else given.place
        raise Wrong(place, 'a series with samples needs a name or labels, such as up{job="rag"}')
    return labels, values


def expected_samples(case: ExpressionCase) -> tuple[list[Measured], list[Failure]]:
    """Read what an expression should give, and what of it cannot be read."""
    wanted: list[Measured] = []
    failures: list[Failure] = []
    for each in case.exp_samples:
        try:
            wanted.append(_sample(each))
        except Wrong as error:
            failures.append(Failure(error.place, error.message))
    return wanted, failures


def _sample(given: ExpectedSample) -> Measured:
    try:
        labels = parse_metric(given.labels or "")
    except ParseError as error:
        raise _located(given.labels, given.place, error, f"labels {given.labels!s}") from error
    return Measured(labels, given.value if given.histogram is None else _histogram(given.histogram, given.place))


def _histogram(text: Text, place: Place) -> Histogram | float:
    if not text:
        return 0.0
    try:
        values = parse_values(text)
    except ParseError as error:
        raise _located(text, place, error, "histogram") from error
    _, natives = values.cells(2)
    if values.count != 1 or 0 not in natives:
        raise Wrong(text.place, f"histogram: expected one histogram, found {text!s}")
    return natives[0]


def wrong_texts(test: UnitTest, step_ms: int) -> Sequence[Failure]:
    """Return what of a test cannot be read, without running it: for a check."""
    failures = list(prepare(test, step_ms, 1).failures)
    for case in test.promql_expr_test:
        try:
            parse(case.expr or "")
        except ParseError as error:
            wrong = _located(case.expr, case.place, error, f"expr {case.expr!s}")
            failures.append(Failure(wrong.place, wrong.message))
        failures += expected_samples(case)[1]
    return failures
