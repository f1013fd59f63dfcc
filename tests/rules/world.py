"""A small world for stories: samples in memory, the real engine, the evaluator, and a record of what came out."""

from __future__ import annotations

from typing import ClassVar

from agent.journal import Journal, Put
from agent.model import Labels, is_absent
from agent.query import Engine, MemoryQueryable, parse
from agent.rules import ALERT_KIND, TRANSITION_KIND, Evaluator, GroupKey, RuleSet, Settings, read_rules
from agent.telemetry import Telemetry

MINUTE = 60_000
START = 1_700_000_000_000 // MINUTE * MINUTE


def rule_set(text, file="rules.yml"):
    return RuleSet(read_rules(text, file), (file,))


def series(text):
    """Read `name{label="value"}` as labels, by the PromQL parser."""
    node = parse(text)
    return Labels({matcher.name: matcher.value for matcher in node.matchers})


class World:
    """Drive rules minute by minute. Minutes count from START."""

    opened: ClassVar[list[Journal]] = []
    """Journals that the test's end closes."""

    def __init__(self, text, *, journal=None, memory=None, settings=None, **keywords):
        self.journal = journal or Journal.open(":memory:")
        self.opened.append(self.journal)
        self.memory = memory or MemoryQueryable()
        self.engine = Engine(self.memory)
        self.telemetry = Telemetry()
        self.sent = []
        self.rows = []
        self.asked = []
        self.settings = settings or Settings(interval_ms=MINUTE)
        self.rules = rule_set(text)
        self.evaluator = Evaluator(
            self.rules,
            query=lambda expression, at_ms: self.query(expression, at_ms),  # noqa: PLW0108  # tests replace it
            sink=lambda row: self.sink(row),  # noqa: PLW0108  # tests replace it
            notify=lambda alerts, at_ms: self.notify(alerts, at_ms),  # noqa: PLW0108  # tests replace it
            write=self.journal.write,
            telemetry=self.telemetry,
            settings=self.settings,
            **keywords,
        )

    @staticmethod
    def minute(at_ms):
        return (at_ms - START) / MINUTE

    def query(self, expression, at_ms):
        self.asked.append((expression, self.minute(at_ms)))
        return self.engine.instant(expression, at_ms).value

    def notify(self, alerts, at_ms):
        self.sent.append((self.minute(at_ms), alerts))

    def sink(self, row):
        self.rows.append(row)
        for labels, value, absent in zip(row.columns.labels, row.values, is_absent(row.values), strict=False):
            if not absent:
                self.memory.add(labels, [row.timestamp_ms], [value])

    def set(self, minute, name, value):
        """Write one sample at a minute."""
        self.memory.add(series(name), [START + int(minute * MINUTE)], [value])

    def evaluate(self, *minutes):
        """Evaluate every group at these minutes; return the last results."""
        return [
            self.evaluator.evaluate(key, START + int(minute * MINUTE))
            for minute in minutes
            for key in self.evaluator.keys
        ]

    def ask(self, minute, expression):
        """Return what an expression gives, as {labels as text: value}."""
        value = self.engine.instant(expression, START + int(minute * MINUTE)).value
        return {str(sample.labels): sample.value for sample in value}

    def states(self):
        """Return the state of each pending or firing alert by its labels as text."""
        return {
            str(alert.labels): str(alert.state)
            for group in self.evaluator.status()
            for rule in group.rules
            for alert in rule.alerts
        }

    def transitions(self):
        """Return (minute, from, to, why) of every journalled transition."""
        self.settle()
        return [
            (self.minute(event.at_ms), event.value["from"], event.value["to"], event.value["why"])
            for event in self.journal.events(TRANSITION_KIND)
        ]

    def settle(self):
        """Wait until the journal has committed what was written so far."""
        self.journal.write(Put("test.settled", "x", 1)).result(10)

    def kept(self):
        """Return the alerts' records in the journal."""
        self.settle()
        return list(self.journal.records(ALERT_KIND).values())


__all__ = ["MINUTE", "START", "GroupKey", "World", "rule_set", "series"]
