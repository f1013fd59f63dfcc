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
from agent.query.limits import CELL
from agent.query.selecting import Ranges, chunks
from agent.query.windows import Windows

Kernel = Callable[[Windows], tuple[Floats, Bools | None]]
"""Windows to values (N, C), and which of them are there (None: all)."""


Beside = Callable[[Evaluation, ast.Call, Ranges, Frame], Frame]
"""Completes the frame that a kernel made of the floats where a range holds native histograms."""


def over_windows(found: Ranges, steps: int, kernel: Kernel) -> Frame:
    """Run `kernel` over all windows; return values (steps, series)."""
    width = len(found.series)
    if not width:
        return empty(steps)
    for windows in found.windows[:1]:
        if windows.allowance is not None:
            windows.allowance.reserve(CELL * steps * width)
    values = np.empty((steps, width))
    present: Bools | None = None
    start = 0
    for windows in found.windows:
        columns_here = windows.values.shape[1]
        for columns, part in chunks(windows):
            part.pulse()
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


def completed(evaluation: Evaluation, call: ast.Call, found: Ranges, kernel: Kernel, beside: Beside) -> Frame:
    """Compute the floats with `kernel` and, where there are native histograms, those with `beside`."""
    frame = over_windows(found, len(evaluation.steps), kernel)
    if found.native:
        return beside(evaluation, call, found, frame)
    return frame


def ranged(kernel: Kernel, beside: Beside, *, keeps_name: bool = False) -> Function:
    """Return the PromQL function of one range argument that computes `kernel`, and `beside` where there are histograms."""

    def function(evaluation: Evaluation, call: ast.Call) -> Frame:
        frame = completed(evaluation, call, ranges(call.args[-1], evaluation), kernel, beside)
        return frame if keeps_name else drop_names(frame, delayed=evaluation.delayed)

    return function
