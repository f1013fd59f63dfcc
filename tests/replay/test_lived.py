"""Replaying a stretch that was lived through gives the transitions that were lived through: all of them, and no others."""

from __future__ import annotations

import asyncio
import random

import numpy as np

from agent.app import Samples, replay_over
from agent.app.collection import Feed
from agent.app.evaluation import Evaluation
from agent.app.feeding import Feeding
from agent.journal import Journal, Put
from agent.model import ABSENT_NAN, STALE_NAN, Columns, Labels, Row, format_float
from agent.query import Engine
from agent.replay import Asked
from agent.rules import TRANSITION_KIND, Cadence, Evaluator, Settings, slots
from agent.store import Store
from agent.telemetry import Telemetry
from tests.replay.played import rule_set

SECOND = 1000
START = 1_700_000_040 * SECOND
ROUNDS = 240
SETTINGS = Settings(interval_ms=15 * SECOND, on_scrape=True, external_labels=Labels.of(site="north"))
RULES = """
groups:
  - name: readers  # stands before what it reads
    rules:
      - {alert: Hot, expr: 'job:load:avg > 5', for: 45s, keep_firing_for: 1m, annotations: {now: "{{ $value }}"}}
      - {alert: NobodyQuiet, expr: 'count(ALERTS{alertstate="firing", alertname!="NobodyQuiet"}) > 1'}
  - name: words
    rules:
      - {record: "job:load:avg", expr: 'avg by (job) (load)'}
      - {record: "job:work:rate", expr: 'sum by (job) (rate(work_total[1m]))', labels: {kind: rate}}
      - {alert: Busy, expr: 'job:work:rate{kind="rate"} > 0.6', for: 30s}
  - name: targets
    rules:
      - {alert: Down, expr: 'up == 0', for: 30s}
      - {alert: Stays, expr: 'load{n="1"} > 6', annotations: {burnline_no_data: keep}}
      - {alert: Bursting, expr: 'max_over_time(load[2m]) - min_over_time(load[2m]) > 5'}
      - alert: Asking
        expr: 'load{n="0"} > 7'
        labels: {about: '{{ with query "count(up == 1)" }}{{ . | first | value }}{{ end }} up'}
  - name: about alerts  # of targets, but no target's: it goes by the clock
    rules:
      - {alert: ManyDown, expr: 'ALERTS{alertname="Slow"} > 0 and on () (job:slow > 0)', for: 15s}
  - name: clocked
    interval: 20s
    rules:
      - {record: "clock:hot", expr: 'count(job:load:avg > 4) or vector(0)'}
      - {record: "job:slow", expr: 'max(load) > bool 3'}
      - {alert: Slow, expr: 'load > 6'}
      - {alert: Sums, expr: 'sum_over_time(clock:hot[2m]) > 3', for: 40s}
"""


class Target:
    """A scraped page of three gauges and a counter that restarts; it is down for a while now and then."""

    def __init__(self, job, offset, seed):
        self.labels = Labels.of(job=job, instance=f"{job}:1")
        names = [("up", ""), ("load", "0"), ("load", "1"), ("load", "2"), ("work_total", "")]
        self.columns = Columns(self.labels.merged({"__name__": name, "n": n}) for name, n in names)
        self.cadence = Cadence(15 * SECOND, offset)
        self.has_landed = False
        self._random = random.Random(seed)
        self._load, self._work, self._down = np.full(3, 2.0), 0.1, 0
        self._gone = True

    def scrape(self, number):
        """Return the cells of a scrape."""
        if number > 8 and not self._down and self._random.random() < 0.03:
            self._down = self._random.randint(1, 8)
        if number > 8:
            self._load = np.clip(self._load + [self._random.uniform(-2, 2.05) for _ in range(3)], 0, 10)
        self._work = 0.1 if self._random.random() < 0.02 else self._work + self._random.uniform(0, 19.3)
        if self._down:
            self._down -= 1
            gone, self._gone = self._gone, True
            return np.array([0.0, *([ABSENT_NAN if gone else STALE_NAN] * 4)])
        self._gone = False
        return np.array([1.0, *self._load, self._work])


class ByHand(Evaluation):
    """The rules' rounds; what the clock begins is begun by the test, which moves the clock."""

    def _follow_clock(self):
        pass


