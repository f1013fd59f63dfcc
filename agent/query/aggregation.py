"""Aggregations: which series form a group (found once per series set), and how a group becomes one number or some series.

Groups are an index array over columns; sums count with bincount, extremes with reduceat over columns in the order of
their groups. The operators that pick or count single series are in aggregate_picks and aggregate_values.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from agent.model import METRIC_NAME, Labels
from agent.query import ast
from agent.query.evaluate import vector
from agent.query.evaluation import Evaluation
from agent.query.frame import Bools, Floats, Frame, Ints, SeriesSet, derived_so_far, empty
from agent.query.limits import LABELS
from agent.query.sums import Compensated, CompensatedMean, doubtful


@dataclass(frozen=True, slots=True)
class Groups:
    """The groups of a series set's columns.

    series: the groups' labels; index (S,): each column's group; order (S,): columns sorted by group, or None where they
    are; starts (G,): where each group begins in that order; widest: columns of the largest group.
    """

    series: SeriesSet
    index: NDArray[np.intp]
    order: NDArray[np.intp] | None
    starts: NDArray[np.intp]
    widest: int

    def __len__(self) -> int:
        return len(self.starts)

    def arranged(self, cells: NDArray[np.generic]) -> NDArray[np.generic]:
        """Return `cells` (N, S) with the columns of each group side by side."""
        return cells if self.order is None else cells[:, self.order]


def groups_of(series: SeriesSet, grouping: tuple[str, ...], *, without: bool) -> Groups:
    """Return the groups of `series`, made once per series set and clause."""
    return series.derived(("groups", grouping, without), lambda: _group(series, grouping, without=without))


def _group(series: SeriesSet, grouping: tuple[str, ...], *, without: bool) -> Groups:
    found: dict[Labels, int] = {}
    if without:
        names = (*grouping, METRIC_NAME)
        keys = (labels.without(*names) for labels in series.labels)
    else:
        keys = (labels.only(*grouping) for labels in series.labels)
    index = np.fromiter((found.setdefault(key, len(found)) for key in keys), np.intp, len(series))
    derived_so_far.size += LABELS * len(found)
    order = np.argsort(index, kind="stable")
    counts = np.bincount(index, minlength=len(found))
    starts = np.concatenate(([0], np.cumsum(counts)[:-1])).astype(np.intp)
    drops = None
    if series.drops is not None and METRIC_NAME in grouping and not without:
        drops = np.bincount(index, weights=series.drops, minlength=len(found)) > 0
    settled = None if (order == np.arange(len(order))).all() else order
    return Groups(SeriesSet(tuple(found), drops), index, settled, starts, int(counts.max(initial=0)))


def aggregate(evaluation: Evaluation, node: ast.AggregateExpr) -> Frame:
    """Evaluate an aggregation."""
    from agent.query.aggregate_picks import PICKS
    from agent.query.aggregate_values import count_values, quantile

    if node.op in PICKS:
        return PICKS[node.op](evaluation, node)
    if node.op == "quantile":
        return quantile(evaluation, node)
    if node.op == "count_values":
        return count_values(evaluation, node)
    frame = vector(node.expr, evaluation)
    if not len(frame.series):
        return empty(len(evaluation.steps))
    groups = groups_of(frame.series, node.grouping, without=node.without)
    evaluation.query.touch(len(evaluation.steps) * len(groups))
    if frame.histograms is not None:
        from agent.query.native_aggregation import aggregate_natives

        return aggregate_natives(evaluation, node, frame, groups)
    return aggregate_floats(node, frame, groups)


def aggregate_floats(node: ast.AggregateExpr, frame: Frame, groups: Groups) -> Frame:
    """Return one number per group; native histograms, if there are any, count as samples without a value."""
    present = None
    if frame.present is not None:
        count = counted(frame.present, groups)
        present = count > 0
        present = None if present.all() else present
    else:
        sizes = np.bincount(groups.index, minlength=len(groups)).astype(np.float64)
        count = np.broadcast_to(sizes, (len(frame.values), len(groups)))
    return Frame(groups.series, _REDUCERS[node.op](frame, groups, count), present)


def counted(present: Bools, groups: Groups) -> Floats:
    """Count the present cells of each group: shape (N, G)."""
    return added(present.astype(np.float64), groups)


def added(cells: Floats, groups: Groups) -> Floats:
    """Add up the cells of each group, row by row: bincount is as fast as memory and needs no rearranging."""
    total = np.empty((len(cells), len(groups)))
    for row in range(len(cells)):
        total[row] = np.bincount(groups.index, weights=cells[row], minlength=len(groups))
    return total


def filled(frame: Frame, filler: float) -> Floats:
    """Return the values with `filler` where nothing is present."""
    return frame.values if frame.present is None else np.where(frame.present, frame.values, filler)


def _sum(frame: Frame, groups: Groups, count: Floats) -> Floats:
    return _summed(frame, groups, count, mean=False)


def _mean(frame: Frame, groups: Groups, count: Floats) -> Floats:
    return _summed(frame, groups, count, mean=True)


def _summed(frame: Frame, groups: Groups, count: Floats, *, mean: bool) -> Floats:
    """Return sums or means, with compensation for the steps at which a group's terms cancel or overflow."""
    cells = filled(frame, 0.0)
    total = added(cells, groups)
    result = total / np.maximum(count, 1) if mean else total
    if cells.size and float(cells.min()) >= 0 and np.isfinite(total).all():
        return result
    size = np.abs(cells)
    marked = doubtful(total, added(size, groups), added(np.where(np.isfinite(size), size, 0.0), groups))
    steps = np.flatnonzero(marked.any(axis=1))
    if not len(steps):
        return result
    careful = _carefully(frame, groups, steps, mean=mean)
    result[steps] = np.where(marked[steps], careful, result[steps])
    return result


