"""Fills budgets that began only now with their past, from the samples that are here or behind an API, beside all that runs.

It begins after the first row, works in a thread at half its speed, and takes a few SLOs at a time. What failed is said in words
and tried again later; what is done is written down, so a restart does not do it again.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import structlog

from agent.app.budgets.pacing import Pace, Stopped
from agent.config import BackfillSection
from agent.errors import BurnlineError
from agent.journal import Append, Put
from agent.model import format_duration, format_rfc3339

if TYPE_CHECKING:
    from agent.app.budgets.budgets import Budgets
    from agent.replay.slos import Records
    from agent.slo.budget import Key, Objective, Slot

KIND: Final = "slo_backfill"
"""Records of what was done, by SLO; and events about an SLO: its past was filled in, or could not be."""
BATCH: Final = 20
RETRY_MS: Final = (60_000, 300_000, 1_800_000, 3_600_000)
"""After so long it is tried again: each failure in a row waits longer, the last one ever after."""
_SLACK_MS: Final = 3_600_000
"""A budget that is known for its period less this needs no more."""
_INTERVAL_MS: Final = 15_000

_log = structlog.get_logger()
Write = Callable[..., object]


@dataclass(frozen=True, slots=True)
class _Work:
    """SLOs whose past is to be read up to one instant."""

    objectives: tuple[Objective, ...]
    until_ms: int


class Backfilling:
    """`apply` what is wanted, `look` after each row, `stop` at the end. `records` and `write` are the journal's.

    `local` gives the samples that are here, `oldest_ms` when they begin; `rest` passes the time after some work.
    """

    def __init__(
        self,
        budgets: Budgets,
        *,
        local: Callable[[], Records],
        oldest_ms: Callable[[], int],
        records: Callable[[str], Mapping[str, Any]],
        write: Write,
        rest: Callable[[float], None] = time.sleep,
    ) -> None:
        self._budgets, self._local, self._oldest_ms = budgets, local, oldest_ms
        self._records, self._write, self._rest = records, write, rest
        self._section = BackfillSection()
        self._task: asyncio.Task[None] | None = None
        self._stopping = threading.Event()
        self._failures, self._why = 0, ""
        self._due_ms: int | None = None

    def apply(self, section: BackfillSection) -> None:
        """Take over the configuration, at the start and after a reload: what is new is filled after the next row."""
        self._section = section
        self._failures, self._why = 0, ""
        self._due_ms = 0 if self._budgets.objectives and section.source != "none" else None

    def look(self, at_ms: int) -> None:
        """Begin, after a row, where something is due and nothing is under way."""
        if self._due_ms is not None and at_ms >= self._due_ms and self._task is None:
            self._due_ms = None
            self._task = asyncio.create_task(self.fill(at_ms), name="slo backfill")
            self._task.add_done_callback(self._ended)

    async def stop(self) -> None:
        """End the reading; what is being taken over is finished."""
        self._stopping.set()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    async def fill(self, at_ms: int) -> None:
        """Fill what is to be filled now; a failure is written down, and when it is tried again."""
        section = self._section
        wanted: list[Objective] = []
        try:
            works = await asyncio.to_thread(self._works, section, at_ms)
            for work in works:
                wanted = list(work.objectives)
                if section.source == "store" and self._oldest_ms() >= work.until_ms:
                    self._done(section, work, None, {}, at_ms)
                    continue
                slots, oldest_ms = await asyncio.to_thread(self._read, section, work)
                if any(each not in self._budgets.objectives for each in work.objectives):
                    self._due_ms = at_ms  # they were changed meanwhile: what was read may count something else
                    return
                taken = await asyncio.to_thread(self._budgets.backfill, slots)
                self._done(section, work, oldest_ms, {key.slo: count for key, count in taken.items()}, at_ms)
            self._failures, self._why = 0, ""
        except Stopped:
            return
        except BurnlineError as error:
            again_ms = RETRY_MS[min(self._failures, len(RETRY_MS) - 1)]
            self._failures += 1
            self._due_ms = at_ms + again_ms
            self._failed(section, wanted, str(error), at_ms, again_ms)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._task = None
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("the past of budgets was not filled in", exc_info=error)

    def _works(self, section: BackfillSection, at_ms: int) -> list[_Work]:
        """Return what lacks a past and was not looked for there yet, those of one beginning together."""
        done = self._records(KIND)
        by_instant: dict[int, list[Objective]] = {}
        for each in self._budgets.objectives:
            record = done.get(each.slo.id)
            known_ms = self._budgets.known_from_ms(each.slo.id)
            until_ms = at_ms if known_ms is None else known_ms
            if isinstance(record, dict) and record.get("source") == section.source:
                continue
            if until_ms > at_ms - each.period_ms + _SLACK_MS:
                by_instant.setdefault(until_ms, []).append(each)
        return [
            _Work(tuple(each[start : start + BATCH]), until_ms)
            for until_ms, each in sorted(by_instant.items())
            for start in range(0, len(each), BATCH)
        ]

    def _read(self, section: BackfillSection, work: _Work) -> tuple[dict[Key, list[Slot]], int | None]:
        """Return the past of some SLOs and when it begins, read in a thread; raise BurnlineError where it cannot be read."""
        from agent.replay.slos import History, interval_of, past_of, selectors  # only who fills a past pays for it

        records = self._local() if section.source == "store" else _behind(section)
        interval_ms = _INTERVAL_MS
        if chosen := selectors(work.objectives):
            interval_ms = interval_of(records, chosen, work.until_ms - _SLACK_MS, work.until_ms) or interval_ms
        history = History(records, work.objectives, interval_ms)
        longest = max(each.period_ms for each in work.objectives)
        pace = Pace(self._stopping.is_set, self._rest)
        past = past_of(history, work.objectives, work.until_ms - longest, work.until_ms, pace)
        if history.failures:
            query, why = next(iter(history.failures.items()))
            message = f"{query}: {why}"
            raise BurnlineError(message)
        return dict(past.slots(pace)), past.oldest_ms

    def _done(
        self, section: BackfillSection, work: _Work, oldest_ms: int | None, taken: Mapping[str, int], at_ms: int
    ) -> None:
        """Write down what came, also that nothing did, so that it is not looked for again."""
        for each in work.objectives:
            slo = each.slo.id
            count = taken.get(slo, 0)
            words = f"no samples from before {format_rfc3339(work.until_ms)} were found in {_named(section)}"
            if count:
                since = format_rfc3339(oldest_ms or work.until_ms)
                words = f"its past since {since} was filled in from {_named(section)}: {count:,} slots"
            self._write(
                Put(KIND, slo, {"source": section.source, "slots": count, "until_ms": work.until_ms}),
                Append(KIND, slo, at_ms, {"words": words, "slots": count}),
            )
        _log.info(
            "looked for the past of budgets",
            slos=len(work.objectives),
            filled=sum(map(bool, taken.values())),
            source=_named(section),
        )

    def _failed(
        self, section: BackfillSection, objectives: Sequence[Objective], why: str, at_ms: int, again_ms: int
    ) -> None:
        """Say why, in the log each time, in the journal when it is another reason than before."""
        _log.warning(
            "the past of budgets could not be filled in",
            source=_named(section),
            slos=len(objectives),
            why=why,
            again_in=format_duration(again_ms),
        )
        if why == self._why:
            return
        self._why = why
        words = f"its past could not be filled in from {_named(section)}: {why}; it is tried again later"
        for each in objectives:
            self._write(Append(KIND, each.slo.id, at_ms, {"words": words, "slots": 0}))


def _named(section: BackfillSection) -> str:
    return "the agent's samples" if section.source == "store" else section.source


def _behind(section: BackfillSection) -> Records:
    from agent.app.budgets.asking import Asking
    from agent.app.slo_records import Api

    return Api(Asking(section), timeout_seconds=max(section.timeout // 1000, 1)).records()
