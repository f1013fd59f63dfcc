"""Aggregations that keep some of the series as they are: topk, bottomk, limitk, limit_ratio."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from agent.errors import ExecutionError
from agent.model import format_float
from agent.query import ast
from agent.query.aggregation import Groups, groups_of
from agent.query.distinct import distinct
from agent.query.evaluate import scalar, vector
from agent.query.evaluation import Evaluation
from agent.query.frame import Bools, Floats, Frame, Ints, SeriesSet
from agent.query.functions.sorting import reordered
from agent.query.native_aggregation import without_natives

Columns = NDArray[np.intp]
_INT64: Final = 2.0**63
_MIX_1, _MIX_2 = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
_MASK_64: Final = (1 << 64) - 1


def _sizes(evaluation: Evaluation, node: ast.AggregateExpr) -> Floats:
    """Return how many series to keep at each step; raise ExecutionError for what is no count."""
    assert node.param is not None
    wanted = scalar(node.param, evaluation)
    if np.isnan(wanted).any():
        message = "Parameter value is NaN"
        raise ExecutionError(message)
    for beyond, word in ((wanted >= _INT64, "overflows"), (wanted < -_INT64, "underflows")):
        if beyond.any():
            message = f"Scalar value {format_float(float(wanted[beyond][0]))} {word} int64"
            raise ExecutionError(message)
    return np.trunc(wanted)


def _extreme(evaluation: Evaluation, node: ast.AggregateExpr, *, greatest: bool) -> Frame:
    """Keep the k greatest or least of each group; NaN is worst, of equals the first in order is kept."""
    sizes = _sizes(evaluation, node)
    frame = vector(node.expr, evaluation)
    if not len(frame.series):
        return frame
    if frame.histograms is not None:
        frame = without_natives(evaluation, node, frame)
    groups = groups_of(frame.series, node.grouping, without=node.without)
    evaluation.query.touch(frame.values.size)
    key = -frame.values if greatest else frame.values
    if len(key) > 1:
        return frame.where(_foremost(evaluation, frame, groups, key, sizes))
    order = _ordered(frame, groups, key, 0)
    kept = frame.where((_ranks(groups, order) < sizes[0])[None, :])
    return reordered(kept, [column for column in order.tolist() if kept.mask()[0, column]])


def _ordered(frame: Frame, groups: Groups, key: Floats, step: int) -> Columns:
    """Return the columns group by group, those with the least keys first, absent ones last."""
    if frame.present is None:
        return np.lexsort((key[step], groups.index))
    return np.lexsort((key[step], ~frame.present[step], groups.index))


def _ranks(groups: Groups, order: Columns) -> Columns:
    """Return each column's place in its group, from 0."""
    ranks = np.empty(len(order), np.intp)
    ranks[order] = np.arange(len(order)) - groups.starts[groups.index[order]]
    return ranks


def _foremost(evaluation: Evaluation, frame: Frame, groups: Groups, key: Floats, sizes: Floats) -> Bools:
    """Mark the `sizes` least keys of each group at each step; of equal ones, the first in order.

    Nothing is sorted, for the key of the last that is kept tells them apart. Only steps at which a group has too few finite
    numbers to fill its places are ordered in full.
    """
    allowance = evaluation.query.allowance
    size = int(sizes[0]) if (sizes == sizes[0]).all() else 0
    kept = np.zeros(key.shape, np.bool_)
    unsure = np.ones(len(key), np.bool_)
    if size > 0:
        numbers = np.where(np.isnan(key) if frame.present is None else np.isnan(key) | ~frame.present, np.inf, key)
        unsure = np.zeros(len(key), np.bool_)
        for start, end in zip(groups.starts.tolist(), [*groups.starts[1:].tolist(), len(frame.series)], strict=True):
            allowance.pulse()
            columns = slice(start, end) if groups.order is None else groups.order[start:end]
            here = numbers[:, columns]
            place = min(size, end - start) - 1
            bound = np.partition(here, place, axis=1)[:, place : place + 1]
            less, equal = here < bound, here == bound
            left = place + 1 - less.sum(axis=1, keepdims=True)
            kept[:, columns] = less | (equal & (np.cumsum(equal, axis=1) <= left))
            unsure |= np.isinf(bound[:, 0])
    for step in np.flatnonzero(unsure).tolist():
        allowance.pulse()
        kept[step] = _ranks(groups, _ordered(frame, groups, key, step)) < sizes[step]
    return kept


def _limit(evaluation: Evaluation, node: ast.AggregateExpr) -> Frame:
    """Keep the first k of each group, in the order of their labels, so that the choice is stable."""
    sizes = _sizes(evaluation, node)
    frame = vector(node.expr, evaluation)
    if not len(frame.series):
        return frame
    groups = groups_of(frame.series, node.grouping, without=node.without)
    order = frame.series.derived(("limit order", node.grouping, node.without), lambda: _by_labels(frame.series, groups))
    before = np.cumsum(frame.mask()[:, order], axis=1)
    members = groups.index[order]
    offsets = np.concatenate((np.zeros((len(before), 1), np.int64), before), axis=1)[:, groups.starts[members]]
    ranks = np.empty(before.shape, np.int64)
    ranks[:, order] = before - offsets - 1
    return frame.where(ranks < sizes[:, None])


def _by_labels(series: SeriesSet, groups: Groups) -> Ints:
    rank = np.empty(len(series), np.intp)
    rank[sorted(range(len(series)), key=lambda column: series.labels[column].pairs)] = np.arange(len(series))
    return np.lexsort((rank, groups.index))


def _ratio(evaluation: Evaluation, node: ast.AggregateExpr) -> Frame:
    """Keep the series whose hash falls into the ratio; `r` and `r - 1` keep complements."""
    assert node.param is not None
    ratio = scalar(node.param, evaluation)
    if np.isnan(ratio).any():
        message = "Ratio value is NaN"
        raise ExecutionError(message)
    for outside in distinct(ratio[np.abs(ratio) > 1]).tolist():
        evaluation.annotations.invalid_ratio(outside, 1.0 if outside > 0 else -1.0, node.param.pos)
    frame = vector(node.expr, evaluation)
    places = frame.series.derived("hash places", lambda: _places(frame.series))
    limit = np.clip(ratio, -1, 1)[:, None]
    kept = np.where(limit >= 0, places < limit, places >= 1 + limit)
    return frame.where(kept)


def _places(series: SeriesSet) -> Floats:
    """Return a number in [0, 1) for each label set, the same in every process."""
    return np.array([_mixed(int(labels.fingerprint(), 16)) / 2.0**64 for labels in series.labels])


def _mixed(code: int) -> int:
    """Spread the bits of a hash (the finalizer of splitmix64): FNV leaves similar labels close together."""
    code = ((code ^ (code >> 30)) * _MIX_1) & _MASK_64
    code = ((code ^ (code >> 27)) * _MIX_2) & _MASK_64
    return (code ^ (code >> 31)) >> 11 << 11


PICKS: Final[dict[str, Callable[[Evaluation, ast.AggregateExpr], Frame]]] = {
    "bottomk": partial(_extreme, greatest=False),
    "limit_ratio": _ratio,
    "limitk": _limit,
    "topk": partial(_extreme, greatest=True),
}
