"""The same expression, fixed in time: `@` on every selector and outermost subquery that has none, as Prometheus' runner does.

Such an expression must give the same at every evaluation time, unless it calls a function of the evaluation time itself.
"""

from __future__ import annotations

from dataclasses import replace

from agent.query import ast as promql

UNSAFE = frozenset(
    {
        *("days_in_month", "day_of_month", "day_of_week", "day_of_year", "hour", "minute", "month", "year"),
        *("end", "range", "start", "step", "predict_linear", "time", "timestamp"),
    }
)


def pinned(node: promql.Expr, at_ms: int) -> promql.Expr:
    """Return `node` with `@ at_ms` wherever a selector or an outermost subquery is free."""
    match node:
        case promql.VectorSelector():
            return node if node.at is not None else replace(node, at=at_ms)
        case promql.MatrixSelector():
            inner = pinned(node.selector, at_ms)
            assert isinstance(inner, promql.VectorSelector)
            return replace(node, selector=inner)
        case promql.SubqueryExpr():
            return node if node.at is not None else replace(node, at=at_ms)
        case promql.BinaryExpr():
            return replace(node, lhs=pinned(node.lhs, at_ms), rhs=pinned(node.rhs, at_ms))
        case promql.Call(name="info"):
            # Its second argument is no selector of samples.
            return replace(node, args=(pinned(node.args[0], at_ms), *node.args[1:]))
        case promql.Call():
            return replace(node, args=tuple(pinned(arg, at_ms) for arg in node.args))
        case promql.AggregateExpr():
            param = None if node.param is None else pinned(node.param, at_ms)
            return replace(node, expr=pinned(node.expr, at_ms), param=param)
        case promql.UnaryExpr() | promql.ParenExpr():
            return replace(node, expr=pinned(node.expr, at_ms))
    return node


def times(at_ms: int) -> tuple[int, ...]:
    """Return other evaluation times at which the fixed expression is asked."""
    return (-10 * at_ms, 0, at_ms // 5, at_ms, 10 * at_ms) if at_ms else (-1000, 0, 1000)


def is_safe(node: promql.Expr) -> bool:
    """Say whether nothing in `node` depends on the evaluation time, `@ start()` and `@ end()` included."""
    return not any(
        (isinstance(each, promql.Call) and each.name in UNSAFE)
        or (isinstance(each, promql.VectorSelector | promql.SubqueryExpr) and isinstance(each.at, str))
        for each in promql.walk(node)
    )
