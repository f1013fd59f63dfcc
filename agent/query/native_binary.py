"""Binary operators where native histograms stand on a side: pair by pair, whatever arrays cannot do.

Histograms add and subtract, are multiplied and divided by floats, compare as equal or not, and are cut by `</` and `>/`;
any other pair has no result, and that is noted. Source: Prometheus' vectorElemBinop (promql/engine.go).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from agent.model import Histogram, ResetHint
from agent.query import ast
from agent.query.draft import Draft, Sample
from agent.query.evaluation import Evaluation
from agent.query.frame import Frame
from agent.query.native.arithmetic import Sum, add, divide, equal, scale, subtract
from agent.query.native.trimming import trim
from agent.query.operators import COMPARISON, computed
from agent.query.statistics import note


def native_pairs(evaluation: Evaluation, node: ast.BinaryExpr, left: Frame, right: Frame, kept: Frame) -> Frame:
    """Compute left operator right, column by column, under the series of `kept`, whose values a filter keeps."""
    present = left.mask() & right.mask()
    native = present & (left.native() | right.native())
    draft = Draft(_of_floats(evaluation, node, left, right, kept).where(present & ~native))
    for step, column in np.argwhere(native).tolist():
        evaluation.query.allowance.pulse()
        pair = (left.sample(step, column), right.sample(step, column))
        draft.put(step, column, _computed(evaluation, node, *pair))
    return draft.frame()


def _of_floats(evaluation: Evaluation, node: ast.BinaryExpr, left: Frame, right: Frame, kept: Frame) -> Frame:
    if node.op in ast.TRIMS:
        if (left.floats().mask() & right.floats().mask()).any():
            evaluation.annotations.incompatible_types("float", node.op, "float", node.pos)
        return Frame(kept.series, np.zeros(kept.values.shape), np.zeros(kept.values.shape, np.bool_))
    if node.op in COMPARISON and not node.return_bool:
        return Frame(kept.series, kept.values, COMPARISON[node.op](left.values, right.values))
    return Frame(kept.series, computed(node.op, left.values, right.values))


def _computed(evaluation: Evaluation, node: ast.BinaryExpr, left: Sample, right: Sample) -> Sample | None:
    """Return the result of one pair, of which at least one is a histogram; None where it has none."""
    match node.op, left, right:
        case "+", Histogram(), Histogram():
            return _combined(evaluation, node, add(left, right), "addition")
        case "-", Histogram(), Histogram():
            made = _combined(evaluation, node, subtract(left, right), "subtraction")
            return None if made is None else replace(made, hint=ResetHint.GAUGE)
        case "*", Histogram(), float():
            return scale(left, right)
        case "*", float(), Histogram():
            return scale(right, left)
        case "/", Histogram(), float():
            return divide(left, right)
        case "</" | ">/", Histogram(), float():
            return trim(left, right, below=node.op == "</")
        case "==" | "!=", Histogram(), Histogram():
            holds = equal(left, right) is (node.op == "==")
            if node.return_bool:
                return float(holds)
            return left if holds else None
    evaluation.annotations.incompatible_types(_kind(left), node.op, _kind(right), node.pos)
    return None


def _combined(evaluation: Evaluation, node: ast.BinaryExpr, made: Sum | None, operation: str) -> Histogram | None:
    if made is None:
        evaluation.annotations.incompatible_layout(node.op, node.pos)
        return None
    note(evaluation, made, operation, node, node.pos)
    return made.histogram


def _kind(sample: Sample) -> str:
    return "histogram" if isinstance(sample, Histogram) else "float"
