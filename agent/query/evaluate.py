"""How a function, an aggregation or an operator gets the values of its operands: it asks the plan's steps.

A value is a frame (instant vector), an array of one number per step (scalar) or a string; a range vector is windows over
blocks. What is computed from them is in the files of the functions, aggregations and operators; when, in plan.py.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module

import numpy as np

from agent.query import ast
from agent.query.evaluation import Evaluation
from agent.query.frame import Floats, Frame
from agent.query.functions import SIGNATURES
from agent.query.selecting import Ranges

Value = Frame | Floats | str


Function = Callable[[Evaluation, ast.Call], Value]
"""A PromQL function: it evaluates its own arguments, so that it may look at how they are written."""


def evaluate(node: ast.Expr, evaluation: Evaluation) -> Value:
    """Return the value of `node`, which is no range vector, at every step of `evaluation`. Raises QueryError."""
    value = evaluation.query.plan.steps[id(node)].run(evaluation)
    assert not isinstance(value, Ranges)
    return value


def ranges(node: ast.Expr, evaluation: Evaluation) -> Ranges:
    """Evaluate a node that typing says is a range vector: a range selector or a subquery."""
    value = evaluation.query.plan.steps[id(node)].run(evaluation)
    assert isinstance(value, Ranges)
    return value


@cache
def implementation(name: str) -> Function:
    """Return the computation of the function `name`, importing its page on first use."""
    table: dict[str, Function] = import_module(f"agent.query.functions.{SIGNATURES[name].page}").TABLE
    return table[name]


def vector(node: ast.Expr, evaluation: Evaluation) -> Frame:
    """Evaluate a node that typing says is an instant vector."""
    value = evaluation.query.plan.steps[id(node)].run(evaluation)
    assert isinstance(value, Frame)
    return value


def scalar(node: ast.Expr, evaluation: Evaluation) -> Floats:
    """Evaluate a node that typing says is a scalar: one number per step."""
    value = evaluation.query.plan.steps[id(node)].run(evaluation)
    assert isinstance(value, np.ndarray)
    return value


def string(node: ast.Expr, evaluation: Evaluation) -> str:
    """Evaluate a node that typing says is a string."""
    value = evaluation.query.plan.steps[id(node)].run(evaluation)
    assert isinstance(value, str)
    return value
