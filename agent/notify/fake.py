"""A receiver that sends nowhere: it remembers what it was given and fails on demand. For tests, and to try routes."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from agent.errors import DeliveryError
from agent.notify.notification import Delivery, Notification, Receipt


class FakeReceiver:
    """Fulfils Receiver. `accepted` is what it took, `tried` every attempt, in order.

    `ask_after_ms` and `fates` make it a provider that says later what became of a message: the next of `fates` is the next
    answer. `provider` names it where several share one.
    """

    def __init__(
        self,
        state: Mapping[str, Any] | None = None,
        *,
        provider: str = "",
        delivered: bool = False,
        ask_after_ms: tuple[int, ...] = (),
    ) -> None:
        self.accepted: list[Notification] = []
        self.tried: list[Notification] = []
        self.closed = False
        if provider:
            self.provider = provider
        self.fates: deque[Delivery] = deque()
        self.asked: list[str] = []
        self._delivered = delivered
        self._ask_after_ms = ask_after_ms
        self._state = dict(state or {})
        self._failures: deque[BaseException] = deque()
        self._always: DeliveryError | None = None
        self._taken = 0

    def fail(self, *failures: BaseException) -> None:
        """Raise these, one for each of the next attempts."""
        self._failures.extend(failures)

    def fail_always(self, failure: DeliveryError | None) -> None:
        """Raise this for every attempt, until told None."""
        self._always = failure

    async def send(self, notification: Notification) -> Receipt:
        """Take the message, or raise what was asked for."""
        return self._take([notification])

    async def status(self, provider_id: str) -> Delivery:
        """Say the next of `fates`; without any, that it is still on its way."""
        self.asked.append(provider_id)
        return self.fates.popleft() if self.fates else Delivery("sent")

    async def close(self) -> None:
        """Remember that it was closed."""
        self.closed = True

    def _take(self, notifications: Sequence[Notification]) -> Receipt:
        self.tried.extend(notifications)
        if self._failures:
            raise self._failures.popleft()
        if self._always:
            raise self._always
        self.accepted.extend(notifications)
        self._taken += 1
        last = notifications[-1].idempotency_key
        made = {**self._state, "last": last}
        return Receipt(f"fake-{self._taken}", state=made, delivered=self._delivered, ask_after_ms=self._ask_after_ms)


class FakeBundler(FakeReceiver):
    """A fake that tells one target of several messages at once; `bundles` is what it took that way."""

    def __init__(self, state: Mapping[str, Any] | None = None, *, most_together: int = 3, **more: Any) -> None:
        super().__init__(state, **more)
        self.most_together = most_together
        self.bundles: list[tuple[Notification, ...]] = []

    async def send_together(self, notifications: Sequence[Notification]) -> Receipt:
        """Take them as one message, or raise what was asked for."""
        receipt = self._take(notifications)
        self.bundles.append(tuple(notifications))
        return receipt
