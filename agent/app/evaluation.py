"""Rule groups on their slots: a task per group, each evaluation in one worker thread, alerts handed back to the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from agent.app.loops import Clock, at_slots
from agent.model import Alert
from agent.query import Engine, Scalar, Vector
from agent.rules import Evaluator, GroupKey

Put = Callable[[list[Alert], int], None]


def answering(engine: Engine) -> Callable[[str, int], Vector | Scalar | float]:
    """Return the rules' query: an instant's vector or scalar; other kinds are the rules' to refuse."""

    def answer(expression: str, at_ms: int) -> Vector | Scalar | float:
        return engine.instant(expression, at_ms).value  # type: ignore[return-value]

    return answer


class Evaluation:
    """The loops of all groups. One thread evaluates, so that rules of different groups never see half a round."""

    def __init__(self, evaluator: Evaluator, clock: Clock) -> None:
        self._evaluator, self._clock = evaluator, clock
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="rules")
        self._tasks: dict[GroupKey, tuple[int, asyncio.Task[None]]] = {}

    def apply(self) -> None:
        """Start a loop for each new group, end those of groups that are gone, restart where the interval changed."""
        wanted = {key: self._evaluator.interval_ms(key) for key in self._evaluator.keys}
        for key in [key for key, (interval, _) in self._tasks.items() if wanted.get(key) != interval]:
            self._tasks.pop(key)[1].cancel()
        for key, interval in wanted.items():
            if key not in self._tasks:
                self._tasks[key] = (interval, asyncio.create_task(self._loop(key), name=f"rules {key}"))

    async def in_thread(self, work: Callable[[], object]) -> None:
        """Run something between evaluations: a reload."""
        await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def stop(self) -> None:
        """End the loops; an evaluation that runs is finished."""
        for _, task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*(task for _, task in self._tasks.values()), return_exceptions=True)
        await asyncio.to_thread(self._thread.shutdown, wait=True)

    async def _loop(self, key: GroupKey) -> None:
        await at_slots(
            f"rules {key}",
            lambda at_ms: self._evaluator.next_slot(key, at_ms),
            lambda slot_ms: self.in_thread(lambda: self._evaluator.evaluate(key, slot_ms)),
            self._clock,
            lambda count: self._evaluator.missed(key, count),
        )
