"""What-ifs over the samples of a running agent: one at a time, in a thread at half its speed, of no more rows than it can spare.

What is larger is refused with what would do; the command plays anything beside the agent. It is loaded when somebody first asks.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from agent.app.budgets.pacing import Pace
from agent.errors import InvalidInput, NotNow
from agent.footprint import hand_back
from agent.model import format_duration, format_rfc3339, parse_instant, parse_length

if TYPE_CHECKING:
    from agent.app.slo_desk import Budgets
    from agent.query import Limits
    from agent.replay.slos import SloReport, Wanted
    from agent.slo import Slo
    from agent.store import Store
    from agent.web.slos import ReplayAsked

MOST_ROWS: Final = 5_000
MOST_BUDGETS: Final = 100
_BESIDE: Final = "`burnline slo replay FILE --storage.path DIR` plays anything beside the agent"


class SloReplays:
    """`play` what is asked for, `stop` at the end. `rest` passes the time after some work."""

    def __init__(
        self,
        budgets: Callable[[], Budgets],
        store: Callable[[], Store],
        limits: Callable[[], Limits],
        clock: Callable[[], int],
        rest: Callable[[float], None] = time.sleep,
    ) -> None:
        self._budgets, self._store, self._limits, self._clock, self._rest = budgets, store, limits, clock, rest
        self._task: asyncio.Task[dict[str, Any]] | None = None
        self._stopping = threading.Event()
        self._done = 0.0

    async def play(self, asked: ReplayAsked) -> dict[str, Any]:
        """Return the report, as `burnline slo replay --json` prints it; cancelled, it ends at the next row.

        Raises InvalidInput for what cannot be played, NotNow while another is played.
        """
        wanted = await asyncio.to_thread(self._wanted, asked)
        if self._task is not None:
            message = (
                f"a replay is under way ({100 * self._done:.0f} % done), and one at a time is played; try again later"
            )
            raise NotNow(message)
        gone = threading.Event()
        self._done = 0.0
        self._task = task = asyncio.create_task(asyncio.to_thread(self._played, wanted, gone), name="slo replay")
        task.add_done_callback(self._ended)
        try:
            await asyncio.wait({task})
        finally:
            gone.set()
        return task.result()

    async def stop(self) -> None:
        """End what is played, and wait until it reads no more."""
        self._stopping.set()
        if self._task is not None:
            await asyncio.wait({self._task})

    def _ended(self, task: asyncio.Task[dict[str, Any]]) -> None:
        self._task = None
        if not task.cancelled():
            task.exception()  # looked at, for whoever asked may be gone

    def _played(self, wanted: Wanted, gone: threading.Event) -> dict[str, Any]:
        from agent.app.slo_records import StoreRecords
        from agent.replay.slos import slo_report_json, try_slos

        pace = Pace(lambda: gone.is_set() or self._stopping.is_set(), self._rest)
        whole_ms = wanted.until_ms - wanted.begins_ms

        def reached(done_ms: int) -> None:
            self._done += done_ms / whole_ms
            pace()

        try:
            report = try_slos(wanted, StoreRecords(self._store(), self._limits()), reached)
            return slo_report_json(self._noted(report))
        finally:
            hand_back()

    def _noted(self, report: SloReport) -> SloReport:
        """Say what samples there are, where none was of the indicators."""
        if report.oldest_ms is not None:
            return report
        kept = self._store().stats()
        there = f"The agent has samples from {format_rfc3339(kept.oldest_ms)} to {format_rfc3339(kept.newest_ms)}"
        return replace(report, notes=(*report.notes, f"{there}; none that were read are of these indicators."))

    def _wanted(self, asked: ReplayAsked) -> Wanted:
        """Read what is asked for; raise InvalidInput with what would do."""
        from agent.replay.slos import Change, Wanted, given_and_changed

        budgets = self._budgets()
        slos = _chosen(budgets, asked.names)
        change = Change(asked.objectives, asked.min_events, option="objective")
        given, *changed = given_and_changed(slos, budgets.setting, change)
        _not_too_many(budgets, slos, 1 + len(changed))
        from_ms, until_ms, notes = self._stretch(asked)
        given = replace(given, notes=(*given.notes, *notes))
        step_ms = _step(asked.step, until_ms - from_ms)
        return Wanted((given, *changed), from_ms, until_ms, step_ms, asked.false_below, MOST_ROWS)

    def _stretch(self, asked: ReplayAsked) -> tuple[int, int, list[str]]:
        """Return from when to when to replay, within what there is, and what is to be said of that."""
        oldest_ms, now_ms = self._store().stats().oldest_ms, self._clock()
        if not oldest_ms:
            message = "there are no samples to replay yet; let the agent run for a while"
            raise InvalidInput(message)
        until_ms = min(parse_instant(asked.until or "now", now_ms, "to"), now_ms)
        from_ms = parse_instant(asked.since, until_ms, "from")
        if from_ms >= until_ms:
            message = f"from={format_rfc3339(from_ms)} is not before to={format_rfc3339(until_ms)}"
            raise InvalidInput(message)
        if until_ms <= oldest_ms:
            message = f"no samples before to={format_rfc3339(until_ms)}; they begin at {format_rfc3339(oldest_ms)}"
            raise InvalidInput(message)
        if from_ms >= oldest_ms:
            return from_ms, until_ms, []
        return oldest_ms, until_ms, [f"The samples begin at {format_rfc3339(oldest_ms)}, and so does the replay."]


def _chosen(budgets: Budgets, names: Sequence[str]) -> list[Slo]:
    from agent.app.slo_scene import named

    slos = {each.id: each for each in budgets.slos.slos}
    if not slos:
        message = "there is nothing to replay: slo_files in burnline.yml names no objectives (docs/slo.md)"
        raise InvalidInput(message)
    return [slos[each] for each in named(slos, names or ("all",))]


def _not_too_many(budgets: Budgets, slos: Sequence[Slo], versions: int) -> None:
    """Refuse what would take too much memory: each budget of each version is one more in the engine."""
    groups = Counter(key.slo for key in budgets.latest.layout.keys)
    count = versions * sum(groups[each.id] for each in slos)
    if count > MOST_BUDGETS:
        message = (
            f"these {len(slos)} SLOs are {count:,} budgets to play, and a running agent plays {MOST_BUDGETS} at most; "
            f"choose fewer with name=, or nothing to change; {_BESIDE}"
        )
        raise InvalidInput(message)


def _step(text: str, length_ms: int) -> int | None:
    """Return how far apart rows are to be, None where it is not said; raise InvalidInput with what would do."""
    if not text:
        return None
    from agent.replay.slos import STRETCH_MS

    step_ms = parse_length(text, "step")
    least_ms = -(-length_ms // MOST_ROWS // 1000) * 1000
    if length_ms // step_ms > MOST_ROWS:
        rows = f"{format_duration(length_ms)} has {length_ms // step_ms:,} rows {format_duration(step_ms)} apart"
        works = f"step={format_duration(least_ms)} works, or a shorter stretch"
        message = f"step: {rows}, and a running agent plays {MOST_ROWS:,} at most; {works}; {_BESIDE}"
        raise InvalidInput(message)
    if step_ms > max(STRETCH_MS, least_ms):
        works = f"step={format_duration(max(STRETCH_MS, least_ms))} works"
        message = f"step: rows {format_duration(step_ms)} apart do not show what opens and closes in between; {works}"
        raise InvalidInput(message)
    return step_ms
