"""The windows of `anchored` and `smoothed` selectors: what is inside, and the samples next to the two edges.

All of it is ordinary windows over the same rows, so that dense and gappy blocks, one step and many, share their code. It
looks as far beyond an edge as the lookback, and past stale markers. Source: Prometheus' extendedRate and smoothSeries.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from agent.model import is_missing
from agent.query import ast
from agent.query.evaluation import Evaluation
from agent.query.frame import Bools, Floats, Frame, Ints, empty
from agent.query.selecting import Ranges, column_stretches, select_blocks, windows_of
from agent.query.windows import Windows

Kernelled = tuple[Floats, Bools]
"""Values (N, C), and which of them are there."""


@dataclass(frozen=True, slots=True)
class Point:
    """One sample of each window and series: values and presence (N, C), times (N, 1) or (N, C) in milliseconds.

    Values and times where `present` is False are anything.
    """

    values: Floats
    times: Ints
    present: Bools

    def or_else(self, other: Point) -> Point:
        """Return this sample, or `other` where it is absent."""
        values = np.where(self.present, self.values, other.values)
        return Point(values, np.where(self.present, self.times, other.times), self.present | other.present)


@dataclass(frozen=True, slots=True)
class Edges:
    """N windows (start, end] of C series with what lies around them.

    inside: the samples behind `start_ms` (N, 1) and, where smoothed, before `end_ms` (N, 1); first and last are among them.
    before: the newest sample at or before the start; after: the oldest at or behind the end.
    """

    inside: Windows
    first: Point
    last: Point
    before: Point
    after: Point
    start_ms: Ints
    end_ms: Ints
    smoothed: bool

    @property
    def present(self) -> Bools:
        """Which windows have a value: one sample inside, or, where smoothed, samples on both sides."""
        if not self.smoothed:
            return self.last.present
        at_end: Bools = self.after.times == self.end_ms
        around: Bools = self.after.present & (self.before.present | at_end)
        return self.last.present | around

    def left(self, *, counter: bool) -> Floats:
        """Return the value at the start of each window."""
        if not self.smoothed:
            return self.before.or_else(self.first).values
        following = self.first.or_else(self.after)
        on_line = on_the_line(self.before, following, self.start_ms, counter=counter)
        inner = np.where(self.before.times == self.start_ms, self.before.values, on_line)
        return np.where(self.before.present, inner, following.values)

    def right(self, *, counter: bool) -> Floats:
        """Return the value at the end of each window."""
        if not self.smoothed:
            return self.last.values
        preceding = self.last.or_else(self.before)
        on_line = on_the_line(preceding, self.after, self.end_ms, counter=counter)
        outer = np.where(self.after.times == self.end_ms, self.after.values, on_line)
        return np.where(self.after.present, outer, preceding.values)


def edges(
    stamps: Ints, values: Floats, valid: Bools | None, ends: Ints, span: int, lookback: int, *, smoothed: bool
) -> Edges:
    """Return the windows of `span` milliseconds that end at `ends` over the rows of some series."""
    inside = Windows(stamps, values, valid, ends - smoothed, span - smoothed)
    before = Windows(stamps, values, valid, ends - span, lookback)
    after = Windows(stamps, values, valid, ends + lookback, lookback + 1)  # a millisecond more: end itself counts
    first, last = _point(inside, last=False), _point(inside, last=True)
    outside = _point(before, last=True), _point(after, last=False)
    return Edges(inside, first, last, *outside, (ends - span)[:, None], ends[:, None], smoothed)


def _point(windows: Windows, *, last: bool) -> Point:
    if not len(windows.timestamps):
        return Point(np.zeros(windows.shape), np.zeros(windows.shape, np.int64), np.zeros(windows.shape, np.bool_))
    rows = windows.last if last else windows.first
    present = np.broadcast_to(windows.count > 0, windows.shape)
    return Point(windows.pick(windows.values, rows), windows.times(rows), present)


def on_the_line(earlier: Point, later: Point, at_ms: Ints, *, counter: bool) -> Floats:
    """Return the value at `at_ms` on the line between two samples; a counter that fell rises from zero."""
    base = np.where(later.values < earlier.values, 0.0, earlier.values) if counter else earlier.values
    rise: Floats = (later.values - base) * (at_ms - earlier.times) / (later.times - earlier.times)
    return base + rise


Beside = Callable[[Ranges, Frame], Frame]
"""Completes the frame of the floats where there are native histograms; windows reach beyond the edges by the lookback."""


def over_edges(
    evaluation: Evaluation, node: ast.MatrixSelector, kernel: Callable[[Edges], Kernelled], beside: Beside
) -> Frame:
    """Run `kernel` over all windows of an extended range selector; return values (steps, series)."""
    selector = node.selector
    span, lookback = evaluation.duration(node.range), evaluation.query.lookback_ms
    times = evaluation.times(selector.at, selector.offset)
    smoothed = selector.extension == "smoothed"

    def run(stamps: Ints, values: Floats, valid: Bools | None) -> Kernelled:
        return kernel(edges(stamps, values, valid, times, span, lookback, smoothed=smoothed))

    ahead = lookback if smoothed else 0
    return _by_stretches(evaluation, selector, times + ahead, span + lookback + ahead, run, beside)


def smoothed_instant(evaluation: Evaluation, node: ast.VectorSelector) -> Frame:
    """Return each series' value on the line between the samples around each step, or the newest where none follows."""
    lookback = evaluation.query.lookback_ms
    times = evaluation.times(node.at, node.offset)

    def run(stamps: Ints, values: Floats, valid: Bools | None) -> Kernelled:
        around = edges(stamps, values, valid, times, 0, lookback, smoothed=False)
        before, after = around.before, around.after
        between = after.present & (before.times < around.end_ms)
        on_line = on_the_line(before, after, around.end_ms, counter=False)
        return np.where(between, on_line, before.values), before.present

    def beside(found: Ranges, frame: Frame) -> Frame:
        from agent.query.functions.native_extended import smoothed_histograms

        return smoothed_histograms(evaluation, node, found, frame)

    return _by_stretches(evaluation, node, times + lookback, 2 * lookback, run, beside)


