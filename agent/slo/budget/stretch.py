"""What happened in any stretch of the past, of all budgets: the sums that reports are made of. Values only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from agent.slo.budget.layout import Layout
from agent.slo.budget.objective import Key, Objective
from agent.slo.budget.readings import Amounts, WindowReading, window_reading


@dataclass(frozen=True, slots=True)
class Stretch:
    """All B budgets of `layout` in [from_ms, until_ms); `amounts` has arrays of shape (B,).

    start_ms and end_ms are the checkpoints that were subtracted: at what was asked for, or up to one step of the grid of that
    age before it; start_ms is later where nothing is known of the beginning.
    """

    layout: Layout
    from_ms: int
    until_ms: int
    start_ms: int
    end_ms: int
    amounts: Amounts

    def reported(self) -> Iterator[tuple[Key, Objective]]:
        """Give what there is to say something of: no group that came later, nor one that had retired and had no event."""
        there = (self.layout.born_ms < self.until_ms) & ~self.layout.retired | (self.amounts.total > 0)
        for number, (key, objective) in enumerate(zip(self.layout.keys, self.layout.objectives, strict=True)):
            if there[number] or not objective.slo.group_by:
                yield key, objective

    def find(self, key: Key) -> WindowReading:
        """Return one budget; KeyError where nothing was ever seen of it."""
        number = self.layout.numbers[key]
        length = round(float(self.amounts.length_ms[number]))
        return window_reading(self.layout.objectives[number], length, self.amounts, (number,))
