"""The evaluator over the real store: what it writes as rows is what the next rule and the page read."""

from __future__ import annotations

import numpy as np

from agent.model import HISTOGRAM_NAN, STALE_NAN, Buckets, Columns, Histogram, Row
from agent.query import Engine
from agent.rules import Evaluator, Settings
from agent.store import Store
from tests.rules.world import MINUTE, START, rule_set, series

RULES = """
groups:
- name: g
  rules:
  - {record: doubled, expr: x * 2}
  - {alert: High, expr: doubled > 5, for: 1m, labels: {n: '{{ $labels.n }}'}}
"""


class Stored:
    """Rules over the real store and engine."""

    def __init__(self, text):
        self.store = Store(retention_ms=24 * 60 * MINUTE, max_memory_bytes=2**26)
        self.engine = Engine(self.store)
        self.columns = Columns()
        self.sent = []
        self.evaluator = Evaluator(
            rule_set(text),
            query=lambda expression, at_ms: self.engine.instant(expression, at_ms).value,
            sink=self.store.append,
            notify=lambda alerts, at_ms: self.sent.append(alerts),
            settings=Settings(interval_ms=MINUTE),
        )

    def scrape(self, minute, **values):
        for name in values:
            self.columns.column(series(f'x{{n="{name}"}}'))
        row = np.array([values[labels.get("n")] for labels in self.columns.labels], np.float64)
        self.store.append(Row(self.columns, START + minute * MINUTE, row))

    def evaluate(self, minute):
        return [self.evaluator.evaluate(key, START + minute * MINUTE) for key in self.evaluator.keys]

    def ask(self, minute, expression):
        found = self.engine.instant(expression, START + minute * MINUTE).value
        return {str(sample.labels): sample.value for sample in found}


def test_same_tick_visibility_alerts_and_staleness():
    world = Stored(RULES)
    for minute, a in enumerate((3, 3, 1)):
        world.scrape(minute, a=a, b=1)
        assert [each.failures for each in world.evaluate(minute)] == [()]
    assert world.ask(0, "doubled") == {'doubled{n="a"}': 6, 'doubled{n="b"}': 2}
    assert world.ask(0, "ALERTS") == {'ALERTS{alertname="High", alertstate="pending", n="a"}': 1}
    assert world.ask(1, "ALERTS") == {'ALERTS{alertname="High", alertstate="firing", n="a"}': 1}
    assert world.ask(2, "ALERTS") == {}
    assert [alerts[0].value for alerts in world.sent] == [6, 2]


def test_the_series_of_removed_and_renamed_rules_over_tables():
    """After a reload another table takes a series over without a gap; one that nobody takes over ends."""
    world = Stored(RULES)
    for minute in range(8):
        world.scrape(minute, a=1)
        world.evaluate(minute)
        if minute == 1:
            world.evaluator.reload(
                rule_set("groups: [{name: h, rules: [{record: doubled, expr: x * 2}, {record: other, expr: x}]}]"),
                START + MINUTE + 1,
            )
        if minute == 4:
            world.evaluator.reload(
                rule_set("groups: [{name: h, rules: [{record: doubled, expr: x * 2}]}]"), START + 4 * MINUTE + 1
            )
    assert all(world.ask(minute, "doubled") == {'doubled{n="a"}': 2} for minute in range(8))
    assert world.ask(4, "other") == {'other{n="a"}': 1}
    assert world.ask(7, "other") == {}


def test_recorded_series_follow_the_vector_when_its_series_stay_go_and_come_back():
    """The row of an unchanged series set is written without a look at labels; a change of the set is seen all the same."""
    world = Stored("groups: [{name: g, rules: [{record: doubled, expr: x * 2}]}]")
    told = []
    for minute, cells in enumerate(
        ({"a": 1, "b": 2}, {"a": 3, "b": 4}, {"a": 5, "b": STALE_NAN}, {"a": 6, "b": 7}, {"a": 8, "b": 9})
    ):
        world.scrape(minute, **cells)
        assert [each.failures for each in world.evaluate(minute)] == [()]
        told.append(world.ask(minute, "doubled"))
    a, b = 'doubled{n="a"}', 'doubled{n="b"}'
    assert told == [{a: 2, b: 4}, {a: 6, b: 8}, {a: 10}, {a: 12, b: 14}, {a: 16, b: 18}]
    world.scrape(5, a=1, b=1, c=1)
    world.evaluate(5)
    assert world.ask(5, "doubled") == {a: 2, b: 2, 'doubled{n="c"}': 2}


def test_a_native_histogram_is_recorded_as_one_and_ends_as_any_series():
    world = Stored("""
groups:
- name: g
  rules:
  - {record: latency, expr: sum by (n) (x)}
  - {record: latency:p50, expr: 'histogram_quantile(0.5, latency)'}
""")
    labels = series('x{n="a"}')
    for minute, count in enumerate((4.0, 8.0)):
        found = Histogram(count=count, sum=3.0, positive=Buckets(np.array([1]), np.array([count])))
        values = np.full(world.columns.column(labels) + 1, HISTOGRAM_NAN)
        world.store.append(Row(world.columns, START + minute * MINUTE, values, histograms=[(labels, found)]))
        assert [each.failures for each in world.evaluate(minute)] == [()]
    world.scrape(2, a=STALE_NAN)
    world.evaluate(2)

    assert world.ask(0, "histogram_count(latency)") == {'{n="a"}': 4}
    assert world.ask(1, "histogram_count(latency)") == {'{n="a"}': 8}
    assert world.ask(1, "latency:p50") == {'latency:p50{n="a"}': 2**0.5}
    assert world.ask(2, "latency") == world.ask(2, "latency:p50") == {}
