"""The budgets as one who collects: its row is made when everybody whom the SLOs read has landed, and then it lands itself.

So the alerts that read `slo:*` are evaluated right after it, at its instant, by the rounds that all rules have. It joins the
scrapes, the rounds and the lane; what is counted is the engine's.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Final

import structlog

from agent.app.budgets.budgets import Budgets, Counted
from agent.app.budgets.promises import selectors_of
from agent.app.collection import Feed
from agent.app.feeding import Collectors, asking
from agent.app.loops import Clock, attempt, when_due
from agent.collect import ScrapeOutcome
from agent.model import Columns, Labels, Row
from agent.rules import Cadence, Due, GroupKey, Rounds, Selector
from agent.store import Store
from agent.telemetry import Telemetry

if TYPE_CHECKING:
    from agent.slo.budget import Scrapes

KEY: Final = "slo"
"""Among collectors, this is its name."""
_ROUND: Final = GroupKey("", "slo")
_EARLIER: Final = 5
"""A row does not wait longer than an interval less a fifth, so that the rules, which wait a whole one, wait for it."""
_REST: Final = 20
"""After a look at whom the SLOs read, so many times what it took passes before the next one."""
_INTERVAL_MS: Final = 15_000

InLane = Callable[[Callable[[], Counted]], Awaitable[Counted]]
_log = structlog.get_logger()


class BudgetCollector:
    """Told of every landing; makes a row of budgets when it is due. `run` passes the deadlines.

    `landed` is called with KEY and the row's instant when its series are in the store; `counted` with what it came to.
    """

    def __init__(
        self,
        budgets: Budgets,
        *,
        store: Store,
        collectors: Collectors,
        in_lane: InLane,
        clock: Clock,
        telemetry: Telemetry,
        landed: Callable[[str, int], object],
        counted: Callable[[Counted], object] = lambda _: None,
        stopwatch: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._budgets, self._store, self._collectors, self._in_lane = budgets, store, collectors, in_lane
        self._clock, self._telemetry, self._stopwatch = clock, telemetry, stopwatch
        self._landed, self._counted = landed, counted
        self._scrapes: Scrapes | None = None
        self._rounds = Rounds()
        self._selectors: tuple[Selector, ...] = ()
        self._reads: frozenset[str] = frozenset()
        self._interval_ms = _INTERVAL_MS
        self._cadence = Cadence(_INTERVAL_MS, 0)
        self._has_landed = False
        self._due_ms: int | None = None
        self._counted_ms: int | None = None
        """The instant of the newest row."""
        self._making: asyncio.Task[None] | None = None
        self._looking: asyncio.Task[None] | None = None
        self._seen: object = None
        self._look_after = 0.0
        self._changed = asyncio.Event()
        self._waiting_pages: dict[str, tuple[int, Mapping[Labels, float]]] = {}
        self.version = 0
        """Moves whenever it reads others, or has landed for the first time."""

    # --- as a collector ---

    def feeds(self) -> dict[str, Feed]:
        """Return it as the rules see it, by its key; nothing where there are no SLOs."""
        recorder = self._budgets.recorder
        if recorder is None or not self._budgets.objectives:
            return {}
        return {KEY: Feed(Labels(), recorder.columns, self._cadence, self._has_landed, self._reads)}

    # --- what happens ---

    def apply(self) -> None:
        """Take over the budgets' objectives, at the start and after a reload."""
        self._selectors = tuple(dict.fromkeys(each for of in self._budgets.objectives for each in selectors_of(of.slo)))
        self.version += 1
        self._seen, self._look_after = None, 0.0
        if not self._budgets.objectives:
            self._scrapes, self._due_ms = None, None
            self._rounds.assign({}, {}, self._clock())
            return
        if self._scrapes is None:
            from agent.slo.budget import Scrapes  # only an agent with SLOs pays for it

            self._scrapes = Scrapes()
        self._look_again()

    def resume(self, pages: Mapping[int, Mapping[Labels, float]]) -> None:
        """Take what the store has of the pages that were counted last, before the first landing."""
        marks = self._budgets.marks
        self._waiting_pages = {key: (at_ms, pages[at_ms]) for key, at_ms in marks.items() if at_ms in pages}

    @property
    def selectors(self) -> tuple[Selector, ...]:
        """What the SLOs read."""
        return self._selectors

    def scraped(self, target: str, outcome: ScrapeOutcome, row: Row | None) -> None:
        """Take a page of a target, or that it failed; call it before `landed`."""
        if self._scrapes is None:
            return
        if row is None:
            # What others count may have to wait for it, so what it had has to be known before it is back.
            self._prime(target, self._columns_before(target))
            self._scrapes.failed(target, outcome.error)
            return
        self._prime(target, row.columns)
        self._scrapes.landed(target, row)

    def landed(self, target: str, at_ms: int) -> None:
        """Take note of a scrape whose row is in the store."""
        if self._scrapes is not None:
            self._open(self._rounds.landed(target, at_ms))
            self._look_again()

    def ended(self, target: str) -> None:
        """Forget a target that is not scraped any more."""
        self._waiting_pages.pop(target, None)
        if self._scrapes is not None:
            self._scrapes.forget(target)

    async def count(self, at_ms: int) -> None:
        """Make the row of an instant now: what everybody's counters rose by since the one before."""
        self._due_ms = at_ms
        await self._make()

    async def run(self) -> None:
        """Make, for ever, the rows that wait for scrapes which did not land in time."""
        await when_due("slo overdue", self._next_due, self._overdue, self._changed, self._clock)

    async def stop(self) -> None:
        """End what is looked up, and wait for a row that is being counted."""
        if self._looking is not None:
            self._looking.cancel()
        self._due_ms = None
        await asyncio.gather(*filter(None, (self._looking, self._making)), return_exceptions=True)

    # --- when ---

    def _open(self, dues: Iterable[Due]) -> None:
        for due in dues:
            at_ms = due.at_ms
            if at_ms == self._counted_ms:
                continue  # read anew by whom it reads now: there is nothing in it that was not
            if due.late:
                _log.info("budgets do not wait any longer for scrapes", collectors=list(due.late), at_ms=at_ms)
                # Rules wait for the slot that it says it has.
                at_ms = max(at_ms, self._cadence.newest_slot(0, at_ms + self._cadence.interval_ms) or 0)
            self._due_ms = at_ms
        if self._due_ms is not None and self._making is None:
            self._making = asyncio.create_task(self._make(), name="slo row")
            self._making.add_done_callback(self._made)

    def _made(self, _: object) -> None:
        self._making = None
        self._open(())  # what came due in the meantime

    def _next_due(self) -> int | None:
        found = self._rounds.next_deadline()
        return None if found is None else found - self._cadence.interval_ms // _EARLIER

    async def _overdue(self, at_ms: int) -> None:
        self._open(self._rounds.overdue(at_ms + self._cadence.interval_ms // _EARLIER))

    async def _make(self) -> None:
        while self._due_ms is not None and self._scrapes is not None:
            at_ms, self._due_ms = self._due_ms, None
            await attempt("slo row", self._count, at_ms)

    async def _count(self, at_ms: int) -> None:
        assert self._scrapes is not None
        # Taken here, in the event loop: what lands while the row is counted belongs to the next one.
        increases = self._scrapes.increases()
        self._counted_ms = at_ms
        marks = {**{key: at for key, (at, _) in self._waiting_pages.items()}, **self._scrapes.counted_ms}
        began = self._stopwatch()
        done = await self._in_lane(partial(self._budgets.count, at_ms, increases, marks, self._interval_ms))
        self._telemetry.slo_row_duration.observe(self._stopwatch() - began)
        if not self._has_landed:
            self._has_landed = True
            self.version += 1
        self._landed(KEY, at_ms)
        self._counted(done)

    # --- who ---

    def _look_again(self) -> None:
        if self._looking is None and self._version != self._seen and self._stopwatch() >= self._look_after:
            self._looking = asyncio.create_task(attempt("slo look", self._look, self._clock()), name="slo look")
            self._looking.add_done_callback(self._looked)

    def _looked(self, _: object) -> None:
        self._looking = None

    @property
    def _version(self) -> tuple[int, int]:
        return self._store.epoch, self._collectors.version

    async def _look(self, _: int) -> None:
        began, seen, selectors = self._stopwatch(), self._version, self._selectors
        feeds = self._collectors.feeds()
        ask = asking(self._store, feeds)
        found = await asyncio.to_thread(lambda: frozenset[str]().union(*(ask(each) for each in selectors)))
        if selectors is not self._selectors:
            self._look_after = 0.0
            return
        now = self._stopwatch()
        self._seen, self._look_after = seen, now + _REST * (now - began)
        # Nobody has what they read: then whoever is collected says what time it is.
        self._assign(found or frozenset(feeds), {name: feed.cadence for name, feed in feeds.items()})

    def _assign(self, reads: frozenset[str], cadences: Mapping[str, Cadence]) -> None:
        mine = [cadences[name] for name in reads]
        if not mine:
            return
        period = min(each.interval_ms for each in mine)
        self._interval_ms = max(each.interval_ms for each in mine)
        cadence = Cadence(period, max(each.offset_ms % period for each in mine if each.interval_ms == period))
        if (reads, cadence) != (self._reads, self._cadence):
            self._reads, self._cadence = reads, cadence
            self.version += 1
        dues = self._rounds.assign({_ROUND: reads}, cadences, self._clock())
        self._changed.set()
        self._open(dues)

    def _columns_before(self, target: str) -> Columns:
        """Return the series that a target had before a restart, by the labels that all of its series get."""
        _, page = self._waiting_pages.get(target, (0, {}))
        feed = self._collectors.feeds().get(target) if page else None
        if feed is None or not feed.labels.pairs:
            return Columns()
        return Columns([each for each in page if all(each.get(name) == value for name, value in feed.labels.pairs)])

    def _prime(self, target: str, columns: Columns) -> None:
        """Compare a target's first page after a restart with the last one that was counted before."""
        from agent.app.budgets.resuming import page_of

        known = self._waiting_pages.pop(target, None) if len(columns) else None
        before = page_of(columns, *known) if known is not None else None
        if before is not None and self._scrapes is not None:
            self._scrapes.primed(target, before)


class AllCollectors:
    """Those who collect and the budgets, as one: what rules may wait for."""

    def __init__(self, *each: Collectors) -> None:
        self._each = each

    @property
    def version(self) -> int:
        """A number that moves whenever that of one of them does; none goes back."""
        return sum(each.version for each in self._each)

    def feeds(self) -> dict[str, Feed]:
        """Return all of them, by key."""
        return {key: feed for each in self._each for key, feed in each.feeds().items()}
