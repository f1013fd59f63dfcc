"""One expression over many instants: range evaluations where they say the same as an evaluation at each instant.

The engine gives the same bits either way, save for the few things named in `only_by_instant`. A stretch that is too much for
one query is halved; instants at which the expression fails are left to be asked, so that the failure is the rule's own.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from agent.errors import QueryError, QueryLimit
from agent.model import Labels
from agent.query import Matrix, Result, Scalar, Vector, ast, parse
from agent.rules import reads

_APART: Final = frozenset(
    {"stddev_over_time", "stdvar_over_time", "sort", "sort_desc", "sort_by_label", "sort_by_label_desc"}
)
"""Functions whose answer over a range may differ from that at its instants, in the last bit or in the order of series."""
_FEW: Final = 8
"""A stretch this short that fails is asked instant by instant."""


class Asking(Protocol):
    """What a replay needs of an engine."""

    def instant(self, expr: str, at_ms: int) -> Result:
        """Evaluate at an instant."""
        ...

    def range(self, expr: str, start_ms: int, end_ms: int, step_ms: int) -> Result:
        """Evaluate at start, start + step, … up to end."""
        ...


@lru_cache(maxsize=65_536)
def only_by_instant(expression: str) -> bool:
    """Say whether a range evaluation would not be the same as one at each instant.

    So it is where the future is asked (a negative offset, an @), for it would be known too early; where a duration is made of
    the query's own step; and with a few functions.
    """
    if any(each.at or each.offset_ms < 0 for each in reads(expression).selectors):
        return True
    return any(_is_apart(node) for node in ast.walk(parse(expression)))


def _is_apart(node: ast.Expr) -> bool:
    if isinstance(node, ast.Call):
        return node.name in _APART
    durations = (getattr(node, name, None) for name in ("range", "offset", "step"))
    return any(each is not None and not isinstance(each, int) for each in durations)


@dataclass(frozen=True, slots=True)
class _Piece:
    """The answers from `start_ms` every `step_ms`; `seen` marks the instants at which there are series."""

    start_ms: int
    step_ms: int
    matrix: Matrix | None
    scalar: bool
    seen: NDArray[np.bool_]


class Answers:
    """The answers of one expression at `times` (ms, rising). `busy` marks those at which there is a series, or none is known."""

    def __init__(self, times: Sequence[int], pieces: list[_Piece], patterns: Patterns) -> None:
        self._pieces, self._patterns = pieces, patterns
        self._starts = [piece.start_ms for piece in pieces]
        self.busy: NDArray[np.bool_] = (
            np.concatenate([piece.seen for piece in pieces]) if pieces else np.zeros(len(times), np.bool_)
        )

    def at(self, at_ms: int) -> Vector | Scalar | None:
        """Return the answer at an instant; None where it must be asked."""
        piece = self._pieces[bisect_right(self._starts, at_ms) - 1]
        matrix = piece.matrix
        if matrix is None:
            return None
        row = (at_ms - piece.start_ms) // piece.step_ms if piece.step_ms else 0
        if piece.scalar:
            return Scalar(at_ms, float(matrix.values[row, 0]))
        if matrix.present is None:
            natives = None if matrix.histograms is None else matrix.histograms[row]
            return _vector(at_ms, matrix.labels, matrix.values[row], natives)
        present = matrix.present[row]
        labels, columns = self._patterns.of(matrix.labels, present)
        natives = None if matrix.histograms is None else matrix.histograms[row][columns]
        return _vector(at_ms, labels, matrix.values[row][columns], natives)


def _vector(
    at_ms: int, labels: tuple[Labels, ...], values: NDArray[np.float64], natives: NDArray[np.object_] | None
) -> Vector:
    if natives is None or not natives.any():
        return Vector(at_ms, labels, values)
    return Vector(at_ms, labels, np.where(natives.astype(np.bool_), np.nan, values), natives)


class Patterns:
    """Which series of a matrix are there: the same tuple again for the same pattern, as the engine does for an instant."""

    def __init__(self) -> None:
        self._of: tuple[Labels, ...] = ()
        self._known: dict[bytes, tuple[tuple[Labels, ...], NDArray[np.intp]]] = {}

    def of(self, labels: tuple[Labels, ...], present: NDArray[np.bool_]) -> tuple[tuple[Labels, ...], NDArray[np.intp]]:
        """Return the labels of the present series and their columns."""
        if labels is not self._of or len(self._known) > 4096:
            self._of, self._known = labels, {}
        key = present.tobytes()
        found = self._known.get(key)
        if found is None:
            columns = np.flatnonzero(present)
            found = self._known[key] = (tuple(labels[column] for column in columns.tolist()), columns)
        return found


def look_ahead(
    engine: Asking, expression: str, times: Sequence[int], patterns: Patterns, *, is_scalar: bool
) -> Answers:
    """Return the answers of an expression at `times`."""
    if only_by_instant(expression):
        return Answers(times, [_unknown(start, step, count) for start, step, count in _even(times)], patterns)
    ask = lambda first, last, step: engine.range(expression, first, last, step).value  # noqa: E731
    pieces = [piece for start, step, count in _even(times) for piece in _pieces(ask, start, step, count, is_scalar)]
    return Answers(times, pieces, patterns)


def _pieces(
    ask: Callable[[int, int, int], object], start_ms: int, step_ms: int, count: int, is_scalar: bool
) -> Iterator[_Piece]:
    try:
        matrix = ask(start_ms, start_ms + (count - 1) * step_ms, step_ms or 1)
    except QueryError as error:
        if count <= (1 if isinstance(error, QueryLimit) else _FEW):
            yield _unknown(start_ms, step_ms, count)
            return
        half = count // 2
        yield from _pieces(ask, start_ms, step_ms, half, is_scalar)
        yield from _pieces(ask, start_ms + half * step_ms, step_ms, count - half, is_scalar)
        return
    assert isinstance(matrix, Matrix)
    there: NDArray[np.bool_] | None = matrix.present
    seen = np.full(count, bool(matrix.labels)) if there is None else np.logical_or.reduce(there, axis=1)
    yield _Piece(start_ms, step_ms, matrix, is_scalar, seen)


def _unknown(start_ms: int, step_ms: int, count: int) -> _Piece:
    return _Piece(start_ms, step_ms, None, False, np.ones(count, np.bool_))


def _even(times: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """Give (start, step, count) of the runs of equally spaced times; a single one has step 0."""
    first = 0
    while first < len(times):
        last = first + 1
        if last < len(times):
            step = times[last] - times[first]
            while last + 1 < len(times) and times[last + 1] - times[last] == step:
                last += 1
            yield times[first], step, last - first + 1
        else:
            yield times[first], 0, 1
        first = last + 1
