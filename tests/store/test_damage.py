"""Damage of block files, at any byte: what is intact is served, nothing is ever wrong, the damaged file is set aside."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from agent.model import ABSENT_BITS, Columns, Labels, Matcher, Row
from agent.store import Store
from agent.store.pages import PAGE_COLUMNS

HOUR_MS = 3_600_000
WIDTH, ROWS = 300, 40


def opened(path, **options) -> Store:
    return Store.open(path, **{"retention_ms": 10**12, "max_memory_bytes": 2**28, **options})


def cells(store: Store) -> dict[tuple[Labels, int], int]:
    found = {}
    for block in store.select((), 0, 2**60):
        for column, labels in enumerate(block.labels):
            bits = np.ascontiguousarray(block.values[:, column]).view(np.int64).tolist()
            found.update({(labels, at): cell for at, cell in zip(block.timestamps.tolist(), bits, strict=True)})
    return {key: cell for key, cell in found.items() if cell != ABSENT_BITS}


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """A folder with one block file of two tables, and what is in it."""
    path = tmp_path_factory.mktemp("original")
    store = opened(path)
    wide = Columns(Labels({"__name__": "wide", "n": str(number)}) for number in range(WIDTH))
    narrow = Columns([Labels({"__name__": "narrow"})])
    random = np.random.default_rng(3)
    for row in range(ROWS):
        store.append(Row(wide, row * 1000, random.integers(0, 1000, WIDTH).astype(np.float64)))
        store.append(Row(narrow, row * 1000, np.array([row / 4])))
    expected = cells(store)
    store.close()
    (file,) = (path / "blocks").glob("*.block")
    assert len(expected) == (WIDTH + 1) * ROWS
    return path, file.read_bytes(), file.name, expected


def with_file(tmp_path, original, data: bytes):
    path, _, name, expected = original
    target = tmp_path / "samples"
    if target.exists():
        shutil.rmtree(target)
    shutil.copytree(path, target)
    (target / "blocks" / name).write_bytes(data)
    return target, expected


def check(target, expected) -> int:
    """Open, read, mend, read again, restart, read again: always a part of what was written, and always the same part."""
    store = opened(target)
    found = cells(store)
    assert found.items() <= expected.items()
    store.enforce(HOUR_MS)
    assert cells(store).items() >= found.items()
    assert cells(store).items() <= expected.items()
    kept = cells(store)
    damaged = store.stats().damaged
    store.close()
    store = opened(target)
    assert cells(store) == kept
    assert store.stats().damaged == 0
    assert not store.enforce(HOUR_MS).written
    store.close()
    lost = len(expected) - len(kept)
    assert bool(damaged) == bool(list((target / "damaged").glob("*")) if (target / "damaged").exists() else [])
    assert damaged or not lost
    return lost


def test_a_flipped_byte_costs_at_most_its_own_part(tmp_path, original):
    """Wherever a byte is wrong, at most a page, a run or a table is missing, and nothing reads wrong."""
    _, data, _, _ = original
    random = np.random.default_rng(8)
    places = sorted({0, 5, len(data) - 1, len(data) - 10, len(data) - 20, *random.integers(0, len(data), 60).tolist()})
    for place in places:
        damaged = bytearray(data)
        damaged[place] ^= 1 << int(random.integers(0, 8))
        check(*with_file(tmp_path, original, bytes(damaged)))


def test_a_truncated_file_gives_what_is_left(tmp_path, original):
    """Cut off anywhere, the records that are left are served, also those of which a part is left; nothing raises."""
    _, data, _, expected = original
    lost = [check(*with_file(tmp_path, original, data[:length])) for length in range(0, len(data), len(data) // 25)]
    assert lost[0] == len(expected)
    assert lost == sorted(lost, reverse=True)
    assert lost[-1] == 0, "without the footer alone, nothing is lost"


def test_garbage_in_the_place_of_a_file_is_set_aside(tmp_path, original):
    """A file of random bytes, or of zeros, harms nobody."""
    _, _, _, expected = original
    for garbage in (b"", b"\0" * 5000, np.random.default_rng(1).bytes(5000), b"\xb1REC" * 1000):
        assert check(*with_file(tmp_path, original, garbage)) == len(expected)


def test_a_damaged_page_takes_its_columns_alone(tmp_path, original):
    """A wrong byte in the second page of the wide table leaves the first page's series and the other table whole."""
    path, data, name, expected = original
    store = opened(path)
    (table,) = (each for each in store._catalogue.tables.values() if len(each.labels) == WIDTH)
    source = table.parts[0][0].source
    place = int(source._starts[1]) + 30
    store.close()
    damaged = bytearray(data)
    damaged[place] ^= 255
    target, _ = with_file(tmp_path, original, bytes(damaged))
    store = opened(target)
    assert store.stats().damaged == 0, "nobody has looked yet"
    found = cells(store)
    missing = {labels for labels, _ in expected.keys() - found.keys()}
    assert missing == {Labels({"__name__": "wide", "n": str(n)}) for n in range(PAGE_COLUMNS, WIDTH)}
    (block,) = store.select((Matcher("n", "=", str(WIDTH - 1)),), 0, 2**60)
    assert not block.dense
    store.enforce(HOUR_MS)
    assert store.stats().damaged == 1
    assert [each.name for each in (target / "damaged").iterdir()] == [name]
    assert cells(store) == found
    store.close()


