"""Static typing of expressions, in Prometheus' words: which types meet in an operator, a call or an aggregation.

Each function looks at one node whose children are already checked and raises `Mistyped` with the place of the flaw.
"""

from __future__ import annotations

from typing import Final

from agent.model import METRIC_NAME
from agent.query import ast
from agent.query.ast import ValueType
from agent.query.functions import Signature
from agent.query.strings import quote

SCALAR_PARAMETER: Final = frozenset({"topk", "bottomk", "quantile", "limitk", "limit_ratio"})
STRING_PARAMETER: Final = frozenset({"count_values"})


class Mistyped(Exception):
    """A flaw at `pos`."""

    def __init__(self, pos: ast.Position, message: str) -> None:
        self.pos = pos
        self.message = message
        super().__init__(message)


def expect(node: ast.Expr, wanted: ValueType, context: str) -> None:
    """Raise Mistyped unless `node` has the type `wanted`."""
    if node.type is not wanted:
        raise Mistyped(node.pos, f"expected type {wanted} in {context}, got {node.type}")


def check_unary(node: ast.UnaryExpr) -> None:
    """Allow signs before scalars and instant vectors."""
    if node.type not in (ValueType.SCALAR, ValueType.VECTOR):
        text = f'unary expression only allowed on expressions of type scalar or instant vector, got "{node.type}"'
        raise Mistyped(node.pos, text)


def check_subquery(node: ast.SubqueryExpr) -> None:
    """Allow subqueries over instant vectors."""
    if node.expr.type is not ValueType.VECTOR:
        kind = node.expr.type.name.lower()  # Prometheus' short name for the type, here alone
        raise Mistyped(node.pos, f"subquery is only allowed on instant vector, got {kind} instead")


def check_aggregate(node: ast.AggregateExpr) -> None:
    """Check what is aggregated, and the parameter."""
    expect(node.expr, ValueType.VECTOR, "aggregation expression")
    if node.param is not None and node.op in SCALAR_PARAMETER:
        expect(node.param, ValueType.SCALAR, "aggregation parameter")
    if node.param is not None and node.op in STRING_PARAMETER:
        expect(node.param, ValueType.STRING, "aggregation parameter")


def check_count(node: ast.Call, signature: Signature) -> None:
    """Check how many arguments there are."""
    fixed, given = len(signature.args), len(node.args)
    if signature.optional == 0 and given != fixed:
        raise Mistyped(node.pos, f'expected {fixed} argument(s) in call to "{node.name}", got {given}')
    if signature.optional != 0:
        least = fixed - 1
        if given < least:
            raise Mistyped(node.pos, f'expected at least {least} argument(s) in call to "{node.name}", got {given}')
        if 0 < signature.optional < given - least:
            most = least + signature.optional
            raise Mistyped(node.pos, f'expected at most {most} argument(s) in call to "{node.name}", got {given}')


def check_call(node: ast.Call, signature: Signature) -> None:
    """Check the types of the arguments."""
    fixed, given, kinds = len(signature.args), len(node.args), signature.args
    for index, arg in enumerate(node.args):
        expect(arg, kinds[min(index, fixed - 1)], f'call to function "{node.name}"')
    if node.name == "info" and given == 2:
        selector = ast.unwrapped(node.args[1])
        if not isinstance(selector, ast.VectorSelector):
            raise Mistyped(node.args[1].pos, "expected label selectors only")
        if selector.name:
            raise Mistyped(node.args[1].pos, "expected label selectors only, got vector selector instead")


def check_selector(node: ast.VectorSelector, *, named: bool) -> None:
    """Refuse a second name beside one before the braces (`named`), and a selector that every series would fulfil."""
    for matcher in node.matchers[:-1] if named else ():
        if matcher.name == METRIC_NAME:
            text = f"metric name must not be set twice: {quote(node.name)} or {quote(matcher.value)}"
            raise Mistyped(node.pos, text)
    if not node.name and all(matcher.matches("") for matcher in node.matchers):
        raise Mistyped(node.pos, "vector selector must contain at least one non-empty matcher")


def check_binary(node: ast.BinaryExpr, operator: ast.Position, matching: ast.VectorMatching) -> None:
    """Check an operator, at `operator`, with its modifiers and both sides."""
    left, right = node.lhs.type, node.rhs.type
    if node.return_bool and node.op not in ast.COMPARISONS:
        raise Mistyped(operator, "bool modifier can only be used on comparison operators")
    if node.op in ast.COMPARISONS and not node.return_bool and left is right is ValueType.SCALAR:
        raise Mistyped(operator, "comparisons between scalars must use BOOL modifier")
    for name in matching.labels:
        if matching.on and name in matching.include:
            raise Mistyped(operator, f'label "{name}" must not occur in ON and GROUP clause at once')
    for side in (node.lhs, node.rhs):
        if side.type not in (ValueType.SCALAR, ValueType.VECTOR):
            raise Mistyped(side.pos, "binary expression must contain only scalar and instant vector types")
    if ValueType.SCALAR in (left, right):
        _check_scalar_side(node, matching)
    elif node.op in ast.SET_OPERATORS:
        if matching.card in (ast.Card.MANY_TO_ONE, ast.Card.ONE_TO_MANY):
            raise Mistyped(node.pos, f'no grouping allowed for "{node.op}" operation')
        if matching.fill_left is not None or matching.fill_right is not None:
            raise Mistyped(operator, "filling in missing series not allowed for set operators")


def matched(node: ast.BinaryExpr, matching: ast.VectorMatching) -> ast.BinaryExpr:
    """Return `node` with the matching that holds for its types: none beside a scalar, many-to-many for sets."""
    if ValueType.SCALAR in (node.lhs.type, node.rhs.type):
        return node
    if node.op in ast.SET_OPERATORS:
        matching = ast.VectorMatching(ast.Card.MANY_TO_MANY, matching.on, matching.labels)
    return ast.BinaryExpr(node.op, node.lhs, node.rhs, node.return_bool, matching, pos=node.pos)


def _check_scalar_side(node: ast.BinaryExpr, matching: ast.VectorMatching) -> None:
    if matching.labels:
        raise Mistyped(node.pos, "vector matching only allowed between instant vectors")
    if node.op in ast.SET_OPERATORS:
        raise Mistyped(node.pos, f'set operator "{node.op}" not allowed in binary scalar expression')
    if matching.fill_left is not None or matching.fill_right is not None:
        raise Mistyped(node.pos, "filling in missing series only allowed between instant vectors")
