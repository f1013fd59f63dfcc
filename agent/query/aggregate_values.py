"""count_values and quantile over series: aggregations that need a group's values one by one."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from agent.errors import ExecutionError
from agent.model import format_float
from agent.query import ast
from agent.query.aggregation import Groups, groups_of
from agent.query.distinct import distinct
from agent.query.evaluate import scalar, string, vector
from agent.query.evaluation import Evaluation
from agent.query.frame import Bools, Floats, Frame, SeriesSet, empty, relabel, relabelling
from agent.query.native.notation import format_histogram
from agent.query.native_aggregation import without_natives
from agent.query.quantiles import interpolated
from agent.query.strings import is_utf8, quote


def plain_float(value: float) -> str:
    """Return the shortest digits that mean `value`, never with an exponent (Go's 'f' form): `0.0000001`."""
    text = format_float(value)
    return format(Decimal(text), "f") if "e" in text else text


def count_values(evaluation: Evaluation, node: ast.AggregateExpr) -> Frame:
    """Count the series that share a value; the value becomes the label that the parameter names."""
    assert node.param is not None
    name = string(node.param, evaluation)
    if not name or not is_utf8(name):
        message = f"invalid label name {quote(name)}"
        raise ExecutionError(message)
    frame = vector(node.expr, evaluation)
    if not len(frame.series):
        return empty(len(evaluation.steps))
    kept = tuple(each for each in node.grouping if each != name)
    groups = groups_of(frame.series, (*kept, name) if node.without else kept, without=node.without)
    counts: dict[tuple[int, str], Floats] = {}
    steps, columns = np.nonzero(frame.mask())
    members = groups.index[columns].tolist()
    for step, member, text in zip(steps.tolist(), members, _texts(frame, steps, columns), strict=True):
        key = (member, text)
        if key not in counts:
            evaluation.query.touch(len(evaluation.steps))
            counts[key] = np.zeros(len(evaluation.steps))
        counts[key][step] += 1
    labels = [groups.series.labels[member].merged({name: text}) for member, text in counts]
    values = np.stack(list(counts.values()), axis=1) if counts else np.empty((len(evaluation.steps), 0))
    drops = None if groups.series.drops is None else groups.series.drops[[member for member, _ in counts]]
    return relabel(Frame(SeriesSet(tuple(labels)), values, values > 0), relabelling(labels, drops))


def _texts(frame: Frame, steps: NDArray[np.intp], columns: NDArray[np.intp]) -> list[str]:
    """Return how each of these cells is written; equal floats are written once."""
    cells = frame.values[steps, columns]
    all_bits = cells.view(np.int64).tolist()
    written = {bits: plain_float(value) for bits, value in zip(all_bits, cells.tolist(), strict=True)}
    texts = [written[bits] for bits in all_bits]
    if frame.histograms is None:
        return texts
    natives = frame.histograms[steps, columns].tolist()
    return [text if each is None else format_histogram(each) for text, each in zip(texts, natives, strict=True)]


def quantile(evaluation: Evaluation, node: ast.AggregateExpr) -> Frame:
    """Return the quantile of each group's values."""
    assert node.param is not None
    wanted = scalar(node.param, evaluation)
    for outside in distinct(wanted[~((wanted >= 0) & (wanted <= 1))]).tolist():
        evaluation.annotations.invalid_quantile(outside, node.param.pos)
    frame = vector(node.expr, evaluation)
    if not len(frame.series):
        return empty(len(evaluation.steps))
    if frame.histograms is not None:
        frame = without_natives(evaluation, node, frame)
    groups = groups_of(frame.series, node.grouping, without=node.without)
    values = np.empty((len(evaluation.steps), len(groups)))
    present = np.empty(values.shape, np.bool_)
    ends = np.append(groups.starts[1:], len(frame.series))
    for member, (start, end) in enumerate(zip(groups.starts.tolist(), ends.tolist(), strict=True)):
        values[:, member], present[:, member] = _of_group(frame, groups, slice(start, end), wanted)
    return Frame(groups.series, values, present)


def _of_group(frame: Frame, groups: Groups, stretch: slice, wanted: Floats) -> tuple[Floats, Bools]:
    columns = np.arange(stretch.start, stretch.stop) if groups.order is None else groups.order[stretch]
    cells = frame.values[:, columns]
    mask = None if frame.present is None else frame.present[:, columns]
    lacking = np.isnan(cells) if mask is None else np.isnan(cells) & mask
    stacked = (
        np.where(lacking, -np.inf, cells) if mask is None else np.where(mask, np.where(lacking, -np.inf, cells), np.inf)
    )
    stacked.sort(axis=1)
    size = (
        np.full((len(cells), 1), float(len(columns))) if mask is None else mask.sum(axis=1, dtype=np.float64)[:, None]
    )
    nans = lacking.sum(axis=1, dtype=np.float64)[:, None]
    found = interpolated(stacked[:, :, None], size, nans, wanted[:, None])
    return found[:, 0], np.asarray(size > 0)[:, 0]
