"""sort and sort_by_label: the order of an instant query's result. A range query is ordered by labels and says so."""

from __future__ import annotations

import re
from functools import cmp_to_key, partial
from typing import Final

import numpy as np

from agent.model import Labels
from agent.query import ast
from agent.query.evaluate import Function, string, vector
from agent.query.evaluation import Evaluation
from agent.query.frame import Frame, SeriesSet

_CHUNKS: Final = re.compile(r"[0-9]+|[^0-9]+")


def reordered(frame: Frame, order: list[int]) -> Frame:
    """Return the columns of a one-step frame in `order`."""
    picked = np.array(order, np.intp)
    drops = None if frame.series.drops is None else frame.series.drops[picked]
    return frame.columns(picked, SeriesSet(tuple(frame.series.labels[column] for column in order), drops))


def natural_key(text: str) -> list[tuple[int, int, str, str]]:
    """Return a key that orders digits by value, however many there are: `4m5` before `4m600`."""
    return [_chunk_key(part) for part in _CHUNKS.findall(text)]


def _chunk_key(part: str) -> tuple[int, int, str, str]:
    digits = part.lstrip("0")
    return (0, len(digits), digits, part) if part[0] in "0123456789" else (1, 0, "", part)


def _sort(evaluation: Evaluation, call: ast.Call, *, falling: bool) -> Frame:
    if not evaluation.single:
        evaluation.annotations.sort_in_range_query(call.pos)
        return vector(call.args[0], evaluation).floats()
    frame = vector(call.args[0], evaluation).floats()
    if len(evaluation.steps) != 1:
        return frame
    values = frame.values[0]
    key = -values if falling else values
    return reordered(frame, np.argsort(key, kind="stable").tolist())  # NaN sorts last either way


def _sort_by_label(evaluation: Evaluation, call: ast.Call, *, falling: bool) -> Frame:
    if not evaluation.single:
        evaluation.annotations.sort_in_range_query(call.pos)
        return vector(call.args[0], evaluation)
    frame = vector(call.args[0], evaluation)
    names = [string(arg, evaluation) for arg in call.args[1:]]
    if len(evaluation.steps) != 1:
        return frame

    def compare(left: int, right: int) -> int:
        order = _compared(frame.series.labels[left], frame.series.labels[right], names)
        return -order if falling else order

    return reordered(frame, sorted(range(len(frame.series)), key=cmp_to_key(compare)))


def _compared(left: Labels, right: Labels, names: list[str]) -> int:
    """Compare by the named labels in natural order, then by all labels."""
    for name in names:
        ours, theirs = natural_key(left.get(name)), natural_key(right.get(name))
        if ours != theirs:
            return -1 if ours < theirs else 1
    if left.pairs == right.pairs:
        return 0
    return -1 if left.pairs < right.pairs else 1


TABLE: Final[dict[str, Function]] = {
    "sort": partial(_sort, falling=False),
    "sort_by_label": partial(_sort_by_label, falling=False),
    "sort_by_label_desc": partial(_sort_by_label, falling=True),
    "sort_desc": partial(_sort, falling=True),
}