def test_an_unfinished_file_is_removed(tmp_path, original):
    """What a crash left behind while a file was being written is deleted at the next start."""
    target, expected = with_file(tmp_path, original, original[1])
    (target / "blocks" / "00000009.part").write_bytes(b"half")
    store = opened(target)
    assert cells(store) == expected
    assert not list((target / "blocks").glob("*.part"))
    store.close()


def test_a_file_of_another_folder_never_lends_its_labels(tmp_path):
    """Both folders number their tables from one; put together, each sample keeps the labels that it was written with."""
    expected = {}
    for place, (name, at) in enumerate((("here", 0), ("there", 5 * HOUR_MS))):
        store = opened(tmp_path / name)
        columns = Columns(Labels({"__name__": name, "n": str(number)}) for number in range(3 + place))
        for row in range(5):
            store.append(Row(columns, at + row, np.arange(3.0 + place) + row))
        expected |= cells(store)
        store.close()
    shutil.copy(*(tmp_path / each for each in ("there/blocks/00000001.block", "here/blocks/00000002.block")))
    for _ in range(3):
        store = opened(tmp_path / "here")
        assert cells(store) == expected
        store.enforce(20 * HOUR_MS)  # the files become one
        assert cells(store) == expected
        assert store.stats().damaged == 0
        store.close()


def test_a_file_of_another_version_is_left_alone_and_told_of(tmp_path, original):
    data = original[1]
    target, expected = with_file(tmp_path, original, data.replace(b"samples 1\n", b"samples 2\n", 1))
    for _ in range(2):
        store = opened(target)
        store.append(Row(Columns([Labels({"__name__": "new"})]), ROWS * 1000, np.ones(1)))
        assert (store.stats().damaged, len(cells(store))) == (1, 1)
        store.close()
    (target / "blocks" / original[2]).write_bytes(data)
    assert expected.items() <= cells(opened(target)).items()


def test_a_folder_that_is_there_again_when_the_store_closes_is_not_written_over(tmp_path, original):
    target, expected = with_file(tmp_path, original, original[1])
    (target / "blocks").rename(tmp_path / "away")
    (target / "blocks").write_text("not a folder")
    store = opened(target)
    store.append(Row(Columns([Labels({"__name__": "new"})]), ROWS * 1000, np.ones(1)))
    assert not store.stats().durable
    (target / "blocks").unlink()
    (tmp_path / "away").rename(target / "blocks")
    store.close()
    again = cells(opened(target))
    assert expected.items() <= again.items()
    assert len(again) == len(expected) + 1
