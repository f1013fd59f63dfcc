"""What is known of counter resets between the samples of a series, as a store tells it with each sample.

A hint speaks of a sample and the one stored before it: where samples are left out between the two, it says nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from agent.model import Histogram, ResetHint
from agent.query.native.arithmetic import detect_reset


def hinted(samples: Iterable[float | Histogram]) -> Iterator[float | Histogram]:
    """Give the samples of one series, in the order of time, with what is known of each histogram and the one before.

    Gauges and known resets stay; nothing is known of a histogram that is first, or that follows a gauge or a float.
    """
    before: float | Histogram = 0.0
    for sample in samples:
        yield _with_hint(sample, before) if isinstance(sample, Histogram) else sample
        before = sample


def _with_hint(histogram: Histogram, before: float | Histogram) -> Histogram:
    if histogram.hint in (ResetHint.GAUGE, ResetHint.RESET):
        return histogram
    unknown = unhinted(histogram)
    if not isinstance(before, Histogram) or before.hint is ResetHint.GAUGE:
        return unknown
    return replace(unknown, hint=ResetHint.RESET if detect_reset(unknown, before) else ResetHint.NOT_RESET)


def unhinted(histogram: Histogram) -> Histogram:
    """Return the histogram as it is beside other samples than those stored next to it; a gauge stays one."""
    if histogram.hint in (ResetHint.GAUGE, ResetHint.UNKNOWN):
        return histogram
    return replace(histogram, hint=ResetHint.UNKNOWN)
