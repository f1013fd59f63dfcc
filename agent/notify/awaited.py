"""Messages that a provider accepted and may say more of: which id means which rows, and when it is asked. It decides nothing."""

from __future__ import annotations

from collections.abc import Iterable
from heapq import heapify, heappop, heappush
from typing import Final

from agent.notify.notification import Delivery
from agent.notify.rows import Row, RowState

MOST_EARLY: Final = 1_000


class Awaited:
    """The accepted rows by their provider's id."""

    def __init__(self) -> None:
        self._rows: dict[str, dict[str, None]] = {}
        self._asks: list[tuple[int, str, str]] = []
        self._early: dict[str, Delivery] = {}

    def add(self, row: Row) -> None:
        """Be ready for what is said later of a row that was sent."""
        if row.state is RowState.SENT and row.provider_id:
            self._rows.setdefault(row.provider_id, {})[row.id] = None
            if row.ask_at_ms:
                heappush(self._asks, (row.ask_at_ms[0], row.provider_id, row.id))

    def drop(self, row: Row) -> None:
        """Expect nothing more of a row."""
        waiting = self._rows.get(row.provider_id)
        if waiting:
            waiting.pop(row.id, None)
            if not waiting:
                del self._rows[row.provider_id]

    def rows(self, provider_id: str) -> tuple[str, ...]:
        """Return the ids of the rows that went out under a provider's id."""
        return tuple(self._rows.get(provider_id, ()))

    def too_early(self, provider_id: str, delivery: Delivery) -> None:
        """Keep what a provider said before its answer to the sending was here."""
        self._early[provider_id] = delivery
        while len(self._early) > MOST_EARLY:
            del self._early[next(iter(self._early))]

    def said(self, provider_id: str) -> Delivery | None:
        """Return what was said too early."""
        return self._early.get(provider_id)

    def due(self, at_ms: int) -> dict[str, str]:
        """Return one row for each provider's id that is to be asked about now; each is returned once for each time."""
        found: dict[str, str] = {}
        while self._asks and self._asks[0][0] <= at_ms:
            _, provider_id, row_id = heappop(self._asks)
            if row_id in self._rows.get(provider_id, ()):
                found.setdefault(provider_id, row_id)
        return found

    def next_ask(self) -> int | None:
        """Return when a provider is to be asked next, or None."""
        while self._asks and self._asks[0][2] not in self._rows.get(self._asks[0][1], ()):
            heappop(self._asks)
        return self._asks[0][0] if self._asks else None

    def ask_anew(self, rows: Iterable[Row]) -> None:
        """Take the times of these rows for those at which is asked, in place of all that were known."""
        self._asks = [(row.ask_at_ms[0], row.provider_id, row.id) for row in rows if row.ask_at_ms]
        heapify(self._asks)
