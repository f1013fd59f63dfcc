"""Long windows of counters that are asked for again and again: what came and what went, instead of all samples each time.

A rule that looks at `rate(x[3d])` every 15 s sees the same samples as last time, but for a row or two at each edge. So for
each long window its two ends, its number of samples and the falls inside are kept, per series, and moved on. It relies on
samples coming in the order of time; whatever it does not recognise (other series, native histograms, a step back) makes it
start from all samples again, and so does every `_AGAIN`th time, for what a store drops or merges behind its back.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Final

import numpy as np

from agent.model import Block, Labels, is_missing
from agent.query import ast
from agent.query.frame import Floats, Ints, SeriesSet
from agent.query.selecting import Ranges
from agent.query.windows import Windows

LONG_MS: Final = 1_800_000
"""Windows from here on are kept; shorter ones are read as fast."""
_AGAIN: Final = 100
_KEPT: Final = 4096
_REACH: Final = 8
"""Average intervals behind the start of a window within which its first sample is looked for."""

Read = Callable[[int, int], Sequence[Block]]
"""Blocks with the samples in (start, end]."""


class Part:
    """The window over one block's series: all arrays are (C,), and anything where `count` is 0.

    fell_ms, fell, lost: when a counter fell, which column, and what it held before.
    """

    __slots__ = ("count", "fell", "fell_ms", "first", "first_ms", "labels", "last", "last_ms", "lost", "newest_ms")

    def __init__(self, labels: tuple[Labels, ...], windows: Windows) -> None:
        """Take the only window of `windows`, which has rows."""
        shape = (windows.values.shape[1],)
        first, last = windows.first, windows.last
        self.labels = labels
        self.first, self.last = windows.pick(windows.values, first)[0], windows.pick(windows.values, last)[0]
        self.first_ms = np.broadcast_to(windows.times(first)[0], shape)
        self.last_ms = np.broadcast_to(windows.times(last)[0], shape)
        self.count: Ints = np.broadcast_to(windows.count[0], shape)
        self.newest_ms = int(windows.timestamps[-1])
        before, both = windows.previous()
        rows, self.fell = np.nonzero(both & (windows.values < before))
        self.fell_ms, self.lost = windows.timestamps[rows], before[rows, self.fell]

    def come(self, stamps: Ints, values: Floats) -> None:
        """Take in the rows that are newer than all before."""
        fresh = stamps > self.newest_ms
        for at_ms, row in zip(stamps[fresh].tolist(), values[fresh], strict=True):
            here = ~is_missing(row)
            fell = np.flatnonzero(here & (self.count > 0) & (row < self.last))
            self.fell_ms = np.concatenate((self.fell_ms, np.full(len(fell), at_ms)))
            self.fell, self.lost = np.concatenate((self.fell, fell)), np.concatenate((self.lost, self.last[fell]))
            begins = here & (self.count == 0)
            self.first, self.first_ms = np.where(begins, row, self.first), np.where(begins, at_ms, self.first_ms)
            self.last, self.last_ms = np.where(here, row, self.last), np.where(here, at_ms, self.last_ms)
            self.count = self.count + here
            self.newest_ms = at_ms

    def go(self, stamps: Ints, values: Floats, before_ms: int, start_ms: int) -> None:
        """Let go of the rows in (before, start]; the first samples are looked for in those behind."""
        here = ~is_missing(values)
        gone = (stamps > before_ms) & (stamps <= start_ms)
        self.count = self.count - here[gone].sum(axis=0)
        behind = stamps > start_ms
        stamps, values, here = stamps[behind], values[behind], here[behind]
        if len(stamps):
            row, columns = here.argmax(axis=0), np.arange(len(self.count))
            found = here.any(axis=0) & (self.first_ms <= start_ms)
            self.first = np.where(found, values[row, columns], self.first)
            self.first_ms = np.where(found, stamps[row], self.first_ms)

    def forget(self) -> None:
        """Let go of the falls that are no longer behind a first sample."""
        kept = self.fell_ms > self.first_ms[self.fell]
        self.fell_ms, self.fell, self.lost = self.fell_ms[kept], self.fell[kept], self.lost[kept]

    def is_missing_its_first(self, start_ms: int) -> bool:
        """Say whether a series has samples in the window, and the first of them is not known."""
        return bool(((self.count > 0) & (self.first_ms <= start_ms)).any())

    def interval_ms(self) -> float:
        """Return the longest average distance of two samples."""
        spread = (self.last_ms - self.first_ms) / np.maximum(self.count - 1, 1)
        return float(np.where(self.count > 0, spread, 0.0).max(initial=0.0))


@dataclass(frozen=True, slots=True)
class Edges:
    """What a rate needs of a window, of all series: shapes (1, S); `lost` is what all falls took together."""

    series: SeriesSet
    first: Floats
    last: Floats
    first_ms: Ints
    last_ms: Ints
    count: Ints
    lost: Floats


class Window:
    """The parts of one selector's window, (at - span, at]."""

    __slots__ = ("_parts", "_series", "_span", "_start", "at_ms", "moves")

    def __init__(self, series: SeriesSet, parts: list[Part], at_ms: int, span: int) -> None:
        self._series = series
        self._parts = {id(part.labels): part for part in parts}
        self._span = span
        self._start = at_ms - span
        self.at_ms = at_ms
        self.moves = 0

    def move(self, at_ms: int, read: Read) -> bool:
        """Move on to `at_ms`; say whether that was possible. Where it was not, the window is spoilt."""
        parts = self._parts.values()
        self.moves += 1
        far = at_ms - self.at_ms > self._span // 8
        if at_ms < self.at_ms or far or not parts or self.moves % _AGAIN == 0:
            return False
        for block in read(min(part.newest_ms for part in parts), at_ms):
            part = self._parts.get(id(block.labels))
            if part is None or block.histograms is not None:
                return False
            part.come(block.timestamps, block.values)
        before, start = self._start, at_ms - self._span
        if any(part.is_missing_its_first(start) for part in parts):
            reach = max(60_000, int(_REACH * max(part.interval_ms() for part in parts)))
            for block in read(before, min(start + reach, at_ms)):
                part = self._parts.get(id(block.labels))
                if part is None or block.histograms is not None:
                    return False
                part.go(block.timestamps, block.values, before, start)
        self._start, self.at_ms = start, at_ms
        if any(part.is_missing_its_first(start) for part in parts):
            return False
        for part in parts:
            part.forget()
        return True

    def edges(self) -> Edges:
        """Return what the window holds now."""
        parts = self._parts.values()

        def floats(name: str) -> Floats:
            return np.concatenate([getattr(part, name) for part in parts])[None, :]

        def stamps(name: str) -> Ints:
            return np.concatenate([getattr(part, name) for part in parts])[None, :]

        lost = [np.bincount(part.fell, weights=part.lost, minlength=len(part.labels)) for part in parts]
        return Edges(
            self._series,
            floats("first"),
            floats("last"),
            stamps("first_ms"),
            stamps("last_ms"),
            stamps("count"),
            np.concatenate(lost)[None, :].astype(np.float64),
        )


