"""From selectors to arrays: the newest sample at every step, or the windows of a range, block by block.

Staleness and absence are settled here: an instant selector ends at a stale marker, a range selector passes over it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from agent.model import Block, Histogram, Labels, Matcher, is_absent, is_missing
from agent.query import ast
from agent.query.distinct import distinct
from agent.query.evaluation import Evaluation
from agent.query.frame import Bools, Floats, Frame, Ints, Natives, SeriesSet, empty, side_by_side
from agent.query.limits import CELL
from agent.query.windows import Windows


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest samples of one block: values, presence and, where asked for, their rows' timestamps."""

    values: Floats
    present: Bools | None
    timestamps: Ints
    histograms: Natives | None = None


def select_blocks(evaluation: Evaluation, matchers: tuple[Matcher, ...], after_ms: int, until_ms: int) -> list[Block]:
    """Read the blocks of the series that match, leaving out those without series."""
    queryable, allowance = evaluation.query.queryable, evaluation.query.allowance
    allowance.reserve(CELL * queryable.cells(matchers, after_ms, until_ms, allowance.pulse))
    found = [block for block in queryable.select(matchers, after_ms, until_ms) if block.labels]
    allowance.series += sum(len(block.labels) for block in found)
    return found


def select_instant(evaluation: Evaluation, node: ast.VectorSelector, *, timestamps: bool = False) -> Frame:
    """Return the newest sample of each series at each step, or the time of that sample in seconds."""
    if node.extension == "smoothed" and not timestamps:
        from agent.query.extended import smoothed_instant

        return smoothed_instant(evaluation, node)
    lookback = evaluation.query.lookback_ms
    times = evaluation.times(node.at, node.offset)
    first, last = int(times.min()) - lookback, int(times.max())
    blocks = select_blocks(evaluation, node.matchers, first, last)
    series = evaluation.query.sets.of(blocks, node.matchers)
    evaluation.query.touch(len(times) * len(series))
    if not blocks:
        return empty(len(times))
    parts = [_newest(block, times, lookback) for block in blocks]
    if timestamps:
        values = [np.broadcast_to(part.timestamps / 1000, part.values.shape) for part in parts]
    else:
        values = [part.values for part in parts]
    natives = side_by_side(parts)
    if natives is not None:
        evaluation.query.allowance.count(weight(natives))
    if len(parts) == 1:
        return Frame(series, values[0], parts[0].present, natives)
    present = None
    if any(part.present is not None for part in parts):
        masks = [np.ones(part.values.shape, np.bool_) if part.present is None else part.present for part in parts]
        present = np.concatenate(masks, axis=1)
    return Frame(series, np.concatenate(values, axis=1), present, natives)


def _newest(block: Block, times: Ints, lookback_ms: int) -> Newest:
    stamps = block.timestamps
    if not len(stamps):
        shape = (len(times), len(block.labels))
        return Newest(np.zeros(shape), np.zeros(shape, np.bool_), np.zeros((len(times), 1), np.int64))
    lo = np.searchsorted(stamps, times - lookback_ms, side="right")
    hi = np.searchsorted(stamps, times, side="right")
    rows = np.maximum(hi - 1, 0)
    filled = hi > lo
    values = block.values[rows]
    natives = None if block.histograms is None else block.histograms[rows]
    shown = None if filled.all() else np.broadcast_to(filled[:, None], values.shape)
    newest = Newest(values, shown, stamps[rows][:, None], natives)
    if block.dense or not is_missing(values).any():
        return newest
    return _newest_gappy(block, newest, np.maximum(lo, 0), rows)


_STEPS_BACK: Final = 8
"""Rows that are looked at one by one for a cell that is absent, before its whole column is."""


def _newest_gappy(block: Block, newest: Newest, lo: Ints, rows: Ints) -> Newest:
    """Look past absent cells, not before row `lo`, to the newest row that holds a sample or a stale marker."""
    values, histograms = newest.values, newest.histograms
    stamped = np.broadcast_to(newest.timestamps, values.shape).copy()
    steps, columns = np.nonzero(is_absent(values))
    at = rows[steps]
    for _ in range(_STEPS_BACK):
        at = at - 1
        within = at >= lo[steps]
        steps, columns, at = steps[within], columns[within], at[within]
        if not len(steps):
            break
        held = ~is_absent(block.values[at, columns])
        _take(block, newest, stamped, (steps[held], columns[held]), at[held])
        steps, columns, at = steps[~held], columns[~held], at[~held]
    for stretch in column_stretches(len(found := distinct(columns)), len(block.values)):
        _look_far_back(block, newest, stamped, found[stretch], lo, rows)
    present = ~is_missing(values)
    if newest.present is not None:
        present &= newest.present
    return Newest(values, present, stamped, histograms)


def _take(block: Block, into: Newest, stamped: Ints, cells: tuple[Ints, Ints], rows: Ints) -> None:
    """Put what `block` has in `rows` and the columns of `cells` (steps, columns) into these cells."""
    into.values[cells] = block.values[rows, cells[1]]
    stamped[cells] = block.timestamps[rows]
    if into.histograms is not None and block.histograms is not None:
        into.histograms[cells] = block.histograms[rows, cells[1]]


