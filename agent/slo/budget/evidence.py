"""How sure so few events make us: the exact binomial bound (Clopper and Pearson, Biometrika 1934), one-sided.

Wilson's interval is shorter and simpler, but with few events it claims too much: of 1 bad in 3 it says at least 7.9 %, where a
service with 1.7 % bad shows one or more in three as often as once in twenty. What wakes somebody must not be wrong more often
than it says, for any number of events, and that is what the exact bound promises.
"""

from __future__ import annotations

from math import exp, lgamma, log, log1p
from typing import Final

import numpy as np
from numpy.typing import NDArray

DOUBT: Final = 0.05
"""How often a service that is just at the threshold may seem to be beyond it."""
LEAST_BAD: Final = 2
"""Fewer bad events than this are no pattern, however few events there were."""


def exceeds(bad: NDArray[np.float64], total: NDArray[np.float64], ratio: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Say where the lower bound of bad / total is above `ratio`: where so many bad events or more have a chance below DOUBT.

    All of one shape; `bad` is rounded down and `total` up, to the careful side.
    """
    found = np.zeros(bad.shape, dtype=bool)
    for index in np.flatnonzero((bad >= LEAST_BAD) & (bad > ratio * total) & (ratio < 1)):
        found[index] = tail(int(bad[index]), int(np.ceil(total[index])), float(ratio[index])) < DOUBT
    return found


def tail(bad: int, total: int, ratio: float) -> float:
    """Return the chance of `bad` or more of `total` events, each bad with chance `ratio`; 1 for none."""
    if bad <= 0 or ratio >= 1:
        return 1.0
    if ratio <= 0 or bad > total:
        return 0.0
    ways = lgamma(total + 1) - lgamma(bad + 1) - lgamma(total - bad + 1)
    term = exp(ways + bad * log(ratio) + (total - bad) * log1p(-ratio))
    odds = ratio / (1 - ratio)
    if bad <= total * ratio:
        return 1.0 - _sum_down(term, bad, total, odds)
    found = 0.0
    for each in range(bad, total + 1):
        found += term
        if term < found * 1e-17:
            break
        term *= (total - each) / (each + 1) * odds
    return min(found, 1.0)


def lower_bound(bad: int, total: int) -> float:
    """Return the ratio of which one may be sure: the largest with which `bad` or more of `total` have a chance below DOUBT."""
    low, high = 0.0, bad / total if total else 0.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if tail(bad, total, middle) < DOUBT else (low, middle)
    return low


def _sum_down(term: float, bad: int, total: int, odds: float) -> float:
    found = 0.0
    for each in range(bad, 0, -1):
        term *= each / ((total - each + 1) * odds)
        found += term
        if term < found * 1e-17:
            break
    return found
