"""What was counted over a time in which nobody looked: it lies evenly in it, so that no short window takes it for its own. Pure.

Whole numbers stay whole and 0 <= bad <= all stays true in each part, and the parts add up to what was counted.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from agent.slo.budget.chunks import BAD, TOTAL, Sums

AWAY_MS: Final = 30 * 60_000
"""A gap up to so long counts at its end, as a scrape does."""
_MOST: Final = 120


def spread(before_ms: int, at_ms: int, amounts: Sums, step_ms: int) -> list[tuple[int, Sums]]:
    """Return rows after `before_ms` up to `at_ms`, about `step_ms` apart, that add up to `amounts`."""
    parts = min(max((at_ms - before_ms) // step_ms, 1), _MOST)
    apart = amounts.copy()
    apart[TOTAL] -= amounts[BAD]  # good events: then every part has no more bad events than events
    done, rows = np.zeros_like(apart), []
    for number in range(1, parts + 1):
        upto = apart if number == parts else np.floor(apart * (number / parts))
        part = upto - done
        part[TOTAL] += part[BAD]
        rows.append((before_ms + (at_ms - before_ms) * number // parts, part))
        done = upto
    return rows
