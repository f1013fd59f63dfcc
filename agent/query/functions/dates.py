"""Calendar functions in UTC, and timestamp(). Values are seconds since the epoch; fractions are cut off."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from agent.query import ast
from agent.query.evaluate import Function, vector
from agent.query.evaluation import Evaluation
from agent.query.frame import UNLABELLED, Floats, Frame, drop_names
from agent.query.selecting import select_instant

_Seconds = NDArray[np.datetime64]
_BOUND_S: Final = 2.0**53


def _calendar(part: Callable[[_Seconds], NDArray[np.int64]]) -> Function:
    """Return the function that gives `part` of each sample's value, or of the evaluation time without an argument."""

    def function(evaluation: Evaluation, call: ast.Call) -> Frame:
        if not call.args:
            return Frame(UNLABELLED, _parts(part, evaluation.steps[:, None] / 1000))
        frame = vector(call.args[0], evaluation).floats()
        made = Frame(frame.series, _parts(part, frame.values), frame.present)
        return drop_names(made, delayed=evaluation.delayed)

    return function


def _parts(part: Callable[[_Seconds], NDArray[np.int64]], values: Floats) -> Floats:
    usable = np.abs(values) < _BOUND_S
    seconds = np.trunc(np.where(usable, values, 0.0)).astype("datetime64[s]")
    return np.where(usable, part(seconds).astype(np.float64), np.nan)


def _within(finer: str, coarser: str) -> Callable[[_Seconds], NDArray[np.int64]]:
    """Count units `finer` since the start of the unit `coarser`."""

    def part(seconds: _Seconds) -> NDArray[np.int64]:
        return np.asarray(seconds.astype(f"datetime64[{finer}]") - seconds.astype(f"datetime64[{coarser}]"), np.int64)

    return part


def _day_of_week(seconds: _Seconds) -> NDArray[np.int64]:
    return (seconds.astype("datetime64[D]").astype(np.int64) + 4) % 7


def _days_in_month(seconds: _Seconds) -> NDArray[np.int64]:
    month = seconds.astype("datetime64[M]")
    return np.asarray((month + 1).astype("datetime64[D]") - month.astype("datetime64[D]"), np.int64)


def _timestamp(evaluation: Evaluation, call: ast.Call) -> Frame:
    """Return when each sample was taken; only a bare selector knows, everything else is at the evaluation time."""
    selector = ast.unwrapped(call.args[0])
    if isinstance(selector, ast.VectorSelector):
        frame = select_instant(evaluation, selector, timestamps=True)
        stamps = frame.values
    else:
        frame = vector(selector, evaluation)
        stamps = np.broadcast_to(evaluation.steps[:, None] / 1000, frame.values.shape)
    return drop_names(Frame(frame.series, stamps, frame.present), delayed=evaluation.delayed)


TABLE: Final[dict[str, Function]] = {
    "day_of_month": _calendar(lambda seconds: _within("D", "M")(seconds) + 1),
    "day_of_week": _calendar(_day_of_week),
    "day_of_year": _calendar(lambda seconds: _within("D", "Y")(seconds) + 1),
    "days_in_month": _calendar(_days_in_month),
    "hour": _calendar(_within("h", "D")),
    "minute": _calendar(_within("m", "h")),
    "month": _calendar(lambda seconds: _within("M", "Y")(seconds) + 1),
    "timestamp": _timestamp,
    "year": _calendar(lambda seconds: seconds.astype("datetime64[Y]").astype(np.int64) + 1970),
}