class Life:
    """An agent's store, rules, rounds and journal on a clock that is moved by hand."""

    def __init__(self, rules, folder):
        self.now_ms, self.version = START, 0
        self.targets = {"a": Target("a", 3 * SECOND, 1), "b": Target("b", 7250, 2)}
        self.rules = rules
        self.store = Store.open(folder / "samples", retention_ms=10**12, max_memory_bytes=2**27)
        self.journal = Journal.open(":memory:")
        engine = Engine(self.store, rolling=True)
        self.evaluator = Evaluator(
            rules,
            query=lambda expression, at_ms: engine.instant(expression, at_ms).value,
            sink=self.store.append,
            notify=lambda alerts, at_ms: None,
            write=self.journal.write,
            settings=SETTINGS,
        )
        self.evaluation = ByHand(self.evaluator, lambda: self.now_ms, Feeding(self.store, self), Telemetry())

    def feeds(self):
        return {
            name: Feed(each.labels, each.columns, each.cadence, each.has_landed) for name, each in self.targets.items()
        }

    async def live(self, rounds):
        """Let every scrape land at its slot, and every group of the clock be evaluated at its own."""
        until_ms = START + rounds * 15 * SECOND
        happening = [
            (START + number * 15 * SECOND + target.cadence.offset_ms, name, number)
            for name, target in self.targets.items()
            for number in range(rounds)
        ]
        clocked = [group for group in self.rules.groups if group.interval_ms or group.name == "about alerts"]
        happening += [
            (at_ms, "~clock", group.key)
            for group in clocked
            for at_ms in slots(group.key, group.interval_ms or SETTINGS.interval_ms, START, until_ms)
        ]
        self.evaluation.apply()
        await self._quiet()
        for at_ms, name, what in sorted(happening, key=lambda each: each[:2]):
            self.now_ms = at_ms
            if name == "~clock":
                await self.evaluation.between(lambda at_ms=at_ms, key=what: self.evaluator.evaluate(key, at_ms))
            else:
                self._land(name, at_ms, what)
                await self._quiet()
        await self.evaluation.stop()
        return until_ms

    def _land(self, name, at_ms, number):
        target = self.targets[name]
        self.store.append(Row(target.columns, at_ms, target.scrape(number)))
        if not target.has_landed:
            target.has_landed = True
            self.version += 1
        self.evaluation.landed(name, at_ms)

    async def _quiet(self):
        """Wait until nothing is looked up, waits or is being evaluated."""
        landings = self.evaluation._landings
        for _ in range(3):
            busy = lambda: landings._looking or landings._waiting or landings._evaluating or landings._wake.is_set()  # noqa: E731
            while busy():  # noqa: ASYNC110  # no event of its own
                await asyncio.sleep(0.0005)  # the threads work in real time
            await self.evaluation.between(lambda: None)

    def transitions(self):
        """Return what the journal has, as (instant, rule, labels, from, to, value, why)."""
        self.journal.write(Put("test.settled", "x", 1)).result(10)
        return [
            (
                each.at_ms,
                each.value["group"],
                each.value["rule"],
                str(Labels(each.value["labels"])),
                each.value["from"],
                each.value["to"],
                each.value["value"],
                each.value["why"],
            )
            for each in self.journal.events(TRANSITION_KIND)
        ]


async def test_what_was_lived_is_replayed(tmp_path):
    """Rules by scrapes and by the clock, recordings read by others, restarts of counters, targets that fail: all the same."""
    rules = rule_set(RULES)
    life = Life(rules, tmp_path)
    until_ms = await life.live(ROUNDS)
    lived = life.transitions()
    told: list = []
    samples = Samples.kept_in(tmp_path)
    for step_by_step in (False, True):
        asked = Asked(rules, SETTINGS, START, until_ms, step_by_step=step_by_step)
        told.append(replayed(await asyncio.to_thread(replay_over, samples, asked)))
    life.store.close()
    life.journal.close()
    assert {each[2] for each in lived} == {rule.name for _, rule in rules.rules if rule.is_alert}
    assert len(lived) > 100
    assert told[0] == sorted(lived)
    assert told[1] == sorted(lived)


def replayed(report):
    """Return a report's transitions in the same shape, sorted."""
    return sorted(
        (
            each.at_ms,
            account.rule.group.name,
            account.name,
            str(each.labels),
            str(each.before),
            str(each.after),
            None if each.value is None else format_float(each.value),
            each.why,
        )
        for account in report.rules
        for each in account.transitions
    )
