"""A receiver that sends nowhere: it remembers what it was given and fails on demand. For tests, and to try routes."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

from agent.errors import DeliveryError
from agent.notify.notification import Notification, Receipt


class FakeReceiver:
    """Fulfils Receiver. `accepted` is what it took, `tried` every attempt, in order."""

    def __init__(self, state: Mapping[str, Any] | None = None) -> None:
        self.accepted: list[Notification] = []
        self.tried: list[Notification] = []
        self.closed = False
        self._state = dict(state or {})
        self._failures: deque[BaseException] = deque()
        self._always: DeliveryError | None = None

    def fail(self, *failures: BaseException) -> None:
        """Raise these, one for each of the next attempts."""
        self._failures.extend(failures)

    def fail_always(self, failure: DeliveryError | None) -> None:
        """Raise this for every attempt, until told None."""
        self._always = failure

    async def send(self, notification: Notification) -> Receipt:
        """Take the message, or raise what was asked for."""
        self.tried.append(notification)
        if self._failures:
            raise self._failures.popleft()
        if self._always:
            raise self._always
        self.accepted.append(notification)
        return Receipt(f"fake-{len(self.accepted)}", state={**self._state, "last": notification.idempotency_key})

    async def close(self) -> None:
        """Remember that it was closed."""
        self.closed = True
