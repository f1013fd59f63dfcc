"""What the rules room asks about a PromQL expression: is it one, what does it compare, which ranges does it read.

With `reading` and `lints`, the only page that knows the query room's nodes. A mistake in an expression becomes
a problem with its place in the file.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator

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


def recovery_of(expression: str) -> str:
    """Return what `expression` compares with a number (`A` of `A > 5`), "" where it is no such comparison.

    It is asked once an alert is over, to tell the value that it recovered to.
    """
    node = ast.unwrapped(parsed(expression))
    if not isinstance(node, ast.BinaryExpr) or node.op not in ast.COMPARISONS or node.return_bool:
        return ""
    sides = (node.lhs, node.rhs)
    vectors = [side for side in sides if side.type is ast.ValueType.VECTOR]
    scalars = [side for side in sides if side.type is ast.ValueType.SCALAR]
    return str(vectors[0]) if len(vectors) == 1 and len(scalars) == 1 else ""


def rate_ranges(expression: str) -> Iterator[tuple[str, int, int, int]]:
    """Give (function, range in ms, line, column) of each rate, irate and increase over a plain range selector."""
    for node in ast.walk(parsed(expression)):
        if not isinstance(node, ast.Call) or node.name not in _RATES:
            continue
        argument = ast.unwrapped(node.args[0])
        if isinstance(argument, ast.MatrixSelector) and isinstance(argument.range, int):
            yield node.name, argument.range, argument.pos.line, argument.pos.column
