"""A frame under change, cell by cell: how the few cells that concern native histograms join what arrays computed."""

from __future__ import annotations

import numpy as np

from agent.model import Histogram
from agent.query.frame import Bools, Floats, Frame, Natives

Sample = float | Histogram


class Draft:
    """A frame under change: cells are put one by one."""

    __slots__ = ("_frame", "_histograms", "_present", "_values")

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._values: Floats = np.array(frame.values)
        self._present: Bools = np.array(frame.mask())
        self._histograms: Natives = np.full(frame.values.shape, None)
        if frame.histograms is not None:
            self._histograms[:] = frame.histograms

    def put(self, step: int, column: int, sample: Sample | None) -> None:
        """Set a cell; None leaves it without a sample."""
        self._present[step, column] = sample is not None
        self._histograms[step, column] = sample if isinstance(sample, Histogram) else None
        if isinstance(sample, float):
            self._values[step, column] = sample

    def frame(self) -> Frame:
        """Return what the frame has become."""
        natives = self._histograms if self._histograms.any() else None
        return Frame(self._frame.series, self._values, self._present, natives)
