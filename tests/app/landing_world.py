"""Targets, a store, rules and their loops on a clock that stands until a test moves it: the world of landings."""

from __future__ import annotations

import asyncio
import functools

import numpy as np

from agent.app.collection import Feed
from agent.app.evaluation import Evaluation
from agent.app.feeding import Feeding
from agent.model import Columns, Row
from agent.query import Engine
from agent.rules import Cadence, Evaluator, RuleSet, Settings, read_rules
from agent.store import Store
from agent.telemetry import Telemetry
from tests.rules.world import series

SECOND = 1000
START = 1_700_000_040 * SECOND
"""A whole minute."""


async def until(condition):
    """Wait for the threads, which work in real time."""
    while not condition():  # noqa: ASYNC110  # what is waited for has no event of its own
        await asyncio.sleep(0.001)


class Target:
    """A collector that lands when the test says so."""

    def __init__(self, labels, interval, offset):
        self.labels = series(labels)
        self.columns = Columns([series(f"up{labels}")])
        self.cadence = Cadence(interval * SECOND, offset * SECOND)
        self.has_landed = False


class World:
    """Targets, a store, rules and their loops on a clock that stands until the test moves it. Seconds count from START."""

    def __init__(self, rules, *, interval=15, on_scrape=True, patience_seconds=3600.0):
        self.now_ms = START
        self.version = 0
        self.targets = {}
        self.store = Store(retention_ms=86_400_000, max_memory_bytes=2**26)
        self.telemetry = Telemetry()
        self.alerts = []
        self.evaluated = []
        self.slow, self.slow_key = None, ""
        self.settings = Settings(interval_ms=interval * SECOND, on_scrape=on_scrape)
        self.evaluator = Evaluator(
            self.read(rules),
            query=self.query,
            sink=self.store.append,
            notify=lambda alerts, at_ms: self.alerts.append((self.seconds(at_ms), [each.name for each in alerts])),
            telemetry=self.telemetry,
            settings=self.settings,
        )
        verb = self.evaluator.evaluate

        @functools.wraps(verb)
        def evaluate(key, at_ms):
            if self.slow and self.slow_key in ("", key.name):
                self.slow.wait(10)
            done = verb(key, at_ms)
            self.evaluated.append((key.name, self.seconds(at_ms)))
            return done

        self.evaluator.evaluate = evaluate
        self.engine = Engine(self.store)
        self.evaluation = Evaluation(
            self.evaluator,
            lambda: self.now_ms,
            Feeding(self.store, self),
            self.telemetry,
            patience_seconds=patience_seconds,
        )

    @staticmethod
    def read(rules):
        text = "groups:\n" + "".join(f"- {{name: {name}, {body}}}\n" for name, body in rules.items())
        return RuleSet(read_rules(text, "rules.yml"), ("rules.yml",))

    @staticmethod
    def seconds(at_ms):
        return (at_ms - START) / SECOND

    def query(self, expression, at_ms):
        return self.engine.instant(expression, at_ms).value

    def feeds(self):
        return {
            name: Feed(each.labels, each.columns, each.cadence, each.has_landed) for name, each in self.targets.items()
        }

    def target(self, name, interval=15, offset=0):
        self.targets[name] = Target(f'{{job="{name}"}}', interval, offset)
        self.version += 1

    async def start(self):
        self.evaluation.apply()
        await self.quiet()

    async def land(self, name, seconds, **values):
        """Let a target's scrape of an instant land; return who was evaluated by it, at which instant."""
        target = self.targets[name]
        self.now_ms = max(self.now_ms, START + int(seconds * SECOND))
        at_ms = START + int(seconds * SECOND)
        cells = {0: 1.0}
        for metric, value in values.items():
            cells[target.columns.column(series(f'{metric}{{job="{name}"}}'))] = value
        row = np.array([cells.get(column, np.nan) for column in range(len(target.columns))])
        self.store.append(Row(target.columns, at_ms, row))
        if not target.has_landed:
            target.has_landed = True
            self.version += 1
        return await self.by(lambda: self.evaluation.landed(name, at_ms))

    async def by(self, happening):
        """Return (group, instant) of the evaluations that something brings about."""
        before = len(self.evaluated)
        happening()
        await self.quiet()
        return self.evaluated[before:]

    async def quiet(self):
        """Wait until nothing is looked up, waits or is being evaluated."""
        landings = self.evaluation._landings
        for _ in range(5):
            await until(
                lambda: not (landings._looking or landings._waiting or landings._evaluating or landings._wake.is_set())
            )
            await self.evaluation.between(lambda: None)
            await asyncio.sleep(0)

    async def pass_time(self, seconds):
        """Move the clock and let the deadlines pass."""
        self.now_ms = START + int(seconds * SECOND)
        before = len(self.evaluated)
        await self.evaluation._landings._overdue(self.now_ms)
        await self.quiet()
        return self.evaluated[before:]

    async def reload(self, rules, **settings):
        settings = Settings(**{"interval_ms": 15 * SECOND, "on_scrape": True, **settings})
        await self.evaluation.between(lambda: self.evaluator.reload(self.read(rules), self.now_ms, settings=settings))
        self.evaluation.apply()
        await self.quiet()

    def clocked(self):
        return sorted(key.name for key in self.evaluation._tasks)

    def intervals(self):
        return {
            each.key.name: each.interval_ms / SECOND if each.on_scrape else "clock" for each in self.evaluator.status()
        }

    def metric(self, name, **labels):
        return self.telemetry.registry.get_sample_value(name, labels or None)


def record(expression, name="r"):
    return f"rules: [{{record: '{name}', expr: '{expression}'}}]"


def alert(expression, name="A"):
    return f"rules: [{{alert: {name}, expr: '{expression}'}}]"
