"""Binary operators between scalars and instant vectors, at all steps together.

Vectors meet through a join index that is found once per pair of series sets; a step on which matching is ambiguous fails
with Prometheus' text. `fill` values stand in for the side that is missing.
"""

from __future__ import annotations

import numpy as np

from agent.errors import ExecutionError
from agent.model import METRIC_NAME, Labels
from agent.query import ast
from agent.query.evaluate import Value, evaluate
from agent.query.evaluation import Evaluation
from agent.query.frame import (
    Bools,
    Floats,
    Frame,
    drop_names,
    empty,
    relabel,
    relabelling,
    remove_marked_names,
    stacked,
)
from agent.query.limits import LABELS
from agent.query.matching import Join, Signatures, join, met, result_labels, signatures
from agent.query.operators import COMPARISON, computed


def binary(evaluation: Evaluation, node: ast.BinaryExpr, left: Value | None = None) -> Value:
    """Evaluate a binary expression; `left` is its left side where that was computed before."""
    left = evaluate(node.lhs, evaluation) if left is None else left
    right = evaluate(node.rhs, evaluation)
    assert not isinstance(left, str)
    assert not isinstance(right, str)
    if isinstance(left, Frame):
        if isinstance(right, Frame):
            return _vectors(evaluation, node, left, right)
        return _with_scalar(evaluation, node, left, left.values, right[:, None])
    if isinstance(right, Frame):
        return _with_scalar(evaluation, node, right, left[:, None], right.values)
    return computed(node.op, left, right)


def _with_scalar(evaluation: Evaluation, node: ast.BinaryExpr, frame: Frame, left: Floats, right: Floats) -> Frame:
    """Compute each series with the scalar; a comparison without bool keeps the vector's values and names."""
    if frame.histograms is not None or node.op in ast.TRIMS:
        return _natives_with_scalar(evaluation, node, frame, left, right)
    if node.op in COMPARISON and not node.return_bool:
        kept = COMPARISON[node.op](left, right)
        return Frame(frame.series, frame.values, kept if frame.present is None else kept & frame.present)
    made = Frame(frame.series, computed(node.op, left, right), frame.present)
    return drop_names(made, delayed=evaluation.delayed)


def _natives_with_scalar(
    evaluation: Evaluation, node: ast.BinaryExpr, frame: Frame, left: Floats, right: Floats
) -> Frame:
    from agent.query.native_binary import native_pairs

    shape = frame.values.shape
    sides = [
        frame if side is frame.values else Frame(frame.series, np.broadcast_to(side, shape)) for side in (left, right)
    ]
    made = native_pairs(evaluation, node, sides[0], sides[1], frame)
    if node.op in ast.NAME_KEEPING and not node.return_bool:
        return made
    return drop_names(made, delayed=evaluation.delayed)


def _vectors(evaluation: Evaluation, node: ast.BinaryExpr, left: Frame, right: Frame) -> Frame:
    if node.op in ast.SET_OPERATORS:
        from agent.query.sets import combine

        return combine(node, left, right)
    assert node.matching is not None
    matching = node.matching
    flipped = matching.card is ast.Card.ONE_TO_MANY
    many, one = (right, left) if flipped else (left, right)
    fills = (matching.fill_left, matching.fill_right)  # not flipped with the sides: Prometheus' own reading
    if fills == (None, None) and not (len(many.series) and len(one.series)):
        return empty(len(evaluation.steps))
    numbers = signatures(many.series, one.series, matching)
    if not numbers.certain(matching.card):
        _refuse_ambiguity(numbers, node, many, one, fills)
    evaluation.query.touch(len(evaluation.steps) * numbers.pairs)
    evaluation.query.allowance.reserve(LABELS * numbers.pairs)
    joined = join(many.series, numbers, node, delayed=evaluation.delayed)
    a, b = _side(many, joined.many), _side(one, joined.one)
    made = _paired(evaluation, node, a, b, flipped=flipped)
    if fills == (None, None):
        return _merged(made, joined, matching)
    return _filled(evaluation, node, joined, made, (many, one), fills)


def _side(frame: Frame, columns: np.typing.NDArray[np.intp] | None) -> Frame:
    return frame if columns is None else frame.columns(columns, frame.series)


def _both(a: Bools | None, b: Bools | None) -> Bools | None:
    if a is None or b is None:
        return b if a is None else a
    return a & b


