"""The rates of a series whose histograms share one layout: a matrix of (samples × numbers), all steps together.

That is nearly every series: a histogram changes its schema, its zero bucket or its bounds only where its program does. Others
are computed window by window in native_rates, with the same results.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agent.model import Histogram, ResetHint
from agent.query.draft import Sample
from agent.query.frame import Bools, Floats, Natives
from agent.query.functions.tracks import Track
from agent.query.native.alignment import Aligned, align

_SUM = 1
"""The column of the sum, which a reset does not show in."""


@dataclass(frozen=True, slots=True)
class Uniform:
    """A series of K histograms and nothing else, in one layout.

    resets, gauges (K,): which samples follow a counter reset, and which say that they are gauges.
    """

    layout: Aligned
    resets: Bools
    gauges: Bools

    @property
    def matrix(self) -> Floats:
        """A row per sample: count, sum, zero count and buckets."""
        return self.layout.matrix

    def histograms(self, rows: Floats) -> Natives:
        """Return the gauge histograms that rows of numbers stand for."""
        found: Natives = np.full(len(rows), None)
        found[:] = [self.layout.histogram(row, ResetHint.GAUGE) for row in rows]
        return found


def uniform(track: Track) -> Uniform | None:
    """Return the matrix of a series, None where its samples differ in kind or layout."""
    histograms = _only_histograms(track.samples)
    if histograms is None:
        return None
    if len({(each.schema, each.zero_threshold, each.bounds) for each in histograms}) > 1:
        return None
    layout = align(histograms)
    assert layout is not None
    counts = np.delete(layout.matrix, _SUM, axis=1)
    fell = np.zeros(len(counts), np.bool_)
    fell[1:] = (counts[1:] < counts[:-1]).any(axis=1)
    resets = (fell & ~_hinted(histograms, ResetHint.NOT_RESET)) | _hinted(histograms, ResetHint.RESET)
    return Uniform(layout, resets, _hinted(histograms, ResetHint.GAUGE))


def _hinted(histograms: list[Histogram], hint: ResetHint) -> Bools:
    return np.array([each.hint is hint for each in histograms], np.bool_)


def _only_histograms(samples: list[Sample]) -> list[Histogram] | None:
    histograms = [each for each in samples if isinstance(each, Histogram)]
    return histograms if len(histograms) == len(samples) else None


Places = NDArray[np.intp]


def change(held: Uniform, first: Places, last: Places, *, counter: bool) -> Floats:
    """Return what was added from each first to each last sample, shape (N, numbers), resets mended for a counter.

    Where a reset follows the first sample, what that held does not matter. From a sample to itself it is nothing.
    """
    matrix = held.matrix
    base = matrix[first]
    if not counter:
        return np.asarray(matrix[last] - base)
    second = np.minimum(first + 1, last)
    base[(second > first) & held.resets[second]] = 0.0
    found: Floats = matrix[last] - base
    until = np.cumsum(held.resets)
    for step in np.flatnonzero(until[last] > until[second]).tolist():
        fallen = np.flatnonzero(held.resets[first[step] + 2 : last[step] + 1]) + first[step] + 1
        found[step] += matrix[fallen].sum(axis=0)
    return found


def smoothed_change(held: Uniform, track: Track, steps: Places, *, counter: bool) -> Floats:
    """Return what was added in each window, the stretches that its edges cut by the share that lies inside."""
    first, last = track.lo[steps], track.hi[steps] - 1
    second, before_last = np.minimum(first + 1, last), np.maximum(last - 1, first)
    inner = change(held, second, np.maximum(before_last, second), counter=counter)
    at_start = _share(track, steps, second)[:, None] * change(held, first, second, counter=counter)
    at_end = _share(track, steps, last)[:, None] * change(held, before_last, last, counter=counter)
    found = at_start + np.where((last > second)[:, None], inner + at_end, 0.0)
    return np.where((last > first)[:, None], found, 0.0)


def _share(track: Track, steps: Places, ends: Places) -> Floats:
    """Return which share of the stretch up to each of these samples lies inside its window."""
    before, after = track.times_ms[np.maximum(ends - 1, 0)], track.times_ms[ends]
    inside = np.minimum(after, track.ends_ms[steps]) - np.maximum(before, track.starts_ms[steps])
    return np.asarray(inside / (after - before))


def placed(track: Track, steps: Places, histograms: Natives) -> Natives:
    """Return the histograms of some steps as those of all, (N,): None at the others."""
    found: Natives = np.full(len(track.lo), None)
    found[steps] = histograms
    return found


def extended_to_edges(track: Track, steps: Places, first_count: Floats, gained: Floats, *, counter: bool) -> Floats:
    """Return by how much the change in each window grows where its samples are extended to its edges, shape (N,).

    first_count and gained: the count of the first sample and by how much it grew; a counter is not extended below zero.
    """
    lo, hi = track.lo[steps], track.hi[steps]
    first_ms, last_ms = track.times_ms[lo], track.times_ms[hi - 1]
    sampled = (last_ms - first_ms) / 1000
    average = sampled / (hi - lo - 1)
    to_start, to_end = (first_ms - track.starts_ms[steps]) / 1000, (track.ends_ms[steps] - last_ms) / 1000
    to_start = np.where(to_start >= 1.1 * average, average / 2, to_start)
    to_end = np.where(to_end >= 1.1 * average, average / 2, to_end)
    if counter:
        falling = (gained > 0) & (first_count >= 0)
        to_zero = sampled * np.divide(first_count, gained, out=np.full(len(steps), np.inf), where=falling)
        to_start = np.minimum(to_start, to_zero)
    return np.asarray((sampled + to_start + to_end) / sampled)
