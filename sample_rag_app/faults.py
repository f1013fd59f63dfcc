"""Faults that can be injected so that an alert can be seen to fire: off by default, and always with an end.

A value says what is wrong (`Faults`), a box says until when (`FaultBox`). Nothing here does the harm; the service asks.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

DEPENDENCIES: Final = ("database", "cache")
FAULT_NAMES: Final = ("errors", "latency", "database_down", "cache_down", "cache_disabled")
JITTER: Final = 0.2


@dataclass(frozen=True, slots=True)
class Faults:
    """What is broken on purpose.

    `error_ratio` of all queries fail; an uncached query takes `latency_seconds` more, give or take a fifth;
    the dependencies in `dependency_down` do not answer; with `cache_disabled` every look-up is a miss.
    """

    error_ratio: float = 0.0
    latency_seconds: float = 0.0
    dependency_down: tuple[str, ...] = ()
    cache_disabled: bool = False

    def active(self, fault: str) -> bool:
        """Whether a fault of FAULT_NAMES is switched on."""
        return {
            "errors": self.error_ratio > 0,
            "latency": self.latency_seconds > 0,
            "database_down": "database" in self.dependency_down,
            "cache_down": "cache" in self.dependency_down,
            "cache_disabled": self.cache_disabled,
        }[fault]


NO_FAULTS: Final = Faults()


class FaultBox:
    """The faults in force and when they end; times are milliseconds on the caller's clock."""

    def __init__(self, seed: int | None = None) -> None:
        self._faults = NO_FAULTS
        self._until_ms = 0
        # Chance decides which query is struck; nothing secret hangs on it.
        self._random = random.Random(seed)  # noqa: S311

    def inject(self, faults: Faults, until_ms: int) -> None:
        """Put these faults in the place of whatever was in force."""
        self._faults, self._until_ms = faults, until_ms

    def clear(self) -> None:
        """End every fault now."""
        self.inject(NO_FAULTS, 0)

    def current(self, at_ms: int) -> Faults:
        """Return what is broken at this instant."""
        return self._faults if at_ms < self._until_ms else NO_FAULTS

    def remaining_seconds(self, at_ms: int) -> float:
        """Return how long the faults in force still last."""
        return max(0, self._until_ms - at_ms) / 1000 if self.current(at_ms) != NO_FAULTS else 0.0

    def strikes(self, at_ms: int) -> bool:
        """Draw whether this query fails."""
        return self._random.random() < self.current(at_ms).error_ratio

    def delay_seconds(self, at_ms: int) -> float:
        """Draw how much longer this query takes."""
        return self.current(at_ms).latency_seconds * self._random.uniform(1 - JITTER, 1 + JITTER)
