"""How a rule's last evaluations went, in a few bytes each: a ring per rule, smaller where there are many rules.

An evaluation is kept as 24 packed bytes and made a value when somebody looks; errors, which are rare, stand beside the ring.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from struct import Struct
from threading import local
from typing import Final, overload

MOST: Final = 60
"""Evaluations of a rule that are kept, where memory allows."""
LEAST: Final = 5
_TOGETHER: Final = 300_000
"""Evaluations of all rules that are kept: 7 MB."""
_ROW: Final = Struct("<qfIII")
_LARGEST: Final = 2**32 - 1


@dataclass(frozen=True, slots=True)
class PastEvaluation:
    """One evaluation of a rule: at which instant, how long it took, what its queries read, how many series its expression gave.

    `series` and `samples` are those of all selectors together, also of the queries in its templates; what a cached plan does
    not read again is not counted again.
    """

    at_ms: int
    seconds: float
    series: int = 0
    samples: int = 0
    results: int = 0
    error: str = ""


class Tally(local):
    """Counts what the queries of one evaluation read; whoever answers queries adds to it, the evaluator empties it.

    Each thread counts for itself: an evaluation is one thread's.
    """

    def __init__(self) -> None:
        self.series = self.samples = 0
        self.results = -1

    def add(self, series: int, samples: int, results: int) -> None:
        """Count a query; the first one since the last emptying is the rule's own, and its results are the rule's."""
        self.series += series
        self.samples += samples
        if self.results < 0:
            self.results = results

    def take(self) -> tuple[int, int, int]:
        """Return series, samples and results, and begin anew."""
        taken = self.series, self.samples, max(self.results, 0)
        self.series = self.samples = 0
        self.results = -1
        return taken


class Evaluations(Sequence[PastEvaluation]):
    """The last evaluations of one rule, the newest first. One thread adds, others may look."""

    __slots__ = ("_count", "_errors", "_most", "_rows")

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._rows = bytearray()
        self._count = 0
        self._errors: dict[int, str] | None = None

    def add(self, at_ms: int, seconds: float, read: tuple[int, int, int], error: str = "") -> None:
        """Add an evaluation; the oldest one goes where there is no room. `read` is what `Tally.take` gives."""
        series, samples, results = read
        slot = self._count % self._most
        row = _ROW.pack(at_ms, seconds, min(series, _LARGEST), min(samples, _LARGEST), results)
        self._rows[slot * _ROW.size : (slot + 1) * _ROW.size] = row
        if error:
            self._errors = {**(self._errors or {}), slot: error}
        elif self._errors and slot in self._errors:
            self._errors = {each: text for each, text in self._errors.items() if each != slot} or None
        self._count += 1

    def resize(self, most: int) -> None:
        """Keep at most so many from now on, the newest."""
        if most == self._most:
            return
        kept = self[:most]
        self._most, self._rows, self._count, self._errors = most, bytearray(), 0, None
        for each in reversed(kept):
            self.add(each.at_ms, each.seconds, (each.series, each.samples, each.results), each.error)

    def __len__(self) -> int:
        return min(self._count, self._most)

    @overload
    def __getitem__(self, index: int) -> PastEvaluation: ...

    @overload
    def __getitem__(self, index: slice) -> list[PastEvaluation]: ...

    def __getitem__(self, index: int | slice) -> PastEvaluation | list[PastEvaluation]:
        if isinstance(index, slice):
            return [self._at(each) for each in range(*index.indices(len(self)))]
        size = len(self)
        if not -size <= index < size:
            raise IndexError(index)
        return self._at(index % size)

    def _at(self, index: int) -> PastEvaluation:
        slot = (self._count - 1 - index) % self._most
        at_ms, seconds, series, samples, results = _ROW.unpack_from(self._rows, slot * _ROW.size)
        return PastEvaluation(at_ms, seconds, series, samples, results, (self._errors or {}).get(slot, ""))


def kept_each(rules: int) -> int:
    """Return how many evaluations of each rule are kept where there are so many rules."""
    return max(LEAST, min(MOST, _TOGETHER // max(rules, 1)))
