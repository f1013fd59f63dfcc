"""Whether a quotient is a share: a part divided by the whole that it belongs to, so between 0 and 1 for certain."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from agent.query import ast

_DEPTH: Final = 12
_SUMS: Final = frozenset({"rate", "increase", "irate", "count_over_time"})


def is_share(node: ast.BinaryExpr, not_negative: Callable[[ast.Expr], bool]) -> bool:
    """Say whether `node`, a division, divides a part by its whole."""
    matching = node.matching
    if matching is None or matching.fill_left is not None or matching.fill_right is not None:
        return False
    whole = ast.unwrapped(node.rhs)
    if matching.on or matching.labels:
        grouped = isinstance(whole, ast.AggregateExpr) and not whole.without and matching.on
        if not grouped or set(matching.labels) != set(whole.grouping):  # type: ignore[attr-defined]  # it is one
            return False
    return not_negative(node.lhs) and not_negative(node.rhs) and _part(node.lhs, whole, not_negative, _DEPTH)


def _part(node: ast.Expr, whole: ast.Expr, not_negative: Callable[[ast.Expr], bool], depth: int) -> bool:
    """Say whether `node` is never more than `whole`, series by series."""
    node, whole = ast.unwrapped(node), ast.unwrapped(whole)
    if depth == 0:
        return False
    if node == whole:
        return True
    if isinstance(node, ast.BinaryExpr):
        if node.op == "or":
            sides = (node.lhs, node.rhs)
            return all(_part(side, whole, not_negative, depth - 1) for side in sides)
        if node.op in ("and", "unless"):
            return _part(node.lhs, whole, not_negative, depth - 1)
        if node.op == "*" and isinstance(node.lhs, ast.NumberLiteral) and 0 <= node.lhs.value <= 1:
            return _part(node.rhs, whole, not_negative, depth - 1)
    if isinstance(whole, ast.BinaryExpr) and whole.op == "+" and not_negative(whole.lhs) and not_negative(whole.rhs):
        return any(_part(node, side, not_negative, depth - 1) for side in (whole.lhs, whole.rhs))
    return _sums(node, whole)


def _sums(node: ast.Expr, whole: ast.Expr) -> bool:
    if not (isinstance(node, ast.AggregateExpr) and isinstance(whole, ast.AggregateExpr)):
        return False
    same = node.op == whole.op and node.without == whole.without and set(node.grouping) == set(whole.grouping)
    if not same or node.op not in ("sum", "count"):
        return False
    part, all_of = ast.unwrapped(node.expr), ast.unwrapped(whole.expr)
    if isinstance(part, ast.Call) and isinstance(all_of, ast.Call):
        if part.name != all_of.name or part.name not in _SUMS:
            return False
        part, all_of = ast.unwrapped(part.args[0]), ast.unwrapped(all_of.args[0])
    if isinstance(part, ast.MatrixSelector) and isinstance(all_of, ast.MatrixSelector):
        return part.range == all_of.range and _among(part.selector, all_of.selector)
    if isinstance(part, ast.VectorSelector) and isinstance(all_of, ast.VectorSelector):
        return _among(part, all_of)
    return False


def _among(part: ast.VectorSelector, all_of: ast.VectorSelector) -> bool:
    same_time = part.offset == all_of.offset and part.at == all_of.at and part.extension == all_of.extension
    return same_time and frozenset(all_of.matchers) <= frozenset(part.matchers)
