"""Groups that are evaluated when what they read has been scraped: from a landing to the evaluation, in milliseconds.

It joins the rounds (who is due), the feeding (who reads what) and the lane in which rules are evaluated. Which targets a
group reads is looked up anew when the series change, beside the event loop and at a bounded share of the time.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator
from functools import partial
from typing import Final, NamedTuple, Protocol

import structlog

from agent.app.feeding import Feeding
from agent.app.loops import Clock, attempt, when_due
from agent.rules import Due, Evaluator, GroupKey, Rounds
from agent.telemetry import Telemetry

_SLICE_SECONDS: Final = 0.05
"""How long rounds may keep the rules' lane before a group with an interval of its own, or a reload, gets its turn."""
_REST: Final = 20
"""After a look at who reads what, so many times what it took passes before the next one."""

_log = structlog.get_logger()


class InLane(Protocol):
    """Runs something in the rules' lane, after what waits there."""

    def __call__(self, work: Callable[[], None], overtaken: Callable[[], object]) -> Awaitable[None]:
        """End when `work` does; `overtaken` is called where others go on before."""


class Waiting(NamedTuple):
    """A group that is due at an instant, and when (seconds of the stopwatch) the last scrape for it landed."""

    key: GroupKey
    at_ms: int
    since: float


class Batch:
    """Groups that are evaluated one after the other in one thread, until another takes what is left."""

    def __init__(self, waiting: Iterable[Waiting]) -> None:
        self._left = deque(waiting)
        self.now: Waiting | None = None
        """The one that is being evaluated, or was last."""

    def next(self) -> Waiting | None:
        """Take the next one."""
        try:
            self.now = self._left.popleft()
        except IndexError:
            return None
        return self.now

    def rest(self) -> Iterator[Waiting]:
        """Take all that are left."""
        with contextlib.suppress(IndexError):
            while True:
                yield self._left.popleft()


