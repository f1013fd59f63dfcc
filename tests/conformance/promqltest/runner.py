"""Run commands against the engine, as Prometheus' own runner sets it up: lookback 5 m, names removed at the very end.

An instant case is asked as written, and printed again with every selector fixed in time at other times; each time also as
the middle step of a range query. A case is left out only for a feature that is named here as out of scope.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agent.errors import BurnlineError, ParseError
from agent.model import Histogram, Labels
from agent.query import Engine, Matrix, MemoryQueryable, Ragged, Result, Scalar, Series, String, Vector, parse
from agent.query import ast as promql
from tests.conformance.promqltest.compare import almost_equal, annotations_flaw, matrix_flaw, vector_flaw
from tests.conformance.promqltest.grammar import BadScript, Clear, Command, Eval, Load, Value, parse_script
from tests.conformance.promqltest.nhcb import converted
from tests.conformance.promqltest.pinned import is_safe, pinned, times
from tests.conformance.promqltest.stored import Stored

STARTED = "start timestamps"
_QUERY_TIMES = re.compile(r"\b(start|end|range|step)\s*\(", re.IGNORECASE)


@dataclass(frozen=True)
class Outcome:
    """What became of one eval: `flaw` None means it passed; `skipped` names the feature that is out of scope."""

    line: int
    expr: str
    flaw: str | None = None
    skipped: str | None = None


@dataclass
class Report:
    """The outcomes of one file."""

    name: str
    outcomes: list[Outcome] = field(default_factory=list)

    @property
    def passed(self) -> int:
        return sum(each.flaw is None and each.skipped is None for each in self.outcomes)

    @property
    def failures(self) -> list[Outcome]:
        return [each for each in self.outcomes if each.flaw is not None]

    @property
    def skipped(self) -> Counter[str]:
        return Counter(each.skipped for each in self.outcomes if each.skipped)

    def __str__(self) -> str:
        return f"{self.name}: {self.passed} passed, {len(self.failures)} failed, {sum(self.skipped.values())} skipped"


Storage = Callable[[], MemoryQueryable | Stored]
"""Makes what keeps the loaded series: in memory, series apart by their timestamps (`MemoryQueryable`) or all together with
gaps (`TOGETHER`), or the real store (`Stored`)."""
TOGETHER: Storage = partial(MemoryQueryable, together=True)


def run_file(path: Path, storage: Storage = MemoryQueryable) -> Report:
    """Run a file over what `storage` makes."""
    return run_text(path.name, path.read_text(encoding="utf-8"), storage)


def run_text(name: str, text: str, storage: Storage = MemoryQueryable) -> Report:
    """Run a script; a line that is no command is one failed case, and what follows it runs."""
    report = Report(name)
    runner = _Runner(storage)
    try:
        for command in parse_script(text):
            outcome = runner.run(command)
            if outcome is not None:
                report.outcomes.append(outcome)
    except BadScript as error:
        report.outcomes.append(Outcome(0, "", flaw=str(error)))
    return report


class _Runner:
    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self.clear()

    def clear(self) -> None:
        self.store = self.storage()
        self.engine = Engine(self.store, delayed_name_removal=True)
        self.shadows: dict[Labels, str] = {}

    def run(self, command: Command) -> Outcome | None:
        if isinstance(command, Clear):
            self.clear()
        elif isinstance(command, Load):
            self.load(command)
        else:
            skipped = self.out_of_scope(command)
            if skipped is not None:
                return Outcome(command.line, command.expr, skipped=skipped)
            return Outcome(command.line, command.expr, flaw=self.judge(command))
        return None

    def load(self, command: Load) -> None:
        for line in command.series:
            if line.started:
                self.shadows[line.labels] = STARTED
                continue
            self.add(line.labels, line.values, command.step_ms)
        if command.with_nhcb:
            for labels, values in converted(command.series).items():
                self.add(labels, values, command.step_ms)

    def add(self, labels: Labels, values: Sequence[Value], step_ms: int) -> None:
        points = [(k * step_ms, value) for k, value in enumerate(values) if value is not None]
        self.store.add(labels, [at for at, _ in points], [value for _, value in points])

    def out_of_scope(self, command: Eval) -> str | None:
        """Return the feature that the case needs and the engine does not have, or None."""
        if "start_timestamp(" in command.expr:
            return STARTED
        try:
            nodes = list(promql.walk(parse(command.expr)))
        except ParseError:
            return None
        for node in nodes:
            if isinstance(node, promql.VectorSelector):
                for labels, reason in self.shadows.items():
                    if all(matcher.matches(labels.get(matcher.name)) for matcher in node.matchers):
                        return reason
        return None

    def judge(self, command: Eval) -> str | None:
        """Return what is wrong with the case, or None."""
        try:
            if command.step_ms:
                result = self.engine.range(command.expr, command.start_ms, command.end_ms, command.step_ms)
            else:
                result = self.engine.instant(command.expr, command.start_ms)
        except BurnlineError as error:
            wanted = command.expecting("fail")
            message = str(error)
            if wanted and all(each.meets(message) for each in wanted):
                return None
            return f"failed: {message}"
        if command.expecting("fail"):
            return f"expected to fail, got {result.value}"
        for kind, texts in (("warn", result.warnings), ("info", result.infos)):
            if flaw := annotations_flaw(command, kind, texts):
                return flaw
        return (
            self.value_flaw(command, result)
            or self.flaw_in_range(command, command.expr, command.start_ms)
            or self.flaw_at_other_times(command)
        )

    def value_flaw(self, command: Eval, result: Result) -> str | None:
        value = result.value
        if command.string is not None:
            same = isinstance(value, String) and value.value == command.string
            return None if same else f"expected string {command.string!r}, got {value}"
        if command.scalar is not None:
            same = isinstance(value, Scalar) and almost_equal(command.scalar, value.value)
            return None if same else f"expected scalar {command.scalar}, got {value}"
        if command.matrix is not None or command.step_ms:
            if not isinstance(value, Matrix | Ragged):
                return f"expected a matrix, got {value}"
            start, _, step = command.matrix or (command.start_ms, command.end_ms, command.step_ms)
            points = [(each.labels, _points(each)) for each in value]
            return matrix_flaw(command.series, points, start, step)
        if not isinstance(value, Vector):
            return f"expected a vector, got {value}"
        return vector_flaw(command.series, _samples(value), ordered=bool(command.expecting("ordered")))

    def flaw_in_range(self, command: Eval, expr: str, at_ms: int) -> str | None:
        """Ask an instant case again as the middle of a range query, where that must give the same, ordered by labels."""
        if command.step_ms or command.matrix or command.string is not None or command.expecting("ordered"):
            return None
        if _QUERY_TIMES.search(command.expr):
            return None
        try:
            value = self.engine.range(expr, at_ms - 60_000, at_ms + 60_000, 60_000).value
        except BurnlineError as error:
            return f"failed as a range query: {error}"
        assert isinstance(value, Matrix)
        if [series.labels.pairs for series in value] != sorted(series.labels.pairs for series in value):
            return "a range query's series are not ordered by labels"
        middle = [(series.labels, point) for series in value for stamp, point in _points(series) if stamp == at_ms]
        if command.scalar is not None:
            same = isinstance(middle[0][1], float) and almost_equal(middle[0][1], command.scalar)
            flaw = None if same else f"expected {command.scalar}, got {middle[0][1]}"
        else:
            flaw = vector_flaw(command.series, middle, ordered=False)
        return None if flaw is None else f"as a range query: {flaw}"

    def flaw_at_other_times(self, command: Eval) -> str | None:
        """Ask an instant case again, fixed in time by @, at other times."""
        node = parse(command.expr)
        if command.step_ms or command.matrix or not is_safe(node):
            return None
        fixed = str(pinned(node, command.start_ms))
        for at_ms in times(command.start_ms):
            try:
                flaw = self.value_flaw(command, self.engine.instant(fixed, at_ms))
            except BurnlineError as error:
                flaw = f"failed: {error}"
            flaw = flaw or self.flaw_in_range(command, fixed, at_ms)
            if flaw is not None:
                return f"as {fixed} at {at_ms}: {flaw}"
        return None


def _samples(value: Vector) -> list[tuple[Labels, float | Histogram]]:
    return list(zip(value.labels, _cells(value.values, value.histograms), strict=True))


def _points(series: Series) -> list[tuple[int, float | Histogram]]:
    return list(zip(series.timestamps.tolist(), _cells(series.values, series.histograms), strict=True))


def _cells(values: NDArray[np.float64], natives: NDArray[np.object_] | None) -> list[float | Histogram]:
    floats: list[float] = values.tolist()
    if natives is None:
        return [*floats]
    return [value if native is None else native for value, native in zip(floats, natives.tolist(), strict=True)]
