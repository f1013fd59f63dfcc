"""Alerts that were handed over and not yet looked at: batches in order, taken in a slice at a time.

Ten thousand alerts at once must not hold up what else the agent does. It knows no routes and no groups.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future
from itertools import islice
from typing import Final

from agent.model import Alert

SLICE: Final = 250
"""Alerts that are taken in at a stretch: 2 to 5 ms."""


class Batch:
    """Alerts that were handed over at one instant; `written` is done when all of them are on the disk."""

    def __init__(self, alerts: Iterable[Alert], at_ms: int) -> None:
        self.at_ms = at_ms
        self.written: Future[None] = Future()
        self.written.set_running_or_notify_cancel()  # who stops waiting must not stop what follows
        self._alerts = deque(alerts)
        self._error: BaseException | None = None

    def __len__(self) -> int:
        return len(self._alerts)

    def take(self) -> list[Alert]:
        """Return the next alerts, and take them out."""
        taken = list(islice(self._alerts, SLICE))
        for _ in taken:
            self._alerts.popleft()
        return taken

    def failed(self, error: BaseException) -> None:
        """Give up: what was not taken yet is dropped, and who waits is told why."""
        self._alerts.clear()
        self.written.set_exception(error)

    def kept(self, future: Future[None]) -> None:
        """Take note of the write that keeps what was taken last; the batch is written when its last one is."""
        last = not self._alerts

        def done(one: Future[None]) -> None:
            self._error = self._error or one.exception()
            if last and self._error:
                self.written.set_exception(self._error)
            elif last:
                self.written.set_result(None)

        future.add_done_callback(done)


class Intake:
    """Batches that wait, the oldest first."""

    def __init__(self) -> None:
        self._batches: deque[Batch] = deque()

    def __len__(self) -> int:
        return sum(len(batch) for batch in self._batches)

    def add(self, batch: Batch) -> None:
        """Let a batch wait its turn."""
        self._batches.append(batch)

    def next_ms(self) -> int | None:
        """Return when the oldest batch was handed over, or None."""
        return self._batches[0].at_ms if self._batches else None

    def take(self) -> tuple[Batch, list[Alert]]:
        """Return the next alerts of the oldest batch; there must be one."""
        batch = self._batches[0]
        taken = batch.take()
        if not len(batch):
            self._batches.popleft()
        return batch, taken
