"""Nodes to PromQL on several lines, as Prometheus' format_query writes it: what is longer than 100 characters is split.

An expression that fits on its line stays there; parsing what this prints gives an equal node.
"""

from __future__ import annotations

from typing import Final

from agent.query import ast
from agent.query.format import aggregate_head, format_node, operator_text, subquery_tail

_WIDTH: Final = 100
_INDENT: Final = "  "


def pretty(node: ast.Expr, level: int = 0) -> str:
    """Return `node` as PromQL, split and indented by `level` steps and more where it is long."""
    indent = _INDENT * level
    line = format_node(node)
    if len(line) <= _WIDTH:
        return line if isinstance(node, ast.SubqueryExpr) else indent + line  # so does Prometheus
    match node:
        case ast.AggregateExpr():
            args = (node.expr,) if node.param is None else (node.param, node.expr)
            return f"{indent}{aggregate_head(node)}(\n{_split(args, level)}\n{indent})"
        case ast.BinaryExpr():
            left, right = pretty(node.lhs, level + 1), pretty(node.rhs, level + 1)
            return f"{left}\n{indent}{operator_text(node)}\n{right}"
        case ast.Call():
            return f"{indent}{node.name}(\n{_split(node.args, level)}\n{indent})"
        case ast.ParenExpr():
            return f"{indent}(\n{pretty(node.expr, level + 1)}\n{indent})"
        case ast.UnaryExpr():
            return f"{indent}{node.op}{pretty(node.expr, level).removeprefix(indent)}"
        case ast.SubqueryExpr():
            return pretty(node.expr, level) + subquery_tail(node)
    return indent + line


def _split(args: tuple[ast.Expr, ...], level: int) -> str:
    return ",\n".join(pretty(arg, level + 1) for arg in args)
