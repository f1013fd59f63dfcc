"""What `load_with_nhcb` adds: from the series of a classic histogram, a native one with the classic bounds as its own.

`x_bucket`, `x_count` and `x_sum` make `x`, instant by instant, of the floats that are there; without a count, the largest
bucket is the count.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from itertools import pairwise

import numpy as np

from agent.model import CUSTOM, Buckets, Histogram, Labels, is_stale
from tests.conformance.promqltest.grammar import SeriesLine, Value

_SUFFIX = re.compile(r"^(.*)_(bucket|count|sum)$")


def converted(lines: Iterable[SeriesLine]) -> dict[Labels, list[Value]]:
    """Return the native histograms that the lines of one load make, step by step."""
    found: dict[Labels, dict[int, dict[str | float, float]]] = {}
    for line in lines:
        match = _SUFFIX.match(line.labels.name)
        if match is None:
            continue
        key: str | float | None = _bound(line.labels.get("le")) if match[2] == "bucket" else match[2]
        if key is None:
            continue
        parts = found.setdefault(line.labels.without("le").merged({"__name__": match[1]}), {})
        for step, value in enumerate(line.values):
            if isinstance(value, float) and not is_stale(np.array([value]))[0]:
                parts.setdefault(step, {})[key] = value
    return {
        labels: [histogram(parts[step]) if step in parts else None for step in range(max(parts, default=-1) + 1)]
        for labels, parts in found.items()
    }


def _bound(text: str) -> float | None:
    try:
        bound = float(text)
    except ValueError:
        return None
    return None if math.isnan(bound) else bound


def histogram(parts: dict[str | float, float]) -> Histogram:
    """Make a histogram of cumulative counts by bound, and "count" and "sum" where they are known."""
    cumulative = {bound: value for bound, value in parts.items() if isinstance(bound, float)}
    count = parts.get("count", max(cumulative.values(), default=0.0))
    cumulative.setdefault(math.inf, count)
    bounds = sorted(cumulative)
    steps = [0.0, *(cumulative[bound] for bound in bounds)]
    counts = np.array([after - before for before, after in pairwise(steps)])
    held = np.flatnonzero(counts)
    return Histogram(
        CUSTOM, count, parts.get("sum", 0.0), positive=Buckets(held, counts[held]), bounds=tuple(bounds[:-1])
    )
