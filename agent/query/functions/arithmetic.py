"""Functions of one sample: rounding, clamping, roots and logarithms, angles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from agent.query import ast
from agent.query.evaluate import Function, scalar, vector
from agent.query.evaluation import Evaluation
from agent.query.frame import Floats, Frame, drop_names


def mapped(compute: Callable[[Floats], Floats]) -> Function:
    """Return the PromQL function that applies `compute` to every sample."""

    def function(evaluation: Evaluation, call: ast.Call) -> Frame:
        return _replaced(evaluation, vector(call.args[0], evaluation), compute)

    return function


def _replaced(evaluation: Evaluation, frame: Frame, compute: Callable[[Floats], Floats]) -> Frame:
    frame = frame.floats()
    return drop_names(Frame(frame.series, compute(frame.values), frame.present), delayed=evaluation.delayed)


def _sign(values: Floats) -> Floats:
    return np.where(values < 0, -1.0, np.where(values > 0, 1.0, values))


def _round(evaluation: Evaluation, call: ast.Call) -> Frame:
    """Round half up to the nearest multiple; divide by the inverse, as Prometheus does for exactness."""
    nearest = scalar(call.args[1], evaluation)[:, None] if len(call.args) > 1 else np.ones((1, 1))
    inverse = 1 / nearest
    return _replaced(
        evaluation, vector(call.args[0], evaluation), lambda values: np.floor(values * inverse + 0.5) / inverse
    )


def _clamped(values: Floats, least: Floats, most: Floats) -> Floats:
    return np.maximum(least, np.minimum(most, values))


def _clamp(evaluation: Evaluation, call: ast.Call) -> Frame:
    """Clamp; where the bounds cross, the step has no result."""
    frame = vector(call.args[0], evaluation)
    least, most = scalar(call.args[1], evaluation)[:, None], scalar(call.args[2], evaluation)[:, None]
    made = _replaced(evaluation, frame, lambda values: _clamped(values, least, most))
    crossed = most < least
    return made.where(np.broadcast_to(~crossed, made.values.shape)) if crossed.any() else made


def _bounded(call_bound: Callable[[Floats, Floats], Floats]) -> Function:
    def function(evaluation: Evaluation, call: ast.Call) -> Frame:
        bound = scalar(call.args[1], evaluation)[:, None]
        return _replaced(evaluation, vector(call.args[0], evaluation), lambda values: call_bound(values, bound))

    return function


TABLE: Final[dict[str, Function]] = {
    "abs": mapped(np.abs),
    "acos": mapped(np.arccos),
    "acosh": mapped(np.arccosh),
    "asin": mapped(np.arcsin),
    "asinh": mapped(np.arcsinh),
    "atan": mapped(np.arctan),
    "atanh": mapped(np.arctanh),
    "ceil": mapped(np.ceil),
    "clamp": _clamp,
    "clamp_max": _bounded(np.minimum),
    "clamp_min": _bounded(np.maximum),
    "cos": mapped(np.cos),
    "cosh": mapped(np.cosh),
    "deg": mapped(np.degrees),
    "exp": mapped(np.exp),
    "floor": mapped(np.floor),
    "ln": mapped(np.log),
    "log10": mapped(np.log10),
    "log2": mapped(np.log2),
    "rad": mapped(np.radians),
    "round": _round,
    "sgn": mapped(_sign),
    "sin": mapped(np.sin),
    "sinh": mapped(np.sinh),
    "sqrt": mapped(np.sqrt),
    "tan": mapped(np.tan),
    "tanh": mapped(np.tanh),
}
