"""Which groups have had no event for so long that nothing of them is left in any window, nor in their period. Pure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from agent.slo.budget.chunks import TOTAL
from agent.slo.budget.layout import Layout
from agent.slo.budget.objective import Objective
from agent.slo.budget.periods import period
from agent.slo.budget.ring import Ring
from agent.slo.model import Calendar


def idle(ring: Ring, layout: Layout, known: NDArray[np.bool_], at_ms: int, default_ms: int) -> list[int]:
    """Return the budgets of groups without an event while others of their SLO had some; exclusions make no event none.

    Of a rolling period it is its length that counts; of a calendar's, the one that is and the one before, as far as is known.
    known: of which budgets something is; where nothing is of those with events, as when their target fails, none is idle.
    """
    if not any(each.slo.group_by for each in layout.objectives):
        return []
    now = ring.sums(at_ms).sums[TOTAL]
    found: list[int] = []
    busy: set[str] = set()
    for objective, chosen in layout.periods:
        since_ms = min(_since(objective, at_ms, default_ms), at_ms - layout.windows_ms[-1])
        since_ms = max(since_ms, at_ms - ring.retention_ms)
        mark = ring.sums(since_ms)
        if mark.at_ms > since_ms:
            continue
        moved = now - mark.sums[TOTAL] > 0
        # Of slices the last may end after what it is made of.
        events = moved[layout.tracks[chosen]] | moved[layout.sources[chosen]]
        quiet = known[chosen] & ~events & (layout.born_ms[chosen] <= since_ms)
        found += [each for each in chosen[quiet].tolist() if layout.objectives[each].slo.group_by]
        busy |= {layout.keys[each].slo for each in chosen[events & known[chosen]].tolist()}
    return [each for each in found if layout.keys[each].slo in busy]


def _since(objective: Objective, at_ms: int, default_ms: int) -> int:
    window = objective.slo.window
    now = period(window, at_ms, objective.period_ms or default_ms)
    return period(window, now.start_ms - 1, default_ms).start_ms if isinstance(window, Calendar) else now.start_ms
