"""The *_over_time family, changes and resets where a range holds native histograms.

Sums and means are of histograms or of floats, never of both; what has no meaning for a histogram leaves it out and says so.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

from agent.model import Histogram
from agent.query import ast
from agent.query.draft import Sample
from agent.query.evaluation import Evaluation
from agent.query.frame import Frame
from agent.query.functions.ranged import Beside, Kernel, over_windows
from agent.query.functions.tracks import Track, over_tracks, tracks
from agent.query.native.arithmetic import Sum, detect_reset, equal
from agent.query.selecting import Ranges
from agent.query.statistics import note


def alike(kernel: Kernel) -> Beside:
    """Compute `kernel` over floats and histograms alike: for what only counts samples or looks at their times."""

    def beside(_evaluation: Evaluation, _call: ast.Call, found: Ranges, frame: Frame) -> Frame:
        every = Ranges(found.series, [windows.samples() for windows in found.windows])
        return over_windows(every, len(frame.values), kernel)

    return beside


def picked(place: int) -> Beside:
    """Return the sample at `place` of each window: the first or the last."""

    def beside(_evaluation: Evaluation, _call: ast.Call, found: Ranges, frame: Frame) -> Frame:
        return over_tracks(found, frame, lambda track: lambda step: track.window(step)[place])

    return beside


def combined(combine: Callable[[Sequence[Histogram]], Sum | None]) -> Beside:
    """Return the total or the mean of each window's histograms; none where floats stand among them."""

    def beside(evaluation: Evaluation, call: ast.Call, found: Ranges, frame: Frame) -> Frame:
        noticed, pos = evaluation.annotations, call.args[0].pos

        def of_step(track: Track, step: int) -> Histogram | None:
            histograms = track.histograms(step)
            if len(histograms) < track.hi[step] - track.lo[step]:
                noticed.mixed_samples(track.metric, pos)
                return None
            made = combine(histograms)
            if made is None:
                noticed.mixed_schemas(track.metric, pos)
                return None
            note(evaluation, made, "aggregation", call, pos)
            return made.histogram

        return over_tracks(found, frame, lambda track: lambda step: of_step(track, step))

    return beside


def counted(event: Callable[[Sample, Sample], bool]) -> Beside:
    """Count the samples of each window of which `event` holds, given the sample before and themselves."""

    def beside(_evaluation: Evaluation, _call: ast.Call, found: Ranges, frame: Frame) -> Frame:
        def of(track: Track) -> Callable[[int], float]:
            happened = [event(before, after) for before, after in pairwise(track.samples)]
            running = np.concatenate(([0], np.cumsum(happened, dtype=np.int64)))
            return lambda step: float(running[track.hi[step] - 1] - running[track.lo[step]])

        return over_tracks(found, frame, of)

    return beside


def changed(before: Sample, after: Sample) -> bool:
    """Say whether a sample differs from the one before; NaN after NaN does not."""
    if isinstance(before, Histogram) and isinstance(after, Histogram):
        return not equal(after, before)
    if isinstance(before, Histogram) or isinstance(after, Histogram):
        return True
    return before != after and not (math.isnan(before) and math.isnan(after))


def was_reset(before: Sample, after: Sample) -> bool:
    """Say whether a counter was reset between two samples; one that changes its kind was."""
    if isinstance(before, Histogram) and isinstance(after, Histogram):
        return detect_reset(after, before)
    if isinstance(before, Histogram) or isinstance(after, Histogram):
        return True
    return after < before


def ignored(evaluation: Evaluation, call: ast.Call, found: Ranges, frame: Frame) -> Frame:
    """Leave the histograms out, and say so where they stand beside floats."""
    for _, track in tracks(found):
        sizes = track.hi - track.lo
        if any(0 < track.natives(step) < size for step, size in enumerate(sizes.tolist())):
            evaluation.annotations.ignored_in_range(track.metric, _range_of(call).pos)
    return frame


def _range_of(call: ast.Call) -> ast.Expr:
    return next(arg for arg in call.args if arg.type is ast.ValueType.MATRIX)
