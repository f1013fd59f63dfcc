"""The evaluator: one function that walks an expression and gives its value at all steps together.

A value is a frame (instant vector), an array of one number per step (scalar) or a string; what functions, aggregations
and operators compute is in their own files. A node whose value does not depend on the step is evaluated once.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module

import numpy as np

from agent.errors import ExecutionError
from agent.query import ast
from agent.query.evaluation import Evaluation
from agent.query.frame import EMPTY, Floats, Frame, drop_names
from agent.query.functions import SIGNATURES
from agent.query.selecting import Ranges, over_frame, select_instant, select_range, subquery_steps

Value = Frame | Floats | str


Function = Callable[[Evaluation, ast.Call], Value]
"""A PromQL function: it evaluates its own arguments, so that it may look at how they are written."""


def evaluate(node: ast.Expr, evaluation: Evaluation) -> Value:
    """Return the value of `node` at every step of `evaluation`. Raises QueryError."""
    evaluation.query.touch(0)
    steps = len(evaluation.steps)
    if steps > 1 and id(node) in evaluation.query.invariant:
        once = _evaluate(node, evaluation.at(evaluation.steps[:1]))
        return _repeated(once, steps)
    return _evaluate(node, evaluation)


def _repeated(value: Value, steps: int) -> Value:
    if isinstance(value, str):
        return value
    if isinstance(value, Frame):
        shape = (steps, len(value.series))
        present = None if value.present is None else np.broadcast_to(value.present, shape)
        histograms = None if value.histograms is None else np.broadcast_to(value.histograms, shape)
        return Frame(value.series, np.broadcast_to(value.values, shape), present, histograms)
    return np.broadcast_to(value, (steps,))


def _evaluate(node: ast.Expr, evaluation: Evaluation) -> Value:
    match node:
        case ast.VectorSelector():
            return select_instant(evaluation, node)
        case ast.NumberLiteral():
            return np.full(len(evaluation.steps), node.value)
        case ast.StringLiteral():
            return node.value
        case ast.ParenExpr():
            return evaluate(node.expr, evaluation)
        case ast.UnaryExpr():
            return _signed(node, evaluation)
        case ast.Call():
            from agent.query.functions.extended import extended, extension_of

            return extended(evaluation, node) if extension_of(node) else implementation(node.name)(evaluation, node)
        case ast.AggregateExpr():
            from agent.query.aggregation import aggregate

            return aggregate(evaluation, node)
        case ast.BinaryExpr():
            from agent.query.binary import binary

            return binary(evaluation, node)
    message = f"{node.pos}: a {node.type} cannot stand here"
    raise ExecutionError(message)


def _signed(node: ast.UnaryExpr, evaluation: Evaluation) -> Value:
    value = evaluate(node.expr, evaluation)
    if node.op == "+" or isinstance(value, str):
        return value
    if isinstance(value, Frame):
        negated = Frame(value.series, np.negative(value.values), value.present)
        return drop_names(negated, delayed=evaluation.delayed)
    return np.negative(value)


@cache
def implementation(name: str) -> Function:
    """Return the computation of the function `name`, importing its page on first use."""
    table: dict[str, Function] = import_module(f"agent.query.functions.{SIGNATURES[name].page}").TABLE
    return table[name]


def vector(node: ast.Expr, evaluation: Evaluation) -> Frame:
    """Evaluate a node that typing says is an instant vector."""
    value = evaluate(node, evaluation)
    assert isinstance(value, Frame)
    return value


def scalar(node: ast.Expr, evaluation: Evaluation) -> Floats:
    """Evaluate a node that typing says is a scalar: one number per step."""
    value = evaluate(node, evaluation)
    assert isinstance(value, np.ndarray)
    return value


def string(node: ast.Expr, evaluation: Evaluation) -> str:
    """Evaluate a node that typing says is a string."""
    value = evaluate(node, evaluation)
    assert isinstance(value, str)
    return value


def ranges(node: ast.Expr, evaluation: Evaluation) -> Ranges:
    """Evaluate a node that typing says is a range vector: a range selector or a subquery."""
    node = ast.unwrapped(node)
    if isinstance(node, ast.MatrixSelector):
        return select_range(evaluation, node)
    assert isinstance(node, ast.SubqueryExpr)
    ends, instants, span = subquery_steps(evaluation, node)
    if not len(instants):
        return Ranges(EMPTY, [])
    frame = vector(node.expr, evaluation.at(instants))
    evaluation.query.touch(frame.values.size)
    return over_frame(frame, instants, ends, span)


def invariant_nodes(root: ast.Expr) -> frozenset[int]:
    """Return the identities of the nodes below `root` whose value is the same at every step."""
    found: set[int] = set()
    for node in reversed(list(ast.walk(root))):
        if _is_invariant(node, found):
            found.add(id(node))
    return frozenset(found)


_TIMED = frozenset(
    [
        "days_in_month",
        "day_of_month",
        "day_of_week",
        "day_of_year",
        "hour",
        "minute",
        "month",
        "year",
        "predict_linear",
        "time",
        "timestamp",
        "start",
        "end",
        "range",
        "step",
    ]
)


def _is_invariant(node: ast.Expr, found: set[int]) -> bool:
    match node:
        case ast.NumberLiteral() | ast.StringLiteral():
            return True
        case ast.VectorSelector() | ast.SubqueryExpr():
            return node.at is not None
        case ast.MatrixSelector():
            return node.selector.at is not None
        case ast.Call(name=name) if name in _TIMED:
            return False
    return all(id(child) in found for child in ast.children(node))
