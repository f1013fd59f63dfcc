"""Who asks, in bounded memory: client names fit for a label, a pace for each, and the sessions of the last minutes.

Raw session ids are never kept, only a digest of them.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections import OrderedDict
from typing import Final

from sample_rag_app.errors import RateLimited

MAX_NAMED: Final = 20
ANONYMOUS: Final = "anonymous"
OTHER: Final = "other"
NOBODY: Final = "none"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


class ClientNames:
    """Maps what clients call themselves to at most twenty names, `other` and `anonymous`.

    Configured names come first, then the first ones seen: nothing is ever given up again, since a counter that
    disappears and comes back looks like a reset.
    """

    def __init__(self, configured: tuple[str, ...] = ()) -> None:
        self._named = set(configured[:MAX_NAMED])
        self._open = not configured
        self.overflowed = 0

    def label(self, client_id: str | None) -> str:
        """Return the label for a client; `overflowed` counts how often one had to be `other`."""
        if not client_id:
            return ANONYMOUS
        if client_id in self._named:
            return client_id
        reserved = client_id in (ANONYMOUS, OTHER, NOBODY)
        if self._open and not reserved and len(self._named) < MAX_NAMED and _NAME.fullmatch(client_id):
            self._named.add(client_id)
            return client_id
        self.overflowed += 1
        return OTHER


class Pace:
    """A token bucket for each client label, so the number of buckets is bounded like the labels."""

    def __init__(self, per_second: float, burst: int) -> None:
        self._per_second = per_second
        self._burst = float(burst)
        self._buckets: dict[str, tuple[float, int]] = {}

    def take(self, client: str, at_ms: int) -> None:
        """Use up one request; raises RateLimited, which says when to come back."""
        if self._per_second <= 0:
            return
        tokens, since_ms = self._buckets.get(client, (self._burst, at_ms))
        tokens = min(self._burst, tokens + (at_ms - since_ms) / 1000 * self._per_second)
        if tokens < 1:
            self._buckets[client] = (tokens, at_ms)
            wait = max(1, math.ceil((1 - tokens) / self._per_second))
            raise RateLimited(
                f"the client {client!r} asks more than {self._per_second:g} times a second; retry after {wait} s", wait
            )
        self._buckets[client] = (tokens - 1, at_ms)


class Sessions:
    """The sessions that asked something lately; the longest silent ones give way above `max_sessions`."""

    def __init__(self, ttl_ms: int, max_sessions: int = 10_000) -> None:
        self._ttl_ms = ttl_ms
        self._max_sessions = max_sessions
        self._last_seen: OrderedDict[bytes, int] = OrderedDict()

    def touch(self, session_id: str, at_ms: int) -> None:
        """Note that a session is active."""
        key = digest(session_id)
        self._last_seen[key] = at_ms
        self._last_seen.move_to_end(key)
        if len(self._last_seen) > self._max_sessions:
            self._last_seen.popitem(last=False)

    def active(self, at_ms: int) -> int:
        """Count the sessions of the last `ttl_ms` milliseconds and forget the others."""
        while self._last_seen and next(iter(self._last_seen.values())) <= at_ms - self._ttl_ms:
            self._last_seen.popitem(last=False)
        return len(self._last_seen)


def digest(identity: str, key: bytes = b"") -> bytes:
    """Return eight bytes that stand for an identity; with a `key` nobody else can make the same ones."""
    return hashlib.blake2b(identity.encode("utf-8", "surrogatepass"), digest_size=8, key=key).digest()
