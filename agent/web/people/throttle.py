"""How often somebody may try: so many events within a time, per client or link. Nothing here reads a clock."""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import Final

MOST_CLIENTS: Final = 10_000


@dataclass(slots=True)
class Throttle:
    """Allows `most` events of a client within `within_ms`; of very many clients the ones longest quiet are forgotten."""

    most: int
    within_ms: int
    _events: OrderedDict[str, deque[int]] = field(default_factory=OrderedDict)

    def full(self, client: str, at_ms: int) -> bool:
        """Say whether the client has used up what it may."""
        events = self._events.get(client)
        while events and events[0] <= at_ms - self.within_ms:
            events.popleft()
        return events is not None and len(events) >= self.most

    def count(self, client: str, at_ms: int) -> None:
        """Count an event of the client."""
        self._events.setdefault(client, deque(maxlen=self.most)).append(at_ms)
        self._events.move_to_end(client)
        while len(self._events) > MOST_CLIENTS:
            self._events.popitem(last=False)
