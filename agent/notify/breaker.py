"""The circuit breaker of one provider: after failures in a row nothing is sent to it, then one message tries whether it is back.

A failure is the provider's where no answer came, or one that blames itself (5xx). Being told to slow down is neither failure
nor success; a refusal is an answer, and so a success here. Time is an argument; it sends nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from agent.notify.limits import Held

OPENS_AFTER: Final = 5
"""Failures in a row after which it opens, if more than one message failed: a single bad one is no outage."""
OPENS_AFTER_MS: Final = 2_000
"""How long no success came in between at least. Refusals are quicker than successes, so in a burst of messages that leave
side by side the refused ones answer first, in a row, also where the provider refuses only some."""
FIRST_PAUSE_MS: Final = 5_000
LONGEST_PAUSE_MS: Final = 60_000


class Circuit(StrEnum):
    """Whether messages leave: all, none, or one to try."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


@dataclass(frozen=True, slots=True)
class ProviderView:
    """How a provider does: its circuit, since when, when it is tried next (0: now), and what failed last."""

    name: str
    circuit: Circuit
    since_ms: int = 0
    until_ms: int = 0
    failures: int = 0
    why: str = ""


class Breaker:
    """One per provider. `failed` and `succeeded` return whether the circuit changed by it."""

    def __init__(self, provider: str) -> None:
        self.provider = provider
        self.why = ""
        self._failures = 0
        self._messages: set[str] = set()
        self._row_since_ms = 0
        self._pause_ms = 0
        self._since_ms = 0
        self._until_ms = 0
        self._open = False
        self._probing = False

    @property
    def open(self) -> bool:
        """Whether messages are held back, but for one that tries."""
        return self._open

    def held(self, at_ms: int) -> Held | None:
        """Say until when nothing may leave; with `until_ms` 0 until the message that tries has ended."""
        if not self._open:
            return None
        text = f"{self.provider} does not work, its circuit is open: {self.why}"
        if self._probing:
            return Held(0, text, "circuit")
        return Held(self._until_ms, text, "circuit") if at_ms < self._until_ms else None

    def began(self) -> bool:
        """Note that a message leaves; return whether the circuit is open, and it the one that tries."""
        self._probing = self._open
        return self._open

    def let_go(self) -> None:
        """Note that the message that tries has ended, whatever it told."""
        self._probing = False

    def failed(self, message: str, why: str, at_ms: int) -> bool:
        """Note a failure of the provider; return whether the circuit opened now."""
        self._probing = False
        if not self._failures:
            self._row_since_ms = at_ms
        self._failures += 1
        self._messages.add(message)
        self.why = why
        was_open = self._open
        if not was_open and not self._is_enough(at_ms):
            return False
        if not was_open or at_ms >= self._until_ms:
            self._pause_ms = min(max(self._pause_ms * 2, FIRST_PAUSE_MS), LONGEST_PAUSE_MS)
            self._until_ms = at_ms + self._pause_ms
        if not was_open:
            self._open, self._since_ms = True, at_ms
        return not was_open

    def _is_enough(self, at_ms: int) -> bool:
        row_ms = at_ms - self._row_since_ms
        return self._failures >= OPENS_AFTER and len(self._messages) >= 2 and row_ms >= OPENS_AFTER_MS

    def succeeded(self) -> bool:
        """Note that the provider answered; return whether the circuit closed now."""
        was_open = self._open
        self._open = self._probing = False
        self._failures = self._pause_ms = self._since_ms = self._until_ms = 0
        self._messages.clear()
        return was_open

    def set_back(self, by_ms: int) -> None:
        """Follow a clock that was set back."""
        self._row_since_ms -= by_ms
        self._since_ms -= by_ms
        self._until_ms -= by_ms

    def view(self, at_ms: int) -> ProviderView:
        """Return how it stands at an instant."""
        if not self._open:
            return ProviderView(self.provider, Circuit.CLOSED, failures=self._failures, why=self.why)
        trying = self._probing or at_ms >= self._until_ms
        circuit, until_ms = (Circuit.HALF_OPEN, 0) if trying else (Circuit.OPEN, self._until_ms)
        return ProviderView(self.provider, circuit, self._since_ms, until_ms, self._failures, self.why)
