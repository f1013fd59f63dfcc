"""The real store behind the scripts: what they load becomes rows, as a scrape's are, and every query reads it back."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from agent.model import Block, Columns, Histogram, Labels, Matcher, Row
from agent.query import MemoryQueryable
from agent.store import Store

_FOREVER_MS = 1 << 60


class Stored:
    """Fulfils Queryable by a store, filled anew when something was added."""

    def __init__(self) -> None:
        self._loaded = MemoryQueryable(together=True)
        self._store: Store | None = None

    def add(self, labels: Labels, timestamps_ms: Sequence[int], values: Sequence[float | Histogram]) -> None:
        """Add samples to one series."""
        self._loaded.add(labels, timestamps_ms, values)
        self._store = None

    def select(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int) -> Sequence[Block]:
        """Return what the store has of the matching series."""
        return self._filled().select(matchers, start_ms, end_ms)

    def cells(
        self, matchers: Sequence[Matcher], start_ms: int, end_ms: int, pulse: Callable[[], None] | None = None
    ) -> int:
        """Return how many cells the store would read."""
        return self._filled().cells(matchers, start_ms, end_ms, pulse)

    def _filled(self) -> Store:
        if self._store is None:
            self._store = Store(retention_ms=_FOREVER_MS, max_memory_bytes=1 << 30)
            for block in self._loaded.select((), -_FOREVER_MS, _FOREVER_MS):
                columns = Columns(block.labels)
                for place, at_ms in enumerate(block.timestamps.tolist()):
                    self._store.append(Row(columns, at_ms, block.values[place], histograms=_natives(block, place)))
        return self._store


def _natives(block: Block, row: int) -> list[tuple[Labels, Histogram]]:
    if block.histograms is None:
        return []
    held = block.histograms[row]
    return [(block.labels[column], held[column]) for column in np.flatnonzero(held).tolist()]
