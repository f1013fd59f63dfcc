"""From pages to events: by how much each counter of each target rose between two successful scrapes.

A counter that fell was reset, and its new value counts. A series that was not on the page before, of a target that was scraped,
was born since, and its first value counts too; the very first page of a target is only what later ones are compared with.
A series that vanishes for a while is compared with what it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from agent.model import (
    ABSENT_BITS,
    ABSENT_NAN,
    HISTOGRAM_BITS,
    METRIC_NAME,
    STALE_BITS,
    Columns,
    Labels,
    Row,
    absent_row,
)

_NO_NUMBER: Final = np.array([ABSENT_BITS, STALE_BITS, HISTOGRAM_BITS])
START_TIME: Final = "process_start_time_seconds"
_WOBBLE_SECONDS: Final = 1.0
"""Some exporters compute their start from the time of day, and it moves a little."""
_OLDER: Final = 2
"""At most so many times as long as a process ran the one before whose counters it has passed already."""


@dataclass(frozen=True, slots=True)
class Increases:
    """What one target's counters rose by since they were last asked for.

    values: float64 of shape (n,), n ≤ len(columns): 0 or more, ABSENT_NAN where the series was not on the last page, another
    NaN or an infinity where its value was one. None: the target failed, so nothing is known.
    """

    columns: Columns
    values: NDArray[np.float64] | None
    why: str = ""
    """Without values: why nothing is known."""


class Deltas(Protocol):
    """What the engine asks at each row: everything that happened since it asked before."""

    def increases(self) -> Iterable[Increases]:
        """Give the increases of each target of which something was heard; a target between two scrapes gives nothing."""
        ...

    def ratios(self, slo: str) -> Sequence[tuple[Labels, float]] | None:
        """Return the ratio of a sampled SLO now, one per group; None where it could not be asked."""
        ...


class Scrapes:
    """Remembers each target's last values, and what its counters rose by since `increases` was called."""

    def __init__(self) -> None:
        self._targets: dict[str, _Target] = {}

    def primed(self, target: str, row: Row) -> None:
        """Take a row from before a restart, so that the next one is compared with it."""
        found = self._of(target)
        found.landed(row)
        found.heard, found.counted_ms = False, row.timestamp_ms

    @property
    def counted_ms(self) -> dict[str, int]:
        """The timestamp of each target's last page of which all is in the increases that were given."""
        return {name: each.counted_ms for name, each in self._targets.items() if each.counted_ms is not None}

    def landed(self, target: str, row: Row) -> None:
        """Take a successful scrape; one of the same instant as the one before is the same again and counts nothing."""
        self._of(target).landed(row)

    def failed(self, target: str, why: str) -> None:
        """Take note that a scrape failed, and `why`, which names whom: what counters rise by meanwhile counts when it is back."""
        self._of(target).failed(why)

    def forget(self, target: str) -> None:
        """Forget a target that is not scraped any more."""
        self._targets.pop(target, None)

    def increases(self) -> list[Increases]:
        """Return what each target's counters rose by since the last call, and begin anew."""
        for each in self._targets.values():
            if each.first and each.counted_ms is None:
                each.counted_ms = each.at_ms
        return [each.taken() for each in self._targets.values() if each.heard and not each.first]

    def ratios(self, slo: str) -> Sequence[tuple[Labels, float]] | None:  # noqa: ARG002 - as the protocol has it
        """Return None: pages hold no ratios."""
        return None

    def _of(self, target: str) -> _Target:
        return self._targets.setdefault(target, _Target())


def began_anew(was_seconds: float, seen_ms: int, now_seconds: float, at_ms: int) -> bool:
    """Say whether a process, by its start, is another one that may have passed the old one's counters: then they began at 0.

    It may have if it has run at least half as long by now as the old one had when that was seen last. Those of a younger
    process that did not fall are not its own: an exporter, which was restarted, passes on what another program counts.
    """
    if not now_seconds > was_seconds + _WOBBLE_SECONDS > _WOBBLE_SECONDS:
        return False
    return at_ms / 1000 - now_seconds >= (seen_ms / 1000 - was_seconds) / _OLDER


class _Target:
    """One target: the last value of each column ever seen, and the increases not yet asked for."""

    def __init__(self) -> None:
        self.heard = False
        self.first = False
        """Scraped, and never before: there is nothing to compare with yet."""
        self._columns = Columns()
        self._known = False
        self._why = ""
        self.at_ms: int | None = None
        """Of the last page."""
        self.counted_ms: int | None = None
        self._start: int | None = None
        self._started_ms = 0
        """When its start was seen last."""
        self._last = np.zeros(0)
        self._rose = np.zeros(0)
        self._there = np.zeros(0, dtype=bool)

    def failed(self, why: str) -> None:
        self.heard, self.first, self._known, self._why = True, False, False, why

    def landed(self, row: Row) -> None:
        if row.timestamp_ms == self.at_ms and row.columns is self._columns:
            return
        self._follow(row.columns, len(row.values))
        values = np.concatenate((row.values, absent_row(len(self._last) - len(row.values))))
        there = ~np.isin(values.view(np.int64), _NO_NUMBER)
        if self._restarted(values, row.timestamp_ms):
            self._last[:] = 0.0
        self.first, self._known = self.at_ms is None, self.at_ms is not None
        if self._known:
            now, last = values[there], self._last[there]
            with np.errstate(invalid="ignore"):  # +Inf and -Inf of two pages are NaN, which is no number either
                self._rose[there] += np.where(now >= last, now - last, now)
        number = there & np.isfinite(values)
        self._last[number] = values[number]
        if self._start is not None and number[self._start]:
            self._started_ms = row.timestamp_ms
        self._there, self.at_ms, self.heard = there, row.timestamp_ms, True

    def taken(self) -> Increases:
        """Return the increases and begin anew; those of a target that has failed since wait until it is back."""
        self.heard = False
        if not self._known:
            return Increases(self._columns, None, self._why)
        values = np.where(self._there | (self._rose != 0), self._rose, ABSENT_NAN)
        self._rose = np.zeros(len(self._last))
        self.counted_ms = self.at_ms
        return Increases(self._columns, values)

    def _restarted(self, values: NDArray[np.float64], at_ms: int) -> bool:
        if self._start is None:
            return False
        return began_anew(float(self._last[self._start]), self._started_ms, float(values[self._start]), at_ms)

    def _follow(self, columns: Columns, width: int) -> None:
        """Follow the producer's columns: they grow, and when it begins anew with others, its series are found again by name."""
        if columns is not self._columns:
            before, last, rose = self._columns, self._last, self._rose
            self._columns, self._start = columns, None
            self._last, self._rose = np.zeros(0), np.zeros(0)
            self._grow(max(width, len(columns)))
            for old in range(len(last)):
                new = columns.find(before.labels[old])
                if new is not None:
                    self._last[new], self._rose[new] = last[old], rose[old]
        self._grow(width)

    def _grow(self, width: int) -> None:
        known = len(self._last)
        if width > known:
            self._last = np.append(self._last, np.zeros(width - known))
            self._rose = np.append(self._rose, np.zeros(width - known))
            for column in range(known, width):
                if self._columns.labels[column].get(METRIC_NAME) == START_TIME:
                    self._start = column
