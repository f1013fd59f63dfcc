"""The binary operators on arrays: arithmetic as Go's float64 does it, and comparisons."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from agent.errors import ExecutionError
from agent.query.frame import Bools, Floats

ARITHMETIC: Final[dict[str, Callable[[Floats, Floats], Floats]]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "%": np.fmod,
    "^": np.power,
    "atan2": np.arctan2,
}
COMPARISON: Final[dict[str, Callable[[Floats, Floats], Bools]]] = {
    "==": np.equal,
    "!=": np.not_equal,
    ">": np.greater,
    "<": np.less,
    ">=": np.greater_equal,
    "<=": np.less_equal,
}


def computed(operator: str, left: Floats, right: Floats) -> Floats:
    """Return left operator right for an arithmetic operator, or 1 and 0 for a comparison."""
    if operator in ARITHMETIC:
        return ARITHMETIC[operator](left, right)
    if operator not in COMPARISON:
        message = f'operator "{operator}" not allowed for Scalar operations: it cuts native histograms'
        raise ExecutionError(message)
    return COMPARISON[operator](left, right).astype(np.float64)
