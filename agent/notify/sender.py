"""Empties the outbox: sends what is due and may leave, critical first, and records what became of it.

Providers fail in two ways: RetryLater is tried again (when they say so, else after a growing, jittered time), Rejected is
not. Anything else a receiver raises is a fault of ours and counts as RetryLater, so that no page is lost to it. What it knows
of providers (limits, circuits) is rebuilt from the rows at start; nothing else is kept here.
"""

from __future__ import annotations

import asyncio
import random as random_module
from collections.abc import Callable, Coroutine, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from time import monotonic
from typing import Any, Final, Protocol

import structlog

from agent.errors import DeliveryError, Rejected, RetryLater, StorageError
from agent.journal import Append
from agent.notify import tries
from agent.notify.breaker import Circuit, ProviderView
from agent.notify.gate import PATIENCE_MS, Leaving, LimitedGate
from agent.notify.limits import LONGEST_WINDOW_MS, ChannelLimits
from agent.notify.notification import Asked, Bundling, Channel, Delivery, Provided, Receipt, Receiver
from agent.notify.outbox import Outbox
from agent.notify.queue import Strand
from agent.notify.rows import Row
from agent.telemetry import Telemetry

BACKOFF_MS: Final = 1_000
LONGEST_BACKOFF_MS: Final = 60_000
ATTEMPT_SECONDS: Final = 120
"""After this an attempt counts as failed, whatever the receiver is waiting for."""
PROVIDERS: Final = "notify.provider"
"""The journal's kind of events about providers: circuits that open and close, pauses that they asked for."""

_log = structlog.get_logger("burnline.notify")


class Log(Protocol):
    """What the sender needs of a log."""

    def warning(self, event: str, /, **facts: object) -> object:
        """Say that something did not work out yet."""
        ...

    def error(self, event: str, /, **facts: object) -> object:
        """Say that something failed."""
        ...


class _OwnFault(RetryLater):
    """A receiver raised what it should not: our fault, which says nothing about its provider."""


