"""Empties the outbox: sends what is due, critical first, and records what became of it. It holds no state of its own.

Providers fail in two ways: RetryLater is tried again (when they say so, else after a growing, jittered time), Rejected is
not. Anything else a receiver raises is a fault of ours and counts as RetryLater, so that no page is lost to it.
"""

from __future__ import annotations

import asyncio
import random as random_module
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Future
from time import monotonic
from typing import Any, Final, Protocol

import structlog

from agent.errors import DeliveryError, Rejected, RetryLater, StorageError
from agent.notify.notification import Asked, Delivery, Receipt, Receiver
from agent.notify.outbox import Outbox
from agent.notify.rows import Row
from agent.telemetry import Telemetry

BACKOFF_MS: Final = 1_000
LONGEST_BACKOFF_MS: Final = 60_000
ATTEMPT_SECONDS: Final = 120
"""After this an attempt counts as failed, whatever the receiver is waiting for."""
AT_ONCE: Final = 8
"""Messages under way at once by one transport, so that a slow mail server never holds back an SMS."""

_log = structlog.get_logger("burnline.notify")


class Log(Protocol):
    """What the sender needs of a log."""

    def warning(self, event: str, /, **facts: object) -> object:
        """Say that something did not work out yet."""
        ...

    def error(self, event: str, /, **facts: object) -> object:
        """Say that something failed."""
        ...


