"""Nodes as plain dictionaries, in the shape in which Prometheus' parse_query answers them (web/api/v1/translate_ast.go).

Durations are milliseconds; one that depends on the query is 0 with its text beside it, as there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from agent.model import Matcher, format_float
from agent.query import ast
from agent.query.ast import ValueType
from agent.query.format import format_node
from agent.query.functions import SIGNATURES

Described = dict[str, Any]

_TYPES: Final[Mapping[ValueType, str]] = {
    ValueType.SCALAR: "scalar",
    ValueType.STRING: "string",
    ValueType.VECTOR: "vector",
    ValueType.MATRIX: "matrix",
}


def described(node: ast.Expr) -> Described:
    """Return `node` and all below it, ready to be serialised; raise ParseError where that would be too deep."""
    ast.refuse_deeper(node)
    return _described(node)


def _described(node: ast.Expr) -> Described:
    found: Described
    match node:
        case ast.AggregateExpr():
            found = {
                "type": "aggregation",
                "op": node.op,
                "expr": _described(node.expr),
                "param": None if node.param is None else _described(node.param),
                "grouping": list(node.grouping),
                "without": node.without,
            }
        case ast.BinaryExpr():
            found = {
                "type": "binaryExpr",
                "op": node.op,
                "lhs": _described(node.lhs),
                "rhs": _described(node.rhs),
                "matching": None if node.matching is None else _matching(node.matching),
                "bool": node.return_bool,
            }
        case ast.Call():
            found = {"type": "call", "func": _function(node.name), "args": [_described(arg) for arg in node.args]}
        case ast.MatrixSelector():
            span = _duration("range", node.range)
            found = {**_selector(node.selector), "type": "matrixSelector", **span}
        case ast.SubqueryExpr():
            found = {
                "type": "subquery",
                "expr": _described(node.expr),
                **_duration("range", node.range),
                **_duration("step", 0 if node.step is None else node.step),
                **_when(node),
            }
        case ast.VectorSelector():
            found = {"type": "vectorSelector", **_selector(node)}
        case ast.NumberLiteral():
            found = {"type": "numberLiteral", "val": format_float(node.value)}
        case ast.StringLiteral():
            found = {"type": "stringLiteral", "val": node.value}
        case ast.ParenExpr():
            found = {"type": "parenExpr", "expr": _described(node.expr)}
        case ast.UnaryExpr():
            found = {"type": "unaryExpr", "op": node.op, "expr": _described(node.expr)}
        case _:
            message = f"no such node: {type(node).__name__}"
            raise TypeError(message)
    return found


def _matching(matching: ast.VectorMatching) -> Described:
    return {
        "card": str(matching.card),
        "labels": list(matching.labels),
        "on": matching.on,
        "include": list(matching.include),
        "fillValues": {"lhs": matching.fill_left, "rhs": matching.fill_right},
    }


def _function(name: str) -> Described:
    signature = SIGNATURES[name]
    return {
        "name": name,
        "argTypes": [_TYPES[each] for each in signature.args],
        "variadic": signature.optional,
        "returnType": _TYPES[signature.returns],
    }


def _selector(node: ast.VectorSelector) -> Described:
    return {
        "name": node.name,
        "matchers": [_matcher(each) for each in node.matchers],
        "anchored": node.extension == "anchored",
        "smoothed": node.extension == "smoothed",
        **_when(node),
    }


def _matcher(matcher: Matcher) -> Described:
    return {"name": matcher.name, "value": matcher.value, "type": str(matcher.op)}


def _when(node: ast.VectorSelector | ast.SubqueryExpr) -> Described:
    fixed = node.at if isinstance(node.at, int) else None
    word = node.at if isinstance(node.at, str) else None
    return {**_duration("offset", node.offset), "timestamp": fixed, "startOrEnd": word}


def _duration(name: str, duration: ast.Duration) -> Described:
    if isinstance(duration, int):
        return {name: duration}
    return {name: 0, f"{name}Expr": format_node(duration)}
