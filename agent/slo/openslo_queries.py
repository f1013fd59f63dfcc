"""OpenSLO says no word on windows in queries. This is how a query gets one, in the order in which it is tried.

1. `{{.window}}` or `[window]` in the query is the window. 2. With `counter: true`, each selector of a counter becomes
`increase(selector[window])`, inside the sums around it. 3. Else each is averaged over the window. What fits none of these
is refused: a guess would be a wrong number.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from agent.errors import ParseError
from agent.query import Expr, ast
from agent.schema import Text, WrongText
from agent.slo.queries import PLACEHOLDER, WINDOW, checked_expression, closed, parsed

_BARE: Final = re.compile(r"\[(?:window|\$window|\$__range)\]")
_STAND_IN_MS: Final = 86_399_999
"""A range that nobody writes; where it is printed the window is put."""
_SUMMED: Final = frozenset({"+", "-", "or"})
_INVERSE: Final = {"lte": ">", "lt": ">=", "gte": "<", "gt": "<="}
"""What a value is compared with where it is bad: the opposite of OpenSLO's operator."""


def has_window(query: str) -> bool:
    """Say whether a query says itself where its window stands."""
    return PLACEHOLDER.search(query) is not None or _BARE.search(query) is not None


def counted(query: Text, *, counter: bool) -> str:
    """Return the query of a number of events over the window; raise WrongText."""
    if has_window(query):
        return _own(query)
    node = checked_expression(query)
    function = "increase" if counter else "avg_over_time"
    summed = ast.unwrapped(node)
    if isinstance(summed, ast.VectorSelector):
        node = ast.AggregateExpr("sum", node)
    return _printed(_over(node, function, query))


def ratio_of(query: Text) -> str:
    """Return the query of a ratio that is computed elsewhere, averaged over the window; raise WrongText."""
    if has_window(query):
        return _own(query)
    node = checked_expression(query)
    return _printed(_averaged(node))


def compared(query: Text, operator: str, value: float) -> str:
    """Return the query of the part of the window in which `query` does not fulfil `operator value`; raise WrongText."""
    opposite = f"{_INVERSE[operator]} bool {value:g}"
    if has_window(query):
        return f"({closed(_own(query))}) {opposite}"
    node = checked_expression(query)
    return f"avg_over_time((({node}) {opposite})[{WINDOW}:])"


def _own(query: Text) -> str:
    checked_expression(query, _BARE.sub(lambda match: "[" + "5m".ljust(len(match[0]) - 2) + "]", query))
    return _BARE.sub(f"[{WINDOW}]", query)


def _over(node: Expr, function: str, query: Text) -> Expr:
    """Put the window at each selector of a sum of counters; raise WrongText at what is none."""
    match node:
        case ast.ParenExpr(expr=inner):
            return replace(node, expr=_over(inner, function, query))
        case ast.AggregateExpr(op="sum", expr=inner):
            return replace(node, expr=_over(inner, function, query))
        case ast.BinaryExpr(op=op, lhs=left, rhs=right) if op in _SUMMED and ast.ValueType.SCALAR not in (
            left.type,
            right.type,
        ):
            return replace(node, lhs=_over(left, function, query), rhs=_over(right, function, query))
        case ast.VectorSelector():
            return ast.Call(function, (ast.MatrixSelector(node, _STAND_IN_MS),))
        case _ if function == "avg_over_time":
            return _averaged(node)
        case _:
            message = (
                f"where the window stands in this cannot be told; write [{WINDOW}] in it, or sums of bare counters"
            )
            raise WrongText(query.locate(node.pos.line, node.pos.column), message)


def _averaged(node: Expr) -> Expr:
    inner = ast.unwrapped(node)
    if isinstance(inner, ast.VectorSelector):
        return ast.Call("avg_over_time", (ast.MatrixSelector(inner, _STAND_IN_MS),))
    if not isinstance(node, ast.ParenExpr):
        node = ast.ParenExpr(node)
    return ast.Call("avg_over_time", (ast.SubqueryExpr(node, _STAND_IN_MS),))


def _printed(node: Expr) -> str:
    stand_in = "23h59m59s999ms"
    text = str(node).replace(f"[{stand_in}", f"[{WINDOW}")
    try:
        parsed(text)
    except ParseError as error:  # pragma: no cover - what was printed is parsed again, so that no query leaves unread
        raise AssertionError(text) from error
    return text
