"""The past of budgets as slots: recorded samples go through an engine that tells nobody; what it then knows fills another one.

Its rows are as far apart as an engine's checkpoints of that age would be, so nothing is lost that the other one could keep.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final

from agent.replay.slos.history import History, Step
from agent.slo.budget import Engine, Key, Objective, Slot

MINUTE_MS: Final = 60_000
FINE_MS: Final = 3 * 24 * 60 * MINUTE_MS
"""Up to this age rows are a minute apart, five minutes before that: the grid of the engine's ring."""
_COARSE_MS: Final = 5 * MINUTE_MS
_TOGETHER: Final = 16
"""Budgets that are filled at once: a month of one is some 8,000 slots, more than a megabyte."""
_INTERVAL_MS: Final = _COARSE_MS // 4
"""Of the engine that only counts, so that a target of which nothing came in a whole step is a gap."""

Progress = Callable[[int], None]
"""Told up to which instant (ms) the past has been read."""


@dataclass(frozen=True, slots=True)
class Past:
    """What is known of budgets before an instant, as an engine counted it; the oldest and newest sample, None without any."""

    counted: Engine
    until_ms: int
    oldest_ms: int | None = None
    newest_ms: int | None = None

    def slots(self, progress: Progress = lambda _: None) -> Iterator[tuple[Key, list[Slot]]]:
        """Give the past of each budget of which anything is known."""
        for key in self.counted.read(self.until_ms).layout.keys:
            if slots := self.counted.slots(key):
                yield key, slots
            progress(self.until_ms)

    def fill(self, engine: Engine, progress: Progress = lambda _: None) -> dict[Key, int]:
        """Give the past to an engine, and return how many slots it took of each budget; those that it keeps no budget of none."""
        ids = {each.slo.id for each in engine.objectives}
        taken: dict[Key, int] = {}
        slots = ((key, each) for key, each in self.slots(progress) if key.slo in ids)
        while some := dict(islice(slots, _TOGETHER)):
            taken |= engine.backfill_all(some)
        return taken


def past_of(
    history: History,
    objectives: Sequence[Objective],
    from_ms: int,
    until_ms: int,
    progress: Progress = lambda _: None,
) -> Past:
    """Return the past of `objectives` between two instants; nothing of it is later than `until_ms`."""
    silent = [replace(each, burns=()) for each in objectives]
    longest = max(until_ms - from_ms, _COARSE_MS)
    engine = Engine(silent, interval_ms=_INTERVAL_MS, default_period_ms=longest, retires=False)
    begun = False
    for at_ms, step in _rows(history, from_ms, until_ms):
        progress(at_ms)
        if not begun and (step.targets or any(step.asked.values())):
            # Only from the first word of a target on is anything known.
            begun = True
            if at_ms - _spacing(at_ms, until_ms) >= from_ms:
                engine.count(at_ms - _spacing(at_ms, until_ms), Step())
        if begun:
            engine.count(at_ms, step)
    return Past(engine, until_ms, history.oldest_ms, history.newest_ms)


def _rows(history: History, from_ms: int, until_ms: int) -> Iterator[tuple[int, Step]]:
    """Give the rows of the past, the last one at `until_ms`; the first may come a step later than asked for."""
    fine_ms = max(until_ms - FINE_MS, from_ms)
    fine_ms = until_ms - (until_ms - fine_ms) // MINUTE_MS * MINUTE_MS
    begin_ms = fine_ms - max(fine_ms - from_ms, 0) // _COARSE_MS * _COARSE_MS
    yield from history.rows(begin_ms, fine_ms, _COARSE_MS)
    yield from history.rows(fine_ms, until_ms, MINUTE_MS)


def _spacing(at_ms: int, until_ms: int) -> int:
    return _COARSE_MS if at_ms <= until_ms - FINE_MS else MINUTE_MS
