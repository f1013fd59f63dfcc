"""Which series of two vectors meet: signatures of label sets, and join indexes that hold while both sets stay the same."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agent.model import METRIC_NAME, Labels
from agent.query import ast
from agent.query.frame import METADATA, Bools, Relabelling, SeriesSet, relabelling

Columns = NDArray[np.intp]


def signature(labels: Labels, matching: ast.VectorMatching) -> Labels:
    """Return the labels by which series meet: those of on(…), or all but those of ignoring(…) and the name."""
    if matching.on:
        return labels.only(*matching.labels)
    return labels.without(*matching.labels, METRIC_NAME)


@dataclass(frozen=True, slots=True)
class Signatures:
    """The signatures of two series sets: each column's number (left, right), and how many there are.

    unique_left, unique_right: no signature has two columns on that side; pairs: how many pairs of columns have equal ones.
    """

    other: SeriesSet
    left: Columns
    right: Columns
    size: int
    unique_left: bool
    unique_right: bool
    pairs: int

    def certain(self, card: ast.Card) -> bool:
        """Say whether these pairs can fail at no step, `left` being the side that may have many."""
        return self.unique_right and (card is not ast.Card.ONE_TO_ONE or self.unique_left)


def signatures(left: SeriesSet, right: SeriesSet, matching: ast.VectorMatching) -> Signatures:
    """Return the signatures of both sides, made once per pair of sets."""

    def build() -> Signatures:
        numbers: dict[Labels, int] = {}
        sides = [
            np.fromiter(
                (numbers.setdefault(signature(each, matching), len(numbers)) for each in side.labels),
                np.intp,
                len(side),
            )
            for side in (left, right)
        ]
        tallies = [np.bincount(side, minlength=len(numbers)) for side in sides]
        alone = [bool(tally.max(initial=0) <= 1) for tally in tallies]
        return Signatures(right, sides[0], sides[1], len(numbers), alone[0], alone[1], int(tallies[0] @ tallies[1]))

    return left.derived(("signatures", id(right), matching.on, matching.labels), build)


@dataclass(frozen=True, slots=True)
class Join:
    """The pairs of columns that meet, and what the results are called.

    one, many (P,): columns; None where they are all columns in order. change: the results' labels. `numbers` keeps the
    identity of the one side its own.
    """

    numbers: Signatures
    many: Columns | None
    one: Columns | None
    change: Relabelling


def join(many: SeriesSet, numbers: Signatures, node: ast.BinaryExpr, *, delayed: bool) -> Join:
    """Return the join of the side that may have many columns per signature with the one that may not.

    It makes labels for every pair: whoever asks has counted them.
    """
    matching = node.matching
    assert matching is not None
    key = ("join", id(numbers.other), node.op in ast.NAME_KEEPING, node.return_bool, matching)
    return many.derived(key, lambda: _join(many, numbers, node, matching, delayed=delayed))


def _join(
    many: SeriesSet, numbers: Signatures, node: ast.BinaryExpr, matching: ast.VectorMatching, *, delayed: bool
) -> Join:
    one = numbers.other
    left, right = pairs(numbers)
    drops_name = node.op not in ast.NAME_KEEPING or (node.return_bool and not delayed)
    lefts = [many.labels[column] for column in left.tolist()]
    rights = [one.labels[column] for column in right.tolist()]
    labels = [result_labels(a, b, matching, drops_name=drops_name) for a, b in zip(lefts, rights, strict=True)]
    drops = _drops(many.drops, left, always=delayed and node.return_bool)
    whole_left = None if _whole(left, len(many)) else left
    whole_right = None if _whole(right, len(one)) else right
    return Join(numbers, whole_left, whole_right, relabelling(labels, drops))


def _drops(drops: Bools | None, columns: Columns, *, always: bool) -> Bools | None:
    if always:
        return np.ones(len(columns), np.bool_)
    return None if drops is None else drops[columns]


def _whole(columns: Columns, width: int) -> bool:
    return len(columns) == width and bool((columns == np.arange(width)).all())


def pairs(numbers: Signatures) -> tuple[Columns, Columns]:
    """Return all pairs of columns (left, right) with equal signatures, in the order of the left columns."""
    order = np.argsort(numbers.right, kind="stable")
    counts = np.bincount(numbers.right, minlength=numbers.size)
    starts = np.cumsum(counts) - counts
    per_left = counts[numbers.left]
    left = np.repeat(np.arange(len(numbers.left)), per_left)
    within = np.arange(len(left)) - np.repeat(np.cumsum(per_left) - per_left, per_left)
    return left, order[starts[numbers.left[left]] + within]


def result_labels(many: Labels, one: Labels, matching: ast.VectorMatching, *, drops_name: bool) -> Labels:
    """Return the labels of a result: those of the many side, reduced for one-to-one, with `include` from the one side."""
    labels = many.without(*METADATA) if drops_name else many
    if matching.card is ast.Card.ONE_TO_ONE:
        labels = labels.only(*matching.labels) if matching.on else labels.without(*matching.labels)
    if matching.include:
        labels = labels.merged({name: one.get(name) for name in matching.include})
    return labels


def met(present: Bools, columns: Columns, size: int) -> NDArray[np.int64]:
    """Count the present columns of each signature: shape (N, size)."""
    return np.stack([np.bincount(columns, weights=row, minlength=size) for row in present]).astype(np.int64)
