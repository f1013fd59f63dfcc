"""rate, increase, delta, irate and idelta of native histograms: differences of whole histograms, all buckets by one factor.

A reset in any bucket is a reset of the histogram, found once per series. Extrapolation stops where the count would reach
zero; single buckets may be extrapolated below it.
Source: Prometheus' histogramRate, extrapolatedRate and instantValue (promql/functions.go).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from agent.model import Histogram, ResetHint
from agent.query import ast
from agent.query.annotations import Annotations
from agent.query.draft import Sample
from agent.query.evaluation import Evaluation
from agent.query.frame import Frame
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


Compute = Callable[[Track, int, Notes], Sample | None]


def _function(compute: Compute) -> Beside:
    def beside(evaluation: Evaluation, call: ast.Call, found: Ranges, frame: Frame) -> Frame:
        def of(track: Track) -> Callable[[int], Sample | None]:
            notes = Notes(evaluation.annotations, track.metric, call.args[0].pos)
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
        change = _change(track, step, notes, counter=counter)
        if change is None:
            return None
        factor = _factor(track, step, change, counter=counter)
        if per_second:
            factor /= (track.ends_ms[step] - track.starts_ms[step]) / 1000
        return scale(change, float(factor))

    return _function(compute)


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
    change = notes.accept(subtract(last, first), "subtraction")
    if counter:
        for place in range(lo + 2, hi):
            if change is not None and track.resets[place]:
                change = notes.accept(add(change, window[place - 1 - lo]), "addition")
    return None if change is None else replace(change, hint=ResetHint.GAUGE)


def _factor(track: Track, step: int, change: Histogram, *, counter: bool) -> float:
    """Return by how much the change grows where the samples are extended to the edges, as for floats."""
    times = track.times_ms[track.lo[step] : track.hi[step]]
    sampled = float(times[-1] - times[0]) / 1000
    to_start = float(times[0] - track.starts_ms[step]) / 1000
    to_end = float(track.ends_ms[step] - times[-1]) / 1000
    average = sampled / (len(times) - 1)
    to_start = average / 2 if to_start >= 1.1 * average else to_start
    to_end = average / 2 if to_end >= 1.1 * average else to_end
    first = track.histograms(step)[0]
    if counter and change.count > 0 and first.count >= 0:
        to_start = min(to_start, sampled * (first.count / change.count))
    return (sampled + to_start + to_end) / sampled


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
            change = after
            if not (rate and track.resets[last]):
                accepted = notes.accept(subtract(after, before), "subtraction")
                if accepted is None:
                    return None
                change = accepted
            change = replace(change, hint=ResetHint.GAUGE)
            return divide(change, seconds) if rate else change
        if isinstance(before, float) and isinstance(after, float):
            return (after if after < before else after - before) / seconds if rate else after - before
        notes.annotations.mixed_samples(notes.metric, notes.pos)
        return None

    return _function(compute)
