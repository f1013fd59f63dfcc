"""From samples to alerts: the rules of a routing test, evaluated by the real evaluator over the series that the test gives."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from agent.errors import ExecutionError
from agent.model import Alert, Labels
from agent.replay.unit import Samples
from agent.replay.unit.feeding import MAX_CELLS, Feed, Guard, cells_needed
from agent.replay.unit.preparing import Wrong, read_series
from agent.replay.unit.spec import InputSeries
from agent.rules import Evaluator, RuleSet, Settings, State, Transition, in_order
from agent.schema import Place
from agent.telemetry import Telemetry

MOST_LOOKS: Final = 100_000
"""Evaluations of all rules that one test may take."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One evaluation of all rules: what is handed over, which alerts began or ceased to fire, what failed."""

    alerts: tuple[Alert, ...]
    changes: tuple[Transition, ...]
    failures: tuple[str, ...]


class Watch:
    """Samples come `interval_ms` apart from `start_ms` on; `look` is called at the same instants, in order."""

    def __init__(
        self,
        rules: RuleSet,
        series: Sequence[InputSeries],
        start_ms: int,
        interval_ms: int,
        rows: int,
        samples: Samples,
        external_labels: Labels,
    ) -> None:
        self._handed: list[Alert] = []
        guard = Guard(samples.append)
        self._append = guard.append
        self._feed = Feed([read_series(each) for each in series], start_ms, interval_ms, rows)
        self._order = in_order(rules.groups)
        self._evaluator = Evaluator(
            rules,
            query=samples.instant,
            sink=guard.record,
            notify=lambda alerts, _: self._handed.extend(alerts),
            telemetry=Telemetry(),
            settings=Settings(interval_ms=interval_ms, external_labels=external_labels),
        )

    def look(self, at_ms: int) -> Seen:
        """Take in the samples until an instant, and evaluate every group there."""
        changes: list[Transition] = []
        failures: list[str] = []
        try:
            self._feed.until(at_ms, self._append)
        except ExecutionError as error:
            failures.append(f"input series: {error}")
        for key in self._order:
            done = self._evaluator.evaluate(key, at_ms)
            changes += (each for each in done.transitions if State.FIRING in (each.before, each.after))
            failures += (f'{key.file}: group "{key.name}", rule "{rule}" fails: {why}' for rule, why in done.failures)
        handed, self._handed[:] = tuple(self._handed), []
        return Seen(handed, tuple(changes), tuple(failures))


def lengths(given: Sequence[InputSeries]) -> Iterator[int]:
    """Give how many samples and gaps each series has; those that cannot be read are left out."""
    for each in given:
        with contextlib.suppress(Wrong):
            yield read_series(each)[1].count


def wrong_series(given: Sequence[InputSeries], rows: int) -> Iterator[tuple[Place, str]]:
    """Say what of a test's series cannot be read, or is too much of them."""
    if rows > MOST_LOOKS:
        yield given[0].place, f"the rules would be evaluated {rows:,} times, more than {MOST_LOOKS:,}; shorten the test"
    found = []
    for each in given:
        try:
            found.append(read_series(each)[1])
        except Wrong as error:
            yield error.place, error.message
    if (cells := cells_needed(found, rows)) > MAX_CELLS:
        yield given[0].place, f"the test loads {cells:,} samples, more than {MAX_CELLS:,}; shorten its series"
