"""What one query may take: samples, memory, points and time. A refusal is a QueryLimit and comes before the memory is taken.

Memory is counted as a stack is: an operation reserves what it is about to make, and when it is done, only its result
stays counted. What a step makes on the way in small pieces (a stretch of columns) is not counted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from agent.errors import QueryLimit

CELL: Final = 8
"""Bytes of a float64."""
LABELS: Final = 300
"""Bytes that a label set takes, as measured: those that a query makes are memory too."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of every query.

    lookback_ms: how old a sample may be to count as current; max_samples: cells a query may touch; max_bytes: memory it
    may hold at once; max_points: steps of a range query; subquery_step_ms: the step of a subquery that names none.
    """

    lookback_ms: int = 300_000
    max_samples: int = 50_000_000
    max_bytes: int = 512 * 2**20
    max_points: int = 11_000
    subquery_step_ms: int = 60_000


class Allowance:
    """What one query has taken of its limits. `expired` says whether time is up; it is asked all the way."""

    __slots__ = ("_expired", "_limits", "held", "kept", "peak", "samples", "series")

    def __init__(self, limits: Limits, expired: Callable[[], bool] | None = None) -> None:
        self._limits = limits
        self._expired = expired
        self.samples = 0
        self.series = 0
        """Series that selectors gave, for who wants to know; there is no limit of them."""
        self.held = 0
        self.kept = 0
        """Bytes of values that wait for another use, beside those that are `held` by what is being computed."""
        self.peak = 0

    def touch(self, cells: int) -> None:
        """Count cells that are about to be made, and their memory; raise QueryLimit beyond a limit."""
        self.count(cells)
        self.reserve(CELL * cells)

    def count(self, cells: int) -> None:
        """Count cells that are read, whose memory is counted already; raise QueryLimit beyond the limit."""
        self.samples += cells
        if self.samples > self._limits.max_samples:
            text = "query processing would load too many samples into memory in query execution"
            message = f"{text} (over {self._limits.max_samples}); ask for fewer series or a shorter range"
            raise QueryLimit(message)
        self.pulse()

    def reserve(self, size: int) -> None:
        """Count `size` bytes that are about to be made; raise QueryLimit beyond the limit."""
        self.held += size
        together = self.held + self.kept
        if together > self.peak:
            self.peak = together
            if together > self._limits.max_bytes:
                text = "query processing would load too many samples into memory in query execution"
                bound = f"{together >> 20} MB at once, at most {self._limits.max_bytes >> 20} MB"
                message = f"{text} ({bound}); ask for fewer series, a shorter range or a larger step"
                raise QueryLimit(message)
        self.pulse()

    def pulse(self) -> None:
        """Raise QueryLimit when time is up. Every loop that may be long calls it."""
        if self._expired is not None and self._expired():
            message = "query timed out in expression evaluation"
            raise QueryLimit(message, timeout=True)
