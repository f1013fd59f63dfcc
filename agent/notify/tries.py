"""How a message is tried in strict mode: Alertmanager's backoff, and which failures it does not try again. Pure functions.

Source: its retry stage (cenkalti/backoff's defaults) and the retriers of its integrations.
"""

from __future__ import annotations

from typing import Final

from agent.errors import RetryLater
from agent.notify.notification import Channel

_FIRST_MS: Final = 500
_FACTOR: Final = 1.5
_LONGEST_MS: Final = 60_000
_NOT_AGAIN: Final = ("rateLimited", "clientError", "authError")
_RETRIES_429: Final = frozenset({"pagerduty"})


def wait_ms(attempts: int, jitter: float) -> int:
    """Return how long after the start of the n-th attempt the next one comes, for a `jitter` of 0 to 1."""
    interval_ms = min(_LONGEST_MS, _FIRST_MS * _FACTOR ** min(attempts - 1, 20))
    return int(interval_ms * (0.5 + jitter))


def is_final(channel: Channel, error: RetryLater) -> bool:
    """Say whether Alertmanager would not try again in this tick what we hold to be worth another try.

    Its webhook and Slack integrations give up on every 4xx, 429 included, and none of them reads Retry-After.
    """
    return channel is not Channel.EMAIL and error.reason in _NOT_AGAIN and str(channel) not in _RETRIES_429
