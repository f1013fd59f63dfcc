"""What the store keeps on the disk over time, and what it does while the disk refuses."""

from __future__ import annotations

import errno
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from agent.model import Columns, Labels, Row
from agent.store import Store
from agent.store.archive import Archive
from agent.store.disk import MERGE_BYTES, MERGE_MANY, MERGE_SPANS_MS, RETRY_MS, to_merge

HOUR_MS = 3_600_000
LONG_MS = 10**12


def opened(path: Path, **options) -> Store:
    return Store.open(path, **{"retention_ms": 10**12, "max_memory_bytes": 2**28, **options})


def run(store: Store, hours: range, width: int = 50) -> None:
    """A row every five minutes of random doubles, which do not compress; in house every quarter of an hour."""
    random = np.random.default_rng(hours.start)
    columns = Columns(Labels({"__name__": "m", "n": str(number)}) for number in range(width))
    for at in range(hours.start * HOUR_MS, hours.stop * HOUR_MS, 300_000):
        store.append(Row(columns, at, random.random(width)))
        if at % 900_000 == 0:
            store.enforce(at)


def bytes_on_disk(path: Path) -> int:
    return sum(each.stat().st_size for each in (path / "blocks").iterdir())


def test_retention_by_time_deletes_whole_files(tmp_path):
    """Files that lie behind the horizon are gone from the folder, from the lists and from what is read."""
    store = opened(tmp_path, retention_ms=6 * HOUR_MS)
    run(store, range(30))
    stats = store.stats()
    assert 30 * HOUR_MS - 9 * HOUR_MS < stats.oldest_ms
    assert stats.disk_bytes == bytes_on_disk(tmp_path)
    assert len(list((tmp_path / "blocks").iterdir())) == stats.blocks <= 9
    store.enforce(60 * HOUR_MS)
    assert (store.stats().series, store.stats().blocks, bytes_on_disk(tmp_path)) == (0, 0, 0)
    store.close()


def test_retention_by_size_deletes_the_oldest_files_first(tmp_path):
    """The block files stay within the bound, and the newest samples are the ones that are kept."""
    store = opened(tmp_path, retention_bytes=60_000)
    run(store, range(40))
    store.enforce(40 * HOUR_MS)
    assert 10_000 < bytes_on_disk(tmp_path) <= 60_000
    assert store.stats().newest_ms == 40 * HOUR_MS - 300_000
    (block,) = store.select((), 0, 2**60)
    assert np.all(np.diff(block.timestamps) == 300_000), "no hole"
    store.close()


def test_memory_is_relieved_by_the_disk_first(tmp_path):
    """Under a bound that the samples pass many times over, none is dropped: they go to the disk early."""
    dropped = []
    store = opened(tmp_path, max_memory_bytes=1_500_000, on_drop=lambda *each: dropped.append(each))
    columns = Columns(Labels({"__name__": "m", "n": str(number)}) for number in range(200))
    random = np.random.default_rng(0)
    for number in range(4000):
        store.append(Row(columns, number * 1000, random.random(200)))
        if number % 50 == 0:
            store.enforce(number * 1000)
    assert not dropped
    assert store.stats().bytes < 1_500_000
    (block,) = store.select((), 0, 2**60)
    assert block.values.shape == (4000, 200)
    store.close()


@pytest.fixture
def full(monkeypatch):
    """A disk on which no block file can be written while `full` holds something."""
    refusing: list[OSError] = []
    write = Archive.write

    def refuse(self, *arguments):
        if refusing:
            raise refusing[0]
        return write(self, *arguments)

    monkeypatch.setattr(Archive, "write", refuse)
    return refusing


def test_a_full_disk_stops_nothing_and_is_said(tmp_path, full):
    """Samples stay readable and in memory while files cannot be written; later they are, without a hole."""
    store = opened(tmp_path)
    full.append(OSError(errno.ENOSPC, "No space left on device"))
    run(store, range(5))
    stats = store.stats()
    assert (stats.durable, stats.blocks, stats.samples) == (False, 0, 3000)
    assert "No space left on device" in stats.reason
    assert str(tmp_path) in stats.reason
    full.clear()
    assert store.enforce(5 * HOUR_MS + RETRY_MS).written == 1
    assert (store.stats().durable, store.stats().reason, store.stats().blocks) == (True, "", 1)
    assert store.stats().samples == 3000
    store.close()


