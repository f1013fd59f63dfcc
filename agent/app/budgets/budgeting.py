"""The budgets of a running agent as a whole: counted, told, kept over restarts and reloads. Wiring only."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

import structlog

from agent.app.budgets.backfilling import Backfilling
from agent.app.budgets.budgets import Budgets, Counted
from agent.app.budgets.collector import AllCollectors, BudgetCollector
from agent.app.budgets.promises import Promises
from agent.app.budgets.states import StateAlerts, Troubles
from agent.app.collection import Collection
from agent.app.loops import Clock
from agent.journal import Append, Journal
from agent.store import Store
from agent.telemetry import Telemetry

if TYPE_CHECKING:
    from agent.app.budgets.sampling import Ask
    from agent.app.evaluation import Evaluation
    from agent.app.own_alerts import OwnAlerts
    from agent.replay.slos import Records
    from agent.slo.budget import Change, Key

TIER_KIND: Final = "slo_tier"
"""Events about an SLO, by its id: a tier of its burn-rate windows opened or closed, with the numbers in words."""
GROUP_KIND: Final = "slo_group"
"""Events about an SLO, by its id: a group of it retired, and why."""
_log = structlog.get_logger()


class Budgeting:
    """Joins budgets to the collectors and the rules of one agent. `start` them, `take_over` at a reload, `stop`."""

    def __init__(
        self,
        *,
        store: Store,
        journal: Journal,
        collection: Collection,
        own: OwnAlerts,
        ask: Ask,
        sink: Callable[..., object],
        clock: Clock,
        telemetry: Telemetry,
        version: str,
    ) -> None:
        self._store, self._journal, self._clock, self._telemetry = store, journal, clock, telemetry
        self._evaluation: Evaluation | None = None
        self._passing: asyncio.Task[None] | None = None
        self.budgets = Budgets(journal, ask=ask, sink=sink, version=version)
        self.collector = BudgetCollector(
            self.budgets,
            store=store,
            collectors=collection,
            in_lane=self._in_lane,
            clock=clock,
            telemetry=telemetry,
            landed=self._landed,
            counted=self._counted,
        )
        self.collectors = AllCollectors(collection, self.collector)
        self._states = StateAlerts(own, records=journal.records, write=journal.write)
        self._backfilling = Backfilling(
            self.budgets,
            local=partial(_local, store),
            oldest_ms=lambda: store.stats().oldest_ms,
            records=journal.records,
            write=journal.write,
        )
        collection.counted, collection.ended = self.collector.scraped, self.collector.ended

    async def start(self, promises: Promises, evaluation: Evaluation, at_ms: int) -> None:
        """Take up what the journal and the store have of the budgets; call it before anything is collected."""
        self._evaluation = evaluation
        await asyncio.to_thread(self.budgets.take_over, promises, at_ms)
        self._states.resume(at_ms)
        self._backfilling.apply(promises.backfill)
        self._apply(at_ms)
        if promises.objectives and self.budgets.marks:
            from agent.app.budgets.resuming import pages_at  # only an agent with SLOs pays for it

            instants = set(self.budgets.marks.values())
            self.collector.resume(await asyncio.to_thread(pages_at, self._store, self.collector.selectors, instants))

    async def take_over(self, promises: Promises, at_ms: int) -> None:
        """Count for the SLOs of other files from now on."""
        assert self._evaluation is not None
        await self._evaluation.between(lambda: self.budgets.take_over(promises, at_ms))
        self._backfilling.apply(promises.backfill)
        self._apply(at_ms)

    def landed(self, target: str, at_ms: int) -> None:
        """Take note of a scrape whose row is in the store: budgets first, for rules read them."""
        self.collector.landed(target, at_ms)
        if self._evaluation is not None:
            self._evaluation.landed(target, at_ms)

    def notices(self) -> list[str]:
        """Return sentences that deserve attention."""
        trouble, halted = self.budgets.trouble, self.budgets.halted
        said = [f"Error budgets are not safe on the disk: {trouble}"] if trouble else []
        return said + ([f"No burn alert can open or end: {halted}."] if halted else [])

    async def stop(self) -> None:
        """End the waiting; a row that is being counted is finished."""
        await self._backfilling.stop()
        if self._passing is not None:
            self._passing.cancel()
            await asyncio.gather(self._passing, return_exceptions=True)
        await self.collector.stop()

    def _apply(self, at_ms: int) -> None:
        self.collector.apply()
        if self.budgets.objectives and self._passing is None:
            self._passing = asyncio.create_task(self.collector.run(), name="slo deadlines")
        if self._passing is not None:
            self._show(self.budgets.troubles, at_ms)

    async def _in_lane(self, work: Callable[[], Counted]) -> Counted:
        assert self._evaluation is not None
        return await self._evaluation.run(work)

    def _landed(self, key: str, at_ms: int) -> None:
        if self._evaluation is not None:
            self._evaluation.landed(key, at_ms)

    def _counted(self, done: Counted) -> None:
        """Say what a row changed: in the log, in the journal for whoever asks later, and to people."""
        for change in done.changes:
            self._say(change)
        for key in done.retired:
            self._say_retired(key, done.readings.at_ms)
        self._show(done.troubles, done.readings.at_ms)
        self._backfilling.look(done.readings.at_ms)

    def _say(self, change: Change) -> None:
        from agent.slo.budget import said

        words = said(change)
        _log.info(
            "burn-rate tier opened" if change.opened else "burn-rate tier closed", slo=str(change.key), what=words
        )
        event = {
            "severity": str(change.burn.severity),
            "tier": change.burn.name,
            "group": dict(change.key.group),
            "opened": change.opened,
            "words": words,
        }
        self._journal.write(Append(TIER_KIND, change.key.slo, change.at_ms, event))

    def _say_retired(self, key: Key, at_ms: int) -> None:
        words = "it had no event in its period, while other groups had: its series end, its place is free, reports keep its past"
        _log.info("a group of an SLO retired", slo=str(key), why=words)
        self._journal.write(Append(GROUP_KIND, key.slo, at_ms, {"group": dict(key.group), "words": words}))

    def _show(self, troubles: Troubles, at_ms: int) -> None:
        from agent.slo.budget import State

        self._states.look(troubles, at_ms)
        for state in State:
            self._telemetry.slo_budgets.labels(state.value).set(troubles.states.get(state, 0))
        self._telemetry.slo_bytes.set(self.budgets.nbytes)
        self._telemetry.slo_durable.set(not self.budgets.trouble)


def _local(store: Store) -> Records:
    """Return the agent's own samples as records."""
    from agent.app.slo_records import StoreRecords  # only who fills a past pays for it

    return StoreRecords(store)
