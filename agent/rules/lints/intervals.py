"""The values that an expression can have, as an interval of numbers: interval arithmetic, always on the wide side.

NaN is in no interval: no comparison with it is true, so what is said of comparisons holds beside it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

INF: Final = math.inf


@dataclass(frozen=True, slots=True)
class Interval:
    """All numbers from `low` to `high`; an open end is not one of them."""

    low: float = -INF
    high: float = INF
    low_open: bool = False
    high_open: bool = False

    @property
    def empty(self) -> bool:
        """Say whether no number is in it."""
        return self.low > self.high or (self.low == self.high and (self.low_open or self.high_open))

    @property
    def point(self) -> float | None:
        """Return its only number, None where it has more."""
        return self.low if self.low == self.high else None

    def meet(self, other: Interval) -> Interval:
        """Return the numbers that are in both."""
        low, low_open = max((self.low, self.low_open), (other.low, other.low_open))
        high, closed = min((self.high, not self.high_open), (other.high, not other.high_open))
        return Interval(low, high, low_open, not closed)

    def hull(self, other: Interval) -> Interval:
        """Return the least interval that holds both."""
        low, low_open = min((self.low, self.low_open), (other.low, other.low_open))
        high, closed = max((self.high, not self.high_open), (other.high, not other.high_open))
        return Interval(low, high, low_open, not closed)

    def within(self, other: Interval) -> bool:
        """Say whether all of it is in `other`."""
        return self.meet(other) == self

    def __str__(self) -> str:
        if self.point is not None:
            return f"{self.low:g}"
        if self.low == -INF:
            return f"{'less than' if self.high_open else 'at most'} {self.high:g}"
        if self.high == INF:
            return f"{'more than' if self.low_open else 'never less than'} {self.low:g}"
        return f"between {self.low:g} and {self.high:g}"


ANY: Final = Interval()
NOT_NEGATIVE: Final = Interval(0)
ONE: Final = Interval(1, 1)
SHARE: Final = Interval(0, 1)


def _made(ends: list[float]) -> Interval:
    return ANY if any(math.isnan(end) for end in ends) else Interval(min(ends), max(ends))


def _product(one: float, other: float) -> float:
    return 0.0 if one == 0 or other == 0 else one * other


def combined(op: str, left: Interval, right: Interval) -> Interval:
    """Return where the results of an arithmetic operator lie."""
    match op:
        case "+":
            return _made([left.low + right.low, left.high + right.high])
        case "-":
            return _made([left.low - right.high, left.high - right.low])
        case "*":
            return _made([_product(a, b) for a in (left.low, left.high) for b in (right.low, right.high)])
        case "/":
            return _quotient(left, right)
        case "^" if left.low >= 0:
            return NOT_NEGATIVE
    return ANY


def _quotient(left: Interval, right: Interval) -> Interval:
    if right.low > 0 or right.high < 0:
        return _made([_ratio(a, b) for a in (left.low, left.high) for b in (right.low, right.high)])
    return NOT_NEGATIVE if left.low >= 0 and right.low >= 0 else ANY


def _ratio(one: float, other: float) -> float:
    if math.isinf(other):
        return math.nan if math.isinf(one) else 0.0
    return one / other


def compared(op: str, left: Interval, right: Interval) -> tuple[Interval, Interval]:
    """Return what is left of both sides where `left op right` is true; an empty one says that it never is."""
    match op:
        case ">":
            return left.meet(Interval(low=right.low, low_open=True)), right.meet(
                Interval(high=left.high, high_open=True)
            )
        case ">=":
            return left.meet(Interval(low=right.low)), right.meet(Interval(high=left.high))
        case "<":
            return left.meet(Interval(high=right.high, high_open=True)), right.meet(
                Interval(low=left.low, low_open=True)
            )
        case "<=":
            return left.meet(Interval(high=right.high)), right.meet(Interval(low=left.low))
        case "==":
            both = left.meet(right)
            return both, both
    if left.point is not None and left == right:
        return Interval(1, 0), Interval(1, 0)
    return left, right