def test_a_folder_that_cannot_be_made_leaves_a_store_in_memory(tmp_path):
    """Where a file stands in the way, the store works without the disk and says why; nothing raises."""
    (tmp_path / "samples").write_text("in the way")
    store = opened(tmp_path / "samples")
    run(store, range(3))
    stats = store.stats()
    assert (stats.durable, stats.samples, stats.blocks) == (False, 1800, 0)
    assert stats.reason
    store.close()


def test_a_folder_that_is_deleted_under_a_running_store_is_made_anew_with_all_that_was_in_it(tmp_path):
    """Files that are open can still be read, and what was in the log is in memory."""
    path = tmp_path / "samples"
    store = Store.open(path, retention_ms=10**12, max_memory_bytes=2**28)
    columns = Columns(Labels({"__name__": "m", "n": str(number)}) for number in range(3))
    for row in range(20):
        store.append(Row(columns, row * HOUR_MS, np.full(3, float(row))))
        store.enforce(row * HOUR_MS)
    assert store.stats().blocks
    store.append(Row(columns, 20 * HOUR_MS, np.full(3, 20.0)))
    assert store._disk.log.flush()
    shutil.rmtree(path)
    with capture_logs() as said:
        for row in range(21, 24):
            store.append(Row(columns, row * HOUR_MS, np.full(3, float(row))))
            store._disk.log.flush()
            store.enforce(row * HOUR_MS)
        store._disk.log.flush()
    assert "samples are not safe on the disk" in {each["event"] for each in said}
    again = Store.open(path, retention_ms=10**12, max_memory_bytes=2**28)  # as after kill -9
    (block,) = again.select((), 0, 2**60)
    assert block.values[:, 0].tolist() == list(range(24))
    assert store.stats().damaged > 0


def test_a_store_in_memory_says_that_it_is_not_durable():
    """`stats` is honest about a store without a folder."""
    stats = Store(retention_ms=1, max_memory_bytes=10**6).stats()
    assert (stats.durable, stats.reason) == (False, "samples are kept in memory only")


@dataclass(eq=False)
class File:
    first_ms: int
    last_ms: int
    size: int = 1000


def test_files_of_a_stretch_that_is_over_become_one():
    """Two files of the same two hours are merged when those are over, not before; files of different stretches are not."""
    early, late, other = File(0, 100), File(200, 300), File(2 * HOUR_MS, 2 * HOUR_MS + 5)
    assert to_merge([other, late, early], 2 * HOUR_MS, LONG_MS) == [early, late]
    assert to_merge([early, late], 2 * HOUR_MS - 1, LONG_MS) == []
    assert to_merge([early, other], 4 * HOUR_MS, LONG_MS) == []
    assert to_merge([early, other], 8 * HOUR_MS, LONG_MS) == [early, other]
    assert to_merge([early, other], 8 * HOUR_MS, 31 * HOUR_MS) == [], "a file is deleted as a whole"
    assert len(to_merge([File(n, n) for n in range(MERGE_MANY)], 5, LONG_MS)) == MERGE_MANY
    assert to_merge([File(0, 1, MERGE_BYTES), File(2, 3)], 2 * HOUR_MS, LONG_MS) == []


@given(
    st.lists(st.tuples(st.integers(0, 400), st.integers(1, MERGE_BYTES)), min_size=1, max_size=40),
    st.integers(0, 4000),
)
def test_merging_ends_and_bounds_the_files(spans, more_hours):
    """Merging as long as there is something to merge comes to an end; each step takes neighbours within the size."""
    at, files = 0, []
    for minutes, size in spans:
        files.append(File(at, at + minutes * 60_000, size))
        at += minutes * 60_000 + 1
    for _ in range(len(spans)):
        chosen = to_merge(files, at + more_hours * HOUR_MS, LONG_MS)
        if not chosen:
            break
        assert sum(each.size for each in chosen) <= MERGE_BYTES
        places = [sorted(files, key=lambda each: each.first_ms).index(each) for each in chosen]
        assert places == list(range(places[0], places[-1] + 1)), "neighbours"
        files = [each for each in files if each not in chosen]
        files.append(File(chosen[0].first_ms, chosen[-1].last_ms, sum(each.size for each in chosen)))
        assert files[-1].last_ms - files[-1].first_ms < MERGE_SPANS_MS[-1]
    assert to_merge(files, at + more_hours * HOUR_MS, LONG_MS) == []
