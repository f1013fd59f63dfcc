"""When rule groups are evaluated: a task per group of the clock, rounds for those that wait for scrapes, one lane for all."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

from agent.app.feeding import Feeding
from agent.app.landings import Landings
from agent.app.lanes import PATIENCE_SECONDS, Lane
from agent.app.loops import Clock, at_slots
from agent.model import Alert
from agent.query import Engine, Scalar, Vector
from agent.rules import Evaluator, GroupKey, Tally
from agent.telemetry import Telemetry

T = TypeVar("T")
Put = Callable[[list[Alert], int], None]


def answering(
    engine: Engine, tally: Tally | None = None, timeout_ms: Callable[[], int] | None = None
) -> Callable[[str, int], Vector | Scalar | float]:
    """Return the rules' query: an instant's vector or scalar; other kinds are the rules' to refuse. It counts what it reads.

    A query that takes longer than `timeout_ms` fails; without it none does.
    """

    def answer(expression: str, at_ms: int) -> Vector | Scalar | float:
        ends = time.monotonic() + timeout_ms() / 1000 if timeout_ms is not None else 0.0
        found = engine.instant(expression, at_ms, expired=(lambda: time.monotonic() > ends) if ends else None)
        value = found.value
        if tally is not None:
            tally.add(found.series, found.samples, len(value) if isinstance(value, Vector) else 1)
        return value  # type: ignore[return-value]

    return answer


class Evaluation:
    """The loops of all groups. One is evaluated at a time, so that rules of different groups never see half a round.

    Groups with an interval are evaluated by the clock, the others when what they read has landed. An evaluation that takes
    longer than `patience_seconds` goes on beside the others: until it is over, rounds of its own group are missed.
    """

    def __init__(
        self,
        evaluator: Evaluator,
        clock: Clock,
        feeding: Feeding,
        telemetry: Telemetry,
        *,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self._evaluator, self._clock = evaluator, clock
        self._lane = Lane("rules", patience_seconds=patience_seconds)
        self._tasks: dict[GroupKey, tuple[int, asyncio.Task[None]]] = {}
        self._landings = Landings(evaluator, feeding, clock, telemetry, self._lane.run, self._follow_clock)
        self._rounds: list[asyncio.Task[None]] = []

    def landed(self, target: str, at_ms: int) -> None:
        """Take note of a scrape whose row is in the store."""
        self._landings.landed(target, at_ms)

    def apply(self) -> None:
        """Take over the evaluator's groups: start loops for those that need one, end those of groups that are gone."""
        if not self._rounds:
            loops = {"rules rounds": self._landings.run(), "rules deadlines": self._landings.pass_deadlines()}
            self._rounds = [asyncio.create_task(loop, name=name) for name, loop in loops.items()]
        self._landings.apply()
        self._follow_clock()

    async def between(self, work: Callable[[], T]) -> T:
        """Run something while no evaluation runs: a reload."""
        return await self._lane.alone(work)

    async def run(self, work: Callable[[], T]) -> T:
        """Run something in the rules' lane, after what waits there."""
        return await self._lane.run(work)

    async def stop(self) -> None:
        """End the loops; an evaluation that runs is finished."""
        await self._landings.stop()
        tasks = [*self._rounds, *(task for _, task in self._tasks.values())]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._lane.stop()

    def _follow_clock(self) -> None:
        """Start a loop for each group that is the clock's, end the others, restart where the interval changed."""
        waiting = {group.key for group in self._evaluator.waiting_for_scrapes}.difference(self._landings.clocked)
        wanted = {key: every for key, every in self._evaluator.intervals_ms.items() if key not in waiting}
        for key in [key for key, (interval, _) in self._tasks.items() if wanted.get(key) != interval]:
            self._tasks.pop(key)[1].cancel()
        for key, interval in wanted.items():
            if key not in self._tasks:
                self._tasks[key] = (interval, asyncio.create_task(self._loop(key), name=f"rules {key}"))

    async def _loop(self, key: GroupKey) -> None:
        await at_slots(
            f"rules {key}",
            lambda at_ms: self._evaluator.next_slot(key, at_ms),
            lambda slot_ms: self._lane.run(lambda: self._evaluator.evaluate(key, slot_ms)),
            self._clock,
            lambda count: self._evaluator.missed(key, count),
        )
