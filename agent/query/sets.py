"""and, or, unless: which series stay depends on which signatures the other side has, step by step."""

from __future__ import annotations

import numpy as np

from agent.query import ast
from agent.query.frame import Bools, Frame, Relabelling, SeriesSet, relabel, relabelling, side_by_side
from agent.query.matching import Columns, met, signatures


def combine(node: ast.BinaryExpr, left: Frame, right: Frame) -> Frame:
    """Return the left series that are met (and), not met (unless), or all of them and the right ones not met (or)."""
    assert node.matching is not None
    numbers = signatures(left.series, right.series, node.matching)
    if node.op == "or":
        return _union(left, right, ~_there(left, numbers.left, numbers.size)[:, numbers.right])
    found = _there(right, numbers.right, numbers.size)[:, numbers.left]
    kept = found if node.op == "and" else ~found
    return left.where(kept)


def _there(frame: Frame, columns: Columns, size: int) -> Bools:
    """Say which signatures have a sample at each step: shape (N, size)."""
    if frame.present is None:
        there = np.zeros(size, np.bool_)
        there[columns] = True
        return np.broadcast_to(there, (len(frame.values), size))
    return met(frame.present, columns, size) > 0


def _union(left: Frame, right: Frame, free: Bools) -> Frame:
    present = free if right.present is None else free & right.present
    if not present.any():
        return left
    change = left.series.derived(("union", id(right.series)), lambda: _Union(left.series, right.series)).change
    values = np.concatenate((left.values, right.values), axis=1)
    natives = side_by_side((left, right))
    return relabel(Frame(change.series, values, np.concatenate((left.mask(), present), axis=1), natives), change)


class _Union:
    """The labels of two sets side by side; it holds the right set, so that its identity stays its own."""

    __slots__ = ("change", "right")

    def __init__(self, left: SeriesSet, right: SeriesSet) -> None:
        self.right = right
        drops = None
        if left.drops is not None or right.drops is not None:
            marks = [np.zeros(len(side), np.bool_) if side.drops is None else side.drops for side in (left, right)]
            drops = np.concatenate(marks)
        self.change: Relabelling = relabelling([*left.labels, *right.labels], drops)
