"""A small Prometheus for emitted rules: every rule over a stretch of time, in the order of the file, by our own engine."""

from __future__ import annotations

import numpy as np

from agent.model import Labels
from agent.query import Engine, Limits, MemoryQueryable
from agent.rules import read_rules
from agent.slo.compile import Setting, compile_slo, rule_file

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
START = 1_700_006_400_000 // DAY * DAY


class History:
    """Counters that are given by their rates, and what rules record of them."""

    def __init__(self, start_ms=START):
        self.start_ms = start_ms
        self.memory = MemoryQueryable()
        self.engine = Engine(self.memory, Limits(max_samples=10**9))

    def counter(self, name, per_second, *, step_ms=MINUTE, **labels):
        """Add a counter that grows by `per_second[i]` during step i, and is there from the start at 0."""
        values = np.concatenate([[0.0], np.cumsum(np.asarray(per_second, float) * step_ms / 1000)])
        stamps = self.start_ms + step_ms * np.arange(len(values))
        self.memory.add(Labels.of(name_=name, **labels), stamps.tolist(), values.tolist())

    def record(self, rules, first_ms, last_ms, step_ms=5 * MINUTE):
        """Evaluate recording rules at each step, one rule after the other, and keep what they give."""
        for rule in rules:
            result = self.engine.range(rule.expr, self.start_ms + first_ms, self.start_ms + last_ms, step_ms).value
            over = {"__name__": rule.name} | {name: str(value) for name, value in rule.labels.items()}
            for series in result:
                self.memory.add(series.labels.merged(over), series.timestamps.tolist(), series.values.tolist())

    def live(self, groups, at_ms):
        """Record the counts of five minutes for all the time before, as a Prometheus would have done, and the rest now."""
        records = [rule for group in groups for rule in group.rules if not rule.is_alert]
        base = [rule for rule in records if rule.name.endswith(("increase5m", "ratio_rate5m"))]
        self.record(base, 5 * MINUTE, at_ms)
        self.record([rule for rule in records if rule not in base], at_ms, at_ms)

    def ask(self, expression, at_ms):
        """Return the values that an expression has at an instant."""
        return [sample.value for sample in self.engine.instant(expression, self.start_ms + at_ms).value]


def groups_of(slo, setting=None):
    """Return the compiled rules as a server reads them from the file."""
    setting = setting or Setting()
    return read_rules(rule_file([compile_slo(slo, setting)], setting.dialect), "compiled.yml")