class Sender:
    """Sends by `receivers`: by transport (`email`, `oncall/slack/0`), or by channel where a transport has none of its own."""

    def __init__(
        self,
        outbox: Outbox,
        receivers: Mapping[str, Receiver],
        *,
        random: random_module.Random | None = None,
        telemetry: Telemetry | None = None,
        now_ms: Callable[[], int] | None = None,
        log: Log = _log,
    ) -> None:
        self._log = log
        self.receivers = receivers
        self._outbox = outbox
        self._random = random or random_module.Random()  # noqa: S311 - jitter, not a secret
        self._telemetry = telemetry
        self._now_ms = now_ms
        self._busy: dict[str, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._failures: dict[str, int] = {}

    def next_due(self) -> int | None:
        """Return when something can be sent or asked next, or None."""
        dues = [due for due in (self._outbox.next_due(), self._outbox.next_ask()) if due is not None]
        return min(dues, default=None)

    def start_due(self, at_ms: int) -> list[asyncio.Task[None]]:
        """Begin to send what is due and fits, without waiting for it; return the tasks."""
        started = []
        for row in self._outbox.due(at_ms):
            if self._busy.get(row.transport, 0) >= AT_ONCE:
                continue
            self._busy[row.transport] = self._busy.get(row.transport, 0) + 1
            self._outbox.in_flight.add(row.id)
            started.append(self._begin(self._send(row, at_ms), f"send {row.id}"))
        asks = self._outbox.asks(at_ms).values()
        return [*started, *(self._begin(self._ask(row, at_ms), f"ask {row.id}") for row in asks)]

    async def run_due(self, at_ms: int) -> int:
        """Send all that is due at the instant, wait for it, and return the number of attempts."""
        attempts = 0
        while tasks := self.start_due(at_ms):
            attempts += len(tasks)
            await asyncio.gather(*tasks)
        return attempts

    async def idle(self, seconds: float = 5.0) -> None:
        """Wait for what is under way, but not longer."""
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=seconds)

    async def finish(self, at_ms: int, seconds: float = 5.0) -> None:
        """Send all that is due at the instant, but not for longer; what is left stays pending in the journal."""
        ends = monotonic() + seconds
        self.start_due(at_ms)
        left = seconds
        while self._tasks and left >= 0:
            await asyncio.wait(set(self._tasks), timeout=left, return_when=asyncio.FIRST_COMPLETED)
            if (left := ends - monotonic()) > 0:
                self.start_due(at_ms)
        for task in set(self._tasks):
            task.cancel()

    def _begin(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _ask(self, row: Row, at_ms: int) -> None:
        """Ask the provider what became of a message; where it does not say, it is asked again at the next time."""
        receiver = self._receiver(row)
        try:
            async with asyncio.timeout(ATTEMPT_SECONDS):
                said = await receiver.status(row.provider_id) if isinstance(receiver, Asked) else Delivery("sent")
        except (DeliveryError, TimeoutError) as error:
            said = Delivery("sent", f"the provider could not be asked: {error or type(error).__name__}")
        except Exception as error:  # noqa: BLE001 - a receiver's own fault must not end the asking; its text stays out
            said = Delivery("sent", f"the provider could not be asked: unexpected {type(error).__name__}")
        self._outbox.delivery(row.provider_id, said, self._ended(at_ms))

    def _receiver(self, row: Row) -> Receiver | None:
        return self.receivers.get(row.transport) or self.receivers.get(str(row.target.channel))

    async def _send(self, row: Row, at_ms: int) -> None:
        began = monotonic()
        try:
            await self._on_disk(row)
            receipt = await self._attempt(row)
        except Rejected as error:
            self._failed(row, error.reason, given_up=True)
            self._log.warning("a message is given up", message=row.id, channel=str(row.target.channel), why=str(error))
            written = self._outbox.given_up(row.id, str(error), self._ended(at_ms))
        except RetryLater as error:
            self._failed(row, error.reason)
            self._log.warning(
                "a message did not get out yet", message=row.id, channel=str(row.target.channel), why=str(error)
            )
            ended_ms = self._ended(at_ms)
            next_at_ms = ended_ms + self._wait_ms(row.attempts + 1, error.after_ms)
            self._outbox.in_flight.discard(row.id)
            written = self._outbox.postponed(row.id, str(error), next_at_ms, ended_ms)
        else:
            self._succeeded(row, monotonic() - began)
            written = self._outbox.accepted(row.id, receipt, self._ended(at_ms))
        finally:
            self._outbox.in_flight.discard(row.id)
            self._busy[row.transport] -= 1
            self._outbox.changed()
        try:
            await _done(written)
        except StorageError as error:
            self._log.error("the outcome of a message is not on the disk", message=row.id, error=str(error))

    async def _on_disk(self, row: Row) -> None:
        """Wait until the row is durable. A disk that fails must not stop a page, so it is sent all the same."""
        future = self._outbox.durable(row.id)
        if future is None:
            return
        try:
            await _done(future)
        except StorageError as error:
            self._log.error("a message is sent that is not on the disk", message=row.id, error=str(error))

    async def _attempt(self, row: Row) -> Receipt:
        receiver = self._receiver(row)
        if receiver is None:
            message = f"sending to {row.target.key}: there is no receiver for {row.transport}; its settings are gone"
            raise Rejected(message, reason="other")
        try:
            async with asyncio.timeout(ATTEMPT_SECONDS):
                return await receiver.send(self._outbox.message(row))
        except (Rejected, RetryLater):
            raise
        except TimeoutError as error:
            message = f"sending to {row.target.key}: no answer within {ATTEMPT_SECONDS} s"
            raise RetryLater(message, reason="contextDeadlineExceeded") from error
        except Exception as error:  # a receiver's own fault must cost a retry, never the page
            message = f"sending to {row.target.key}: unexpected {type(error).__name__}"
            raise RetryLater(message) from error

    def _wait_ms(self, attempts: int, after_ms: int | None) -> int:
        """Return how long to wait after the n-th failure: what the provider said, else 1 s doubling to 60 s, ± 50 %."""
        jitter = self._random.random()
        if after_ms is not None:
            return int(after_ms + 250 * jitter)
        longest: int = min(LONGEST_BACKOFF_MS, BACKOFF_MS * 2 ** min(attempts - 1, 10))
        return int(longest * (0.5 + jitter))

    def _ended(self, at_ms: int) -> int:
        return self._now_ms() if self._now_ms else at_ms

    def _succeeded(self, row: Row, seconds: float) -> None:
        channel = str(row.target.channel)
        self._failures[channel] = 0
        if self._telemetry:
            self._telemetry.notifications.labels(channel).inc()
            self._telemetry.notification_latency.labels(channel).observe(seconds)
            self._telemetry.channel_failing.labels(channel).set(0)

    def _failed(self, row: Row, reason: str, *, given_up: bool = False) -> None:
        channel = str(row.target.channel)
        self._failures[channel] = self._failures.get(channel, 0) + 1
        if self._telemetry:
            self._telemetry.notifications.labels(channel).inc()
            self._telemetry.notifications_failed.labels(channel, reason).inc()
            if given_up or self._failures[channel] >= 3:
                self._telemetry.channel_failing.labels(channel).set(1)


async def _done(future: Future[None]) -> None:
    """Wait for a write; one that is done already costs no turn of the loop. Raises StorageError."""
    if future.done():
        future.result()
    else:
        await asyncio.wrap_future(future)