def _carefully(frame: Frame, groups: Groups, steps: Ints, *, mean: bool) -> Floats:
    """Add the k-th series of every group in turn, in the order of the series."""
    shape = (len(steps), len(groups))
    running = CompensatedMean(shape) if mean else Compensated(shape)
    values = np.asarray(groups.arranged(frame.values[steps]), np.float64)
    mask = None if frame.present is None else np.asarray(groups.arranged(frame.present[steps]), np.bool_)
    sizes = np.diff(np.append(groups.starts, values.shape[1]))
    for k in range(groups.widest):
        has = sizes > k
        columns = np.where(has, groups.starts + k, 0)
        there = np.broadcast_to(has, shape)
        running.add(values[:, columns], there if mask is None else there & mask[:, columns])
    return running.value


def _extreme(combine: np.ufunc) -> Callable[[Frame, Groups, Floats], Floats]:
    """Return the reducer for fmin or fmax: NaN only where a group has nothing else."""

    def reduce(frame: Frame, groups: Groups, _: Floats) -> Floats:
        found: Floats = combine.reduceat(groups.arranged(filled(frame, np.nan)), groups.starts, axis=1)
        return found

    return reduce


def _variance(frame: Frame, groups: Groups, count: Floats) -> Floats:
    """Return population variances around each group's first value, which keeps equal values at exactly zero."""
    cells = frame.values
    origin = np.asarray(groups.arranged(filled(frame, np.inf)), np.float64)
    origin = np.minimum.reduceat(np.where(np.isfinite(origin), origin, np.inf), groups.starts, axis=1)
    origin = np.where(np.isfinite(origin), origin, 0.0)
    shifted = cells - origin[:, groups.index]
    if frame.present is not None:
        shifted = np.where(frame.present, shifted, 0.0)
    size = np.maximum(count, 1)
    distance = shifted - (added(shifted, groups) / size)[:, groups.index]
    if frame.present is not None:
        distance = np.where(frame.present, distance, 0.0)
    return added(distance * distance, groups) / size


_REDUCERS: Final[dict[str, Callable[[Frame, Groups, Floats], Floats]]] = {
    "avg": _mean,
    "count": lambda _frame, _groups, count: np.array(count),
    "group": lambda _frame, _groups, count: np.ones(count.shape),
    "max": _extreme(np.fmax),
    "min": _extreme(np.fmin),
    "stddev": lambda frame, groups, count: np.sqrt(_variance(frame, groups, count)),
    "stdvar": _variance,
    "sum": _sum,
}
