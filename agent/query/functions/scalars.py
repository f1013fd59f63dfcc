"""Functions that give or take scalars: constants, the query's own times, scalar() and vector()."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import numpy as np

from agent.query import ast
from agent.query.evaluate import Function, scalar, vector
from agent.query.evaluation import Evaluation, Query
from agent.query.frame import UNLABELLED, Floats, Frame


def _time(evaluation: Evaluation, _: ast.Call) -> Floats:
    return evaluation.steps / 1000


def _of_query(milliseconds: Callable[[Query], int]) -> Function:
    """Return a function of the whole query, in seconds: the same at every step, also inside a subquery."""

    def function(evaluation: Evaluation, _: ast.Call) -> Floats:
        return np.full(len(evaluation.steps), milliseconds(evaluation.query) / 1000)

    return function


def _pi(evaluation: Evaluation, _: ast.Call) -> Floats:
    return np.full(len(evaluation.steps), math.pi)


def _pairwise(choose: np.ufunc) -> Function:
    def function(evaluation: Evaluation, call: ast.Call) -> Floats:
        chosen: Floats = choose(scalar(call.args[0], evaluation), scalar(call.args[1], evaluation))
        return chosen

    return function


def _scalar(evaluation: Evaluation, call: ast.Call) -> Floats:
    """Return the only float of each step; NaN where there is not exactly one."""
    frame = vector(call.args[0], evaluation).floats()
    if frame.present is None:
        alone = len(frame.series) == 1
        return np.array(frame.values[:, 0]) if alone else np.full(len(evaluation.steps), np.nan)
    one = frame.present.sum(axis=1) == 1
    column = frame.present.argmax(axis=1) if len(frame.series) else np.zeros(len(one), np.intp)
    if not len(frame.series):
        return np.full(len(one), np.nan)
    return np.where(one, np.take_along_axis(frame.values, column[:, None], axis=1)[:, 0], np.nan)


def _vector(evaluation: Evaluation, call: ast.Call) -> Frame:
    return Frame(UNLABELLED, scalar(call.args[0], evaluation)[:, None])


TABLE: Final[dict[str, Function]] = {
    "end": _of_query(lambda query: query.end_ms),
    "max_of": _pairwise(np.maximum),
    "min_of": _pairwise(np.minimum),
    "pi": _pi,
    "range": _of_query(lambda query: query.end_ms - query.start_ms),
    "scalar": _scalar,
    "start": _of_query(lambda query: query.start_ms),
    "step": _of_query(lambda query: query.step_ms),
    "time": _time,
    "vector": _vector,
}
