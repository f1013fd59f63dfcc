"""Running sums: every window is exact whatever comes in, checkpoints thin out with age, and no clock can lose an event."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.slo.budget.chunks import BAD, MISSED, TOTAL, Chunk
from agent.slo.budget.ring import FOLD_MS, ROWS, Ring
from tests.slo.budget.service import DAY, HOUR, MINUTE, SECOND, START

WHOLE = st.integers(0, 10**6).map(float)
FRACTION = st.floats(0, 1e6, allow_subnormal=False)


def amounts(*of_tracks):
    """Return a row from (bad, total, missed) per track."""
    return np.asarray(of_tracks, dtype=float).T.copy()


def between(ring: Ring, start_ms: int, end_ms: int):
    return ring.sums(end_ms).sums - ring.sums(start_ms).sums


def filled(rows: int, step_ms: int, *, tracks: int = 1, retention_ms: int = 30 * DAY, start: int = START) -> Ring:
    ring = Ring(retention_ms, tracks)
    for number in range(rows):
        ring.add(start + number * step_ms, amounts(*((1, 10, 0) for _ in range(tracks))))
    return ring


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(1, 400), st.one_of(WHOLE, FRACTION), st.one_of(WHOLE, FRACTION)), min_size=1, max_size=700
    ),
    st.data(),
)
def test_a_window_is_the_exact_sum_of_its_rows(rows, data):
    ring, at, exact = Ring(400 * DAY, 2), START, []
    for after, one, other in rows:
        at += after * SECOND
        ring.add(at, amounts((one, other, 0), (other, one, 1)))
        exact.append((at, Fraction(one), Fraction(other)))
    start = data.draw(st.integers(0, len(exact) - 1))
    edge = exact[start][0] + data.draw(st.integers(0, 1000))
    mark = ring.sums(edge)
    found = between(ring, edge, at)
    for quantity, which in ((BAD, 1), (TOTAL, 2)):
        wanted = sum((each[which] for each in exact if each[0] > mark.at_ms), Fraction(0))
        everything = float(sum((each[which] for each in exact), Fraction(0)))
        # Two roundings of the running sum, however many rows it took; whole numbers have none.
        slack = 0 if all(each[which].denominator == 1 for each in exact) else 3e-16 * everything
        assert abs(float(found[quantity, 0]) - wanted) <= slack
    assert mark.at_ms <= max(edge, exact[0][0])


def test_a_month_of_tiny_fractions_beside_large_ones_loses_nothing():
    ring = Ring(30 * DAY, 1)
    ring.add(START, amounts((0, 2.0**40, 0)))
    for number in range(1, 20_001):
        ring.add(START + number * 15 * SECOND, amounts((0, 0.1, 0)))
    last = START + 20_000 * 15 * SECOND

    assert between(ring, START, last)[TOTAL, 0] == pytest.approx(2000, abs=2.0**-12)


@pytest.mark.parametrize(
    ("age", "grid"),
    [(5 * HOUR, 15 * SECOND), (2 * DAY, MINUTE), (10 * DAY, 5 * MINUTE)],
    ids=["every row for six hours", "one a minute for three days", "one each five minutes beyond"],
)
def test_checkpoints_thin_out_with_age(age, grid):
    step = 15 * SECOND if age < 3 * DAY else MINUTE
    ring = filled((age + DAY) // step, step)
    last = ring.last_ms
    marks = {ring.sums(last - age + offset).at_ms for offset in range(0, HOUR, 5 * SECOND)}

    assert {b - a for a, b in zip(sorted(marks), sorted(marks)[1:], strict=False)} == {grid}


def test_a_checkpoint_on_the_grid_holds_all_rows_before_it_and_none_after():
    ring = filled(2 * DAY // (15 * SECOND), 15 * SECOND)
    midnight = START + DAY

    assert between(ring, START, midnight - 1)[TOTAL, 0] == 10 * (DAY // (15 * SECOND) - 1)


def test_memory_stops_growing_when_the_retention_is_full():
    ring = filled(3000, 5 * MINUTE, retention_ms=5 * DAY)
    before = ring.nbytes
    for number in range(3000):
        ring.add(START + (3000 + number) * 5 * MINUTE, amounts((1, 10, 0)))

    assert ring.nbytes <= 1.1 * before
    assert ring.first_ms <= ring.last_ms - 5 * DAY


def test_a_slot_takes_five_bytes_of_a_busy_service_where_two_numbers_would_take_sixteen():
    tracks, random = 50, np.random.default_rng(1)
    ring = Ring(30 * DAY, tracks)
    for number in range(20 * ROWS):
        row = np.zeros((3, tracks))
        row[BAD] = random.poisson(3, tracks)
        row[TOTAL] = random.poisson(30_000, tracks)
        ring.add(START + number * 5 * MINUTE, row)
    sealed = sum(each.nbytes for each in ring.chunks) / ring.checkpoints / tracks

    assert 5 < sealed < 7


def test_a_second_row_of_an_instant_joins_the_first():
    ring = filled(10, 15 * SECOND)

    assert not ring.add(ring.last_ms, amounts((5, 5, 0)))
    assert between(ring, START, ring.last_ms)[BAD, 0] == 9 + 5
    assert ring.checkpoints == 10


def test_a_clock_that_is_set_back_counts_what_it_had_seen_at_the_time_it_is_now():
    ring = filled(1000, 15 * SECOND)
    last = ring.last_ms
    total = ring.sums(last).sums[TOTAL, 0]
    back = last - 2 * HOUR

    ring.add(back, amounts((0, 7, 0)))

    assert ring.last_ms == back
    assert ring.sums(back).sums[TOTAL, 0] == total + 7
    assert ring.sums(back - 1).sums[TOTAL, 0] == 10 * ((back - START) // (15 * SECOND))
    for number in range(1, 400):
        ring.add(back + number * 15 * SECOND, amounts((0, 1, 0)))
    assert ring.sums(ring.last_ms).sums[TOTAL, 0] == total + 7 + 399


def test_a_clock_that_is_set_back_by_years_moves_nothing_and_loses_nothing():
    ring = filled(300, 15 * SECOND)
    last, checkpoints = ring.last_ms, ring.checkpoints

    assert not ring.add(last - FOLD_MS - 1, amounts((0, 7, 0)))
    assert not ring.add(0, amounts((0, 7, 0)))

    assert (ring.last_ms, ring.checkpoints) == (last, checkpoints)
    assert ring.sums(last).sums[TOTAL, 0] == 3014
    assert ring.add(last + 15 * SECOND, amounts((0, 1, 0)))


def test_a_clock_that_jumps_ahead_only_leaves_a_gap():
    ring = filled(300, 15 * SECOND)
    ring.add(START + 20 * DAY, amounts((0, 1, 0)))

    assert between(ring, START + 19 * DAY, START + 20 * DAY)[TOTAL, 0] == 1
    assert between(ring, START, START + DAY)[TOTAL, 0] == 299 * 10


def test_sums_that_grew_large_are_moved_down_and_windows_stay_as_they_were():
    small, large = Ring(DAY, 2, largest=5_000), Ring(DAY, 2)
    for number in range(4 * ROWS + 7):
        row = amounts((1, 10, 3), (0.25, number, 0))
        for ring in (small, large):
            ring.add(START + number * 5 * MINUTE, row)
    last = large.last_ms

    assert small.sums(last).sums[TOTAL].max() < large.sums(last).sums[TOTAL].max()
    for start in range(last - DAY, last, HOUR):
        assert between(small, start, last).tolist() == between(large, start, last).tolist()


def test_a_track_that_comes_later_has_nothing_before():
    ring = filled(600, 15 * SECOND)
    ring.widen(3)
    for number in range(600, 1200):
        ring.add(START + number * 15 * SECOND, amounts((1, 10, 0), (2, 20, 0), (0, 0, 5)))

    found = between(ring, START, ring.last_ms)
    assert found[TOTAL].tolist() == [1199 * 10, 600 * 20, 0]
    assert found[MISSED].tolist() == [0, 0, 3000]


def test_a_past_from_elsewhere_is_in_windows_as_if_it_had_been_seen():
    ring = filled(1000, 15 * SECOND, tracks=2)
    ends = np.arange(START - 10 * DAY + 5 * MINUTE, START + 1, 5 * MINUTE)
    past = np.zeros((3, len(ends)))
    past[BAD], past[TOTAL] = 1, 50

    ring.amend(1, START - 10 * DAY, ends, past)

    last = ring.last_ms
    assert between(ring, START - DAY, last)[BAD].tolist() == [999 + 1, 999 + 1 + 288]
    assert between(ring, START - 10 * DAY, last)[TOTAL, 1] == 10_000 + 50 * len(ends)
    assert ring.column(1, np.asarray([START - 10 * DAY, START - DAY]))[TOTAL].tolist() == [0, 9 * 288 * 50]


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 5), st.integers(1, 40), st.randoms(use_true_random=False))
def test_a_chunk_gives_back_what_was_packed_whatever_the_numbers(tracks, rows, random):
    steps = np.zeros((3, rows, tracks))
    for track in range(tracks):
        scale = random.choice([0, 1, 100, 60_000, 10**7, 0.1])
        steps[:, :, track] = np.asarray([[random.random() * scale for _ in range(rows)] for _ in range(3)])
        if scale != 0.1:
            steps[:, :, track] = np.floor(steps[:, :, track])
    sums = np.cumsum(steps, axis=1) + 1e9
    times = np.cumsum(np.asarray([random.randint(1, 10**6) for _ in range(rows)]))

    chunk = Chunk.decoded(Chunk.of(times, sums, 60_000).encoded())

    assert np.array_equal(chunk.unpacked(), sums)
    assert np.array_equal(chunk.times, times)
    into = np.zeros((3, tracks))
    chunk.row(rows - 1, into)
    assert np.array_equal(into, sums[:, -1])
    assert np.array_equal(chunk.column(tracks - 1), sums[:, :, -1])
    assert chunk.spacing_ms == 60_000
