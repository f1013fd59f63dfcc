"""rate, increase, delta, changes and resets over `anchored` and `smoothed` range selectors: no extrapolation.

An anchored window reaches back to the newest sample before it; a smoothed one is cut at both edges on the line between
the samples around them. Other functions are refused, in Prometheus' words.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

import numpy as np

from agent.errors import ExecutionError
from agent.query import ast
from agent.query.evaluation import Evaluation
from agent.query.extended import Edges, Kernelled, over_edges
from agent.query.frame import Bools, Floats, Frame, drop_names
from agent.query.functions.native_extended import extended_histograms
from agent.query.functions.rates import mended, note_non_counters


def extension_of(call: ast.Call) -> str:
    """Return "anchored" or "smoothed" where an argument of `call` is such a range selector, else ""."""
    for arg in call.args:
        node = ast.unwrapped(arg)
        if isinstance(node, ast.MatrixSelector) and node.selector.extension:
            return node.selector.extension
    return ""


def extended(evaluation: Evaluation, call: ast.Call) -> Frame:
    """Evaluate a call over an extended range selector. Raises ExecutionError where the function takes none."""
    extension = extension_of(call)
    allowed = _ALLOWED[extension]
    if call.name not in allowed:
        text = f"{extension} modifier can only be used with: {', '.join(allowed)}"
        message = f"{text} - not with {call.name}"
        raise ExecutionError(message)
    node = ast.unwrapped(call.args[0])
    assert isinstance(node, ast.MatrixSelector)
    frame = over_edges(evaluation, node, _KERNELS[call.name], partial(extended_histograms, evaluation, call, node))
    if call.name in ("rate", "increase"):
        note_non_counters(frame, evaluation, call)
    return drop_names(frame, delayed=evaluation.delayed)


def _changed(edges: Edges, *, counter: bool = True, per_second: bool = False) -> Kernelled:
    """Return the change from one edge to the other; a counter's falls inside are mended."""
    left, right = edges.left(counter=counter), edges.right(counter=counter)
    result = right - left
    if counter:
        inner = np.where(edges.last.present, mended(edges.inside, result), result) if edges.inside.widest else result
        result = inner + _lost(edges, left, right)
    if per_second:
        result /= (edges.end_ms - edges.start_ms) / 1000
    return result, edges.present


def _lost(edges: Edges, left: Floats, right: Floats) -> Floats:
    """Return what was lost by falls between an edge and the sample next to it, or between the edges themselves."""
    filled = edges.last.present
    at_left = np.where(filled & (edges.first.values < left), left, 0.0)
    newest = np.where(filled, edges.last.values, left)
    return at_left + np.where(right < newest, newest, 0.0)


def _counted(edges: Edges, *, differs: Callable[[Floats, Floats], Bools]) -> Kernelled:
    """Count the samples of each anchored window that `differs` marks against the one before."""
    inside = edges.inside
    count = np.zeros(inside.shape)
    if inside.widest:
        before, both = inside.previous()
        count = inside.between((both & differs(inside.values, before)).astype(np.float64))
    at_left = edges.before.present & differs(edges.first.values, edges.before.values)
    return count + at_left, edges.present


def _other(later: Floats, earlier: Floats) -> Bools:
    differs: Bools = later != earlier
    return differs & ~(np.isnan(later) & np.isnan(earlier))


def _fallen(later: Floats, earlier: Floats) -> Bools:
    return later < earlier


_SMOOTHED: Final[dict[str, Callable[[Edges], Kernelled]]] = {
    "delta": partial(_changed, counter=False),
    "increase": _changed,
    "rate": partial(_changed, per_second=True),
}
_KERNELS: Final[dict[str, Callable[[Edges], Kernelled]]] = {
    "changes": partial(_counted, differs=_other),
    **_SMOOTHED,
    "resets": partial(_counted, differs=_fallen),
}
_ALLOWED: Final = {"anchored": tuple(_KERNELS), "smoothed": tuple(_SMOOTHED)}
