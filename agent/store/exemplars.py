"""Exemplars in memory: the newest of all series, in a ring of fixed size. A restart brings back those still in the log.

What is a repetition and what comes too late is decided as Prometheus decides it (tsdb/exemplar.go): against the newest
exemplar of the same series.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from threading import Lock
from typing import Final

from agent.model import Exemplar, Labels, Matcher

MAX_EXEMPLARS: Final = 20_000


class ExemplarRing:
    """At most `capacity` exemplars; one more drops the one that came first. Safe for one writer and many readers."""

    def __init__(self, capacity: int = MAX_EXEMPLARS) -> None:
        self.capacity = capacity
        self._lock = Lock()
        self._by_series: dict[Labels, deque[Exemplar]] = {}
        self._order: deque[Labels] = deque()
        """The series of every exemplar in the order of arrival, which within a series is the order of time."""

    def __len__(self) -> int:
        return len(self._order)

    def add(self, exemplars: Iterable[Exemplar]) -> int:
        """Keep them; return how many came out of order. One that repeats the newest of its series is no news and no loss."""
        out_of_order = 0
        with self._lock:
            for each in exemplars:
                known = self._by_series.get(each.series)
                if known is not None and each == known[-1]:
                    continue
                if known is not None and _rank(each) < _rank(known[-1]):
                    out_of_order += 1
                elif self.capacity:
                    self._keep(each)
        return out_of_order

    def select(
        self, selectors: Sequence[Sequence[Matcher]], start_ms: int | None, end_ms: int | None
    ) -> list[Exemplar]:
        """Return those with start ≤ time ≤ end of the series that any selector matches, by series and time."""
        found: list[Exemplar] = []
        with self._lock:
            series = [(labels, tuple(known)) for labels, known in self._by_series.items()]
        for labels, known in sorted(series, key=lambda each: each[0].pairs):
            if any(all(each.matches(labels.get(each.name)) for each in matchers) for matchers in selectors):
                found += [each for each in known if _within(each.timestamp_ms, start_ms, end_ms)]
        return found

    def resize(self, capacity: int) -> None:
        """Keep at most `capacity` from now on, the newest of what is there."""
        with self._lock:
            self.capacity = capacity
            while len(self._order) > capacity:
                self._drop_first()

    def _keep(self, exemplar: Exemplar) -> None:
        if len(self._order) >= self.capacity:
            self._drop_first()
        self._by_series.setdefault(exemplar.series, deque()).append(exemplar)
        self._order.append(exemplar.series)

    def _drop_first(self) -> None:
        series = self._order.popleft()
        known = self._by_series[series]
        known.popleft()
        if not known:
            del self._by_series[series]


def _rank(exemplar: Exemplar) -> tuple[int, float, Labels]:
    """Return what orders exemplars of one series: several may share a time, as those of a native histogram's buckets do."""
    return exemplar.timestamp_ms, exemplar.value, exemplar.labels


def _within(timestamp_ms: int, start_ms: int | None, end_ms: int | None) -> bool:
    return (start_ms is None or start_ms <= timestamp_ms) and (end_ms is None or timestamp_ms <= end_ms)
