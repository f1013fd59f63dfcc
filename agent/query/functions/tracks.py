"""Native histograms under a range selector: series by series, since each histogram is an object with buckets of its own.

Only series that hold a histogram within reach come here; the floats of all others, and of the same series in windows
without a histogram, are computed on whole arrays as ever. What depends on neighbouring samples alone, such as counter
resets, is found once per series, not once per window.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from agent.model import Histogram
from agent.query.draft import Draft, Sample
from agent.query.frame import Bools, Frame, Ints, Natives
from agent.query.native.arithmetic import detect_reset
from agent.query.selecting import Ranges
from agent.query.windows import Windows


@dataclass(slots=True)
class Track:
    """The samples of one series in the order of time, floats and histograms.

    metric: its name; times_ms (K,); lo, hi (N,): the window of step i is samples lo[i] to hi[i] (exclusive); starts_ms and
    ends_ms (N,): its edges.
    """

    metric: str
    samples: list[Sample]
    times_ms: Ints
    lo: NDArray[np.intp]
    hi: NDArray[np.intp]
    starts_ms: Ints
    ends_ms: Ints
    native: Bools
    """Which samples are histograms (K,)."""
    _tally: Ints = field(init=False)
    _resets: list[bool] | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self._tally = np.concatenate(([0], np.cumsum(self.native)))

    @property
    def resets(self) -> list[bool]:
        """Say of each sample whether it is a histogram that follows one after a counter reset."""
        if self._resets is None:
            pairs = zip([0.0, *self.samples], self.samples, strict=False)
            self._resets = [
                isinstance(before, Histogram) and isinstance(after, Histogram) and detect_reset(after, before)
                for before, after in pairs
            ]
        return self._resets

    def natives(self, step: int) -> int:
        """Count the histograms in the window of `step`."""
        return int(self._tally[self.hi[step]] - self._tally[self.lo[step]])

    def window(self, step: int) -> list[Sample]:
        """Return the samples in the window of `step`."""
        return self.samples[self.lo[step] : self.hi[step]]

    def histograms(self, step: int) -> list[Histogram]:
        """Return the histograms in the window of `step`."""
        return [each for each in self.window(step) if isinstance(each, Histogram)]


def tracks(found: Ranges) -> Iterator[tuple[int, Track]]:
    """Give the series that hold native histograms, each with its column among all series of `found`."""
    start = 0
    for windows in found.windows:
        if windows.histograms is not None:
            both = windows.samples()
            for column in np.flatnonzero(windows.histograms.any(axis=0)).tolist():
                yield start + column, _track(both, windows.histograms, column, found.series.labels[start + column].name)
        start += windows.values.shape[1]


def _track(both: Windows, histograms: Natives, column: int, metric: str) -> Track:
    rows = np.arange(len(both.timestamps)) if both.valid is None else np.flatnonzero(both.valid[:, column])
    natives = histograms[rows, column]
    values = both.values[rows, column].tolist()
    samples = [value if native is None else native for value, native in zip(values, natives.tolist(), strict=True)]
    lo, hi = np.searchsorted(rows, both.lo), np.searchsorted(rows, both.hi)
    starts_ms = both.ends_ms - both.range_ms
    return Track(metric, samples, both.timestamps[rows], lo, hi, starts_ms, both.ends_ms, natives.astype(np.bool_))


def over_tracks(found: Ranges, frame: Frame, compute: Callable[[Track], Callable[[int], Sample | None]]) -> Frame:
    """Compute the windows that hold native histograms; `frame` has the result of all others.

    compute: from a series to the function that gives the result of a step.
    """
    draft = Draft(frame)
    for column, track in tracks(found):
        found.pulse()
        of_step = compute(track)
        for step in range(len(track.lo)):
            if track.natives(step):
                draft.put(step, column, of_step(step))
    return draft.frame()