def _by_stretches(
    evaluation: Evaluation,
    selector: ast.VectorSelector,
    ends: Ints,
    span: int,
    run: Callable[[Ints, Floats, Bools | None], Kernelled],
    beside: Beside,
) -> Frame:
    blocks = select_blocks(evaluation, selector.matchers, int(ends.min()) - span, int(ends.max()))
    series = evaluation.query.sets.of(blocks)
    steps = len(evaluation.steps)
    if not len(series):
        return empty(steps)
    evaluation.query.touch(steps * len(series))
    values, present = np.empty((steps, len(series))), np.empty((steps, len(series)), np.bool_)
    start = 0
    for block in blocks:
        evaluation.query.allowance.count(block.values.size)
        for columns in column_stretches(len(block.labels), max(len(block.timestamps), steps)):
            evaluation.query.allowance.pulse()
            cells = block.values[:, columns]
            missing = None if block.dense else is_missing(cells)
            if block.histograms is not None:
                missing = is_missing(cells) | block.histograms[:, columns].astype(np.bool_)
            valid = None if missing is None or not missing.any() else ~missing
            target = slice(columns.start + start, columns.stop + start)
            values[:, target], present[:, target] = run(block.timestamps, cells, valid)
        start += len(block.labels)
    frame = Frame(series, values, present)
    if any(block.histograms is not None for block in blocks):
        return beside(Ranges(series, [windows_of(evaluation, block, ends, span) for block in blocks]), frame)
    return frame


def extended_samples(evaluation: Evaluation, node: ast.MatrixSelector) -> Ranges:
    """Return what an extended range selector holds at one instant: its window, with a sample on each edge."""
    selector = node.selector
    span, lookback = evaluation.duration(node.range), evaluation.query.lookback_ms
    times = evaluation.times(selector.at, selector.offset)
    start, end = int(times[0]) - span, int(times[0])
    smoothed = selector.extension == "smoothed"
    blocks = select_blocks(evaluation, selector.matchers, start - lookback, end + (lookback if smoothed else 0))
    windows = []
    for block in blocks:
        evaluation.query.touch(block.values.size)
        valid = ~is_missing(block.values)
        if block.histograms is not None:
            valid &= ~block.histograms.astype(np.bool_)
        around = edges(block.timestamps, block.values, valid, times, span, lookback, smoothed=smoothed)
        rows = slice(*np.searchsorted(block.timestamps, [start + 1, end]).tolist())
        stamps = np.concatenate([[start], block.timestamps[rows], [end]])
        cells = np.concatenate([around.left(counter=False), block.values[rows], around.right(counter=False)])
        kept = np.concatenate([around.present, valid[rows] & around.present, around.present])
        windows.append(Windows(stamps, cells, kept, times, span + 1))  # a millisecond more: the start itself counts
    return Ranges(evaluation.query.sets.of(blocks), windows)
