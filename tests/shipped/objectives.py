"""The shipped objectives over the sample service's own instruments, on a hand-moved clock: scrape, count, record, evaluate.

Everything between a page and an alert is the real thing: the parser, the budget engine, its recorded series, the compiled rules,
asked as the agent asks them: while a tier of their objective is open, or something of them is active. Beside them evaluate,
where a story asks for them, the shipped rules over what was scraped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from prometheus_client import generate_latest

from agent.collect import parse_exposition
from agent.model import ABSENT_NAN, Alert, Columns, Labels, Row
from agent.query import Engine as Promql
from agent.query import MemoryQueryable
from agent.rules import Evaluator, Settings, State, load_rules
from agent.slo import Catalog, Setting, compile_slos, load_slos, rule_file
from agent.slo.budget import Engine, Objective, Scrapes, burns_of, series_of
from agent.store import Store
from sample_rag_app.metrics import Metrics

SECOND_MS = 1_000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
PERIOD_MS = 30 * DAY_MS
TARGET = {"job": "rag", "instance": "rag-1:8000"}
Traffic = Callable[[Metrics], None]


class Watched:
    """The RAG service, and whoever watches its objectives from `at_ms` on, a round every `step_ms`.

    `told` gets the alerts of each round as the evaluators hand them on, `rules` are rule files over all that was scraped.
    """

    def __init__(
        self,
        root: Path,
        folder: Path,
        at_ms: int,
        step_ms: int = 15 * SECOND_MS,
        told: Callable[[tuple[Alert, ...], int], None] = lambda alerts, at_ms: None,
        rules: Sequence[Path] = (),
    ) -> None:
        self.at_ms, self._step_ms = at_ms, step_ms
        self.app, self._began_ms = Metrics(), at_ms - HOUR_MS
        slos = load_slos(["rules/slos/*.yml"], root).slos
        burns = burns_of(Catalog().windows(PERIOD_MS))
        self.engine = Engine([Objective.of(each, burns, PERIOD_MS) for each in slos], interval_ms=step_ms)
        self._scrapes, self._columns = Scrapes(), Columns()
        self._recorded = MemoryQueryable()
        self._burning: frozenset[str] = frozenset()
        compiled = folder / "objectives.yml"
        compiled.write_text(rule_file(compile_slos(slos, Setting(recordings=False, engine=True))), encoding="utf-8")
        self._evaluator = Evaluator(
            load_rules([compiled]),
            query=lambda expr, at: Promql(self._recorded).instant(expr, at).value,
            sink=lambda row: None,
            notify=lambda alerts, at: told(tuple(alerts), at),
            settings=Settings(interval_ms=step_ms),
            surely_empty=lambda group, at: group.name not in self._burning,
        )
        self._store = Store(retention_ms=DAY_MS, max_memory_bytes=2**26)
        promql = Promql(self._store)
        self._rules = Evaluator(
            load_rules(rules),
            query=lambda expr, at: promql.instant(expr, at).value,
            sink=self._store.append,
            notify=lambda alerts, at: told(tuple(alerts), at),
            settings=Settings(interval_ms=step_ms),
        )
        self.round()

    def round(self, traffic: Traffic = lambda app: None, *, up: bool = True) -> None:
        """Let a step pass in which `traffic` happens, scrape, count, evaluate."""
        self._count(traffic, up=up)
        self._recorded = MemoryQueryable()
        readings = self.engine.read(self.at_ms)
        self._burning = frozenset(
            f"burnline-slo-{each.key.slo}" for each in readings if any(tier.open for tier in each.tiers)
        )
        for labels, value in series_of(readings, "test"):
            self._recorded.add(labels, [self.at_ms], [value])
        for evaluator in (self._rules, self._evaluator):
            for key in evaluator.keys:
                assert evaluator.evaluate(key, self.at_ms).failures == ()

    def _count(self, traffic: Traffic, *, up: bool = True) -> None:
        self.at_ms += self._step_ms
        traffic(self.app)
        row = self._row(up=up)
        if up:
            self._scrapes.landed("rag", row)
        else:
            self._scrapes.failed("rag", "connection refused")
        if self._rules.keys:
            self._store.append(row)
        self.engine.row(self.at_ms, self._scrapes)

    def passed(self, minutes: float, traffic: Traffic) -> None:
        """Let time pass in which nothing is told: scrape and count, and evaluate nothing."""
        for _ in range(round(minutes * MINUTE_MS / self._step_ms)):
            self._count(traffic)

    def restarts(self) -> None:
        """Let the process begin anew, its counters with it."""
        self.app, self._began_ms = Metrics(), self.at_ms

    def rounds(self, number: int, traffic: Traffic = lambda app: None, *, up: bool = True) -> None:
        """Do as many rounds."""
        for _ in range(number):
            self.round(traffic, up=up)

    def firing(self) -> set[tuple[str, str]]:
        """Return name and severity of what fires."""
        return {(each.name, each.labels.get("severity")) for each in self.alerts()}

    def alerts(self) -> list[Alert]:
        """Return what fires, with its words."""
        return [
            Alert(each.labels, each.annotations, each.fired_at_ms or each.active_at_ms, 0, value=each.value)
            for group in self._evaluator.status()
            for rule in group.rules
            for each in rule.alerts
            if each.state is State.FIRING
        ]

    def _row(self, *, up: bool) -> Row:
        found = {Labels({"__name__": "up", **TARGET}): float(up)}
        if up:
            page = parse_exposition(generate_latest(self.app.registry).decode()).samples
            found |= {labels.merged(TARGET): value for labels, value, _ in page}
            found[Labels({"__name__": "process_start_time_seconds", **TARGET})] = self._began_ms / SECOND_MS
        for labels in found:
            self._columns.column(labels)
        values = np.full(len(self._columns), ABSENT_NAN)
        for labels, value in found.items():
            values[self._columns.find(labels)] = value
        return Row(self._columns, self.at_ms, values)


def asked(
    *, good: int = 0, failed: int = 0, cached: int = 0, seconds: float = 0.2, cached_seconds: float = 0.005
) -> Traffic:
    """Return traffic of questions: new answers after `seconds`, failures, and answers from the cache."""

    def happens(app: Metrics) -> None:
        for status, number, took in (
            ("success", good, seconds),
            ("error", failed, 0.1),
            ("cached", cached, cached_seconds),
        ):
            app.queries.labels(status).inc(number)
            for _ in range(number):
                app.query_duration.labels(status).observe(took)

    return happens


def handed_in(*, good: int = 0, failed: int = 0) -> Traffic:
    """Return traffic of documents."""

    def happens(app: Metrics) -> None:
        app.ingested.labels("success").inc(good)
        app.ingested.labels("error").inc(failed)

    return happens


HEALTHY = asked(good=40, cached=60)
