"""absent and absent_over_time: 1 where nothing is there, under the labels that the selector pins down."""

from __future__ import annotations

from typing import Final

import numpy as np

from agent.model import METRIC_NAME, Labels, MatchOp
from agent.query import ast
from agent.query.evaluate import Function, ranges, vector
from agent.query.evaluation import Evaluation
from agent.query.frame import Bools, Frame, SeriesSet


def pinned_labels(node: ast.Expr) -> Labels:
    """Return the labels that equality matchers of a bare selector fix; a label that two matchers name is left out."""
    node = ast.unwrapped(node)
    if isinstance(node, ast.MatrixSelector):
        node = node.selector
    if not isinstance(node, ast.VectorSelector):
        return Labels()
    seen: dict[str, str] = {}
    for matcher in node.matchers:
        if matcher.name != METRIC_NAME:
            fixed = matcher.op is MatchOp.EQUAL and matcher.name not in seen
            seen[matcher.name] = matcher.value if fixed else ""
    return Labels(seen)


def _where_not(there: Bools, node: ast.Expr) -> Frame:
    return Frame(SeriesSet((pinned_labels(node),)), np.ones((len(there), 1)), ~there[:, None])


def _absent(evaluation: Evaluation, call: ast.Call) -> Frame:
    frame = vector(call.args[0], evaluation)
    return _where_not(np.any(frame.mask(), axis=1), call.args[0])


def _absent_over_time(evaluation: Evaluation, call: ast.Call) -> Frame:
    there = np.zeros(len(evaluation.steps), np.bool_)
    for windows in ranges(call.args[0], evaluation).windows:
        within = windows.samples()
        there |= np.any(np.broadcast_to(within.count > 0, within.shape), axis=1)
    return _where_not(there, call.args[0])


TABLE: Final[dict[str, Function]] = {"absent": _absent, "absent_over_time": _absent_over_time}
