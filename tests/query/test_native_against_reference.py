"""Range functions over native histograms, both ways they are computed, against their definitions written out slowly.

The reference knows a histogram as a row of numbers (count, sum, zero count, buckets) and looks at one window at a time.
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.model import Buckets, Histogram, Labels, ResetHint
from agent.query import Engine, MemoryQueryable
from agent.query.functions import native_extended, native_rates

NAME = Labels.of(name_="x_total")
COUNTERS = ("increase", "rate", "irate")


def histogram(row: list[float]) -> Histogram:
    """Make the histogram of a row; buckets that count nothing are left out, as a client leaves them out."""
    counts = np.array(row[3:])
    held = np.flatnonzero(counts)
    return Histogram(1, row[0], row[1], 0.125, row[2], positive=Buckets(held - 1, counts[held]))


def numbers(made: Histogram, buckets: int) -> list[float]:
    row = [made.count, made.sum, made.zero_count, *[0.0] * buckets]
    for index, count in zip(made.positive.index.tolist(), made.positive.counts.tolist(), strict=True):
        row[3 + index + 1] = count
    return row


@st.composite
def series(draw):
    """Rows at rising seconds; each number but the sum mostly grows, and now and then all begin anew."""
    stamps = sorted(draw(st.sets(st.integers(1, 30), min_size=1, max_size=9)))
    rows, counts = [], [0] * 4
    for _ in stamps:
        if draw(st.integers(0, 5)) == 0:
            counts = [draw(st.integers(0, 3)) for _ in counts]
        else:
            counts = [each + draw(st.integers(0, 3)) for each in counts]
        rows.append([float(sum(counts)), float(draw(st.integers(-9, 9))), *map(float, counts)])
    return list(zip(stamps, rows, strict=True))


def fell(before: list[float], after: list[float]) -> bool:
    return any(now < then for place, (then, now) in enumerate(zip(before, after, strict=True)) if place != 1)


def difference(after: list[float], before: list[float]) -> list[float]:
    return [now - then for now, then in zip(after, before, strict=True)]


def added(rows: list[list[float]]) -> list[float]:
    return [math.fsum(column) for column in zip(*rows, strict=True)]


def reference(function: str, window: list[tuple[int, list[float]]], start: int, end: int) -> list[float] | float | None:
    """Return what the function gives for one window, straight from its definition."""
    rows = [row for _, row in window]
    if not rows:
        return None
    if function == "sum_over_time":
        return added(rows)
    if function == "avg_over_time":
        return [each / len(rows) for each in added(rows)]
    if function == "resets":
        return float(sum(fell(before, after) for before, after in pairwise(rows)))
    if function == "changes":
        return float(sum(before != after for before, after in pairwise(rows)))
    if len(rows) < 2:
        return None
    if function in ("irate", "idelta"):
        change = rows[-1] if function == "irate" and fell(*rows[-2:]) else difference(rows[-1], rows[-2])
        return [each / (window[-1][0] - window[-2][0]) for each in change] if function == "irate" else change
    change = [0.0] * len(rows[0])
    for before, after in pairwise(rows):
        gain = after if function in COUNTERS and fell(before, after) else difference(after, before)
        change = added([change, gain])
    sampled = window[-1][0] - window[0][0]
    average = sampled / (len(rows) - 1)
    to_start, to_end = window[0][0] - start, end - window[-1][0]
    to_start = to_start if to_start < 1.1 * average else average / 2
    to_end = to_end if to_end < 1.1 * average else average / 2
    if function in COUNTERS and change[0] > 0:
        to_start = min(to_start, sampled * rows[0][0] / change[0])
    factor = (sampled + to_start + to_end) / sampled
    return [each * factor / (end - start if function == "rate" else 1) for each in change]


FUNCTIONS = (
    *("rate", "increase", "delta", "irate", "idelta"),
    *("resets", "changes", "sum_over_time", "avg_over_time"),
)


@pytest.mark.parametrize("one_by_one", [False, True], ids=["all steps together", "window by window"])
@pytest.mark.parametrize("function", FUNCTIONS)
@given(samples=series(), span=st.integers(2, 20), step=st.integers(1, 7))
@settings(max_examples=40)
def test_functions_of_histograms_do_what_their_definitions_say(function, one_by_one, samples, span, step):
    """Every window gives what the definition gives, whichever way it is computed."""
    memory = MemoryQueryable()
    memory.add(NAME, [at * 1000 for at, _ in samples], [histogram(row) for _, row in samples])
    with pytest.MonkeyPatch.context() as patch:
        if one_by_one:
            patch.setattr(native_rates, "uniform", lambda track: None)
        result = Engine(memory).range(f"{function}(x_total[{span}s])", 1000, 40_000, step * 1000)
    got = {}
    for found in result.value:
        natives = [None] * len(found.values) if found.histograms is None else found.histograms.tolist()
        for at_ms, value, native in zip(found.timestamps.tolist(), found.values.tolist(), natives, strict=True):
            got[at_ms // 1000] = value if native is None else numbers(native, 3)
    for end in range(1, 41, step):
        window = [(at, row) for at, row in samples if end - span < at <= end]
        wanted = reference(function, window, end - span, end)
        if wanted is None:
            assert end not in got
        else:
            assert got[end] == pytest.approx(wanted, rel=1e-9, abs=1e-9), f"{function} at {end} of {window}"


def extended(
    function: str, extension: str, samples: list[tuple[int, list[float]]], start: int, end: int
) -> list[float] | None:
    """Return the change from start to end, stretch by stretch; the lookback is longer than any series."""
    before = [each for each in samples if each[0] <= start][-1:]
    inside = [each for each in samples if start < each[0] < end + (extension == "anchored")]
    after = [each for each in samples if each[0] >= end][:1] if extension == "smoothed" else []
    if not inside and not (after and (before or after[0][0] == end)):
        return None
    window = before + inside + after
    found = [0.0] * len(window[0][1])
    for (began, earlier), (ended, later) in pairwise(window):
        gain = later if function in COUNTERS and fell(earlier, later) else difference(later, earlier)
        share = 1.0
        if extension == "smoothed":
            share = (min(ended, end) - max(began, start)) / (ended - began)
        found = added([found, [share * each for each in gain]])
    return [each / (end - start if function == "rate" else 1) for each in found]


@pytest.mark.parametrize("one_by_one", [False, True], ids=["all steps together", "window by window"])
@pytest.mark.parametrize("extension", ["anchored", "smoothed"])
@pytest.mark.parametrize("function", ["rate", "increase", "delta"])
@given(samples=series(), span=st.integers(2, 20), step=st.integers(1, 7))
@settings(max_examples=40)
def test_extended_rates_add_up_stretches(function, extension, one_by_one, samples, span, step):
    """Between the edges every stretch counts by what of it lies inside, and from zero where a counter was reset in it."""
    memory = MemoryQueryable()
    memory.add(NAME, [at * 1000 for at, _ in samples], [histogram(row) for _, row in samples])
    with pytest.MonkeyPatch.context() as patch:
        if one_by_one:
            patch.setattr(native_extended, "uniform", lambda track: None)
        result = Engine(memory).range(f"{function}(x_total[{span}s] {extension})", 1000, 40_000, step * 1000)
    got = {}
    for found in result.value:
        got = {at // 1000: each for at, each in zip(found.timestamps.tolist(), found.histograms.tolist(), strict=True)}
    for end in range(1, 41, step):
        wanted = extended(function, extension, samples, end - span, end)
        if wanted is None:
            assert end not in got
        else:
            assert numbers(got[end], 3) == pytest.approx(wanted, rel=1e-9, abs=1e-9), f"at {end}"


@pytest.mark.parametrize("at_once", [True, False])
@given(samples=series())
def test_each_sample_says_whether_it_follows_a_reset(at_once, samples):
    """The store in memory knows, whether samples come together or one by one; of the first nothing is known."""
    memory = MemoryQueryable()
    stamps, held = [at * 1000 for at, _ in samples], [histogram(row) for _, row in samples]
    for part in [slice(None)] if at_once else [slice(place, place + 1) for place in range(len(held))]:
        memory.add(NAME, stamps[part], held[part])
    (block,) = memory.select([], 0, 99_000)
    rows = [row for _, row in samples]
    expected = [ResetHint.RESET if fell(*pair) else ResetHint.NOT_RESET for pair in pairwise(rows)]
    assert [each.hint for each in block.histograms[:, 0]] == [ResetHint.UNKNOWN, *expected]
