"""Aggregations over native histograms: sums and means of histograms, group by group; counts take them like any sample.

A group in which floats and histograms meet has no sum; extremes, deviations and quantiles leave histograms out. Both are
noted. Source: Prometheus' aggregation (promql/engine.go).
"""

from __future__ import annotations

import numpy as np

from agent.model import Histogram
from agent.query import ast
from agent.query.aggregation import Groups, aggregate_floats, counted
from agent.query.draft import Draft
from agent.query.evaluation import Evaluation
from agent.query.frame import Frame
from agent.query.native.arithmetic import mean, total
from agent.query.statistics import note


def aggregate_natives(evaluation: Evaluation, node: ast.AggregateExpr, frame: Frame, groups: Groups) -> Frame:
    """Aggregate a frame that holds native histograms."""
    if node.op in ("count", "group"):
        return aggregate_floats(node, frame, groups)
    if node.op not in ("sum", "avg"):
        return aggregate_floats(node, without_natives(evaluation, node, frame), groups)
    draft = Draft(aggregate_floats(node, frame.floats(), groups))
    native = frame.native()
    floats = counted(frame.mask() & ~native, groups) > 0
    order = np.argsort(groups.index, kind="stable")
    ends = np.append(groups.starts[1:], len(order))
    for step, group in np.argwhere(counted(native, groups) > 0).tolist():
        evaluation.query.allowance.pulse()
        if floats[step, group]:
            evaluation.annotations.mixed_in_aggregation(node.expr.pos)
            draft.put(step, group, None)
        else:
            columns = order[groups.starts[group] : ends[group]]
            draft.put(step, group, _combined(evaluation, node, frame, step, columns[native[step, columns]]))
    return draft.frame()


def _combined(
    evaluation: Evaluation,
    node: ast.AggregateExpr,
    frame: Frame,
    step: int,
    columns: np.typing.NDArray[np.intp],
) -> Histogram | None:
    assert frame.histograms is not None
    histograms = frame.histograms[step, columns].tolist()
    made = (total if node.op == "sum" else mean)(histograms)
    if made is None:
        odd = next(place for place, each in enumerate(histograms) if each.custom != histograms[0].custom)
        evaluation.annotations.mixed_schemas(frame.series.labels[columns[odd]].name, node.expr.pos)
        return None
    note(evaluation, made, "aggregation", node, node.expr.pos)
    return made.histogram


def without_natives(evaluation: Evaluation, node: ast.AggregateExpr, frame: Frame) -> Frame:
    """Leave native histograms out of an aggregation that has no use for them, and note it."""
    if frame.histograms is not None and frame.native().any():
        ordering = node.op in ("topk", "bottomk")
        evaluation.annotations.ignored_in_aggregation(node.op, node.pos if ordering else node.expr.pos)
    return frame.floats()
