"""What the page asks about an expression itself: a selector's matchers, the comparison that an alert is about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from agent.errors import InvalidInput, ParseError
from agent.model import Matcher
from agent.query import ast, parse

_COMPARISONS: Final = frozenset({"==", "!=", "<", ">", "<=", ">="})


def selector_matchers(text: str) -> Sequence[Matcher]:
    """Return the matchers of a series selector; raise ParseError where the text is another kind of expression."""
    expression = parse(text)
    if not isinstance(expression, ast.VectorSelector):
        message = f"expected a series selector, found an expression of type {expression.type}"
        raise ParseError(message)
    return expression.matchers


def selectors_of(query: str) -> list[Sequence[Matcher]]:
    """Return the matchers of every selector in an expression; raise ParseError."""
    return [node.matchers for node in ast.walk(parse(query)) if isinstance(node, ast.VectorSelector)]


def refuse_for_range(kind: ast.ValueType) -> None:
    """Raise InvalidInput, worded as Prometheus does, where a range query cannot ask for an expression of this type."""
    if kind not in (ast.ValueType.VECTOR, ast.ValueType.SCALAR):
        wrong = f'invalid expression type "{kind}" for range query, must be Scalar or instant Vector'
        raise InvalidInput(f'invalid parameter "query": {wrong}')


def condition_of(expression: str) -> str:
    """Return the comparison with a number at an expression's end, such as `> 0.05`; "" where there is none."""
    node = parse(expression)
    while isinstance(node, ast.ParenExpr):
        node = node.expr
    if isinstance(node, ast.BinaryExpr) and node.op in _COMPARISONS and node.rhs.type is ast.ValueType.SCALAR:
        return f"{node.op} {node.rhs}"
    return ""