def _paired(evaluation: Evaluation, node: ast.BinaryExpr, many: Frame, one: Frame, *, flipped: bool) -> Frame:
    """Compute pair by pair. A filter keeps the left side's values, whichever side has the many series."""
    if many.histograms is not None or one.histograms is not None or node.op in ast.TRIMS:
        from agent.query.native_binary import native_pairs

        sides = (one, many) if flipped else (many, one)
        return native_pairs(evaluation, node, *sides, sides[0]).named(many.series)
    left, right = (one.values, many.values) if flipped else (many.values, one.values)
    present = _both(many.present, one.present)
    if node.op in COMPARISON and not node.return_bool:
        kept = COMPARISON[node.op](left, right)
        return Frame(many.series, left, kept if present is None else kept & present)
    return Frame(many.series, computed(node.op, left, right), present)


def _merged(made: Frame, joined: Join, matching: ast.VectorMatching) -> Frame:
    try:
        return relabel(made, joined.change)
    except ExecutionError as error:
        if matching.card is ast.Card.ONE_TO_ONE:
            raise
        message = "multiple matches for labels: grouping labels must ensure unique matches"
        raise ExecutionError(message) from error


def _refuse_ambiguity(
    numbers: Signatures, node: ast.BinaryExpr, many: Frame, one: Frame, fills: tuple[float | None, float | None]
) -> None:
    """Raise where, at some step, two series of the one side share a signature, or two meet one in one-to-one."""
    matching = node.matching
    assert matching is not None
    ones = met(one.mask(), numbers.right, numbers.size)
    manys = met(many.mask(), numbers.left, numbers.size)
    occupied = manys.any(axis=1) if fills == (None, None) else np.ones(len(manys), np.bool_)
    twice = (ones > 1) & np.asarray(occupied)[:, None]
    if twice.any():
        step, number = np.argwhere(twice)[0].tolist()
        found = np.flatnonzero((numbers.right == number) & one.mask()[step]).tolist()
        raise ExecutionError(_duplicates([one.series.labels[column] for column in found], matching))
    if matching.card is ast.Card.ONE_TO_ONE and np.any((manys > 1) & ((ones > 0) | (fills[1] is not None))):
        message = "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)"
        raise ExecutionError(message)


def _duplicates(found: list[Labels], matching: ast.VectorMatching) -> str:
    side = "left" if matching.card is ast.Card.ONE_TO_MANY else "right"
    names = matching.labels
    group = found[0].only(*names) if matching.on else found[0].without(*names, METRIC_NAME)
    shown = ", ".join(str(labels) for labels in sorted(found)[:2])
    return (
        f"found duplicate series for the match group {group} on the {side} hand-side of the operation: [{shown}]"
        ";many-to-many matching not allowed: matching labels must be unique on one side"
    )


def _filled(
    evaluation: Evaluation,
    node: ast.BinaryExpr,
    joined: Join,
    made: Frame,
    sides: tuple[Frame, Frame],
    fills: tuple[float | None, float | None],
) -> Frame:
    """Add, for each side with a fill value, the series of the other side that met nothing at a step."""
    matching, numbers = node.matching, joined.numbers
    assert matching is not None
    many, one = sides
    flipped = matching.card is ast.Card.ONE_TO_MANY
    frames = [remove_marked_names(relabel(made, joined.change))]
    there = (met(many.mask(), numbers.left, numbers.size) > 0, met(one.mask(), numbers.right, numbers.size) > 0)
    for held, columns, missing, fill, other in (
        (many, numbers.left, there[1], fills[1], False),
        (one, numbers.right, there[0], fills[0], True),
    ):
        if fill is None or not len(held.series):
            continue
        alone = held.where(~missing[:, columns])
        stand_in = Frame(held.series, np.full(held.values.shape, fill))
        pair = (
            _paired(evaluation, node, stand_in, alone, flipped=flipped)
            if other
            else _paired(evaluation, node, alone, stand_in, flipped=flipped)
        )
        drops = node.op not in ast.NAME_KEEPING or node.return_bool or other
        labels = [_alone_labels(each, matching, one_side=other, drops_name=drops) for each in held.series.labels]
        frames.append(relabel(pair, relabelling(labels)))
    return stacked(frames)


def _alone_labels(labels: Labels, matching: ast.VectorMatching, *, one_side: bool, drops_name: bool) -> Labels:
    if not one_side:
        return result_labels(labels, Labels(), matching, drops_name=drops_name)
    if matching.on:
        return labels.only(*matching.labels, *matching.include)
    kept = labels.without(*matching.labels, METRIC_NAME)
    return kept.merged({name: labels.get(name) for name in matching.include})
