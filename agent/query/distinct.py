"""The distinct values of an array, without numpy's look at masked arrays: that alone would load a megabyte of code."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T", bound=np.generic)


def distinct(values: NDArray[T]) -> NDArray[T]:
    """Return each value once, sorted, all NaN as one; `values` of any shape."""
    ordered = np.sort(values, axis=None)
    if not len(ordered):
        return ordered
    new = ordered[1:] != ordered[:-1]
    if ordered.dtype.kind == "f":
        new &= ~np.isnan(ordered[:-1])  # NaN stand last, and the first of them is enough
    return np.asarray(ordered[np.concatenate([[True], new])])
