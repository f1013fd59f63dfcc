"""What the store keeps, in which blocks it gives it back, and what it refuses, on explicit instants."""

from __future__ import annotations

import numpy as np
import pytest

import agent.store
from agent.model import ABSENT_NAN, STALE_NAN, Columns, Labels, Matcher, Row, Sample, is_absent, is_missing, is_stale
from agent.store import Store

DAY_MS = 86_400_000


def series(name: str, **labels: str) -> Labels:
    return Labels({"__name__": name, **labels})


def store(**options) -> Store:
    return Store(**{"retention_ms": DAY_MS, "max_memory_bytes": 2**30, **options})


def row(columns: Columns, at_ms: int, *values: float, stamped: tuple[Sample, ...] = ()) -> Row:
    return Row(columns, at_ms, np.array(values, dtype=np.float64), stamped)


def named(name: str) -> tuple[Matcher, ...]:
    return (Matcher("__name__", "=", name),)


def samples(kept: Store, name: str = "", start_ms: int = -(2**60), end_ms: int = 2**60) -> dict[str, list]:
    """All values by series as [(ms, value)], staleness markers as "stale"; absent cells are left out."""
    found: dict[str, list] = {}
    for block in kept.select(named(name) if name else (), start_ms, end_ms):
        assert list(block.timestamps) == sorted(set(block.timestamps.tolist()))
        assert block.values.shape == (len(block.timestamps), len(block.labels))
        assert not block.dense or not is_missing(block.values).any()
        for column, labels in enumerate(block.labels):
            assert str(labels) not in found, "each series is in exactly one block"
            cells = np.ascontiguousarray(block.values[:, column])
            stale, absent = is_stale(cells), is_absent(cells)
            found[str(labels)] = [
                (int(at), "stale" if stale[i] else float(cells[i]))
                for i, at in enumerate(block.timestamps)
                if not absent[i]
            ]
    return found


