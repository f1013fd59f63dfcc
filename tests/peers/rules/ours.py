"""A scenario through our evaluator over our store, at the very instants at which Prometheus evaluated."""

from __future__ import annotations

import heapq
from collections.abc import Iterator

import numpy as np

from agent.app.evaluation import answering
from agent.journal import Journal
from agent.model import Alert, Columns, Labels, Row, is_absent
from agent.query import Engine
from agent.rules import Evaluator, GroupKey, RuleSet, Settings, read_rules
from agent.store import Store
from tests.peers.remote import Points
from tests.peers.rules.scenarios import FOR_GRACE_MS, LOOKBACK_MS, OUTAGE_TOLERANCE_MS, Scenario
from tests.peers.rules.theirs import RESEND_DELAY_MS, Played

FILE = "rules.yml"


class Ours:
    """What our rules wrote and sent in a scenario."""

    def __init__(self, scenario: Scenario, played: Played) -> None:
        self.outputs: dict[Labels, Points] = {}
        self.sent: list[Alert] = []
        self.failures: list[tuple[int, str, str]] = []
        """(instant, rule, why)."""
        self._rules = RuleSet(read_rules(scenario.text, FILE), (FILE,))
        self._store = Store(retention_ms=1 << 50, max_memory_bytes=1 << 28)
        self._engine = Engine(self._store, lookback_ms=LOOKBACK_MS)
        self._journal = Journal.open(":memory:")
        try:
            self._play(played)
        finally:
            self._journal.close()

    def _play(self, played: Played) -> None:
        starts = list(played.starts)
        for at_ms, what in heapq.merge(_rows(played.inputs), _evaluations(played), key=lambda each: each[0]):
            if isinstance(what, Row):
                self._store.append(what)
                continue
            if starts and at_ms >= starts[0]:
                del starts[0]
                evaluator = self._started(at_ms)
            done = evaluator.evaluate(GroupKey(FILE, what), at_ms)
            self.failures += [(at_ms, rule, why) for rule, why in done.failures]

    def _started(self, at_ms: int) -> Evaluator:
        """Return the evaluator of a new process on the same data."""
        settings = Settings(
            resend_delay_ms=RESEND_DELAY_MS,
            restore="prometheus",
            restore_grace_ms=0,
            recovered_value=False,
            for_grace_period_ms=FOR_GRACE_MS,
            outage_tolerance_ms=OUTAGE_TOLERANCE_MS,
        )
        evaluator = Evaluator(
            self._rules,
            query=answering(self._engine),
            sink=self._sink,
            notify=lambda alerts, _: self.sent.extend(alerts),
            write=self._journal.write,
            settings=settings,
        )
        evaluator.restore(self._journal.records, at_ms)
        return evaluator

    def _sink(self, row: Row) -> None:
        self._store.append(row)
        for labels, value, absent in zip(row.columns.labels, row.values, is_absent(row.values), strict=False):
            if not absent and labels.name not in ("beat", "beat_end"):
                self.outputs.setdefault(labels, []).append((row.timestamp_ms, float(value)))


def _rows(inputs: dict[Labels, Points]) -> Iterator[tuple[int, Row]]:
    """Give the inputs in the order of time, each series a table of its own."""
    found = []
    for labels, points in inputs.items():
        columns = Columns([labels])
        found += [(stamp, Row(columns, stamp, np.array([value], np.float64))) for stamp, value in points]
    return iter(sorted(found, key=lambda each: each[0]))


def _evaluations(played: Played) -> Iterator[tuple[int, str]]:
    return iter(sorted((instant, group) for group, instants in played.instants.items() for instant in instants))
