"""An agenda: what is due when, in a heap, so that the next of ten thousand is found without looking at them all.

It holds keys and instants, and knows neither groups nor a clock.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import Final

_SLACK: Final = 64
"""Stale entries that are always tolerated; beyond as many as there are keys the heap is made anew."""


class Agenda:
    """When each key is due. Of keys due at one instant the one with the smaller number comes first."""

    def __init__(self) -> None:
        self._dues: dict[str, tuple[int, int]] = {}
        self._heap: list[tuple[int, int, str]] = []

    def __len__(self) -> int:
        return len(self._dues)

    def set(self, key: str, due_ms: int | None, number: int = 0) -> None:
        """Say when a key is due, in place of what was said before; None: never."""
        if due_ms is None:
            self._dues.pop(key, None)
            return
        entry = (due_ms, number)
        if self._dues.get(key) == entry:
            return
        self._dues[key] = entry
        heappush(self._heap, (due_ms, number, key))
        if len(self._heap) > 2 * len(self._dues) + _SLACK:
            self._heap = [(*each, name) for name, each in self._dues.items()]
            heapify(self._heap)

    def next_ms(self) -> int | None:
        """Return when the next key is due, or None."""
        top = self._top()
        return top[0] if top else None

    def first(self, at_ms: int) -> str | None:
        """Return the key that is due first, where it is due by `at_ms`; it stays until `set` says otherwise."""
        top = self._top()
        return top[2] if top and top[0] <= at_ms else None

    def clear(self) -> None:
        """Forget everything."""
        self._dues.clear()
        self._heap.clear()

    def _top(self) -> tuple[int, int, str] | None:
        heap = self._heap
        while heap and self._dues.get(heap[0][2]) != heap[0][:2]:
            heappop(heap)
        return heap[0] if heap else None
