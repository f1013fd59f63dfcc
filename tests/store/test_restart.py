"""What outlives the process: whatever is appended, flushed, merged, crashed and opened again reads as from a dictionary."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from agent.model import ABSENT_BITS, ABSENT_NAN, STALE_BITS, STALE_NAN, Columns, Labels, Matcher, Row, Sample
from agent.store import Store

HOUR_MS = 3_600_000
CELLS = st.one_of(
    st.floats(allow_nan=False),
    st.sampled_from([STALE_NAN, ABSENT_NAN, float("nan"), -0.0, 1.25, 2.5]),
    st.integers(0, 3),
)
PRODUCERS = 3


def opened(path: Path, **options) -> Store:
    return Store.open(path, **{"retention_ms": 10**12, "max_memory_bytes": 2**28, **options})


def crash(store: Store) -> None:
    """End a store as kill -9 does once the log's thread has written: nothing is flushed."""
    store._disk.log.close()


def series(producer: int, number: int) -> Labels:
    return Labels({"__name__": "m", "producer": str(producer), "n": str(number)})


def everything(store: Store, start_ms: int = 0, end_ms: int = 2**60) -> dict[Labels, dict[int, int]]:
    """Bits by series and time, absent cells left out."""
    found: dict[Labels, dict[int, int]] = {}
    for block in store.select((), start_ms, end_ms):
        for column, labels in enumerate(block.labels):
            assert labels not in found, "each series is in exactly one block"
            cells = np.ascontiguousarray(block.values[:, column]).view(np.int64).tolist()
            pairs = zip(block.timestamps.tolist(), cells, strict=True)
            found[labels] = {at: cell for at, cell in pairs if cell != ABSENT_BITS}
    return {labels: cells for labels, cells in found.items() if cells}