def _look_far_back(block: Block, into: Newest, stamped: Ints, columns: Ints, lo: Ints, rows: Ints) -> None:
    """Find for each step of `columns` the newest row that is not absent, by a running maximum of row numbers."""
    index = np.arange(len(block.values))[:, None]
    newest = np.maximum.accumulate(np.where(is_absent(block.values[:, columns]), -1, index), axis=0)[rows]
    steps, places = np.nonzero((newest >= lo[:, None]) & (newest < rows[:, None]))
    _take(block, into, stamped, (steps, columns[places]), newest[steps, places])


@dataclass(frozen=True, slots=True)
class Ranges:
    """What a range selector or a subquery gives: the series, and windows over stretches of their columns.

    blocks: the label tuples of the blocks that the windows are over, where they are over blocks.
    """

    series: SeriesSet
    windows: list[Windows]
    blocks: tuple[tuple[Labels, ...], ...] = ()

    @property
    def native(self) -> bool:
        """Whether there are native histograms among the samples."""
        return any(each.histograms is not None for each in self.windows)

    def pulse(self) -> None:
        """Raise QueryLimit where the query's time is up."""
        for windows in self.windows[:1]:
            windows.pulse()


def select_range(evaluation: Evaluation, node: ast.MatrixSelector) -> Ranges:
    """Return the windows of a range selector at each step."""
    selector = node.selector
    if selector.extension:
        from agent.query.extended import extended_samples

        return extended_samples(evaluation, node)
    span = evaluation.duration(node.range)
    times = evaluation.times(selector.at, selector.offset)
    blocks = select_blocks(evaluation, selector.matchers, int(times.min()) - span, int(times.max()))
    windows = [windows_of(evaluation, block, times, span) for block in blocks]
    return Ranges(evaluation.query.sets.of(blocks, selector.matchers), windows, tuple(block.labels for block in blocks))


def weight(histograms: Natives) -> int:
    """Return as how many samples these native histograms count: by their size in sixteen bytes, as in Prometheus."""
    held: list[Histogram] = histograms[histograms.astype(np.bool_)].tolist()
    numbers = sum(len(each.positive) + len(each.negative) + len(each.bounds) for each in held)
    return _BARE_WEIGHT * len(held) + numbers // 2


_BARE_WEIGHT: Final = 11


def windows_of(evaluation: Evaluation, block: Block, ends: Ints, span: int) -> Windows:
    """Return the windows of `span` milliseconds that end at `ends` over a block; stale markers are no samples."""
    valid = None
    if not block.dense:
        missing = is_missing(block.values)
        valid = ~missing if missing.any() else None
    made = Windows(block.timestamps, block.values, valid, ends, span, block.histograms)
    made.allowance = evaluation.query.allowance
    made.allowance.count(made.values.size)
    if made.histograms is not None:
        made.allowance.count(weight(made.histograms))
    return made


def subquery_steps(evaluation: Evaluation, node: ast.SubqueryExpr) -> tuple[Ints, Ints, int]:
    """Return the ends of the windows, the instants at which to evaluate, and the range.

    Instants are the multiples of the step in (first end - range, last end], whatever the query's own steps are.
    """
    span = evaluation.duration(node.range)
    step = evaluation.query.subquery_step_ms if node.step is None else evaluation.duration(node.step)
    ends = evaluation.times(node.at, node.offset)
    first, last = ((int(ends.min()) - span) // step + 1) * step, int(ends.max())
    evaluation.query.touch(max(0, (last - first) // step + 1))
    return ends, np.arange(first, last + 1, step, dtype=np.int64), span


def over_frame(frame: Frame, instants: Ints, ends: Ints, span: int) -> Ranges:
    """Return windows over what a subquery gave at `instants`."""
    return Ranges(frame.series, [Windows(instants, frame.values, frame.present, ends, span, frame.histograms)])


def chunks(windows: Windows) -> Iterator[tuple[NDArray[np.intp] | slice, Windows]]:
    """Cut windows into stretches of columns whose arrays fit the processor's cache (the size was measured, not guessed).

    Of a gappy stretch, the columns that have no gap after all come apart, so that a few new series do not slow the rest.
    """
    total = windows.values.shape[1]
    for columns in column_stretches(total, max(len(windows.timestamps), len(windows.lo))):
        start = columns.start
        part = windows.part(columns) if columns.stop - start < total or windows.valid is not None else windows
        whole = None if part.valid is None else part.valid.all(axis=0)
        if whole is None or not whole.any():
            yield columns, part
            continue
        for kind in (whole, ~whole):
            picked = np.flatnonzero(kind)
            yield picked + start, part.part(picked)


_CHUNK_CELLS: Final = 1 << 17


def column_stretches(total: int, rows: int) -> Iterator[slice]:
    """Cut `total` columns into stretches whose arrays of `rows` rows fit the processor's cache."""
    width = max(32, _CHUNK_CELLS // max(rows, 1))
    for start in range(0, total, width):
        yield slice(start, min(start + width, total))
