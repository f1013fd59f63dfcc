"""Hours of a real page in a moment: each series goes on as it was seen to move between a few real pages. No I/O.

What it keeps of reality: which series never change, how fast counters rise, how unsteady gauges are, and in what steps a
value is written (whole numbers, pages of 4,096 bytes, hundredths, or any float at all), for that decides how it compresses.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.pages import Series

_MOST_DECIMALS = 9
_RISING = ("counter", "histogram", "summary")
_PULL = 0.1
"""How much of its distance from where it was first seen a gauge goes back at each step."""


@dataclass(frozen=True, slots=True)
class Steps:
    """In what steps a series' values are written: multiples of `size`, or any float where it is 0."""

    size: float
    inverse: float
    """1/size where values are written as n / inverse: then they are exact decimals."""

    def write(self, value: float) -> float:
        """Return the value in these steps."""
        if not self.size:
            return value
        if self.inverse:
            return round(value * self.inverse) / self.inverse
        return round(value / self.size) * self.size


class Model:
    """A page that goes on: `series`, and `words()` for the next scrape, as `Page` has them.

    pages: real ones, `observed_seconds` apart; the next ones are `step_seconds` apart.
    """

    def __init__(
        self, pages: Sequence[str], observed_seconds: float, step_seconds: float = 15.0, seed: int = 1
    ) -> None:
        seen, rising = _table(pages)
        self.series = list(seen)
        values = np.array(list(seen.values()))
        moves = np.diff(values, axis=1)
        self._dice = np.random.default_rng(seed)
        self._rising = np.array([rising[each] for each in self.series])
        self._often = (moves != 0).mean(axis=1)
        self._rate = np.maximum(moves, 0).mean(axis=1) * step_seconds / observed_seconds
        self._sway = np.sqrt((moves**2).mean(axis=1))
        self._steps = [steps_of(each) for each in values.tolist()]
        self._first, self._level = values[:, -1].copy(), values[:, -1].copy()
        self._activity = 1.0

    @property
    def moving(self) -> int:
        """How many series move at all."""
        return int(np.count_nonzero(self._often))

    def words(self) -> list[str]:
        """Return the next page's values as written."""
        count = len(self.series)
        self._activity = abs(1 + 0.97 * (self._activity - 1) + self._dice.normal(0, 0.05))
        grown = self._rate * self._activity * self._dice.gamma(4, 1 / 4, count)
        swayed = _PULL * (self._first - self._level) + self._sway * self._dice.normal(0, 1, count)
        moves = self._dice.random(count) < np.where(self._rising, 1.0, self._often)
        self._level += np.where(self._rising, grown, swayed) * moves * (self._often > 0)
        self._level = np.where(self._first >= 0, np.maximum(self._level, 0.0), self._level)
        levels = zip(self._steps, self._level.tolist(), strict=True)
        return [_word(steps.write(level)) for steps, level in levels]


def steps_of(values: Sequence[float]) -> Steps:
    """Return in what steps these values are written: the common divisor of whole numbers, or decimal places."""
    finite = [value for value in values if math.isfinite(value)]
    if all(value == int(value) for value in finite):
        common = math.gcd(*(int(value) for value in finite))
        return Steps(4096.0 if common and common % 4096 == 0 else 1.0, 0.0)
    for decimals in range(1, _MOST_DECIMALS + 1):
        if all(abs(round(value, decimals) - value) <= 4 * math.ulp(value) for value in finite):
            exact = all(round(value, decimals) == value for value in finite)
            return Steps(10.0**-decimals, 10.0**decimals if exact else 0.0)
    return Steps(0.0, 0.0)


def _table(pages: Sequence[str]) -> tuple[dict[Series, list[float]], dict[Series, bool]]:
    """Return the values over all pages of the series that each of them has, and which of them only rise."""
    found: dict[Series, list[float]] = {}
    rising: dict[Series, bool] = {}
    for page in pages:
        for family in text_string_to_metric_families(page):
            for sample in family.samples:
                series = (sample.name, tuple(sorted(sample.labels.items())))
                found.setdefault(series, []).append(sample.value)
                rising[series] = family.type in _RISING and "quantile" not in sample.labels
    whole = {series: values for series, values in found.items() if len(values) == len(pages)}
    return whole, rising


def _word(value: float) -> str:
    return str(int(value)) if value == int(value) and abs(value) < 2**53 else repr(value)
