"""The windows of a range selector over series that share timestamps: found once per block, not once per series.

A window of step i is the rows lo[i] to hi[i] (exclusive), left-open as in Prometheus 3: (end - range, end]. In a dense
block a row is a sample of every series, so first and last rows are per step; in a gappy one they are per step and
series, found by running maxima over the rows that are valid.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from agent.query.frame import Bools, Floats, Ints, Natives, only
from agent.query.limits import Allowance

Rows = NDArray[np.intp]


class Windows:
    """N windows over T rows of C series.

    timestamps (T,) and ends_ms (N,) are int64 milliseconds; values (T, C); valid (T, C), or None where all are. histograms
    (T, C) is None in the usual case; a cell that holds a native histogram is not valid: these are windows of floats, and
    `natives` and `samples` give those of histograms and of both.
    """

    __slots__ = (
        *("_firsts", "_lasts", "_tallies", "allowance"),
        *("ends_ms", "hi", "histograms", "lo", "range_ms", "timestamps", "valid", "values"),
    )

    def __init__(
        self,
        timestamps: Ints,
        values: Floats,
        valid: Bools | None,
        ends_ms: Ints,
        range_ms: int,
        histograms: Natives | None = None,
    ) -> None:
        lo = np.searchsorted(timestamps, ends_ms - range_ms, side="right")
        hi = np.searchsorted(timestamps, ends_ms, side="right")
        rows = slice(int(lo.min(initial=len(timestamps))), int(hi.max(initial=0)))
        first = min(rows.start, rows.stop)
        self.timestamps = timestamps[first : rows.stop]
        self.values = values[first : rows.stop]
        self.valid = None if valid is None else valid[first : rows.stop]
        self.histograms: Natives | None = None
        if histograms is not None:
            self._hold(histograms[first : rows.stop])
        self.lo: Rows = np.clip(lo - first, 0, None)
        self.hi: Rows = np.clip(hi - first, 0, None)
        self.ends_ms = ends_ms
        self.range_ms = range_ms
        self.allowance: Allowance | None = None
        self._firsts: Rows | None = None
        self._lasts: Rows | None = None
        self._tallies: Ints | None = None

    def _hold(self, histograms: Natives) -> None:
        """Keep the native histograms of the cells that are samples, and call those cells no floats."""
        native = histograms.astype(np.bool_)
        if self.valid is not None:
            native &= self.valid
        if native.any():
            self.histograms = histograms if native.all() else only(histograms, native)
            self.valid = ~native if self.valid is None else self.valid & ~native

    def natives(self) -> Windows:
        """Return the same windows over the native histograms, whose values are none."""
        assert self.histograms is not None
        return self._over(self.histograms.astype(np.bool_))

    def samples(self) -> Windows:
        """Return the same windows over floats and native histograms alike."""
        if self.histograms is None or self.valid is None:
            return self
        return self._over(self.valid | self.histograms.astype(np.bool_))

    def _over(self, valid: Bools) -> Windows:
        over = self.part(slice(None))
        over.valid = None if valid.all() else valid
        return over

    def part(self, columns: slice | Rows) -> Windows:
        """Return the same windows over some of the series."""
        part = Windows.__new__(Windows)
        part.timestamps, part.ends_ms, part.range_ms = self.timestamps, self.ends_ms, self.range_ms
        part.lo, part.hi, part.allowance = self.lo, self.hi, self.allowance
        part.values = self.values[:, columns]
        part.valid = None if self.valid is None else self.valid[:, columns]
        if part.valid is not None and part.valid.all():
            part.valid = None
        part.histograms = None if self.histograms is None else self.histograms[:, columns]
        if part.histograms is not None and not part.histograms.any():
            part.histograms = None
        part._firsts = part._lasts = part._tallies = None
        return part

    def stretch(self, steps: slice) -> Windows:
        """Return some of the windows, over all of the rows."""
        some = self.part(slice(None))
        some.lo, some.hi, some.ends_ms = self.lo[steps], self.hi[steps], self.ends_ms[steps]
        return some

    def pulse(self) -> None:
        """Raise QueryLimit where the query's time is up; loops over rows call it."""
        if self.allowance is not None:
            self.allowance.pulse()

    def over(self, values: Floats) -> Windows:
        """Return the same windows over other `values` (T, C) of the same samples."""
        over = self.part(slice(None))
        over.values = values
        return over

    @property
    def shape(self) -> tuple[int, int]:
        """(windows, series)."""
        return len(self.lo), self.values.shape[1]

    @property
    def dense(self) -> bool:
        """Whether every row is a sample of every series."""
        return self.valid is None

    @property
    def widest(self) -> int:
        """Rows in the widest window."""
        return int((self.hi - self.lo).max(initial=0))

    @property
    def count(self) -> Ints:
        """Samples in each window: shape (N, 1) where dense, else (N, C)."""
        if self.valid is None:
            return (self.hi - self.lo)[:, None]
        if self._tallies is None:
            tallies = np.zeros((len(self.timestamps) + 1, self.valid.shape[1]), np.int64)
            np.cumsum(self.valid, axis=0, out=tallies[1:])
            self._tallies = tallies
        return self._tallies[self.hi] - self._tallies[self.lo]

    def having(self, least: int) -> Bools | None:
        """Mark the windows with at least `least` samples, shape (N, C); None where all have."""
        enough = self.count >= least
        return None if enough.all() else np.broadcast_to(enough, self.shape)

    @property
    def first(self) -> Rows:
        """The row of each window's first sample: shape (N,) where dense, else (N, C). Anything where it is empty."""
        clipped = np.minimum(self.lo, max(len(self.timestamps) - 1, 0))
        if self.valid is None:
            return clipped
        if self._firsts is None:
            rows = np.arange(len(self.valid))[:, None]
            ahead = np.minimum.accumulate(np.where(self.valid, rows, len(rows) - 1)[::-1], axis=0)[::-1]
            self._firsts = np.ascontiguousarray(ahead)
        return self._firsts[clipped]

    @property
    def last(self) -> Rows:
        """The row of each window's last sample, as `first`."""
        clipped = np.clip(self.hi - 1, 0, None)
        return clipped if self.valid is None else self._last_valid()[clipped]

    def _last_valid(self) -> Rows:
        """Return for each row and series the newest valid row up to it; 0 where there is none."""
        assert self.valid is not None
        if self._lasts is None:
            rows = np.arange(len(self.valid))[:, None]
            self._lasts = np.maximum.accumulate(np.where(self.valid, rows, 0), axis=0)
        return self._lasts

    def before(self, rows: Rows) -> Rows:
        """Return the row of the sample before the one at `rows`; row 0 where there is none."""
        earlier = np.maximum(rows - 1, 0)
        if self.valid is None:
            return earlier
        width = earlier.shape[1]
        found: Rows = self._last_valid().reshape(-1).take(earlier * width + np.arange(width))
        return found

    def pick(self, matrix: Floats, rows: Rows) -> Floats:
        """Return the cells of `matrix` (T, C) at `rows`: shape (N, C)."""
        if rows.ndim == 1:
            return matrix[rows]
        # One flat index costs a third of what take_along_axis does.
        width = matrix.shape[1]
        cells: Floats = np.ascontiguousarray(matrix).reshape(-1).take(rows * width + np.arange(width))
        return cells

    def times(self, rows: Rows) -> Ints:
        """Return the timestamps of `rows`: (N, 1) where dense, else (N, C)."""
        return self.timestamps[rows][:, None] if rows.ndim == 1 else self.timestamps.take(rows)

    def previous(self) -> tuple[Floats, Bools]:
        """Return for each cell (T, C) the value of the sample before it, and whether both are samples."""
        before = np.empty_like(self.values)
        if len(before):
            before[0] = np.nan
        both = np.ones(self.values.shape, np.bool_)
        both[:1] = False
        if self.valid is None:
            before[1:] = self.values[:-1]
            return before, both
        rows = self._last_valid()[:-1]
        before[1:] = self.pick(self.values, rows)
        both[1:] = self.valid[1:] & np.logical_or.accumulate(self.valid, axis=0)[:-1]
        return before, both

    def between(self, events: Floats) -> Floats:
        """Sum `events` (T, C) over each window's rows behind its first sample; events stand on rows that are samples."""
        running = np.cumsum(events, axis=0)
        return self.pick(running, self.last) - self.pick(running, self.first)

    def fold(self) -> Iterator[tuple[Floats, Bools | None, Ints]]:
        """Give the k-th row of all windows at once: values (N, C), which of them are samples, timestamps (N, 1).

        Values that are no samples are anything. Terms come in the order of time.
        """
        newest = max(len(self.timestamps) - 1, 0)
        for k in range(self.widest):
            self.pulse()
            rows = self.lo + k
            inside = rows < self.hi
            rows = np.minimum(rows, newest)
            mask: Bools | None = None
            if self.valid is not None:
                mask = self.valid[rows] & inside[:, None]
            elif not inside.all():
                mask = np.broadcast_to(inside[:, None], self.shape)
            yield self.values[rows], mask, self.timestamps[rows][:, None]

    def blocks(self, leaves: Floats, combine: np.ufunc, neutral: float) -> Floats:
        """Combine the rows of `leaves` (T, C) over each window, in about log2(width) operations per window.

        Each level holds what 2^k rows give together; a window is the levels of its width's binary digits.
        """
        widths = self.hi - self.lo
        found = np.full(self.shape, neutral)
        at = self.lo.copy()
        level = leaves
        for digit in range(self.widest.bit_length()):
            self.pulse()
            size = 1 << digit
            chosen = np.flatnonzero(widths & size)
            if len(chosen) == len(widths):
                combine(found, level[at], out=found)
                at += size
            elif len(chosen):
                found[chosen] = combine(found[chosen], level[at[chosen]])
                at[chosen] += size
            if len(level) > size:
                level = combine(level[:-size], level[size:])
        return found
