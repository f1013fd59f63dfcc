"""Budgets among targets that land when a test says so: rounds, deadlines and who is evaluated after whom, on a standing clock."""

from __future__ import annotations

import asyncio

import numpy as np

from agent.app.budgets.budgets import Budgets
from agent.app.budgets.collector import AllCollectors, BudgetCollector
from agent.app.budgets.promises import Promises
from agent.app.evaluation import Evaluation
from agent.app.feeding import Feeding
from agent.collect import ScrapeOutcome
from agent.journal import Journal
from agent.model import Row
from agent.slo import Catalog, Setting, SloSet, read_slos
from agent.slo.budget import Objective, burns_of
from tests.app.landing_world import SECOND, START, World, until
from tests.rules.world import series

DAY_MS = 86_400_000


def promises(text: str) -> Promises:
    """What an SLO file comes to, without its alerts."""
    slos = read_slos(text, "slos.yml")
    burns = burns_of(Catalog().windows(30 * DAY_MS))
    objectives = tuple(Objective.of(slo, burns, 30 * DAY_MS) for slo in slos.slos if not slo.parts)
    return Promises(SloSet(slos.slos), Setting(), objectives)


class SloWorld(World):
    """The world of landings, with budgets that are counted from it."""

    def __init__(self, rules, slos: str, **settings) -> None:
        super().__init__(rules, **settings)
        self.journal = Journal.open(":memory:")
        self.budgets = Budgets(self.journal, ask=self.query, sink=self.store.append, version="test")
        self.collector = BudgetCollector(
            self.budgets,
            store=self.store,
            collectors=self,
            in_lane=lambda work: self.evaluation.run(work),  # noqa: PLW0108  # it is another one by then
            clock=lambda: self.now_ms,
            telemetry=self.telemetry,
            landed=lambda key, at_ms: self.evaluation.landed(key, at_ms),  # noqa: PLW0108  # as above
            counted=lambda done: self.rows.append(self.seconds(done.readings.at_ms)),
        )
        self.rows: list[float] = []
        everybody = AllCollectors(self, self.collector)
        self.evaluation = Evaluation(
            self.evaluator, lambda: self.now_ms, Feeding(self.store, everybody), self.telemetry, patience_seconds=3600.0
        )
        self.budgets.take_over(promises(slos), START)

    async def start(self) -> None:
        self.collector.apply()
        await super().start()

    async def stop(self) -> None:
        await self.collector.stop()
        await self.evaluation.stop()
        await asyncio.to_thread(self.journal.close)

    async def land(self, name, seconds, *, error="", **values):
        """Let a scrape land, or fail with an error; return who was evaluated by it, at which instant."""
        target = self.targets[name]
        at_ms = START + int(seconds * SECOND)
        self.now_ms = max(self.now_ms, at_ms)
        cells = {0: float(not error)}
        for metric, value in values.items():
            cells[target.columns.column(series(f'{metric}{{job="{name}"}}'))] = value
        row = Row(target.columns, at_ms, np.array([cells.get(each, np.nan) for each in range(len(target.columns))]))
        self.store.append(row)
        if not target.has_landed:
            target.has_landed = True
            self.version += 1

        def happens() -> None:
            self.collector.scraped(name, ScrapeOutcome(at_ms, 0.0, error), None if error else row)
            self.collector.landed(name, at_ms)
            self.evaluation.landed(name, at_ms)

        return await self.by(happens)

    async def pass_time(self, seconds):
        """Move the clock and let the deadlines of budgets and rules pass, whichever comes first."""
        before = len(self.evaluated)
        wanted = START + int(seconds * SECOND)
        while True:
            dues = [
                each for each in (self.collector._next_due(), self.evaluation._landings._next_due()) if each is not None
            ]
            self.now_ms = min([each for each in dues if each > self.now_ms] + [wanted])
            await self.collector._overdue(self.now_ms)
            await self.quiet()
            await self.evaluation._landings._overdue(self.now_ms)
            await self.quiet()
            if self.now_ms >= wanted:
                return self.evaluated[before:]

    async def quiet(self):
        """Wait until no row is made, nothing is looked up, waits or is being evaluated."""
        for _ in range(4):
            await until(lambda: not (self.collector._looking or self.collector._making))
            await super().quiet()