def test_the_door_is_exact():
    """`__all__` is sorted and each of its names can be had."""
    assert agent.store.__all__ == sorted(agent.store.__all__)
    assert all(hasattr(agent.store, name) for name in agent.store.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = agent.store.Nothing


def test_a_row_comes_back_as_it_was_put_in():
    """Two rows of two series are one block with two timestamps, both ends of the range included."""
    kept, columns = store(), Columns([series("a"), series("b")])
    kept.append(row(columns, 1000, 1.5, 2.5))
    kept.append(row(columns, 2000, 3.5, 4.5))
    assert samples(kept, start_ms=1000, end_ms=2000) == {
        "a": [(1000, 1.5), (2000, 3.5)],
        "b": [(1000, 2.5), (2000, 4.5)],
    }
    assert samples(kept, start_ms=1001, end_ms=1999) == {}


def test_staleness_markers_and_ordinary_nans_keep_their_bits():
    """A marker comes back as a marker, NaN as a value, and neither makes the other."""
    kept, columns = store(), Columns([series("a"), series("b")])
    kept.append(row(columns, 1, 1.0, float("nan")))
    kept.append(row(columns, 2, STALE_NAN, 1.0))
    kept.append(row(columns, 3, ABSENT_NAN, 1.0))
    (block,) = kept.select((), 0, 9)
    at = block.labels.index(series("a"))
    assert is_stale(np.ascontiguousarray(block.values[:, at])).tolist() == [False, True, False]
    assert is_absent(np.ascontiguousarray(block.values[:, at])).tolist() == [False, False, True]
    assert not is_missing(np.ascontiguousarray(block.values[:, 1 - at])).any()
    assert not block.dense


def test_a_column_that_appears_later_is_absent_before():
    """Columns may grow between rows; a cell beyond an older row was never written."""
    kept, columns = store(), Columns([series("a")])
    kept.append(row(columns, 1, 1.0))
    for number in range(40):
        columns.column(series("late", n=str(number)))
    kept.append(row(columns, 2, 2.0, *range(40)))
    kept.append(row(columns, 3, 3.0))
    found = samples(kept)
    assert found["a"] == [(1, 1.0), (2, 2.0), (3, 3.0)]
    assert found['late{n="39"}'] == [(2, 39.0)]


def test_sealing_changes_nothing_that_is_read():
    """The same samples come back from hot, ended and sealed runs, over several runs and any part of the time."""
    kept = store()
    columns = Columns(series("m", n=str(number)) for number in range(300))
    values = np.random.default_rng(7).random((1400, 300))
    values[:, 10:20] = 4.0
    values[100:, 30] = ABSENT_NAN
    values[350, 40] = STALE_NAN
    for number, cells in enumerate(values):
        kept.append(Row(columns, number * 10, cells.copy()))
    picked = (Matcher("n", "=~", "1.|3.|40|299"),)
    before = kept.select(picked, 1234, 13_500)
    everything = kept.select((), 0, 14_000)
    assert kept.enforce(14_000).sealed == 1
    for old, new in ((before, kept.select(picked, 1234, 13_500)), (everything, kept.select((), 0, 14_000))):
        assert [block.labels for block in old] == [block.labels for block in new]
        for left, right in zip(old, new, strict=True):
            np.testing.assert_array_equal(left.timestamps, right.timestamps)
            np.testing.assert_array_equal(left.values.view(np.int64), right.values.view(np.int64))
    (block,) = kept.select((Matcher("n", "=~", "1."),), 0, 14_000)
    assert block.dense
    np.testing.assert_array_equal(block.values[:, 0], values[:, int(block.labels[0]["n"])])


@pytest.mark.parametrize(("at_ms", "reason"), [(5000, "duplicate_timestamp"), (4999, "out_of_order"), (5001, None)])
def test_a_row_that_is_not_later_is_refused_and_counted(at_ms, reason):
    """Time only goes forward in a table; each refused value counts, markers and absent cells do not."""
    told = []
    kept, columns = store(on_drop=lambda why, count: told.append((why, count))), Columns([series("a"), series("b")])
    kept.append(row(columns, 5000, 1.0, 1.0))
    kept.append(row(columns, at_ms, 2.0, STALE_NAN))
    assert told == ([(reason, 1)] if reason else [])
    assert kept.stats().dropped == ({reason: 1} if reason else {})
    assert len(samples(kept)["a"]) == (1 if reason else 2)


def test_a_row_older_than_the_retention_is_refused():
    """After the horizon has moved, what lies behind it is not taken in again."""
    kept, columns = store(retention_ms=1000), Columns([series("a")])
    kept.enforce(10_000)
    kept.append(row(columns, 8_999, 1.0))
    kept.append(row(columns, 9_000, 2.0))
    assert kept.stats().dropped == {"too_old": 1}
    assert samples(kept) == {"a": [(9000, 2.0)]}


def test_stamped_samples_are_series_of_their_own_time():
    """Samples with timestamps of their own keep them; repeating the last one is neither news nor a loss."""
    kept, columns = store(), Columns([series("a")])
    own = series("own")
    kept.append(row(columns, 10_000, 1.0, stamped=(Sample(own, 9_000, 5.0),)))
    kept.append(row(columns, 20_000, 2.0, stamped=(Sample(own, 9_000, 5.0),)))
    assert kept.stats().dropped == {}
    kept.append(row(columns, 30_000, 3.0, stamped=(Sample(own, 9_000, 6.0), Sample(own, 8_000, 6.0))))
    kept.append(row(columns, 40_000, 4.0, stamped=(Sample(own, 35_000, 7.0), Sample(own, 40_000 + 600_001, 8.0))))
    assert samples(kept)["own"] == [(9_000, 5.0), (35_000, 7.0)]
    assert kept.stats().dropped == {"duplicate_timestamp": 1, "out_of_order": 1, "too_far_ahead": 1}


def test_a_row_may_hold_stamped_samples_alone():
    """A page on which every sample has its timestamp makes no empty table."""
    kept = store()
    kept.append(Row(Columns(), 10, np.empty(0), (Sample(series("own"), 9, 5.0),)))
    assert samples(kept) == {"own": [(9, 5.0)]}
    assert kept.stats().tables == 1


def test_a_series_in_several_tables_is_one_block():
    """A new generation of columns continues its series; at one instant a value beats a marker, the older table a newer."""
    kept, old, new = store(), Columns([series("a"), series("gone")]), Columns([series("a"), series("new")])
    kept.append(row(old, 1, 1.0, 1.0))
    kept.append(row(old, 2, 2.0, STALE_NAN))
    kept.append(row(new, 3, 3.0, 3.0))
    assert samples(kept) == {"a": [(1, 1.0), (2, 2.0), (3, 3.0)], "gone": [(1, 1.0), (2, "stale")], "new": [(3, 3.0)]}
    assert samples(kept, "a", 3, 9) == {"a": [(3, 3.0)]}
    kept.append(row(old, 4, STALE_NAN))
    kept.append(row(new, 4, 4.0, STALE_NAN))
    kept.append(row(old, 5, 50.0))
    kept.append(row(new, 5, 51.0))
    assert samples(kept, "a", 4, 9) == {"a": [(4, 4.0), (5, 50.0)]}


def test_the_labels_tuple_stays_while_its_series_stay():
    """Readers cache by its identity: rows and other series leave it as it is, a new series of its own makes another."""
    kept, columns, other = store(), Columns([series("a", n="1")]), Columns([series("other")])
    kept.append(row(columns, 1, 1.0))
    (first,) = kept.select(named("a"), 0, 99)
    kept.append(row(columns, 2, 1.0))
    assert kept.select(named("a"), 0, 99)[0].labels is first.labels
    epoch = kept.epoch
    kept.append(row(other, 3, 1.0))
    assert kept.epoch > epoch
    assert kept.select(named("a"), 0, 99)[0].labels is first.labels
    columns.column(series("a", n="2"))
    kept.append(row(columns, 4, 1.0, 1.0))
    (second,) = kept.select(named("a"), 0, 99)
    assert second.labels is not first.labels
    assert set(second.labels) == {series("a", n="1"), series("a", n="2")}


def test_retention_drops_whole_runs_and_dead_series_leave_the_index():
    """What no run holds a value of is in no list any more; it comes back when it has a value again."""
    kept, columns = store(retention_ms=1_000_000), Columns([series("early", job="x"), series("always")])
    for number in range(1024):
        kept.append(row(columns, number * 1000, 1.0 if number < 3 else ABSENT_NAN, float(number)))
    kept.append(row(columns, 1_024_000, ABSENT_NAN, 1024.0))
    assert kept.stats().series == 2
    assert kept.enforce(2_023_000).expired == 0
    done = kept.enforce(2_023_001)
    assert (done.expired, done.series_ended) == (3 + 1024, 1)
    assert kept.label_names() == ["__name__"]
    assert kept.label_values("job") == []
    assert samples(kept) == {"always": [(1_024_000, 1024.0)]}
    kept.append(row(columns, 1_100_000, 7.0, 8.0))
    assert samples(kept, "early") == {'early{job="x"}': [(1_100_000, 7.0)]}
    assert kept.label_values("job") == ["x"]


def test_an_emptied_store_holds_nothing():
    """When everything has expired, no table, label or byte is left."""
    kept, columns = store(retention_ms=1000), Columns([series("a")])
    kept.append(row(columns, 1, 1.0, stamped=(Sample(series("own"), 1, 1.0),)))
    kept.enforce(5000)
    stats = kept.stats()
    assert (stats.series, stats.tables, stats.chunks, stats.samples, stats.bytes) == (0, 0, 0, 0, 0)
    assert (stats.oldest_ms, stats.newest_ms) == (0, 0)
    assert kept.select((), 0, 9999) == []


def test_memory_is_bounded_and_the_oldest_goes_first():
    """Under a bound of 2 MB the newest rows stay, what was dropped is told, and the bound is never passed."""
    told = []
    kept = store(max_memory_bytes=2_000_000, on_drop=lambda why, count: told.append((why, count)))
    columns = Columns(series("m", n=str(number)) for number in range(500))
    random = np.random.default_rng(3)
    for number in range(2000):
        kept.append(Row(columns, number, random.random(500)))
        assert kept.stats().bytes <= 2_000_000
    (block,) = kept.select((), 0, 9999)
    assert block.timestamps[-1] == 1999
    assert len(block.timestamps) > 100
    assert sum(count for why, count in told if why == "memory") == (2000 - len(block.timestamps)) * 500
    assert kept.stats().dropped == {"memory": (2000 - len(block.timestamps)) * 500}


def test_a_row_that_cannot_fit_is_refused_and_nothing_is_dropped_for_it():
    """A million series under a small bound are refused whole, counted, and what was kept before stays."""
    kept, columns = store(max_memory_bytes=1_000_000), Columns([series("a")])
    kept.append(row(columns, 1, 1.0))
    wide = Columns(series("m", n=str(number)) for number in range(20_000))
    kept.append(Row(wide, 2, np.ones(20_000)))
    assert kept.stats().dropped == {"memory_limit": 20_000}
    assert samples(kept) == {"a": [(1, 1.0)]}


def test_churn_under_a_bound_stays_within_it():
    """New series at every row, for ever: memory stays bounded and the last rows are there."""
    kept = store(max_memory_bytes=3_000_000)
    for number in range(300):
        columns = Columns(series("m", n=f"{number}-{each}") for each in range(50))
        kept.append(Row(columns, number, np.ones(50)))
    stats = kept.stats()
    assert stats.bytes <= 3_000_000
    assert stats.newest_ms == 299
    assert stats.dropped["memory"] > 0
    assert len(samples(kept, start_ms=299)) == 50


def test_the_count_of_bytes_is_honest():
    """What the store says it takes is what Python and numpy have allocated for it, within a quarter."""
    import tracemalloc

    columns = Columns(series("m", job="j", path=f"/a/{number % 100}", n=f"value-{number}") for number in range(5000))
    random = np.random.default_rng(5)
    rows = random.random((90, 5000))
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        kept = store()
        for number, cells in enumerate(rows):
            kept.append(Row(columns, number, cells))
        kept.enforce(0)
        used = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    # The label sets themselves were made by the producer before; they are counted here, so they are added there.
    labels = 5000 * 4 * 56 + 5000 * (96 + 48 + 60)
    assert 0.75 < kept.stats().bytes / (used + labels) < 1.33


def test_constant_columns_cost_little_once_sealed():
    """A series that never changes takes one cell a run, not one a row."""
    kept, columns = store(), Columns(series("m", n=str(number)) for number in range(1000))
    for number in range(525):
        kept.append(Row(columns, number, np.arange(1000.0)))
    before = kept.stats().bytes
    assert kept.enforce(0).sealed == 2
    assert kept.stats().bytes < before / 4
    assert samples(kept, end_ms=0)['m{n="999"}'] == [(0, 999.0)]


def test_an_idle_run_is_sealed_so_that_reserved_rows_are_given_back():
    """A target that went away does not keep memory for rows that will not come."""
    kept, columns = store(), Columns(series("m", n=str(number)) for number in range(5000))
    kept.append(Row(columns, 0, np.random.default_rng(1).random(5000)))
    before = kept.stats().bytes
    assert kept.enforce(900_001).sealed == 1
    assert kept.stats().bytes < before
    kept.append(Row(columns, 900_002, np.ones(5000)))
    assert len(samples(kept)['m{n="0"}']) == 2


def test_stats_tell_how_the_store_is():
    """Series, tables, samples and times are those of what was appended."""
    kept, columns = store(), Columns([series("a"), series("b")])
    kept.append(row(columns, 1000, 1.0, STALE_NAN))
    kept.append(row(columns, 2000, 1.0, 2.0))
    stats = kept.stats()
    assert (stats.series, stats.tables, stats.chunks, stats.samples, stats.appended) == (2, 1, 1, 3, 2)
    assert (stats.oldest_ms, stats.newest_ms) == (1000, 2000)
    assert 0 < stats.index_bytes < stats.bytes


def test_an_infinite_marker_only_series_is_in_no_list():
    """A series that has had nothing but staleness markers does not exist for label lists."""
    kept, columns = store(), Columns([series("a"), series("ghost")])
    kept.append(row(columns, 1, 1.0, STALE_NAN))
    assert kept.label_values("__name__") == ["a"]
    assert kept.series(()) == [series("a")]
