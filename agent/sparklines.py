"""Draw numbers as one line of bars, for terminals. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

_BARS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float], *, lowest: float | None = None) -> str:
    """Return one bar per value, scaled from `lowest` (else the least value) to the greatest; a blank where there is no number."""
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return " " * len(values)
    low = min(finite) if lowest is None else lowest
    high = max(finite)
    scale = (len(_BARS) - 1) / (high - low) if high > low else 0.0
    return "".join(_BARS[round((max(value, low) - low) * scale)] if math.isfinite(value) else " " for value in values)
