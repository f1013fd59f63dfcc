"""Nodes to PromQL on several lines, as Prometheus' format_query writes it: what is longer than 100 characters is split.

An expression that fits on its line stays there; parsing what this prints gives an equal node.
"""

from __future__ import annotations

from typing import Final

from agent.query import ast
from agent.query.format import aggregate_head, format_node, operator_text, subquery_tail

_WIDTH: Final = 100
_INDENT: Final = "  "


def pretty(node: ast.Expr) -> str:
    """Return `node` as PromQL, split and indented where it is long; raise ParseError where that would be too deep."""
    ast.refuse_deeper(node)
    return _Printer(node).text(node, 0)


class _Printer:
    """Prints the nodes of one expression. What holds more nodes than a line has characters is not tried on a line."""

    def __init__(self, node: ast.Expr) -> None:
        self._sizes: dict[int, int] = {}
        for each in reversed(list(ast.walk(node))):
            self._sizes[id(each)] = 1 + sum(self._sizes[id(child)] for child in ast.children(each))

    def text(self, node: ast.Expr, level: int) -> str:
        """Return `node` indented by `level` steps, and more where it is split."""
        indent = _INDENT * level
        if self._sizes[id(node)] <= _WIDTH:
            line = format_node(node)
            if len(line) <= _WIDTH or not ast.children(node):
                return line if isinstance(node, ast.SubqueryExpr) else indent + line  # so does Prometheus
        match node:
            case ast.AggregateExpr():
                args = (node.expr,) if node.param is None else (node.param, node.expr)
                return f"{indent}{aggregate_head(node)}(\n{self._split(args, level)}\n{indent})"
            case ast.BinaryExpr():
                left, right = self.text(node.lhs, level + 1), self.text(node.rhs, level + 1)
                return f"{left}\n{indent}{operator_text(node)}\n{right}"
            case ast.Call():
                return f"{indent}{node.name}(\n{self._split(node.args, level)}\n{indent})"
            case ast.ParenExpr():
                return f"{indent}(\n{self.text(node.expr, level + 1)}\n{indent})"
            case ast.UnaryExpr():
                return f"{indent}{node.op}{self.text(node.expr, level).removeprefix(indent)}"
            case ast.SubqueryExpr():
                return self.text(node.expr, level) + subquery_tail(node)
        return indent + format_node(node)

    def _split(self, args: tuple[ast.Expr, ...], level: int) -> str:
        return ",\n".join(self.text(arg, level + 1) for arg in args)
