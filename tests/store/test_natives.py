"""Native histograms in the store: what was appended is selected, after sealing, restarts and the loss of a part too."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.model import (
    HISTOGRAM_BITS,
    HISTOGRAM_NAN,
    STALE_NAN,
    Block,
    Buckets,
    Columns,
    Histogram,
    Labels,
    Matcher,
    MatchOp,
    Row,
    absent_row,
    is_absent,
    is_stale,
)
from agent.store import Store
from agent.store.store import IDLE_MS
from tests.query.native.samples import histograms

FLOAT = Labels.of(__name__="up", job="j")
NATIVE = [Labels.of(__name__="h", job="j", n=str(n)) for n in range(3)]
EVERY = [Matcher("job", MatchOp.REGEX, ".*")]
DAY = 86_400_000


def memory(**options) -> Store:
    """A store without a disk."""
    return Store(**{"retention_ms": DAY, "max_memory_bytes": 2**26, **options})


def row(columns: Columns, at_ms: int, found: dict[Labels, Histogram | None]) -> Row:
    """A row with `up`, the histograms, and a staleness marker for each None."""
    places = {labels: columns.column(labels) for labels in (FLOAT, *found)}
    values = absent_row(len(columns))
    values[places[FLOAT]] = 1.0
    for labels, histogram in found.items():
        values[places[labels]] = STALE_NAN if histogram is None else HISTOGRAM_NAN
    return Row(columns, at_ms, values, histograms=[pair for pair in found.items() if pair[1] is not None])


def selected(store: Store, start_ms: int = 0, end_ms: int = DAY) -> dict[tuple[Labels, int], Histogram | float | str]:
    """Every sample of the store: a histogram, a float, or that the series ended."""
    found: dict[tuple[Labels, int], Histogram | float | str] = {}
    for block in store.select(EVERY, start_ms, end_ms):
        check(block)
        stale, absent = is_stale(block.values), is_absent(block.values)
        for (t, s), value in np.ndenumerate(block.values):
            key = block.labels[s], int(block.timestamps[t])
            native = block.histograms[t, s] if block.histograms is not None else None
            if not absent[t, s]:
                found[key] = "stale" if stale[t, s] else value if native is None else native
    return found


def check(block: Block) -> None:
    """A block says where its histograms are, and has them there and nowhere else."""
    marked = np.ascontiguousarray(block.values).view(np.int64) == HISTOGRAM_BITS
    assert marked.any() == (block.histograms is not None)
    if block.histograms is not None:
        assert (np.vectorize(lambda each: each is not None, otypes=[bool])(block.histograms) == marked).all()


PAGES = st.lists(st.dictionaries(st.sampled_from(NATIVE), st.none() | histograms(), max_size=3), min_size=1, max_size=8)


@settings(max_examples=40, deadline=None)
@given(PAGES, st.sets(st.integers(0, 7)), st.dictionaries(st.integers(0, 7), st.booleans()))
def test_what_was_appended_is_selected_after_seals_restarts_and_crashes(pages, seals, restarts):
    with tempfile.TemporaryDirectory() as folder:
        options = {"retention_ms": DAY, "max_memory_bytes": 2**26}
        store, columns = Store.open(Path(folder), **options), Columns()
        expected, begun = {}, set()
        for number, found in enumerate(pages):
            at_ms = 1000 * (number + 1)
            # A producer ends only what it has begun itself.
            found = {labels: each for labels, each in found.items() if each or labels in begun}
            begun |= found.keys()
            store.append(row(columns, at_ms, found))
            expected[FLOAT, at_ms] = 1.0
            expected |= {(labels, at_ms): each or "stale" for labels, each in found.items()}
            if number in seals:
                store.enforce(at_ms + IDLE_MS + 1)
            if number in restarts:
                (store.close if restarts[number] else store._disk.log.close)()
                store, columns = Store.open(Path(folder), **options), Columns()
                begun.clear()

        assert selected(store) == expected
        assert all(
            each.hint is expected[key].hint for key, each in selected(store).items() if isinstance(each, Histogram)
        )
        assert store.stats().series == len({labels for labels, _ in expected})
        store.close()


def one(n: float, *index: int) -> Histogram:
    """A histogram that counts n in each of these buckets."""
    return Histogram(schema=2, count=n * len(index), sum=n, positive=Buckets(np.array(index), np.full(len(index), n)))


def test_parts_are_no_series_and_have_no_labels():
    store, columns = memory(), Columns()
    store.append(row(columns, 1000, {NATIVE[0]: one(1.0, 2, 3)}))

    assert store.series([Matcher("nothing", MatchOp.EQUAL, "")]) == sorted([FLOAT, NATIVE[0]])
    assert store.label_names() == ["__name__", "job", "n"]
    assert store.label_values("") == []
    assert store.stats().series == 2


def test_histograms_of_the_same_buckets_share_their_indexes_across_rows():
    store, columns = memory(), Columns()
    for at in range(1, 4):
        store.append(row(columns, 1000 * at, {NATIVE[0]: one(float(at), 2, 3)}))

    (block,) = store.select([Matcher("n", MatchOp.EQUAL, "0")], 0, DAY)
    first, *others = block.histograms[:, 0]
    assert all(each.positive.index is first.positive.index for each in others)


def test_a_float_after_a_histogram_is_a_float():
    store, columns = memory(), Columns()
    store.append(row(columns, 1000, {NATIVE[0]: one(1.0, 2)}))
    later = row(columns, 2000, {})
    later.values[columns.column(NATIVE[0])] = 7.0
    store.append(later)

    assert [each for (labels, _), each in sorted(selected(store).items()) if labels == NATIVE[0]] == [one(1.0, 2), 7.0]


def test_a_histogram_whose_parts_are_gone_is_absent():
    store, columns = memory(), Columns()
    for at in (1000, 2000):
        store.append(row(columns, at, {NATIVE[0]: one(1.0, 2)}))
    (table,) = {each.table for each in store._index.parts[NATIVE[0]]}
    with store._lock:
        store._catalogue.drop(lambda chunk: any(chunk is each for each in table.chunks))

    assert selected(store) == {(FLOAT, 1000): 1.0, (FLOAT, 2000): 1.0}
    store.append(row(columns, 3000, {NATIVE[0]: one(4.0, 2)}))
    assert selected(store, 3000)[NATIVE[0], 3000] == one(4.0, 2)


def test_a_restart_goes_on_in_the_table_of_before(tmp_path):
    options = {"retention_ms": DAY, "max_memory_bytes": 2**26}
    for at in range(1, 5):
        store = Store.open(tmp_path, **options)
        store.append(row(Columns(), 1000 * at, {NATIVE[0]: one(1.0, 2)}))
        tables = {each.table for each in store._index.parts[NATIVE[0]]}
        store.close()

    assert len(tables) == 1


def test_buckets_that_wander_do_not_widen_a_table_for_ever():
    store, columns = memory(), Columns()
    for at in range(1, 40):
        store.append(row(columns, 1000 * at, {NATIVE[0]: one(1.0, *range(100 * at, 100 * at + 100))}))

    tables = {each.table for each in store._index.parts[NATIVE[0]]}
    assert len(tables) > 1
    assert max(len(table.labels) for table in tables) <= 1024 + 103
    assert len([each for (labels, _), each in selected(store).items() if labels == NATIVE[0]]) == 39


def test_retention_forgets_the_parts_with_the_series():
    store, columns = memory(retention_ms=10_000), Columns()
    store.append(row(columns, 1000, {NATIVE[0]: one(1.0, 2)}))
    store.enforce(1000 + IDLE_MS + 20_000)

    assert (store.stats().series, store.stats().tables, dict(store._index.parts)) == (0, 0, {})
    assert store.stats().index_bytes == 0


@pytest.mark.parametrize("at_ms", [1000, 500])
def test_a_refused_row_writes_no_parts(at_ms):
    store, columns = memory(), Columns()
    store.append(row(columns, 1000, {NATIVE[0]: one(1.0, 2)}))
    store.append(row(columns, at_ms, {NATIVE[0]: one(9.0, 2)}))

    assert selected(store)[NATIVE[0], 1000] == one(1.0, 2)
    assert (NATIVE[0], 500) not in selected(store)