class Sender:
    """Sends by `receivers`: by transport (`email`, `oncall/slack/0`), or by channel where a transport has none of its own."""

    def __init__(
        self,
        outbox: Outbox,
        receivers: Mapping[str, Receiver],
        *,
        limits: Mapping[Channel, ChannelLimits] | None = None,
        strict: bool = False,
        random: random_module.Random | None = None,
        telemetry: Telemetry | None = None,
        now_ms: Callable[[], int] | None = None,
        log: Log = _log,
    ) -> None:
        self._log = log
        self._receivers = receivers
        self._outbox = outbox
        self._random = random or random_module.Random()  # noqa: S311 - jitter, not a secret
        self._telemetry = telemetry
        self._now_ms = now_ms
        self._tasks: set[asyncio.Task[None]] = set()
        self._failures: dict[str, int] = {}
        self._gate = LimitedGate(self._provider, self._most_together, strict=strict)
        self._gate.limits = limits or {}
        outbox.was_set_back = self._gate.set_back
        self._under_way: dict[str, asyncio.Task[None]] = {}
        outbox.stop = self._stop
        self._remember()

    @property
    def receivers(self) -> Mapping[str, Receiver]:
        """What it sends by."""
        return self._receivers

    def reload(
        self,
        receivers: Mapping[str, Receiver],
        limits: Mapping[Channel, ChannelLimits],
        changed: Iterable[str],
        at_ms: int,
        *,
        strict: bool = False,
    ) -> None:
        """Take over receivers and limits. Circuits of the transports whose settings changed are closed, all others stay."""
        stale = {self._provider(transport, channel) for transport in changed for channel in Channel}
        self._receivers = receivers
        stale |= {self._provider(transport, channel) for transport in changed for channel in Channel}
        self._gate.limits, self._gate.strict = limits, strict
        for provider in self._gate.forget(stale):
            self._circuit(provider, "closed", "its settings changed", at_ms)
        self._outbox.queue.rouse()
        self._outbox.changed()

    def next_due(self) -> int | None:
        """Return when something can be sent or asked next, or None. What waits for something under way is not counted."""
        dues = [due for due in (self._outbox.next_due(), self._outbox.next_ask()) if due is not None]
        return min(dues, default=None)

    def providers(self, at_ms: int) -> tuple[ProviderView, ...]:
        """Return how each provider does that anything was sent to."""
        return self._gate.views(at_ms)

    def troubles(self, transports: Iterable[str], at_ms: int) -> dict[str, str]:
        """Say in words what is wrong with the provider of each of these transports whose circuit is open."""
        views = {each.name: each for each in self._gate.views(at_ms) if each.circuit is not Circuit.CLOSED}
        found = {}
        for transport in transports:
            receiver = self._receivers.get(transport)
            name = receiver.provider if isinstance(receiver, Provided) else transport
            if view := views.get(name):
                found[transport] = (
                    f"{name} failed {view.failures} times in a row and is tried again and again: {view.why}"
                )
        return found

    def broken(self, transport: str, channel: Channel) -> bool:
        """Say whether a transport's provider has an open circuit."""
        return self._gate.broken(transport, channel)

    def limited(self, row: Row, at_ms: int) -> bool:
        """Say whether a row waits since its target was sent as many messages as its limits allow."""
        held = self._gate.strand(self._outbox.strand(row), at_ms)
        return held is not None and held.kind == "limit"

    def start_due(self, at_ms: int) -> list[asyncio.Task[None]]:
        """Begin to send what is due and may leave, without waiting for it; return the tasks."""
        while woken := self._outbox.queue.wake(at_ms):
            self._tell_others(woken, at_ms)
        started = []
        while taken := self._outbox.queue.take(at_ms, self._gate):
            strand, rows = taken
            if rows := self._worth(rows, at_ms):
                self._outbox.begin(rows)
                leaving = self._gate.began(strand, at_ms)
                task = self._begin(self._send(leaving, rows, at_ms), f"send {rows[0].id}")
                task.add_done_callback(partial(self._over, leaving, rows))
                self._under_way.update((row.id, task) for row in rows)
                started.append(task)
        self._outbox.settle()
        asks = self._outbox.asks(at_ms).values()
        return [*started, *(self._begin(self._ask(row, at_ms), f"ask {row.id}") for row in asks)]

    async def run_due(self, at_ms: int) -> int:
        """Send all that is due at the instant, wait for it, and return the number of attempts."""
        attempts = 0
        while tasks := self.start_due(at_ms):
            attempts += len(tasks)
            await asyncio.gather(*tasks)
        return attempts

    async def idle(self) -> None:
        """Wait for what is under way now; an attempt takes ATTEMPT_SECONDS at most."""
        if self._tasks:
            await asyncio.wait(set(self._tasks))

    async def finish(self, at_ms: int, seconds: float = 5.0) -> None:
        """Send all that is due at the instant, but not for longer; what is left stays pending in the journal."""
        began = monotonic()
        self.start_due(at_ms)
        while self._tasks and (passed := monotonic() - began) < seconds:
            nap = min(seconds - passed, PATIENCE_MS / 1000)
            await asyncio.wait(set(self._tasks), timeout=nap, return_when=asyncio.FIRST_COMPLETED)
            self.start_due(at_ms + int((monotonic() - began) * 1000))
        for task in set(self._tasks):
            task.cancel()

    def _worth(self, rows: list[Row], at_ms: int) -> list[Row]:
        """Return the rows that somebody still needs; the others are retired."""
        kept = []
        for row in rows:
            if row.within_tick and at_ms >= row.deadline_ms:
                self._outbox.given_up(row.id, f"{row.error}; its tick is over", at_ms, attempted=False)
            elif why := self._outbox.pointless(row, at_ms):
                self._outbox.withdraw(row.id, why, at_ms)
            else:
                kept.append(row)
        if len(kept) < len(rows):
            self._outbox.end(rows)
        return kept

    def _stop(self, row_ids: Iterable[str]) -> None:
        """End what is under way of these rows; nothing is recorded of it."""
        for row_id in row_ids:
            if task := self._under_way.get(row_id):
                task.cancel()

    def _begin(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _ask(self, row: Row, at_ms: int) -> None:
        """Ask the provider what became of a message; where it does not say, it is asked again at the next time."""
        receiver = self._receiver(row.transport, row.target.channel)
        try:
            async with asyncio.timeout(ATTEMPT_SECONDS):
                said = await receiver.status(row.provider_id) if isinstance(receiver, Asked) else Delivery("sent")
        except (DeliveryError, TimeoutError) as error:
            said = Delivery("sent", f"the provider could not be asked: {error or type(error).__name__}")
        except Exception as error:  # noqa: BLE001 - a receiver's own fault must not end the asking; its text stays out
            said = Delivery("sent", f"the provider could not be asked: unexpected {type(error).__name__}")
        self._outbox.delivery(row.provider_id, said, self._ended(at_ms))

    async def _send(self, leaving: Leaving, rows: list[Row], at_ms: int) -> None:
        """Send rows to one target as one message, record what became of each, and wait until that is on the disk."""
        await self._recorded(rows, await self._tried(leaving, rows, at_ms))

    def _over(self, leaving: Leaving, rows: list[Row], _: asyncio.Task[None]) -> None:
        """Note that nothing is under way any more, however it ended; called also where the task never began."""
        self._gate.ended(leaving)
        self._outbox.end(rows)
        self._outbox.queue.stir(leaving.strand.stream)
        for row in rows:
            self._under_way.pop(row.id, None)
        self._outbox.changed()

    async def _tried(self, leaving: Leaving, rows: list[Row], at_ms: int) -> list[Future[None]]:
        began, strand = monotonic(), leaving.strand
        try:
            for row in rows:
                await self._on_disk(row)
            receipt = await self._attempt(rows, self._patience(rows[0], at_ms))
        except Rejected as error:
            return self._rejected(strand, rows, error, self._ended(at_ms))
        except RetryLater as error:
            return self._postponed(strand, rows, error, at_ms, self._ended(at_ms))
        leaving.reached = True
        return self._accepted(strand, rows, receipt, monotonic() - began, self._ended(at_ms))

    async def _recorded(self, rows: list[Row], written: list[Future[None]]) -> None:
        """Wait until what became of rows is on the disk; what follows them leaves only then."""
        for row, future in zip(rows, written, strict=False):
            try:
                await _done(future)
            except StorageError as error:
                self._log.error("the outcome of a message is not on the disk", message=row.id, error=str(error))

    def _accepted(
        self, strand: Strand, rows: list[Row], receipt: Receipt, seconds: float, at_ms: int
    ) -> list[Future[None]]:
        self._succeeded(rows[0], seconds)
        self._works(strand, at_ms)
        if len(rows) > 1:
            together = f"{len(rows)} messages left as one"
            receipt = replace(receipt, detail=f"{receipt.detail}; {together}" if receipt.detail else together)
        return [self._outbox.accepted(row.id, receipt, at_ms) for row in rows]

    def _rejected(self, strand: Strand, rows: list[Row], error: Rejected, at_ms: int) -> list[Future[None]]:
        self._failed(rows[0], error.reason, given_up=True)
        self._works(strand, at_ms)
        written = []
        for row in rows:
            self._log.warning("a message is given up", message=row.id, channel=str(row.target.channel), why=str(error))
            written.append(self._outbox.given_up(row.id, str(error), at_ms))
        return written

    def _postponed(
        self, strand: Strand, rows: list[Row], error: RetryLater, began_ms: int, at_ms: int
    ) -> list[Future[None]]:
        self._failed(rows[0], error.reason)
        if error.after_ms is not None:
            self._gate.pause(strand, error.scope, at_ms + error.after_ms, f"paused by its provider: {error}")
        written = []
        for row in rows:
            self._log.warning(
                "a message did not get out yet", message=row.id, channel=str(row.target.channel), why=str(error)
            )
            if row.within_tick and tries.is_final(row.target.channel, error):
                written.append(self._outbox.given_up(row.id, str(error), at_ms))
                continue
            next_at_ms = self._next_try(row, error, began_ms, at_ms)
            written.append(self._outbox.postponed(row.id, str(error), next_at_ms, at_ms))
        if error.reason != "rateLimited" and not isinstance(error, _OwnFault) and not self._gate.strict:
            self._fails(strand, rows[0], str(error), at_ms)
        return written

    def _works(self, strand: Strand, at_ms: int) -> None:
        breaker = self._gate.breaker(strand.stream)
        if breaker.succeeded():
            self._circuit(breaker.provider, "closed", "it answers again", at_ms)
            self._outbox.queue.rouse()

    def _fails(self, strand: Strand, row: Row, why: str, at_ms: int) -> None:
        breaker = self._gate.breaker(strand.stream)
        why = why.replace(row.target.key, f"somebody by {row.target.channel}")
        if breaker.failed(row.id, why, at_ms):
            self._circuit(breaker.provider, "open", why, at_ms)
            self._tell_others(self._outbox.pending(), at_ms)

    def _tell_others(self, rows: Iterable[Row], at_ms: int) -> None:
        """Let on_failure hear at once of critical rows that a broken provider holds back."""
        for row in rows:
            if row.fell_back or not self._gate.broken(row.transport, row.target.channel) or row.priority != 0:
                continue
            provider = self._provider(row.transport, row.target.channel)
            self._outbox.fall_back(row.id, f"the circuit of {provider} is open", at_ms)
        self._outbox.settle()

    def _circuit(self, provider: str, state: str, why: str, at_ms: int) -> None:
        """Say that a circuit opened or closed: in the log, a metric and the journal."""
        self._log.warning("the circuit of a provider changed", provider=provider, state=state, why=why)
        if self._telemetry:
            self._telemetry.circuit_open.labels(provider).set(state == "open")
        self._outbox.flush(Append(PROVIDERS, provider, at_ms, {"what": f"circuit {state}", "detail": why}))

    async def _on_disk(self, row: Row) -> None:
        """Wait until the row is durable. A disk that fails must not stop a page, so it is sent all the same."""
        future = self._outbox.durable(row.id)
        if future is None:
            return
        try:
            await _done(future)
        except StorageError as error:
            self._log.error("a message is sent that is not on the disk", message=row.id, error=str(error))

    def _patience(self, row: Row, at_ms: int) -> float:
        """Return for how many seconds an attempt is waited for."""
        return max(0.001, (row.deadline_ms - at_ms) / 1000) if row.within_tick else ATTEMPT_SECONDS

    async def _attempt(self, rows: list[Row], seconds: float) -> Receipt:
        row = rows[0]
        receiver = self._receiver(row.transport, row.target.channel)
        if receiver is None:
            message = f"sending to {row.target.key}: there is no receiver for {row.transport}; its settings are gone"
            raise Rejected(message, reason="other")
        try:
            async with asyncio.timeout(seconds):
                if len(rows) > 1 and isinstance(receiver, Bundling):
                    return await receiver.send_together([self._outbox.message(each) for each in rows])
                return await receiver.send(self._outbox.message(row))
        except (Rejected, RetryLater):
            raise
        except TimeoutError as error:
            message = f"sending to {row.target.key}: no answer within {seconds:g} s"
            raise RetryLater(message, reason="contextDeadlineExceeded") from error
        except Exception as error:  # a receiver's own fault must cost a retry, never the page
            message = f"sending to {row.target.key}: unexpected {type(error).__name__}"
            raise _OwnFault(message) from error

    def _remember(self) -> None:
        """Count what left before this process began, so that a restart resets no throttle."""
        taken = [row for row in self._outbox.rows() if row.accepted]
        newest_ms = max((row.finished_at_ms for row in taken), default=0)
        messages = {
            (row.target.key, row.provider_id or row.id): row
            for row in taken
            if row.finished_at_ms > newest_ms - LONGEST_WINDOW_MS
        }
        for row in messages.values():
            critical = row.priority == 0
            self._gate.remember(
                row.transport, row.target.channel, row.target.key, row.finished_at_ms, critical=critical
            )

    def _receiver(self, transport: str, channel: Channel) -> Receiver | None:
        return self._receivers.get(transport) or self._receivers.get(str(channel))

    def _provider(self, transport: str, channel: Channel) -> str:
        receiver = self._receiver(transport, channel)
        return receiver.provider if isinstance(receiver, Provided) else transport

    def _most_together(self, transport: str, channel: Channel) -> int:
        receiver = self._receiver(transport, channel)
        return receiver.most_together if isinstance(receiver, Bundling) else 1

    def _next_try(self, row: Row, error: RetryLater, began_ms: int, ended_ms: int) -> int:
        if row.within_tick:
            return max(ended_ms, began_ms + tries.wait_ms(row.attempts + 1, self._random.random()))
        return ended_ms + self._wait_ms(row.attempts + 1, error.after_ms)

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
