"""Looking into a folder of samples that somebody else writes: all of it is seen, and nothing of it is touched."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from agent.model import Columns, Labels, Row
from agent.store import Store

MINUTE = 60_000
HOUR = 60 * MINUTE


def opened(path: Path) -> Store:
    return Store.open(path, retention_ms=10**12, max_memory_bytes=2**28)


def looked(path: Path) -> dict[str, list[tuple[int, float]]]:
    """Return what a look sees, by series."""
    store = Store.look_into(path, max_memory_bytes=2**28)
    found: dict[str, list[tuple[int, float]]] = {}
    for block in store.select((), -(2**60), 2**60):
        for column, labels in enumerate(block.labels):
            found[str(labels)] = list(zip(block.timestamps.tolist(), block.values[:, column].tolist(), strict=True))
    return found


def files(path: Path) -> dict[str, tuple[int, int]]:
    """Return each file's size and time of change."""
    return {
        str(each.relative_to(path)): (each.stat().st_size, each.stat().st_mtime_ns)
        for each in path.rglob("*")
        if each.is_file()
    }


def write(store: Store, columns: Columns, minutes: range) -> None:
    for minute in minutes:
        store.append(Row(columns, minute * MINUTE, np.array([float(minute), -1.0])))


def expected(minutes: range) -> dict[str, list[tuple[int, float]]]:
    return {
        "a": [(minute * MINUTE, float(minute)) for minute in minutes],
        "b": [(minute * MINUTE, -1.0) for minute in minutes],
    }


def test_blocks_and_log_of_a_running_store_are_seen_together(tmp_path):
    """What was flushed and what is only in the log make one history, while the store that writes is open."""
    store, columns = opened(tmp_path), Columns([Labels.of(__name__="a"), Labels.of(__name__="b")])
    write(store, columns, range(200))
    store.enforce(200 * MINUTE)
    write(store, columns, range(200, 260))
    assert store._disk is not None
    store._disk.log.flush(10)
    before = files(tmp_path)
    assert {name.split("/")[0] for name in before} == {"blocks", "log"}
    assert looked(tmp_path) == expected(range(260))
    assert files(tmp_path) == before
    write(store, columns, range(260, 300))
    store.close()
    assert looked(tmp_path) == expected(range(300))


def test_a_torn_log_and_a_half_written_block_are_left_alone(tmp_path):
    """A record that ends within the file, and a block under its temporary name, are another process' work in progress."""
    store, columns = opened(tmp_path), Columns([Labels.of(__name__="a"), Labels.of(__name__="b")])
    write(store, columns, range(50))
    assert store._disk is not None
    store._disk.log.flush(10)
    segment = next((tmp_path / "log").glob("*.wal"))
    whole = segment.read_bytes()
    segment.write_bytes(whole[:-7])
    (tmp_path / "blocks").mkdir(exist_ok=True)
    (tmp_path / "blocks" / "00000009.part").write_bytes(b"half")
    before = files(tmp_path)
    assert looked(tmp_path) == expected(range(49))
    assert files(tmp_path) == before
    segment.write_bytes(whole)
    store.close()


def test_damage_in_the_middle_of_the_log_is_counted_and_left_alone(tmp_path):
    """What follows it in that segment cannot be told; a torn end is no damage."""
    store, columns = opened(tmp_path), Columns([Labels.of(__name__="a"), Labels.of(__name__="b")])
    write(store, columns, range(50))
    assert store._disk is not None
    store._disk.log.flush(10)
    assert Store.look_into(tmp_path, max_memory_bytes=2**28).stats().damaged == 0
    segment = next((tmp_path / "log").glob("*.wal"))
    whole = segment.read_bytes()
    segment.write_bytes(whole[:-7])
    assert Store.look_into(tmp_path, max_memory_bytes=2**28).stats().damaged == 0
    middle = len(whole) // 2
    segment.write_bytes(whole[:middle] + bytes([whole[middle] ^ 255]) + whole[middle + 1 :])
    before = files(tmp_path)
    assert Store.look_into(tmp_path, max_memory_bytes=2**28).stats().damaged == 1
    assert files(tmp_path) == before
    segment.write_bytes(whole)
    store.close()


def test_rows_that_are_in_the_log_and_in_a_block_count_once(tmp_path):
    """A flush between reading the log and reading the blocks leaves rows in both."""
    store, columns = opened(tmp_path), Columns([Labels.of(__name__="a"), Labels.of(__name__="b")])
    write(store, columns, range(100))
    assert store._disk is not None
    store._disk.log.flush(10)
    kept = {each.name: each.read_bytes() for each in (tmp_path / "log").iterdir()}
    store.close()
    for name, data in kept.items():
        (tmp_path / "log" / name).write_bytes(data)
    assert looked(tmp_path) == expected(range(100))


def test_a_folder_without_samples_is_refused(tmp_path):
    """A wrong path is not taken for an empty history."""
    with pytest.raises(OSError, match="no samples are kept there"):
        Store.look_into(tmp_path / "nowhere", max_memory_bytes=2**20)
    assert not (tmp_path / "nowhere").exists()
