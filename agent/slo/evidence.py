"""How sure a count of bad events makes us that too many are bad: what decides where traffic is low.

One formula twice, for numbers and as PromQL, so that an agent and a Prometheus page for the same counts.
"""

from __future__ import annotations

import math
from typing import Final

Z: Final = 1.645
"""One-sided 95 %. An alert looks again at each evaluation, but at nearly the same events; what keeps single failures from
paging is `LEAST_BAD`, so a larger quantile would only delay."""
LEAST_BAD: Final = 3
"""Bad events that a window of low traffic must have before anybody hears of them: one is chance, two may be one retried."""


def lower_bound(bad: float, total: float) -> float:
    """Return the ratio of bad events that is certain at `Z`, from 0 to 1 (Wilson's score interval, 1927).

    Chosen over Clopper-Pearson since it is closed (PromQL has no beta function) and over the normal approximation since that is
    wrong for few events. Extrapolated counts may have `bad` above `total`; none is missing then. No events: 0.
    """
    if total <= 0:
        return 0.0
    spread = Z * math.sqrt(bad * max(total - bad, 0.0) / total + Z * Z / 4)
    return max(bad + Z * Z / 2 - spread, 0.0) / (total + Z * Z)


def lower_bound_query(bad: str, total: str) -> str:
    """Return `lower_bound` as PromQL over two selectors whose series have the same labels."""
    spread = f"{Z} * sqrt({bad} * clamp_min({total} - {bad}, 0) / {total} + {Z * Z / 4:.12g})"
    return f"clamp_min({bad} + {Z * Z / 2:.12g} - {spread}, 0) / ({total} + {Z * Z:.12g})"


def upper_bound(bad: float, total: float) -> float:
    """Return the ratio of bad events that is not exceeded, as certain as `lower_bound`; without events: 1."""
    if total <= 0:
        return 1.0
    spread = Z * math.sqrt(bad * max(total - bad, 0.0) / total + Z * Z / 4)
    return min((bad + Z * Z / 2 + spread) / (total + Z * Z), 1.0)
