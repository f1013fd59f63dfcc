"""Nodes to canonical PromQL: parsing what this prints gives an equal node. Comments and spacing are not kept.

Every construct is printed on one line as Prometheus prints it: matchers sorted, durations and numbers in their shortest
form. What must be computed to be known (`[5m * 2]`) is printed computed.
"""

from __future__ import annotations

from typing import Final

from agent.model import (
    METRIC_NAME,
    Matcher,
    MatchOp,
    format_duration,
    format_float,
    is_legacy_label_name,
    is_legacy_metric_name,
)
from agent.query import ast
from agent.query.strings import quote

_NUMBERS: Final = frozenset({"inf", "nan"})
_NO_METRICS: Final = _NUMBERS | {"atan2", "bool", "group_left", "group_right", "ignoring", "on"}
"""Words that, outside braces, mean something else than a name."""
_NO_LABELS: Final = _NUMBERS | {"without"}
"""Words that may not stand bare in a list of labels."""


def format_node(node: ast.Node) -> str:
    """Return `node` as PromQL."""
    match node:
        case ast.NumberLiteral():
            return format_duration(round(node.value * 1000)) if node.duration else format_float(node.value)
        case ast.StringLiteral():
            return quote(node.value)
        case ast.VectorSelector():
            return _selector(node, "")
        case ast.MatrixSelector():
            return _selector(node.selector, f"[{_duration(node.range)}]")
        case ast.SubqueryExpr():
            return format_node(node.expr) + subquery_tail(node)
        case ast.Call():
            return f"{node.name}({', '.join(map(format_node, node.args))})"
        case ast.AggregateExpr():
            return _aggregate(node)
        case ast.BinaryExpr():
            links = ast.row(node)
            behind = (f" {each.op}{_matching(each)} {format_node(each.rhs)}" for each in reversed(links))
            return format_node(links[-1].lhs) + "".join(behind)
        case ast.UnaryExpr():
            return node.op + format_node(node.expr)
        case ast.ParenExpr():
            return f"({format_node(node.expr)})"
    return _duration_expr(node)


def _selector(node: ast.VectorSelector, brackets: str) -> str:
    bare = is_legacy_metric_name(node.name) and node.name.lower() not in _NO_METRICS
    outside = node.name if bare else ""
    inner = [quote(node.name)] if node.name and not outside else []
    inner += sorted(
        f"{label(matcher.name)}{matcher.op}{quote(matcher.value)}"
        for matcher in node.matchers
        if not (node.name and matcher == Matcher(METRIC_NAME, MatchOp.EQUAL, node.name))
    )
    braces = "{" + ",".join(inner) + "}" if inner or not outside else ""
    return f"{outside}{braces}{brackets}{' ' + node.extension if node.extension else ''}{_modifiers(node)}"


def _modifiers(node: ast.VectorSelector | ast.SubqueryExpr) -> str:
    text = ""
    if isinstance(node.at, str):
        text += f" @ {node.at}()"
    elif node.at is not None:
        text += f" @ {'-' if node.at < 0 else ''}{abs(node.at) // 1000}.{abs(node.at) % 1000:03d}"
    if isinstance(node.offset, int):
        return text + (f" offset {format_duration(node.offset)}" if node.offset else "")
    return f"{text} offset ({_duration_expr(node.offset)})"


def label(name: str) -> str:
    """Return a label name as it is written in a selector: quoted where it is no legacy name."""
    return name if is_legacy_label_name(name) else quote(name)


def _labels(names: tuple[str, ...]) -> str:
    return "(" + ", ".join(quote(name) if name.lower() in _NO_LABELS else label(name) for name in names) + ")"


def subquery_tail(node: ast.SubqueryExpr) -> str:
    """Return what stands behind the expression of a subquery."""
    step = "" if node.step is None else _duration(node.step)
    return f"[{_duration(node.range)}:{step}]{_modifiers(node)}"


def aggregate_head(node: ast.AggregateExpr) -> str:
    """Return an aggregation up to its arguments."""
    if not node.grouping and not node.without:
        return node.op
    return f"{node.op} {'without' if node.without else 'by'} {_labels(node.grouping)} "


def _aggregate(node: ast.AggregateExpr) -> str:
    param = "" if node.param is None else f"{format_node(node.param)}, "
    return f"{aggregate_head(node)}({param}{format_node(node.expr)})"


def operator_text(node: ast.BinaryExpr) -> str:
    """Return an operator with its modifiers."""
    return node.op + _matching(node)


def _matching(node: ast.BinaryExpr) -> str:
    text = " bool" if node.return_bool else ""
    matching = node.matching
    if matching is None:
        return text
    if matching.on or matching.labels:
        text += (" on " if matching.on else " ignoring ") + _labels(matching.labels)
    if matching.card in (ast.Card.MANY_TO_ONE, ast.Card.ONE_TO_MANY):
        if not matching.on and not matching.labels:
            text += " ignoring ()"
        side = "group_left" if matching.card is ast.Card.MANY_TO_ONE else "group_right"
        text += f" {side} {_labels(matching.include)}"
    if matching.fill_left is not None and matching.fill_left == matching.fill_right:
        return f"{text} fill ({format_node(ast.NumberLiteral(matching.fill_left))})"
    for word, value in (("fill_left", matching.fill_left), ("fill_right", matching.fill_right)):
        if value is not None:
            text += f" {word} ({format_node(ast.NumberLiteral(value))})"
    return text


def _duration(duration: ast.Duration) -> str:
    if isinstance(duration, int):
        return format_duration(duration)
    return _duration_expr(duration)


def _duration_expr(node: ast.Node) -> str:
    match node:
        case ast.DurationNumber():
            return format_float(node.seconds)
        case ast.DurationCall():
            return f"{node.name}({', '.join(map(_duration_expr, node.args))})"
        case ast.DurationBinary(lhs=None):
            return f"{node.op}({_duration_expr(node.rhs)})"
        case ast.DurationBinary(lhs=lhs) if lhs is not None:
            return f"({_duration_expr(lhs)}) {node.op} ({_duration_expr(node.rhs)})"
    message = f"no such node: {type(node).__name__}"
    raise TypeError(message)
