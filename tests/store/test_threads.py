"""Readers in threads beside one writer: every row is seen completely or not at all."""

from __future__ import annotations

import threading

import numpy as np

from agent.model import Columns, Labels, Matcher, Row
from agent.store import Store

ROWS = 1500


def test_readers_beside_a_writer_see_whole_rows():
    """While rows come, runs end, widths grow and runs are sealed, what is read is a prefix of whole, dense rows."""
    store = Store(retention_ms=10**9, max_memory_bytes=2**30)
    columns = Columns(Labels({"__name__": "m", "n": str(number)}) for number in range(64))
    done, faults, reads = threading.Event(), [], [0]

    def read() -> None:
        seen = 0
        while not done.is_set():
            for block in store.select((Matcher("n", "=~", "[0-9]|1."),), 0, 10**9):
                reads[0] += 1
                rows = len(block.timestamps)
                expected = np.arange(1, rows + 1)
                if not (
                    block.dense
                    and rows >= seen
                    and np.array_equal(block.timestamps, expected)
                    and np.array_equal(block.values, np.broadcast_to(expected[:, None], block.values.shape))
                ):
                    faults.append((rows, seen, block.dense))
                seen = rows

    def keep() -> None:
        while not done.is_set():
            store.enforce(0)
            store.label_values("n")
            store.series(())

    threads = [threading.Thread(target=each) for each in (read, read, keep)]
    for thread in threads:
        thread.start()
    try:
        for number in range(1, ROWS + 1):
            if number % 50 == 0:
                columns.column(Labels({"__name__": "m", "n": f"late-{number}"}))
            store.append(Row(columns, number, np.full(len(columns), float(number))))
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert not faults
    assert reads[0] > 0
    assert store.stats().dropped == {}
    (early,) = store.select((Matcher("n", "=", "5"),), 0, 10**9)
    assert len(early.timestamps) == ROWS


def test_a_block_that_was_read_does_not_change():
    """What a query holds stays as it was, whatever is appended, sealed or dropped afterwards."""
    store = Store(retention_ms=1000, max_memory_bytes=2**30)
    columns = Columns([Labels({"__name__": "a"}), Labels({"__name__": "b"})])
    for number in range(100):
        store.append(Row(columns, number, np.array([float(number), 1.0])))
    (block,) = store.select((), 0, 9999)
    timestamps, values = block.timestamps.copy(), block.values.copy()
    for number in range(100, 1500):
        store.append(Row(columns, number, np.array([float(number), 1.0])))
    store.enforce(1500)
    store.enforce(10_000)
    np.testing.assert_array_equal(block.timestamps, timestamps)
    np.testing.assert_array_equal(block.values, values)


def test_readers_beside_flushes_and_merges_see_whole_rows(tmp_path):
    """While runs move to files, files are merged and deleted, each read is a gapless stretch up to the newest row."""
    store = Store.open(tmp_path, retention_ms=10**9, max_memory_bytes=2**26)
    columns = Columns(Labels({"__name__": "m", "n": str(number)}) for number in range(300))
    done, faults, reads = threading.Event(), [], [0]

    def read(matcher: Matcher, back: int) -> None:
        while not done.is_set():
            newest = store.stats().newest_ms // 1000
            for block in store.select((matcher,), max(1, newest - back) * 1000, 10**9):
                reads[0] += 1
                rows = block.timestamps // 1000
                whole = np.array_equal(rows, np.arange(rows[0], rows[-1] + 1)) and rows[-1] >= newest
                same = np.array_equal(block.values, np.broadcast_to(rows[:, None], block.values.shape))
                if not (whole and same and block.dense and rows[0] == max(1, newest - back)):
                    faults.append((newest, rows[0], rows[-1], same, block.dense))

    threads = [
        threading.Thread(target=read, args=(Matcher("n", "=~", pattern), back))
        for pattern, back in (("1.", 10**6), ("2.*", 100), (".*", 700))
    ]
    for thread in threads:
        thread.start()
    try:
        for number in range(1, ROWS + 1):
            store.append(Row(columns, number * 1000, np.full(300, float(number))))
            if number % 60 == 0:
                store._disk.flush()
                store.enforce(number * 1000)
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert not faults
    assert reads[0] > 0
    assert 1 < store.stats().blocks < ROWS // 60
    store.close()
