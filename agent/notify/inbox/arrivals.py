"""What reached the inbox, in the order it came, within a bound of count and bytes. Values and counting only."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

_LARGEST_TEXT: Final = 262_144


@dataclass(frozen=True, slots=True)
class Arrival:
    """One message that a service took. `kind` is email, slack, sms or webhook; `at_ms` is when it came.

    `status` is firing, resolved or "" where the message does not say; `method` tells a Slack post from an update; `thread` is
    the ts of the message that it answers, or the mail's In-Reply-To; `key` is the sender's idempotency key or Message-ID.
    """

    id: int
    kind: str
    at_ms: int
    to: str
    text: str
    status: str = ""
    severity: str = ""
    alert: str = ""
    incident: str = ""
    method: str = ""
    thread: str = ""
    key: str = ""
    sender: str = ""
    subject: str = ""
    html: str = ""
    provider_id: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return every field, as /messages shows it."""
        return asdict(self)


class Arrivals:
    """The newest `capacity` arrivals, of at most `max_bytes` characters of text in all; counts are since the start."""

    def __init__(self, capacity: int = 1000, max_bytes: int = 32_000_000) -> None:
        self._kept: deque[Arrival] = deque()
        self._capacity = capacity
        self._max_bytes = max_bytes
        self._bytes = 0
        self._counts: dict[str, dict[str, int]] = {}
        self.last_id = 0

    def add(self, kind: str, at_ms: int, to: str, text: str, **more: str) -> Arrival:
        """Keep a message, drop the oldest where there are too many, and return it with its id."""
        self.last_id += 1
        more = {name: value[:_LARGEST_TEXT] for name, value in more.items()}
        made = Arrival(self.last_id, kind, at_ms, to, text[:_LARGEST_TEXT], **more)
        self._kept.append(made)
        self._bytes += _size(made)
        while len(self._kept) > 1 and (len(self._kept) > self._capacity or self._bytes > self._max_bytes):
            self._bytes -= _size(self._kept.popleft())
        counts = self._counts.setdefault(kind, {"total": 0, "firing": 0, "resolved": 0})
        counts["total"] += 1
        if made.status in counts:
            counts[made.status] += 1
        return made

    def kept(self, kind: str = "", after: int = 0) -> list[Arrival]:
        """Return what is kept, oldest first: of one kind, of ids above `after`."""
        return [each for each in self._kept if (not kind or each.kind == kind) and each.id > after]

    def counts(self) -> Mapping[str, Mapping[str, int]]:
        """Return total, firing and resolved for each kind, since the start."""
        return {kind: dict(counts) for kind, counts in self._counts.items()}


def _size(arrival: Arrival) -> int:
    return len(arrival.text) + len(arrival.html) + 200
