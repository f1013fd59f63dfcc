"""One test on a virtual clock: the real evaluator over samples that come tick by tick, then every question asked.

As promtool does it: rules are evaluated from the start to the last eval_time; an alert case sees the last tick at or before
its eval_time; expressions are asked when all ticks are over; an evaluation that fails ends the test.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from agent.errors import BurnlineError, ExecutionError
from agent.model import Labels, Row, format_duration
from agent.replay.lives import Lives
from agent.replay.outcome import Failure, Line, Mark
from agent.replay.unit.comparing import FiringAlert, Measured, alert_diff, sample_diff
from agent.replay.unit.explaining import Explainer
from agent.replay.unit.feeding import Feed, Guard
from agent.replay.unit.preparing import Prepared, expected_samples
from agent.replay.unit.spec import AlertCase, ExpressionCase
from agent.rules import Evaluator, GroupKey, Rule, RuleSet, Settings, State
from agent.telemetry import Telemetry

_LOOK_AHEAD: Final = 500
"""Ticks after the last one that are looked at, at most, to say what an alert does after it was asked for."""
_SLACK: Final = 5
_NEVER_MS: Final = 1 << 60
"""Nobody is sent anything, so nothing is sent again."""


class Samples(Protocol):
    """What a test runs over: a store, empty at first, and the engine that reads it."""

    def append(self, row: Row) -> object:
        """Keep a row."""
        ...

    def instant(self, expression: str, at_ms: int) -> Any:
        """Return the value of an expression at an instant; raise QueryError."""
        ...


@dataclass(frozen=True, slots=True)
class Tested:
    """What the tests of one file have in common: the rules, the order of their groups, how floats are compared."""

    rules: RuleSet
    order: tuple[GroupKey, ...]
    step_ms: int
    fuzzy: bool
    telemetry: Telemetry

    def alerting(self) -> dict[str, list[tuple[GroupKey, int, Rule]]]:
        """Return the alerting rules by name, each with its group and its place in it."""
        found: dict[str, list[tuple[GroupKey, int, Rule]]] = {}
        for group in self.rules.groups:
            for number, rule in enumerate(group.rules):
                if rule.is_alert:
                    found.setdefault(rule.name, []).append((group.key, number, rule))
        return found


class Run:
    """One test while it runs; `run` is its verb, and `lives` says afterwards what the alerts did."""

    def __init__(self, prepared: Prepared, tested: Tested, samples: Samples) -> None:
        self.lives = Lives()
        self._prepared, self._tested, self._samples = prepared, tested, samples
        self._test, self._start_ms = prepared.test, prepared.test.start_ms
        self._alerting = tested.alerting()
        self._ahead = self._ticks_ahead()
        guard = Guard(samples.append)
        self._append = guard.append
        rows = prepared.rows + min(self._ahead * tested.step_ms // prepared.interval_ms, prepared.rows + _LOOK_AHEAD)
        self._feed = Feed(prepared.series, self._start_ms, prepared.interval_ms, rows)
        self._evaluator = Evaluator(
            tested.rules,
            query=samples.instant,
            sink=guard.record,
            notify=lambda *_: None,
            telemetry=tested.telemetry,
            settings=Settings(
                interval_ms=prepared.interval_ms,
                external_labels=Labels(self._test.external_labels),
                external_url=self._test.external_url,
                resend_delay_ms=_NEVER_MS,
                recovered_value=False,
            ),
        )

    def _ticks_ahead(self) -> int:
        """Return how many ticks it takes an alert that is asked for to fire, if it begins now, and a few more."""
        asked = {case.alertname for case in self._test.alert_rule_test}
        waits = [rule.for_ms or 0 for name in asked for _, _, rule in self._alerting.get(name, ())]
        return min(max(waits, default=0) // self._tested.step_ms + _SLACK, _LOOK_AHEAD)

    def run(self) -> list[Failure]:
        """Evaluate tick by tick and compare; return what was not met, in the order of the file."""
        cases = self._alert_cases_by_tick()
        found: dict[int, Failure] = {}
        for tick_ms in self._prepared.ticks:
            if failures := self._evaluate(tick_ms):
                return failures
            for place, case in cases.get(tick_ms, ()):
                if failure := self._alert_failure(case):
                    found[place] = failure
        asked = [each for case in self._test.promql_expr_test for each in self._expression_failures(case)]
        return [*self._explained(found), *asked]

    def _alert_cases_by_tick(self) -> dict[int, list[tuple[int, AlertCase]]]:
        cases: dict[int, list[tuple[int, AlertCase]]] = {}
        for place, case in enumerate(self._test.alert_rule_test):
            tick_ms = self._start_ms + case.eval_time_ms // self._tested.step_ms * self._tested.step_ms
            cases.setdefault(tick_ms, []).append((place, case))
        return cases

    def _evaluate(self, tick_ms: int) -> list[Failure]:
        since = format_duration(tick_ms - self._start_ms)
        try:
            self._feed.until(tick_ms, self._append)
        except ExecutionError as error:
            return [Failure(self._test.place, f"input series at {since}: {error}")]
        failures = []
        for key in self._tested.order:
            done = self._evaluator.evaluate(key, tick_ms)
            self.lives.add(done.transitions)
            for rule, message in done.failures:
                title = f'{key.file}: group "{key.name}", rule "{rule}" fails at {since}: {message}'
                failures.append(Failure(self._test.place, title))
        return failures

    def _firing(self, name: str) -> list[FiringAlert]:
        found = []
        for key, number, rule in self._alerting.get(name, ()):
            for alert in self._evaluator.alerts(key, number).values():
                if alert.state is State.FIRING:
                    # An annotation that expands to nothing is there for promtool, and is not in ours.
                    annotations = {each: alert.annotations.get(each) for each in rule.annotations}
                    found.append(FiringAlert(dict(alert.labels), annotations))
        return found

    def _alert_failure(self, case: AlertCase) -> Failure | None:
        wanted = [
            FiringAlert({**each.exp_labels, "alertname": case.alertname}, dict(each.exp_annotations))
            for each in case.exp_alerts
        ]
        got = self._firing(case.alertname)
        lines = alert_diff(wanted, got)
        if not lines:
            return None
        at = format_duration(case.eval_time_ms)
        counts = "" if len(wanted) == len(got) else f": expected {_counted(wanted)} firing, got {_counted(got)}"
        return Failure(case.place, f"{case.alertname} at {at}{counts}", tuple(lines))

    def _explained(self, found: dict[int, Failure]) -> list[Failure]:
        """Add to failed alert cases what the alerts were doing around the instant; the ticks after the last are run for it."""
        if not found:
            return []
        self._look_ahead()
        explainer = Explainer(self._alerting, self.lives, self._samples.instant, self._start_ms, self._tested.step_ms)
        explained = []
        for place, failure in sorted(found.items()):
            remarks = explainer.remarks(self._test.alert_rule_test[place])
            lines = (*failure.lines, *(Line(Mark.REMARK, text) for text in remarks))
            explained.append(replace(failure, lines=lines))
        return explained

    def _look_ahead(self) -> None:
        step_ms, last_ms = self._tested.step_ms, self._prepared.ticks[-1]
        for number in range(1, self._ahead + 1):
            if self._evaluate(last_ms + number * step_ms):
                return

    def _expression_failures(self, case: ExpressionCase) -> list[Failure]:
        about = f"`{case.expr or ''}` at {format_duration(case.eval_time_ms)}"
        try:
            got = _measured(self._samples.instant(str(case.expr or ""), self._start_ms + case.eval_time_ms))
        except BurnlineError as error:
            return [Failure(case.place, f"{about}: {error}")]
        wanted, wrong = expected_samples(case)
        if wrong:
            return wrong
        lines = sample_diff(wanted, got, fuzzy=self._tested.fuzzy)
        if not lines:
            return []
        lines += [Line(Mark.REMARK, text) for text in self._remarks(case)]
        counts = "" if len(wanted) == len(got) else f": expected {_counted(wanted, 'sample')}, got {_counted(got)}"
        return [Failure(case.place, about + counts, tuple(lines))]

    def _remarks(self, case: ExpressionCase) -> list[str]:
        """Say what of a test's timing may be why an expression gives something else."""
        last_ms = self._prepared.ticks[-1] - self._start_ms
        step = format_duration(self._tested.step_ms)
        if case.eval_time_ms <= last_ms or not case.eval_time_ms % self._tested.step_ms:
            return []
        seen = f"rules are evaluated and samples loaded every {step}, the last time at {format_duration(last_ms)}"
        return [f"{seen}; nothing after that is seen: ask later too, or lower evaluation_interval"]


def _counted(things: Sequence[object], noun: str = "") -> str:
    if not noun:
        return str(len(things)) if things else "none"
    return f"{len(things)} {noun}{'' if len(things) == 1 else 's'}"


def _measured(answer: Any) -> list[Measured]:
    """Return a vector's samples, or a scalar's one; raise ExecutionError for what is neither."""
    labels = getattr(answer, "labels", None)
    if labels is None or getattr(answer, "timestamps", None) is not None:
        value = getattr(answer, "value", None)
        if isinstance(value, float):
            return [Measured(Labels(), value)]
        message = "the expression gives neither a vector nor a scalar"
        raise ExecutionError(message)
    values = answer.values.tolist()
    natives = [None] * len(values) if answer.histograms is None else answer.histograms.tolist()
    cells = (value if native is None else native for value, native in zip(values, natives, strict=True))
    return [Measured(each, cell) for each, cell in zip(labels, cells, strict=True)]
