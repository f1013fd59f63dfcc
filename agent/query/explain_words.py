"""Expressions in the words of whoever reads a graph: one short sentence per kind of node. Pure text; it computes nothing."""

from __future__ import annotations

from typing import Final

from agent.model import format_duration
from agent.query import ast

_FUNCTIONS: Final = {
    "absent": "1 where nothing is there",
    "absent_over_time": "1 where nothing was there in the whole window",
    "changes": "how often the value changed in the window",
    "clamp": "values kept within bounds",
    "delta": "change over the window",
    "deriv": "slope per second, by least squares",
    "histogram_fraction": "share of observations between two bounds",
    "histogram_quantile": "quantile, interpolated in the buckets of each histogram",
    "idelta": "change between the last two samples",
    "increase": "increase over the window, counter resets mended",
    "info": "labels of info metrics joined on",
    "irate": "per-second rate of the last two samples",
    "label_join": "one label made of several",
    "label_replace": "a label rewritten by a pattern",
    "predict_linear": "where the line through the window will be",
    "quantile_over_time": "quantile of the samples in the window",
    "rate": "per-second rate over the window, counter resets mended",
    "resets": "how often the counter was reset in the window",
    "round": "rounded values",
    "scalar": "the only series as a number",
    "sort": "ordered by value",
    "sort_desc": "ordered by value, greatest first",
    "time": "the time of each step",
    "timestamp": "when each sample was taken",
    "vector": "a number as a series without labels",
}
_OVER_TIME: Final = {
    "avg": "mean", "count": "number", "first": "first", "last": "last", "mad": "median absolute deviation", "max": "maximum",
    "min": "minimum", "stddev": "standard deviation", "stdvar": "variance", "sum": "sum",
}  # fmt: skip
_AGGREGATIONS: Final = {
    "avg": "mean", "bottomk": "least", "count": "number of series", "count_values": "series counted by value",
    "group": "1 for each group", "limit_ratio": "a share of the series", "limitk": "some series", "max": "maximum",
    "min": "minimum", "quantile": "quantile of series", "stddev": "standard deviation", "stdvar": "variance", "sum": "sum",
    "topk": "greatest",
}  # fmt: skip
_SETS: Final = {
    "and": "left series that the right side has too",
    "or": "left series, and right ones that the left side lacks",
    "unless": "left series that the right side lacks",
}


def words(node: ast.Expr) -> str:
    """Say what `node` does with the values of its operands."""
    match node:
        case ast.VectorSelector():
            return f"newest samples{_moved(node)}"
        case ast.MatrixSelector():
            return f"samples of the last {_span(node.range)}{_moved(node.selector)}"
        case ast.SubqueryExpr():
            step = f"every {_span(node.step)}" if node.step is not None else "at the default step"
            return f"evaluated {step} over the last {_span(node.range)}{_moved(node)}"
        case ast.Call():
            return _call(node)
        case ast.AggregateExpr():
            return _aggregation(node)
        case ast.BinaryExpr():
            return _operators(node)
        case ast.UnaryExpr():
            return "negated"
    return "a text" if isinstance(node, ast.StringLiteral) else "a number"


def _span(duration: ast.Duration) -> str:
    return format_duration(duration) if isinstance(duration, int) else str(duration)


def _moved(node: ast.VectorSelector | ast.SubqueryExpr) -> str:
    offset = node.offset
    moved = (
        f", {format_duration(abs(offset))} {'earlier' if offset > 0 else 'later'}"
        if isinstance(offset, int) and offset
        else ""
    )
    if not isinstance(offset, int):
        moved = f", {offset} earlier"
    return moved + ("" if node.at is None else ", at a fixed time")


def _call(node: ast.Call) -> str:
    stem = node.name.removesuffix("_over_time")
    if stem != node.name and stem in _OVER_TIME:
        return f"{_OVER_TIME[stem]} of the samples in the window"
    return _FUNCTIONS.get(node.name, f"{node.name} of each value" if node.args else node.name)


def _aggregation(node: ast.AggregateExpr) -> str:
    what = _AGGREGATIONS.get(node.op, node.op)
    if node.op in ("topk", "bottomk", "limitk"):
        what = f"the {node.param} {what}"
    labels = ", ".join(node.grouping)
    if node.without:
        return f"{what} per everything but {labels}" if labels else f"{what} per series"
    return f"{what} per {labels}" if labels else f"{what} over all series"


_LONG_ROW: Final = 20


def joined(node: ast.BinaryExpr) -> list[ast.BinaryExpr]:
    """Return the operators that are told of as one: those to the left with the same sign; of a long row, all."""
    links = ast.row(node)
    if len(links) > _LONG_ROW:
        return links
    kept = 1
    while kept < len(links) and links[kept].op == node.op and links[kept].matching == node.matching:
        kept += 1
    return links[:kept]


def _short(node: ast.Expr, otherwise: str) -> str:
    """Return a side that is a short number as it is written."""
    text = str(node)
    return text if node.type is ast.ValueType.SCALAR and len(text) <= _LONG_ROW else otherwise


def _operators(node: ast.BinaryExpr) -> str:
    links = joined(node)
    if len(links) > 1:
        marks = dict.fromkeys(each.op for each in reversed(links))
        return f"{len(links) + 1} operands joined by {' and '.join(marks)}"
    left, right = _short(node.lhs, "left"), _short(node.rhs, "right")
    if node.op in _SETS:
        return _SETS[node.op] + _matched(node)
    if node.op in ast.COMPARISONS and not node.return_bool:
        return f"only series that are {node.op} {right}" + _matched(node)
    return f"{left} {node.op} {right}" + _matched(node)


def _matched(node: ast.BinaryExpr) -> str:
    matching = node.matching
    if matching is None:
        return ""
    labels = ", ".join(matching.labels) or "no label"
    by = f"on {labels}" if matching.on else f"on all labels but {labels}" if matching.labels else "on all labels"
    many = {ast.Card.MANY_TO_ONE: ", many left to one right", ast.Card.ONE_TO_MANY: ", one left to many right"}
    return f", matched {by}{many.get(matching.card, '')}"
