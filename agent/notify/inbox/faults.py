"""Errors on demand: which service fails next, how, and how often. A seed makes a ratio repeatable. No I/O."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from agent.errors import InvalidInput

SERVICES: Final = ("smtp", "slack", "slack_webhook", "twilio", "gateway", "sns", "webhook", "pagerduty")


class FaultKind(StrEnum):
    """What goes wrong. Everything but DROP_AFTER and SLOW happens before the message is taken."""

    RATE_LIMITED = "rate_limited"
    SERVER_ERROR = "server_error"
    INVALID_TOKEN = "invalid_token"  # noqa: S105 - a fault's name
    REFUSED_RECIPIENT = "refused_recipient"
    """A mail server: 550 to every recipient, or only to the one that `error` names."""
    DROP = "drop"
    """The connection breaks before the message is taken."""
    DROP_AFTER = "drop_after"
    """The message is taken, then the connection breaks before the answer."""
    SLOW = "slow"
    """The answer takes `delay_ms`."""
    ERROR = "error"
    """The service's own error `error`: a Slack code, a Twilio number, an SMTP reply."""
    BUSY = "busy"
    """A mail server: 421 instead of a greeting."""
    TARPIT = "tarpit"
    """A mail server: a greeting that never ends, a line every `delay_ms`."""
    NO_TLS = "no_tls"
    """A mail server: STARTTLS is not offered."""
    GREYLISTED = "greylisted"
    """A mail server: a recipient is taken only `delay_ms` after it was first named."""
    TOO_BIG = "too_big"
    """A mail server: 552 to a mail of more than 5 kB."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One way for one service to fail: the next `times` requests (None: all), each with probability `ratio`."""

    service: str
    kind: FaultKind
    times: int | None = 1
    ratio: float = 1.0
    retry_after_s: int = 1
    delay_ms: int = 0
    error: str = ""

    def __post_init__(self) -> None:
        if self.service not in SERVICES:
            message = f'setting a fault for "{self.service}": no such service; there are {", ".join(SERVICES)}'
            raise InvalidInput(message)
        if not 0.0 <= self.ratio <= 1.0:
            message = f"setting a fault for {self.service}: the ratio {self.ratio} is not between 0 and 1"
            raise InvalidInput(message)

    @classmethod
    def from_json(cls, data: Any) -> Fault:
        """Read what POST /faults was given; raise InvalidInput."""
        if not isinstance(data, Mapping) or not isinstance(data.get("service"), str):
            message = 'setting a fault: the body is no object with "service" and "kind"'
            raise InvalidInput(message)
        unknown = set(data) - {"service", "kind", "times", "ratio", "retry_after_s", "delay_ms", "error"}
        if unknown:
            message = f"setting a fault: unknown key {', '.join(sorted(map(str, unknown)))}"
            raise InvalidInput(message)
        times = data.get("times", 1)
        try:
            return cls(
                service=data["service"],
                kind=FaultKind(data.get("kind", "")),
                times=None if times is None else int(times),
                ratio=float(data.get("ratio", 1.0)),
                retry_after_s=int(data.get("retry_after_s", 1)),
                delay_ms=int(data.get("delay_ms", 0)),
                error=str(data.get("error", "")),
            )
        except (ValueError, TypeError) as error:
            message = f"setting a fault: {error}; kinds are {', '.join(FaultKind)}"
            raise InvalidInput(message) from error


class Faults:
    """The faults that are set for each service; a request meets the first that its lottery names."""

    def __init__(self, seed: int = 0) -> None:
        self._random = random.Random(seed)  # noqa: S311 - a repeatable lottery, no secret
        self._set: dict[str, list[tuple[Fault, int | None]]] = {}

    def set(self, fault: Fault) -> None:
        """Let a service fail from now on, instead of what was set before."""
        self._set[fault.service] = [(fault, fault.times)]

    def add(self, fault: Fault) -> None:
        """Let a service fail in another way as well."""
        self._set.setdefault(fault.service, []).append((fault, fault.times))

    def clear(self) -> None:
        """Let everything work again."""
        self._set.clear()

    def next(self, service: str, only: FaultKind | None = None) -> Fault | None:
        """Return the fault that this request of `service` meets, and count it; faults other than `only` wait their turn."""
        for place, (fault, left) in enumerate(self._set.get(service, ())):
            if only is not None and fault.kind is not only:
                continue
            if fault.ratio < 1.0 and self._random.random() >= fault.ratio:
                continue
            return fault if self._count(service, place, fault, left) else None
        return None

    def _count(self, service: str, place: int, fault: Fault, left: int | None) -> bool:
        """Count a fault that was met; return False where it was to be met no time at all."""
        if left is not None:
            if left > 1:
                self._set[service][place] = (fault, left - 1)
            else:
                del self._set[service][place]
        return left is None or left > 0
