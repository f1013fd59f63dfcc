"""What the rules room asks about a PromQL expression: is it one, what does it compare, which ranges does it read.

With `reading` and `lints`, the only page that knows the query room's nodes. A mistake in an expression becomes
a problem with its place in the file.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import replace

from agent.errors import ParseError
from agent.query import SIGNATURES, Expr, ast, parse
from agent.schema import Text, WrongText, suggest

_UNKNOWN_FUNCTION = re.compile(r'unknown function with name "(\w+)"$')
_RATES = frozenset({"rate", "irate", "increase"})


@functools.lru_cache(maxsize=1 << 14)
def parsed(expression: str) -> Expr:
    """Parse an expression, once; raise ParseError."""
    return parse(str(expression))


def checked(expression: str) -> Text:
    """Return `expression` where a rule can use it; raise WrongText at the place inside it that is wrong."""
    if not isinstance(expression, Text):
        message = "expr must be text"
        raise TypeError(message)
    if not expression.strip():
        raise WrongText(expression.place, "field 'expr' must be set in rule")
    try:
        node = parsed(expression)
    except ParseError as error:
        place = expression.locate(error.line, error.column)
        raise WrongText(place, f"could not parse expression: {error.message}{_suggestion(error.message)}") from error
    if node.type not in (ast.ValueType.VECTOR, ast.ValueType.SCALAR):
        raise WrongText(
            expression.locate(node.pos.line, node.pos.column),
            f"a rule needs an instant vector or a scalar, and this is a {node.type}; put a function around it",
        )
    return expression


def _suggestion(message: str) -> str:
    match = _UNKNOWN_FUNCTION.search(message)
    return suggest(match[1], list(SIGNATURES)) if match else ""


@functools.lru_cache(maxsize=4096)
def recovery_of(expression: str) -> str:
    """Return what gives the value that an alert recovered to (`A` of `A > 5`), "" where nothing can say it.

    It is asked once an alert is over. Of a comparison it is the left side under the result's labels (of `5 < A` the right
    one, for a number is no news); of `A > 5 and B` that of `A > 5`, where that is what ceased.
    """
    return _recovery(ast.unwrapped(parsed(expression)))


def _recovery(node: ast.Expr) -> str:
    if not isinstance(node, ast.BinaryExpr) or node.return_bool:
        return ""
    if node.op in ("and", "unless"):
        compared = _recovery(ast.unwrapped(node.lhs))
        return f"({compared}) unless ({node.lhs})" if compared else ""
    if node.op not in ast.COMPARISONS:
        return ""
    if node.matching is None:
        return str(node.lhs if node.lhs.type is ast.ValueType.VECTOR else node.rhs)
    if node.matching.fill_left is not None or node.matching.fill_right is not None:
        return ""
    # Anything to the power of 0 is 1, NaN and infinity too: the left side's value with the labels of the comparison.
    one = ast.ParenExpr(ast.BinaryExpr("^", ast.ParenExpr(node.rhs), ast.NumberLiteral(0.0)))
    return str(replace(node, op="*", lhs=ast.ParenExpr(node.lhs), rhs=one))


def rate_ranges(expression: str) -> Iterator[tuple[str, int, int, int]]:
    """Give (function, range in ms, line, column) of each rate, irate and increase over a plain range selector."""
    for node in ast.walk(parsed(expression)):
        if not isinstance(node, ast.Call) or node.name not in _RATES:
            continue
        argument = ast.unwrapped(node.args[0])
        if isinstance(argument, ast.MatrixSelector) and isinstance(argument.range, int):
            yield node.name, argument.range, argument.pos.line, argument.pos.column
