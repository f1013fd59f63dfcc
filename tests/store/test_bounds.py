"""Who pays when memory is full, and what a page that explodes does to its neighbours."""

from __future__ import annotations

import numpy as np

from agent.model import STALE_NAN, Columns, Labels, Row
from agent.store import Store

BOUND = 6_000_000


def columns(producer: str, width: int, generation: int = 0) -> Columns:
    return Columns(
        Labels({"__name__": "m", "job": producer, "g": str(generation), "n": str(number)}) for number in range(width)
    )


def rows_of(store: Store, producer: str) -> int:
    return sum(len(block.timestamps) for block in store.select((), 0, 2**60) if block.labels[0].get("job") == producer)


def test_the_producer_that_explodes_pays_first():
    """Ten small targets keep their whole history while one brings thousands of new series at every scrape."""
    store = Store(retention_ms=10**12, max_memory_bytes=BOUND)
    small = [columns(f"small{number}", 20) for number in range(10)]
    random = np.random.default_rng(0)
    for at in range(1, 80):
        for each in small:
            store.append(Row(each, at, random.random(20)))
        store.append(Row(columns("great", 1500, at), at, random.random(1500)))
        if at % 5 == 0:
            store.enforce(at)
        assert store.stats().bytes <= BOUND
    assert [rows_of(store, f"small{number}") for number in range(10)] == [79] * 10
    assert store.stats().dropped["memory"] > 50_000
    assert store.stats().newest_ms == 79


def test_one_target_that_grows_at_every_scrape_pays_itself():
    """A target whose table becomes wider and wider loses its own rows, or is refused; the other one loses nothing."""
    store = Store(retention_ms=10**12, max_memory_bytes=BOUND)
    calm, growing = columns("calm", 50), columns("growing", 10)
    for at in range(1, 150):
        store.append(Row(calm, at, np.full(50, float(at))))
        for number in range(200):
            growing.column(Labels({"__name__": "m", "job": "growing", "at": str(at), "n": str(number)}))
        store.append(Row(growing, at, np.full(len(growing), float(at))))
        if at % 5 == 0:
            store.enforce(at)
        assert store.stats().bytes <= BOUND
    assert rows_of(store, "calm") == 149
    dropped = store.stats().dropped
    assert dropped.keys() <= {"memory", "memory_limit"}
    assert sum(dropped.values()) > 0


def test_a_million_series_in_one_page_cost_nobody_anything():
    """They are refused as one row, counted, and the store is as it was."""
    store = Store(retention_ms=10**12, max_memory_bytes=64 * 2**20)
    calm = columns("calm", 50)
    store.append(Row(calm, 1, np.ones(50)))
    before = store.stats().bytes
    huge = Columns()
    huge.labels = [Labels.of(name_="m")] * 1_000_000
    assert store.append(Row(huge, 2, np.ones(1_000_000))) == 0
    assert store.stats().dropped == {"memory_limit": 1_000_000}
    assert store.stats().bytes == before
    assert store.append(Row(huge, 2, np.ones(5))) == 5  # the first of its columns, `up` and its kin, have room
    assert store.append(Row(calm, 3, np.append(np.ones(49), STALE_NAN))) == 49
    assert rows_of(store, "calm") == 2


def test_long_labels_count():
    """Labels of a megabyte fill the bound as such: what does not fit is refused, and the bound holds."""
    store = Store(retention_ms=10**12, max_memory_bytes=BOUND)
    for at in range(1, 40):
        store.append(Row(Columns([Labels({"__name__": "m", "n": f"{at}" * 500_000})]), at, np.ones(1)))
    assert store.stats().bytes <= BOUND
    assert 0 < store.stats().series < 12
    assert store.stats().newest_ms == 39


def test_what_lies_on_the_disk_is_forgotten_before_anything_is_refused(tmp_path):
    """Churn without end on a small bound: with a disk, nothing that a scrape brings is refused."""
    store = Store.open(tmp_path, retention_ms=10**12, max_memory_bytes=BOUND)
    for at in range(1, 150):
        store.append(Row(columns("churn", 100, at), at, np.full(100, float(at))))
        store.enforce(at)
        assert store.stats().bytes <= BOUND
    assert "memory_limit" not in store.stats().dropped
    assert store.stats().newest_ms == 149
    store.close()
