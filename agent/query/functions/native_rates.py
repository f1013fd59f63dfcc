"""rate, increase, delta, irate and idelta of native histograms: differences of whole histograms, all buckets by one factor.

A reset in any bucket is a reset of the histogram, found once per series. Where all histograms of a series share one layout
(native_matrix) all steps are computed together, else window by window. Extrapolation stops where the count would reach
zero; single buckets may be extrapolated below it.
Source: Prometheus' histogramRate, extrapolatedRate and instantValue (promql/functions.go).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from agent.model import Histogram, ResetHint
from agent.query import ast
from agent.query.annotations import Annotations
from agent.query.draft import Sample
from agent.query.evaluation import Evaluation
from agent.query.frame import Frame, Natives
from agent.query.functions.native_matrix import Uniform, change, extended_to_edges, placed, uniform
from agent.query.functions.ranged import Beside
from agent.query.functions.tracks import Track, over_tracks
from agent.query.native.arithmetic import Sum, add, divide, scale, subtract
from agent.query.selecting import Ranges


@dataclass(frozen=True, slots=True)
class Notes:
    """Where a function of one metric says what it noticed."""

    annotations: Annotations
    metric: str
    pos: ast.Position

    def accept(self, made: Sum | None, operation: str) -> Histogram | None:
        """Return what came of an addition or a subtraction, having noted what is to be noted of it."""
        if made is None:
            self.annotations.mixed_schemas(self.metric, self.pos)
            return None
        if made.reconciled:
            self.annotations.reconciled_bounds(operation, self.pos)
        return made.histogram

    def check_hints(self, histograms: list[Histogram], *, counter: bool) -> None:
        """Note gauges that are taken for counters, and counters that are taken for gauges."""
        gauges = [each.hint is ResetHint.GAUGE for each in histograms]
        if counter and any(gauges):
            self.annotations.not_counter(self.metric, self.pos)
        if not counter and not (gauges[0] and gauges[-1]):
            self.annotations.not_gauge(self.metric, self.pos)

    def check_gauges(self, held: Uniform, first: NDArray[np.intp], last: NDArray[np.intp], *, counter: bool) -> None:
        """Do as `check_hints` for many windows, from their first to their last samples."""
        if counter and (held.gauges.any() and np.any(np.diff(np.cumsum([0, *held.gauges])[[first, last + 1]], axis=0))):
            self.annotations.not_counter(self.metric, self.pos)
        if not counter and not (held.gauges[first] & held.gauges[last]).all():
            self.annotations.not_gauge(self.metric, self.pos)


Compute = Callable[[Track, int, Notes], Sample | None]


Together = Callable[[Track, Uniform, Notes], Natives]
"""As `Compute`, at all steps of a series whose histograms share one layout."""


def _function(compute: Compute, together: Together) -> Beside:
    def beside(evaluation: Evaluation, call: ast.Call, found: Ranges, frame: Frame) -> Frame:
        def of(track: Track) -> Callable[[int], Sample | None]:
            notes = Notes(evaluation.annotations, track.metric, call.args[0].pos)
            held = uniform(track)
            if held is not None:
                made = together(track, held, notes)
                return lambda step: made[step]
            return lambda step: compute(track, step, notes)

        return over_tracks(found, frame, of)

    return beside


def extrapolating(*, counter: bool, per_second: bool) -> Beside:
    """Return what completes rate, increase or delta where a range holds native histograms."""

    def compute(track: Track, step: int, notes: Notes) -> Histogram | None:
        size = track.hi[step] - track.lo[step]
        if track.natives(step) < size:
            notes.annotations.mixed_samples(notes.metric, notes.pos)
            return None
        if size < 2:
            return None
        made = _change(track, step, notes, counter=counter)
        if made is None:
            return None
        first = np.array([track.histograms(step)[0].count])
        here = np.array([step])
        factor = float(extended_to_edges(track, here, first, np.array([made.count]), counter=counter)[0])
        return scale(made, factor / window_seconds(track, step) if per_second else factor)

    def together(track: Track, held: Uniform, notes: Notes) -> Natives:
        steps = np.flatnonzero(track.hi - track.lo >= 2)
        first, last = track.lo[steps], track.hi[steps] - 1
        notes.check_gauges(held, first, last, counter=counter)
        made = change(held, first, last, counter=counter)
        factor = extended_to_edges(track, steps, held.matrix[first, 0], made[:, 0], counter=counter)
        if per_second:
            factor /= window_seconds(track, 0)
        return placed(track, steps, held.histograms(made * factor[:, None]))

    return _function(compute, together)


def window_seconds(track: Track, step: int) -> float:
    """Return how long a window is."""
    return float(track.ends_ms[step] - track.starts_ms[step]) / 1000


def _change(track: Track, step: int, notes: Notes, *, counter: bool) -> Histogram | None:
    """Return last less first, plus what was there before each reset; a gauge, since it says how much, not how many."""
    lo, hi = int(track.lo[step]), int(track.hi[step])
    window = track.histograms(step)
    first, second, last = window[0], window[1], window[-1]
    notes.check_hints(window if counter else [first, last], counter=counter)
    if counter and track.resets[lo + 1]:
        first = Histogram(second.schema, bounds=second.bounds)  # what was before the reset does not matter
    looked_at = [first, *window[1:]] if counter else [first, last]
    if any(each.custom != first.custom for each in looked_at):
        notes.annotations.mixed_schemas(notes.metric, notes.pos)
        return None
    made = notes.accept(subtract(last, first), "subtraction")
    if counter:
        for place in range(lo + 2, hi):
            if made is not None and track.resets[place]:
                made = notes.accept(add(made, window[place - 1 - lo]), "addition")
    return None if made is None else replace(made, hint=ResetHint.GAUGE)


def last_two(*, rate: bool) -> Beside:
    """Return what completes irate or idelta where a range holds native histograms."""

    def compute(track: Track, step: int, notes: Notes) -> Sample | None:
        last = int(track.hi[step]) - 1
        if last <= track.lo[step]:
            return None
        before, after = track.samples[last - 1], track.samples[last]
        seconds = float(track.times_ms[last] - track.times_ms[last - 1]) / 1000
        if isinstance(before, Histogram) and isinstance(after, Histogram):
            notes.check_hints([before, after], counter=rate)
            made = after if rate and track.resets[last] else notes.accept(subtract(after, before), "subtraction")
            if made is None:
                return None
            made = replace(made, hint=ResetHint.GAUGE)
            return divide(made, seconds) if rate else made
        if isinstance(before, float) and isinstance(after, float):
            return (after if after < before else after - before) / seconds if rate else after - before
        notes.annotations.mixed_samples(notes.metric, notes.pos)
        return None

    def together(track: Track, held: Uniform, notes: Notes) -> Natives:
        steps = np.flatnonzero(track.hi - track.lo >= 2)
        last = track.hi[steps] - 1
        notes.check_gauges(held, last - 1, last, counter=rate)
        made = change(held, last - 1, last, counter=rate)
        if rate:
            made /= ((track.times_ms[last] - track.times_ms[last - 1]) / 1000)[:, None]
        return placed(track, steps, held.histograms(made))

    return _function(compute, together)
