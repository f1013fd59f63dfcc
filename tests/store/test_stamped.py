"""Series with timestamps of their own: which share tables, what happens when they part, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.model import ABSENT_BITS, Columns, Labels, Row, Sample
from agent.store import Store


def own(number: int) -> Labels:
    return Labels({"__name__": "own", "n": str(number)})


def page(store: Store, scraped_ms: int, *samples: tuple[int, int, float]) -> None:
    """Append a page of (series, timestamp, value)."""
    stamped = [Sample(own(number), at, value) for number, at, value in samples]
    store.append(Row(Columns(), scraped_ms, np.empty(0), stamped))


def memory() -> Store:
    return Store(retention_ms=10**12, max_memory_bytes=2**28)


def kept(store: Store) -> dict[Labels, dict[int, float]]:
    found = {}
    for block in store.select((), -(2**60), 2**60):
        for column, labels in enumerate(block.labels):
            assert labels not in found
            cells = np.ascontiguousarray(block.values[:, column])
            there = cells.view(np.int64) != ABSENT_BITS
            found[labels] = dict(zip(block.timestamps[there].tolist(), cells[there].tolist(), strict=True))
    return found


def test_a_container_is_a_table():
    """A cAdvisor page of 50 containers with 40 series each, stamped by container, ends up in 50 tables, dense ones."""
    store, random = memory(), np.random.default_rng(1)
    expected: dict[Labels, dict[int, float]] = {}
    for scrape in range(1, 60):
        samples = []
        for container in range(50):
            at = scrape * 15_000 - int(random.integers(0, 14_000))
            for number in range(container * 40, container * 40 + 40):
                samples.append((number, at, float(scrape)))
                expected.setdefault(own(number), {})[at] = float(scrape)
        page(store, scrape * 15_000, *samples)
    assert kept(store) == expected
    assert store.stats().tables == 50
    assert all(block.dense for block in store.select((), 30 * 15_000, 2**60))


def test_a_federation_page_keeps_the_time_of_its_targets():
    """Series that keep sharing their timestamps are one table, whatever others on the page do."""
    store = memory()
    for scrape in range(1, 20):
        at = scrape * 1000
        page(store, at, *[(n, at - 100, 1.0) for n in range(10)], *[(n, at - 7 * n, 2.0) for n in range(20, 23)])
    assert len(kept(store)) == 13
    assert store.stats().tables <= 5


def test_series_that_go_apart_do_not_fill_memory_with_absence():
    """Three hundred series stamped alike at first, then each for itself: the cells stay within a few times the samples."""
    store, random = memory(), np.random.default_rng(3)
    samples = 0
    for scrape in range(1, 30):
        stamps = [scrape * 10_000] * 300 if scrape < 3 else (scrape * 10_000 - random.permutation(300)).tolist()
        page(store, scrape * 10_000, *[(number, at, 1.0) for number, at in enumerate(stamps)])
        samples += 300
    assert store.stats().samples == samples
    cells = sum(chunk.rows * chunk.width for table in store._catalogue.tables.values() for chunk in table.chunks)
    assert cells < 4 * samples


@pytest.mark.parametrize(
    ("sample", "reason"),
    [
        ((0, 1000, 1.0), None),
        ((0, 1000, 2.0), "duplicate_timestamp"),
        ((0, 999, 1.0), "out_of_order"),
        ((0, 1001, 2.0), None),
        ((0, 2000 + 600_001, 2.0), "too_far_ahead"),
        ((1, 500, 2.0), None),
    ],
)
def test_what_is_refused_is_counted(sample, reason):
    """The newest sample again is no news; another value then, an older one, one from the future are refused; others are new."""
    store = memory()
    page(store, 1000, (0, 1000, 1.0))
    page(store, 2000, sample)
    assert store.stats().dropped == ({reason: 1} if reason else {})


def test_one_page_may_hold_several_samples_of_a_series_in_any_order():
    """A page that brings the past with it is taken in order of time; the first of two at one time is kept."""
    store = memory()
    page(store, 9000, (0, 3000, 3.0), (0, 1000, 1.0), (1, 2000, 5.0), (0, 2000, 2.0), (0, 2000, 7.0), (0, 2000, 2.0))
    assert kept(store) == {own(0): {1000: 1.0, 2000: 2.0, 3000: 3.0}, own(1): {2000: 5.0}}
    assert store.stats().dropped == {"duplicate_timestamp": 1}


def test_stamped_series_go_on_after_a_restart(tmp_path):
    """The newest sample from before the restart is known: again it is no news, an older one is refused, a newer one kept."""
    store = Store.open(tmp_path, retention_ms=10**12, max_memory_bytes=2**28)
    for scrape in range(1, 5):
        page(store, scrape * 1000, *[(n, scrape * 1000 - 5 * (n % 2), float(scrape)) for n in range(10)])
    store.close()
    store = Store.open(tmp_path, retention_ms=10**12, max_memory_bytes=2**28)
    tables = store.stats().tables
    page(store, 5000, (0, 4000, 4.0), (2, 3999, 1.0), (4, 4000, 9.0), (1, 4990, 5.0), (3, 4990, 5.0))
    assert store.stats().dropped == {"out_of_order": 1, "duplicate_timestamp": 1}
    assert kept(store)[own(1)] == {995: 1.0, 1995: 2.0, 2995: 3.0, 3995: 4.0, 4990: 5.0}
    assert len(kept(store)) == 10
    assert store.stats().tables <= tables + 1
    store.close()


@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 6), st.integers(-40, 3), st.integers(0, 2)), min_size=1, max_size=8),
        min_size=1,
        max_size=25,
    )
)
def test_any_pages_read_as_from_a_dictionary(pages):
    """Whatever the timestamps do, each series holds what time allowed it to, and the counters say the rest."""
    store, expected, refused = memory(), {}, 0
    for number, samples in enumerate(pages):
        now = number * 20
        page(store, now, *[(series, now + back, value) for series, back, value in samples])
        taken: dict[tuple[int, int], float] = {}
        newest = {series: max(cells) for series, cells in expected.items()}
        for series, back, value in samples:
            at = now + back
            if at in expected.get(series, {}) and at == newest[series]:
                refused += expected[series][at] != value
            elif at <= newest.get(series, -(10**9)):
                refused += 1
            elif (series, at) in taken:
                refused += taken[series, at] != value
            else:
                taken[series, at] = value
        for (series, at), value in taken.items():
            expected.setdefault(series, {})[at] = value
    assert kept(store) == {own(series): cells for series, cells in expected.items()}
    assert sum(store.stats().dropped.values()) == refused