class Rolling:
    """The windows that are kept, by selector and length; the least recently used goes first. Threads may share it."""

    def __init__(self) -> None:
        self._windows: OrderedDict[tuple[ast.VectorSelector, int], Window] = OrderedDict()
        self._lock = Lock()

    def moved(self, selector: ast.VectorSelector, span: int, at_ms: int, read: Read) -> Edges | None:
        """Return the window that ends at `at_ms`, None where it has to be read in full."""
        key = (selector, span)
        with self._lock:
            window = self._windows.pop(key, None)
        if window is None or not window.move(at_ms, read):
            return None
        self._keep(key, window)
        return window.edges()

    def keep(self, selector: ast.VectorSelector, span: int, at_ms: int, found: Ranges) -> None:
        """Keep a window that was read in full: the only one of each of `found`'s blocks."""
        if not found.native and all(len(each.timestamps) for each in found.windows):
            parts = [Part(labels, each) for labels, each in zip(found.blocks, found.windows, strict=True)]
            self._keep((selector, span), Window(found.series, parts, at_ms, span))

    def _keep(self, key: tuple[ast.VectorSelector, int], window: Window) -> None:
        with self._lock:
            self._windows[key] = window
            if len(self._windows) > _KEPT:
                self._windows.popitem(last=False)