class StoreOverRestarts(RuleBasedStateMachine):
    """Producers, each with series of its own, and stamped samples; the process ends in between, well or badly."""

    @initialize()
    def start(self):
        self.path = Path(tempfile.mkdtemp())
        self.store = opened(self.path)
        self.columns = [Columns() for _ in range(PRODUCERS)]
        self.kept: dict[Labels, dict[int, int]] = {}
        self.now = 10 * HOUR_MS

    def teardown(self):
        if hasattr(self, "store"):
            self.store.close()
            shutil.rmtree(self.path)

    @rule(
        producer=st.integers(0, PRODUCERS - 1),
        cells=st.lists(CELLS, min_size=1, max_size=5),
        rows=st.integers(1, 3),
        step=st.sampled_from([1, 1000, 900_001, 5 * HOUR_MS // 2]),
    )
    def append(self, producer, cells, rows, step):
        """Series begin with a value: a marker before it says nothing, and is not looked for."""
        cells = [
            cell if series(producer, column) in self.kept else np.nan_to_num(cell) for column, cell in enumerate(cells)
        ]
        for _ in range(rows):
            self.now += step
            columns = self.columns[producer]
            while len(columns) < len(cells):
                columns.column(series(producer, len(columns)))
            values = np.array(cells, dtype=np.float64)
            self.store.append(Row(columns, self.now, values))
            for labels, cell in zip(columns.labels, values.view(np.int64).tolist(), strict=False):
                kept = self.kept.setdefault(labels, {})
                if kept or cell not in (STALE_BITS, ABSENT_BITS):
                    kept[self.now] = cell

    @rule(
        samples=st.lists(st.tuples(st.integers(0, 3), st.integers(-3, 0), st.integers(0, 2)), min_size=1, max_size=5),
        step=st.integers(0, 2),
    )
    def append_stamped(self, samples, step):
        self.now += step * 1000
        stamped = [Sample(series(99, number), self.now + back * 1000, value) for number, back, value in samples]
        self.store.append(Row(Columns(), self.now, np.empty(0), stamped))
        for each in sorted(stamped, key=lambda sample: sample.timestamp_ms):
            kept = self.kept.setdefault(each.labels, {})
            if each.timestamp_ms > max(kept, default=-1):
                kept[each.timestamp_ms] = int(np.float64(each.value).view(np.int64))

    @rule()
    def keep_house(self):
        self.store.enforce(self.now)

    @rule()
    def flush(self):
        self.store._disk.flush()

    @rule(order=st.permutations(range(PRODUCERS)), well=st.booleans())
    def restart(self, order, well):
        """The new process's producers know none of the old columns, and meet their series in another order."""
        if well:
            self.store.close()
        else:
            crash(self.store)
        self.store = opened(self.path)
        before = self.columns
        self.columns = [Columns() for _ in range(PRODUCERS)]
        for producer in order:
            for labels in reversed(before[producer].labels):
                self.columns[producer].column(labels)

    @invariant()
    @precondition(lambda self: hasattr(self, "store"))
    def reads_as_the_dictionary(self):
        for start, end in ((0, self.now), (self.now - 2 * HOUR_MS, self.now - 1000)):
            assert everything(self.store, start, end) == self.expected(start, end)

    def expected(self, start, end):
        found = {}
        for labels, cells in self.kept.items():
            found[labels] = {at: cell for at, cell in cells.items() if start <= at <= end and cell != ABSENT_BITS}
        return {labels: cells for labels, cells in found.items() if cells}


TestStoreOverRestarts = StoreOverRestarts.TestCase
TestStoreOverRestarts.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)


def filled(path: Path, hours: int = 10, width: int = 20, **options) -> tuple[Store, Columns]:
    """A store with a row a minute, kept in house every ten; value = minute × 100 + column."""
    store, columns = opened(path, **options), Columns(series(0, number) for number in range(width))
    for minute in range(hours * 60):
        store.append(Row(columns, minute * 60_000, minute * 100.0 + np.arange(width)))
        if minute % 10 == 0:
            store.enforce(minute * 60_000)
    return store, columns


def test_samples_move_to_the_disk_and_files_are_merged(tmp_path):
    """Ten hours are a few files; most samples are not in memory any more; all of them can be read."""
    store, _ = filled(tmp_path)
    stats = store.stats()
    assert 2 <= stats.blocks <= 4
    assert (stats.samples, stats.series, stats.tables, stats.durable, stats.reason) == (12_000, 20, 1, True, "")
    assert stats.disk_bytes < 12_000
    (block,) = store.select((Matcher("n", "=", "7"),), 0, 10 * HOUR_MS)
    assert block.dense
    assert np.array_equal(block.values[:, 0], np.arange(600) * 100 + 7)
    store.close()


def test_a_restart_continues_the_tables(tmp_path):
    """A scraper that starts anew, with the same series in another order and a new one, writes into the table it left."""
    store, columns = filled(tmp_path, hours=3)
    store.close()
    store = opened(tmp_path)
    anew = Columns([*reversed(columns.labels), series(0, 77)])
    store.append(Row(anew, 4 * HOUR_MS, np.arange(21.0)))
    store.append(Row(anew, 5 * HOUR_MS, np.arange(21.0)))
    (block,) = store.select((), 0, 6 * HOUR_MS)
    assert (store.stats().tables, store.stats().series, len(block.timestamps)) == (1, 21, 182)
    at = dict(zip(block.labels, block.values[-1].tolist(), strict=True))
    assert at == {labels: float(column) for column, labels in enumerate(anew.labels)}
    store.close()


def test_a_page_that_has_changed_entirely_is_a_table_of_its_own(tmp_path):
    """Where most series are others, the old table is left alone."""
    store, _ = filled(tmp_path, hours=1)
    store.close()
    store = opened(tmp_path)
    store.append(Row(Columns([series(0, 1), *(series(7, n) for n in range(20))]), HOUR_MS, np.arange(21.0)))
    assert store.stats().tables == 2
    assert len(store.select((Matcher("n", "=", "1"), Matcher("producer", "=", "0")), 0, HOUR_MS)) == 1
    store.close()


def test_a_crash_between_the_new_file_and_the_old_ones_doubles_nothing(tmp_path):
    """A merged file says which files it stands for; those that were not deleted in time are not read."""
    store, _ = filled(tmp_path, hours=5)
    before, files = everything(store), sorted((tmp_path / "blocks").glob("*.block"))
    aside = {path: path.read_bytes() for path in files}
    crash(store)
    store = opened(tmp_path)
    while store.enforce(100 * HOUR_MS).written:
        pass
    assert everything(store) == before
    crash(store)
    for path, data in aside.items():
        path.write_bytes(data)
    store = opened(tmp_path)
    assert everything(store) == before
    assert store.stats().damaged == 0
    store.close()


def test_a_merge_leaves_a_wide_table_what_it_was(tmp_path):
    """Several pages of columns, runs of different widths, absent and stale cells: bit for bit the same after merging."""
    store, columns = opened(tmp_path), Columns()
    random, now = np.random.default_rng(2), 0
    for hour in range(9):
        while len(columns) < 300 + 40 * hour:
            columns.column(series(1, len(columns)))
        for _ in range(5):
            now += 12 * 60_000
            cells = np.round(random.normal(0, 100, len(columns) - hour), 2)
            cells.view(np.int64)[random.integers(0, 200, 9)] = random.choice([STALE_BITS, ABSENT_BITS], 9)
            store.append(Row(columns, now, cells))
        store._disk.flush()
    before = everything(store)
    assert store.stats().blocks == 9
    while store.enforce(now + 100 * HOUR_MS).written:
        pass
    assert store.stats().blocks == 1
    assert everything(store) == before
    store.close()
    store = opened(tmp_path)
    assert everything(store) == before
    store.close()
