"""How often something may come: a bucket of tokens that fills with time. Pure, time is an argument."""

from __future__ import annotations


class Throttle:
    """Let `most` through at once, and as many again in every `per_ms`."""

    def __init__(self, most: int, per_ms: int) -> None:
        self._most, self._per_ms = most, per_ms
        self._left = float(most)
        self._at_ms: int | None = None

    def take(self, at_ms: int) -> int:
        """Take one; return 0, or in how many milliseconds there will be one again."""
        if self._at_ms is not None:
            passed_ms = max(0, at_ms - self._at_ms)
            self._left = min(self._most, self._left + passed_ms * self._most / self._per_ms)
        self._at_ms = at_ms
        if self._left < 1:
            return max(1, int((1 - self._left) * self._per_ms / self._most))
        self._left -= 1
        return 0