class Landings:
    """Told of every landing; evaluates the groups that are due by it. `run` it beside `pass_deadlines`.

    `decided` is called whenever it was found anew which groups wait for scrapes; all others are the clock's.
    """

    def __init__(
        self,
        evaluator: Evaluator,
        feeding: Feeding,
        clock: Clock,
        telemetry: Telemetry,
        in_lane: InLane,
        decided: Callable[[], object],
        *,
        stopwatch: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._evaluator, self._feeding, self._clock, self._telemetry = evaluator, feeding, clock, telemetry
        self._in_lane, self._decided, self._stopwatch = in_lane, decided, stopwatch
        self._rounds = Rounds()
        self._order: dict[GroupKey, int] = {}
        self._waiting: dict[GroupKey, Waiting] = {}
        self._evaluating = False
        self._busy: set[GroupKey] = set()
        """Groups whose evaluation was overtaken and is not over."""
        self._wake, self._changed, self._reloaded = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._keys: frozenset[GroupKey] = frozenset()
        self._seen: object = None
        self._reloads = 0
        self._looking: asyncio.Task[None] | None = None
        self._late: set[str] = set()
        """Collectors of which it was said that they are late, until they land."""
        self._settled = False
        self._settles_ms = 0
        self.clocked: Collection[GroupKey] = ()
        """The groups that would wait for scrapes and read none: they are left to the clock."""

    def apply(self) -> None:
        """Take over the evaluator's groups, at the start and after a reload."""
        self._keys = frozenset(group.key for group in self._evaluator.waiting_for_scrapes)
        self.clocked = frozenset(self.clocked) & self._keys
        self._reloads += 1
        self._reloaded.set()
        if not self._settled:
            self._settles_ms = self._clock() + self._evaluator.settings.interval_ms
        self._look_again()

    def landed(self, target: str, at_ms: int) -> None:
        """Take note of a scrape whose row is in the store."""
        self._late.discard(target)
        self._open(self._rounds.landed(target, at_ms))
        if self._feeding.version != self._seen:
            self._look_again()

    async def run(self) -> None:
        """Evaluate what is due, for ever. A group that is due again before it was evaluated has missed a round."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                await attempt("rules rounds", self._evaluate_waiting, self._clock())

    async def pass_deadlines(self) -> None:
        """Evaluate, for ever, what waits for scrapes that did not land in time."""
        await when_due("rules overdue", self._next_due, self._overdue, self._changed, self._clock)

    async def stop(self) -> None:
        """End a look that runs; nothing is looked up afterwards."""
        self._keys = frozenset()
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)

    # --- what is due ---

    def _open(self, dues: Iterable[Due]) -> None:
        now = self._stopwatch()
        for due in dues:
            self._tell_late(due)
            for key in due.keys:
                held = self._waiting.get(key)
                if key not in self._keys or (held is not None and held.at_ms >= due.at_ms):
                    continue
                busy = key in self._busy
                missed = due.missed + (held is not None or busy)
                if missed:
                    self._evaluator.missed(key, missed)
                if not busy:
                    self._waiting[key] = Waiting(key, due.at_ms, now)
        if self._waiting:
            self._wake.set()

    async def _evaluate_waiting(self, _: int) -> None:
        batch = Batch(sorted(self._waiting.values(), key=lambda each: self._order.get(each.key, 0)))
        self._waiting.clear()
        self._evaluating = True
        overtaken = asyncio.Event()
        running = asyncio.ensure_future(self._in_lane(partial(self._evaluate, batch), overtaken.set))
        waiting = asyncio.create_task(overtaken.wait())
        await asyncio.wait((running, waiting), return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        for each in batch.rest():
            if each.key in self._waiting:
                self._evaluator.missed(each.key, 1)
            elif each.key in self._keys:
                self._waiting[each.key] = each
        self._evaluating = False
        if running.done():
            await running
        elif batch.now is not None:
            self._overtaken(batch.now.key, running)

    def _overtaken(self, key: GroupKey, running: asyncio.Future[None]) -> None:
        """Let others go on while a group's evaluation runs; its own rounds are missed until then."""
        self._busy.add(key)
        _log.info("a rule group takes long; the others go on without it", group=str(key))

        def over(_: object) -> None:
            self._busy.discard(key)

        running.add_done_callback(over)

    def _evaluate(self, batch: Batch) -> None:
        """Evaluate in the rules' lane until nothing is left or the time is over."""
        until = self._stopwatch() + _SLICE_SECONDS
        while (each := batch.next()) is not None:
            try:
                if self._is_news(each):
                    self._evaluator.evaluate(each.key, each.at_ms)
            except Exception:  # noqa: BLE001  # a bug in one group's way must not stop the others; the trace is logged
                _log.exception("round failed", group=str(each.key), at_ms=each.at_ms)
            self._telemetry.scrape_to_evaluation.observe(self._stopwatch() - each.since)
            if self._stopwatch() > until:
                return

    def _is_news(self, due: Waiting) -> bool:
        """Say whether the group was not evaluated at this instant yet, by the clock or before it read other targets."""
        last = self._evaluator.evaluated_ms(due.key)
        # Far back in time is a clock that was set: the evaluator says what becomes of that.
        return last is None or due.at_ms > last or due.at_ms < last - 2 * (self._rounds.periods_ms.get(due.key) or 0)

    def _tell_late(self, due: Due) -> None:
        if due.late:
            self._telemetry.rounds_overdue.inc()
        news = set(due.late) - self._late
        if news:
            _log.warning("rules do not wait any longer for scrapes", collectors=sorted(news), at_ms=due.at_ms)
            self._late |= news

    def _next_due(self) -> int | None:
        deadlines = [self._rounds.next_deadline(), None if self._settled else self._settles_ms]
        return min((each for each in deadlines if each is not None), default=None)

    async def _overdue(self, at_ms: int) -> None:
        self._open(self._rounds.overdue(at_ms))
        if not self._settled and at_ms >= self._settles_ms:
            self._settled = True
            self._look_again()

    # --- who reads what ---

    def _look_again(self) -> None:
        self._seen = None
        if self._keys and self._looking is None:
            self._looking = asyncio.create_task(self._look(), name="rules look")
            self._looking.add_done_callback(self._looked)

    def _looked(self, _: object) -> None:
        self._looking = None

    async def _look(self) -> None:
        while self._feeding.version != self._seen:
            began = self._stopwatch()
            self._reloaded.clear()
            await attempt("rules look", self._look_once, self._clock())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_REST * (self._stopwatch() - began)):
                    await self._reloaded.wait()

    async def _look_once(self, _: int) -> None:
        seen, reloads, feeds = self._feeding.version, self._reloads, self._feeding.feeds()
        self._seen = seen
        targets = await asyncio.to_thread(self._feeding.targets, self._evaluator.waiting_for_scrapes, feeds)
        if reloads != self._reloads:
            self._seen = None
            return
        # Nothing is evaluated over a store that is still filling: `count(up) < 3` would be true at every start.
        self._settled = self._settled or all(feed.has_landed for feed in feeds.values())
        if not self._settled:
            return
        self._order = {key: place for place, key in enumerate(targets)}
        cadences = {name: feed.cadence for name, feed in feeds.items()}
        dues = self._rounds.assign(targets, cadences, self._clock())
        periods = self._rounds.periods_ms
        for key in targets:
            self._evaluator.pace(key, periods.get(key))
        self.clocked = frozenset(key for key in targets if key not in periods)
        self._decided()
        self._open(dues)
        self._changed.set()
