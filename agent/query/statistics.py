"""What an expression asks of native histograms: all of them, or only their counts and sums.

Only where nothing but counts and sums is asked for are contradicting counter resets worth a warning, as in Prometheus,
whose store does not tell them otherwise: the buckets of a sum over instances of which one was restarted are as good as any.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from agent.query import ast
from agent.query.evaluation import Evaluation
from agent.query.native.arithmetic import Sum

_STATISTICS: Final = frozenset({"histogram_avg", "histogram_count", "histogram_sum"})
_WHOLE: Final = frozenset({"histogram_quantile", "histogram_quantiles", "histogram_fraction"})


def note(evaluation: Evaluation, made: Sum, operation: str, node: ast.Expr, pos: ast.Position) -> None:
    """Note what is to be noted of histograms that `node` brought together."""
    if made.reconciled:
        evaluation.annotations.reconciled_bounds(operation, pos)
    if made.collided and any(each is node for each in _below_statistics(evaluation.query.plan.expr)):
        evaluation.annotations.colliding_resets(operation, pos)


def _below_statistics(root: ast.Expr) -> Iterator[ast.Expr]:
    """Give the nodes of which counts and sums are asked, but no buckets."""
    waiting = [(root, False)]
    while waiting:
        node, asked = waiting.pop()
        if asked:
            yield node
        if isinstance(node, ast.Call):
            asked = (asked or node.name in _STATISTICS) and node.name not in _WHOLE
        waiting.extend((child, asked and not isinstance(child, ast.SubqueryExpr)) for child in ast.children(node))
