"""How a function over windows becomes a PromQL function: evaluate the range, run the kernel chunk by chunk, drop names.

A kernel takes windows of (rows × some series) and gives a value per window and series; it never sees labels.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from agent.query import ast
from agent.query.evaluate import Function, ranges
from agent.query.evaluation import Evaluation
from agent.query.frame import Bools, Floats, Frame, drop_names, empty
from agent.query.selecting import Ranges, chunks
from agent.query.windows import Windows

Kernel = Callable[[Windows], tuple[Floats, Bools | None]]
"""Windows to values (N, C), and which of them are there (None: all)."""


def over_windows(found: Ranges, steps: int, kernel: Kernel) -> Frame:
    """Run `kernel` over all windows; return values (steps, series)."""
    width = len(found.series)
    if not width:
        return empty(steps)
    values = np.empty((steps, width))
    present: Bools | None = None
    start = 0
    for windows in found.windows:
        columns_here = windows.values.shape[1]
        for columns, part in chunks(windows):
            target = _shifted(columns, start)
            if part.widest:
                made, shown = kernel(part)
                values[:, target] = made
            else:
                shown = np.zeros(part.shape, np.bool_)
                values[:, target] = 0.0
            if shown is not None:
                present = np.ones(values.shape, np.bool_) if present is None else present
                present[:, target] = shown
        start += columns_here
    return Frame(found.series, values, present)


def _shifted(columns: NDArray[np.intp] | slice, start: int) -> NDArray[np.intp] | slice:
    return slice(columns.start + start, columns.stop + start) if isinstance(columns, slice) else columns + start


def ranged(kernel: Kernel, *, keeps_name: bool = False) -> Function:
    """Return the PromQL function of one range argument that computes `kernel`."""

    def function(evaluation: Evaluation, call: ast.Call) -> Frame:
        frame = over_windows(ranges(call.args[-1], evaluation), len(evaluation.steps), kernel)
        return frame if keeps_name else drop_names(frame, delayed=evaluation.delayed)

    return function
