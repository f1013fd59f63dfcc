"""What a tier is and what follows from it: how fast a budget must burn, over which two windows, before somebody is told.

Source of the idea and of the shares of 30 days: the Site Reliability Workbook, chapter 5, "Multiwindow, Multi-Burn-Rate Alerts".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from agent.slo.model import Severity

_SECOND: Final = 1_000
_MINUTE: Final = 60 * _SECOND
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR

SHORTEST_PERIOD_MS: Final = _DAY
"""Below a day the short windows of the formula would hold too few scrapes."""
LONGEST_PERIOD_MS: Final = 10 * 366 * _DAY
"""Beyond it nobody waits for a budget; PromQL says ranges of up to 292 years, and calendars end with the year 9999."""
_MODEL_PERIOD_MS: Final = 30 * _DAY
_SHORTEST_WINDOW_MS: Final = 2 * _MINUTE


@dataclass(frozen=True, slots=True)
class Tier:
    """Fire when `budget_percent` of the budget burned within `long_ms`, and in `short_ms` it still burns as fast."""

    severity: Severity
    quick: bool
    """Of the two tiers of its severity, the one with the shorter windows."""
    budget_percent: float
    short_ms: int
    long_ms: int

    def factor(self, period_ms: int) -> float:
        """Return the burn rate that it asks for: 1 uses up the budget exactly at the period's end.

        Computed in hours and in this order, since sloth does and rules made for it have to agree to the last digit.
        """
        return self.budget_percent * (period_ms / _HOUR) / 100 / (self.long_ms / _HOUR)

    @property
    def name(self) -> str:
        """How the files call it: `page.quick`."""
        return f"{self.severity}.{'quick' if self.quick else 'slow'}"


@dataclass(frozen=True, slots=True)
class Windows:
    """The tiers for one period, the fastest first: page quick, page slow, ticket quick, ticket slow."""

    period_ms: int
    tiers: tuple[Tier, ...]

    def of(self, severity: Severity) -> tuple[Tier, ...]:
        """Return the tiers of a severity, the quick one first."""
        return tuple(tier for tier in self.tiers if tier.severity is severity)

    def factor(self, tier: Tier) -> float:
        """Return the burn rate that a tier asks for."""
        return tier.factor(self.period_ms)

    @property
    def durations_ms(self) -> tuple[int, ...]:
        """Every window that a tier looks at, the shortest first, each once."""
        return tuple(sorted({each for tier in self.tiers for each in (tier.short_ms, tier.long_ms)}))


_MODEL: Final = (
    Tier(Severity.PAGE, True, 2, 5 * _MINUTE, _HOUR),
    Tier(Severity.PAGE, False, 5, 30 * _MINUTE, 6 * _HOUR),
    Tier(Severity.TICKET, True, 10, 2 * _HOUR, _DAY),
    Tier(Severity.TICKET, False, 10, 6 * _HOUR, 3 * _DAY),
)
"""The tiers of 30 days, which the formula stretches."""


def by_formula(period_ms: int) -> Windows:
    """Return windows for any period from a day to ten years: those of 30 days stretched with it, their budget shares kept.

    Keeping the windows instead would ask a short period for a burn rate below 1, which tells of budgets that hold, and let
    a long one burn for days before a page. Windows are rounded to whole minutes (beyond an hour to five), and a short one
    has at least two; the factor follows from the rounded window, so that the share is exact. Raises ValueError.
    """
    if period_ms < SHORTEST_PERIOD_MS:
        message = "a period has at least one day; below that the windows would hold too few scrapes"
        raise ValueError(message)
    if period_ms > LONGEST_PERIOD_MS:
        message = "a period has at most ten years"
        raise ValueError(message)
    return Windows(period_ms, tuple(_stretched(period_ms)))


def _stretched(period_ms: int) -> Iterator[Tier]:
    for tier in _MODEL:
        short = max(_rounded(tier.short_ms * period_ms / _MODEL_PERIOD_MS), _SHORTEST_WINDOW_MS)
        long = max(_rounded(tier.long_ms * period_ms / _MODEL_PERIOD_MS), 2 * short)
        yield Tier(tier.severity, tier.quick, tier.budget_percent, short, long)


def _rounded(duration_ms: float) -> int:
    step = 5 * _MINUTE if duration_ms > _HOUR else _MINUTE
    return round(duration_ms / step) * step
