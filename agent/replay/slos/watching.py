"""Watches an engine row by row and writes down when tiers opened and closed, when the trouble began, and what it cost.

The trouble begins at the first scrape, at most a short window before that window was over the tier's threshold, whose own
events were over it; it is over at the last such scrape.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from agent.replay.slos.account import Spell
from agent.slo import Severity
from agent.slo.budget import Change, Engine, Key, Readings, State

_NEVER = -(2**60)


@dataclass(slots=True)
class _Open:
    """A spell that is going on: its tiers that are open."""

    severity: Severity
    tier: str
    onset_ms: int | None
    opened_ms: int
    tiers: set[int] = field(default_factory=set)


class Watch:
    """`look` after each row; `ended` at the end. Spells are by budget, in the order of their beginnings."""

    def __init__(self, engine: Engine, at_ms: int) -> None:
        self._engine = engine
        self._before_ms = at_ms
        self.spells: dict[Key, list[Spell]] = {}
        self.silent_ms: dict[Key, int] = {}
        self.invalid_ms: dict[Key, int] = {}
        self.words: dict[Key, str] = {}
        self._going: dict[tuple[Key, Severity], _Open] = {}
        self._states: dict[Key, tuple[State, str]] = {}
        self._layout: object = None
        self._burst, self._last, self._run = (np.zeros((0, 0), dtype=np.int64) for _ in range(3))
        self._began_ms: int | None = at_ms
        self._fit(engine.read(at_ms))

    def look(self, at_ms: int, changes: Iterable[Change]) -> None:
        """Take note of a row that was just counted."""
        readings = self._engine.read(at_ms)
        if readings.layout is not self._layout:
            self._fit(readings)
        self._note_bursts(at_ms, readings)
        for change in changes:
            tier = change.reading.layout.objectives[change.number].burns.index(change.burn)
            (self._opened if change.opened else self._closed)(change, tier)
        self._note_states(at_ms, readings)
        self._before_ms, self._began_ms = at_ms, None

    def ended(self, at_ms: int) -> None:
        """End the watch: what is still open stays so."""
        readings = self._engine.read(at_ms)
        for (key, _), going in list(self._going.items()):
            self._write(key, going, readings, at_ms, None)
        self._going.clear()
        for spells in self.spells.values():
            spells.sort(key=lambda each: each.opened_ms)

    def _fit(self, readings: Readings) -> None:
        """Make room for budgets that came; those that there were keep their numbers."""
        shape = readings.layout.long.shape
        self._burst, self._last, self._run = (
            _grown(each, shape, fill) for each, fill in ((self._burst, 0), (self._last, _NEVER), (self._run, 0))
        )
        self._layout = readings.layout
        windows = np.asarray(readings.layout.windows_ms, dtype=np.int64)
        self._short_ms = windows[readings.layout.short]

    def _note_bursts(self, at_ms: int, readings: Readings) -> None:
        layout = readings.layout
        threshold = layout.factor * layout.budget
        bad, total = self._engine.newest
        own = np.divide(bad, total, out=np.zeros_like(bad), where=total > 0) > threshold
        short = np.take_along_axis(readings.ratio, layout.short, axis=0) > threshold
        begins = own & (at_ms - self._last > self._short_ms)
        self._burst[begins] = at_ms
        self._last[own] = at_ms
        self._run = np.where(short, np.where(self._run > 0, self._run, at_ms), 0)

    def _note_states(self, at_ms: int, readings: Readings) -> None:
        for number, words in readings.words.items():
            key = readings.layout.keys[number]
            known = self._states.get(key)
            if known is None or known[1] != words:
                known = self._states[key] = readings.of(number).state, words
            lost = self.invalid_ms if known[0] is State.INVALID else self.silent_ms
            lost[key] = lost.get(key, 0) + at_ms - self._before_ms
            self.words[key] = words

    def _opened(self, change: Change, tier: int) -> None:
        place = (change.key, change.burn.severity)
        going = self._going.get(place)
        if going is None:
            # What opens at the first row was open before: an engine that was filled with a past has yet to say so.
            onset = self._onset(change, tier) if self._began_ms is None else None
            going = _Open(change.burn.severity, change.burn.name, onset, self._began_ms or change.at_ms)
            self._going[place] = going
        going.tiers.add(tier)

    def _onset(self, change: Change, tier: int) -> int:
        """Return the first scrape of the burst, at most a short window before that window was over the threshold."""
        run = int(self._run[tier, change.number]) or change.at_ms
        return max(int(self._burst[tier, change.number]), run - int(self._short_ms[tier, change.number]))

    def _closed(self, change: Change, tier: int) -> None:
        place = (change.key, change.burn.severity)
        going = self._going.get(place)
        if going is None:
            return
        going.tiers.discard(tier)
        if not going.tiers:
            del self._going[place]
            last = int(self._last[tier, change.number])
            self._write(change.key, going, change.reading, last if last > _NEVER else None, change.at_ms)

    def _write(self, key: Key, going: _Open, readings: Readings, last_ms: int | None, closed_ms: int | None) -> None:
        number = readings.layout.numbers[key]
        since = (going.onset_ms if going.onset_ms is not None else going.opened_ms) - 1
        stretch = self._engine.between(since, closed_ms or readings.at_ms)
        found, raw = stretch.find(key), float(stretch.amounts.bad[stretch.layout.numbers[key]])
        # Of a period that was seen in part, or is not over, the rest counts as busy as what was seen.
        length = float(readings.period_end_ms[number] - readings.period_start_ms[number])
        events = float(readings.period.total[number]) * length / max(float(readings.period.seen_ms[number]), 1.0)
        allowed = float(readings.layout.budget[number]) * events
        spell = Spell(
            severity=going.severity,
            tier=going.tier,
            onset_ms=going.onset_ms,
            opened_ms=going.opened_ms,
            closed_ms=closed_ms,
            last_bad_ms=last_ms if closed_ms is not None else None,
            bad=found.bad,
            total=found.total,
            burned=raw / allowed if allowed else 0.0,
        )
        self.spells.setdefault(key, []).append(spell)


def _grown(array: NDArray[np.int64], shape: tuple[int, ...], fill: int) -> NDArray[np.int64]:
    grown = np.full(shape, fill, dtype=np.int64)
    rows, columns = min(array.shape[0], shape[0]), min(array.shape[1], shape[1])
    grown[:rows, :columns] = array[:rows, :columns]
    return grown
