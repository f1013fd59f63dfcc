"""Anchored and smoothed selectors over native histograms: increases summed segment by segment, between stored samples.

A segment lies between two samples. It counts by the share of it that the window covers (all of it, where anchored), and as
rising from zero where a counter was reset in it; so the samples are only weighted and added up, once per window.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Final

import numpy as np

from agent.model import Histogram, ResetHint
from agent.query import ast
from agent.query.draft import Sample
from agent.query.evaluation import Evaluation
from agent.query.frame import Floats, Frame, Ints, Natives
from agent.query.functions.native_matrix import Uniform, change, placed, smoothed_change, uniform
from agent.query.functions.native_over_time import changed, was_reset
from agent.query.functions.native_rates import Notes, Together, window_seconds
from agent.query.functions.tracks import Track, over_tracks
from agent.query.native.arithmetic import divide, scale, total
from agent.query.selecting import Ranges

Compute = Callable[[Track, int, Notes], Sample | None]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """How windows look beyond their edges: back as far as the lookback, and as far ahead where smoothed."""

    lookback_ms: int
    smoothed: bool

    @property
    def ahead_ms(self) -> int:
        """How far it looks ahead."""
        return self.lookback_ms if self.smoothed else 0

    def over(
        self,
        found: Ranges,
        frame: Frame,
        compute: Compute,
        together: Together | None,
        notes: Callable[[str], Notes],
    ) -> Frame:
        """Compute the windows that native histograms touch; `frame` has the result of all others.

        The windows of `found` reach beyond the selector's own edges by what is looked at there. `together`, where it is given,
        computes a series whose histograms share one layout.
        """

        def of(track: Track) -> Callable[[int], Sample | None]:
            self._narrow(track)
            here = notes(track.metric)
            held = None if together is None else uniform(track)
            if held is not None and together is not None:
                made = together(track, held, here)
                return lambda step: made[step]
            return lambda step: compute(track, step, here)

        return over_tracks(found, frame, of)

    def _narrow(self, track: Track) -> None:
        """Cut the windows to the samples inside, the one before and the one after; to none where there is no value."""
        track.starts_ms = track.starts_ms + self.lookback_ms
        track.ends_ms = track.ends_ms - self.ahead_ms
        inside = np.searchsorted(track.times_ms, track.starts_ms, side="right")
        beyond = np.searchsorted(track.times_ms, track.ends_ms, side="left" if self.smoothed else "right")
        before = inside > track.lo
        after = (beyond < track.hi) & self.smoothed
        at_end = after & (track.times_ms[np.minimum(beyond, len(track.times_ms) - 1)] == track.ends_ms)
        instant = track.starts_ms == track.ends_ms
        held = (beyond > inside) | (after & (before | at_end)) | (before & instant)
        track.lo = np.where(before, inside - 1, inside)
        track.hi = np.where(held, np.maximum(beyond + after, track.lo + 1), track.lo)


def increasing(*, counter: bool, per_second: bool, smoothed: bool) -> Compute:
    """Return the computation of rate, increase or delta."""

    def compute(track: Track, step: int, notes: Notes) -> Histogram | None:
        window = track.histograms(step)
        if len(window) < track.hi[step] - track.lo[step]:
            notes.annotations.mixed_samples(notes.metric, notes.pos)
            return None
        notes.check_hints(window, counter=counter)
        weights = _weights(track, step, counter=counter, smoothed=smoothed)
        made = _weighted(window, weights, notes)
        if made is None or not per_second:
            return made
        return divide(made, window_seconds(track, step))

    return compute


def _increasing_together(*, counter: bool, per_second: bool, smoothed: bool) -> Together:
    """Do as `increasing`, for all steps of a series whose histograms share one layout."""

    def together(track: Track, held: Uniform, notes: Notes) -> Natives:
        steps = np.flatnonzero(track.hi > track.lo)
        first, last = track.lo[steps], track.hi[steps] - 1
        notes.check_gauges(held, first, last, counter=counter)
        made = change(held, first, last, counter=counter)
        if smoothed:
            made = smoothed_change(held, track, steps, counter=counter)
        return placed(track, steps, held.histograms(made / window_seconds(track, 0) if per_second else made))

    return together


def _weights(track: Track, step: int, *, counter: bool, smoothed: bool) -> Floats:
    """Return by how much each sample of a window counts in its increase."""
    lo, hi = int(track.lo[step]), int(track.hi[step])
    times = track.times_ms[lo:hi]
    shares = _covered(times, int(track.starts_ms[step]), int(track.ends_ms[step])) if smoothed else np.ones(hi - lo - 1)
    falls = np.array(track.resets[lo + 1 : hi], np.bool_) & counter
    weights = np.zeros(hi - lo)
    weights[1:] += shares
    weights[:-1] -= np.where(falls, 0.0, shares)
    return weights


def _covered(times: Ints, start_ms: int, end_ms: int) -> Floats:
    """Return the share of each stretch between two samples that lies between start and end."""
    edges = np.clip(times, start_ms, end_ms)
    return np.asarray(np.diff(edges) / np.diff(times))


def _weighted(window: list[Histogram], weights: Floats, notes: Notes) -> Histogram | None:
    """Return the weighted sum as a gauge; None, noted, where exponential and own bounds meet anywhere in the window."""
    if any(each.custom != window[0].custom for each in window):
        notes.annotations.mixed_schemas(notes.metric, notes.pos)
        return None
    terms = [scale(each, weight) for each, weight in zip(window, weights.tolist(), strict=True) if weight]
    made = notes.accept(total([*terms, scale(window[0], 0.0)]), "subtraction")
    return None if made is None else replace(made, hint=ResetHint.GAUGE)


def counting(event: Callable[[Sample, Sample], bool]) -> Compute:
    """Return the computation of changes or resets."""

    def compute(track: Track, step: int, _: Notes) -> float:
        window = track.window(step)
        return float(sum(event(before, after) for before, after in pairwise(window)))

    return compute


def on_the_line(track: Track, step: int, notes: Notes) -> Sample | None:
    """Return the histogram between the samples before and after; a counter that was reset rises from zero."""
    window, place = track.window(step), int(track.lo[step])
    before, after = window[0], window[-1]
    if not isinstance(before, Histogram) or not isinstance(after, Histogram):
        notes.annotations.mixed_samples(notes.metric, notes.pos)
        return None
    start_ms, end_ms = int(track.times_ms[place]), int(track.ends_ms[step])
    if len(window) == 1:
        return before if start_ms <= end_ms else None
    share = (end_ms - start_ms) / int(track.times_ms[place + 1] - start_ms)
    fell = track.resets[place + 1] and after.hint is not ResetHint.GAUGE
    return _weighted([before, after], np.array([0.0 if fell else 1.0 - share, share]), notes)


_EVENTS: Final = {"changes": changed, "resets": was_reset}


def extended_histograms(
    evaluation: Evaluation, call: ast.Call, node: ast.MatrixSelector, found: Ranges, frame: Frame
) -> Frame:
    """Complete the result of a function over an extended range selector."""
    around = Surroundings(evaluation.query.lookback_ms, node.selector.extension == "smoothed")
    notes = partial(Notes, evaluation.annotations, pos=call.args[0].pos)
    if call.name in _EVENTS:
        return around.over(found, frame, counting(_EVENTS[call.name]), None, notes)
    counter, per_second = call.name != "delta", call.name == "rate"
    together = _increasing_together(counter=counter, per_second=per_second, smoothed=around.smoothed)
    return around.over(
        found,
        frame,
        increasing(counter=counter, per_second=per_second, smoothed=around.smoothed),
        together,
        notes,
    )


def smoothed_histograms(evaluation: Evaluation, node: ast.VectorSelector, found: Ranges, frame: Frame) -> Frame:
    """Complete the result of a smoothed instant selector."""
    around = Surroundings(evaluation.query.lookback_ms, smoothed=True)
    return around.over(found, frame, on_the_line, None, partial(Notes, evaluation.annotations, pos=node.pos))
