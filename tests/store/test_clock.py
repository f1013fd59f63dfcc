"""A clock that was ahead and is set back: what comes afterwards is kept at once, and again after a restart."""

from __future__ import annotations

import numpy as np
import pytest

from agent.model import HISTOGRAM_NAN, Buckets, Columns, Histogram, Labels, Matcher, Row, Sample
from agent.store import Store
from agent.store.store import REWIND_MS

YEAR = 365 * 86_400_000
START = 1_700_000_000_000
STEP = 15_000


def opened(path) -> Store:
    return Store.open(path, retention_ms=10**13, max_memory_bytes=2**28)


def columns() -> Columns:
    return Columns([Labels({"__name__": "plain"}), Labels({"__name__": "native"})])


def row(owner: Columns, at: int, number: int) -> Row:
    """A row that says in three ways which it is."""
    native = Histogram(
        0, float(number), 1.0, 0.0, 0.0, Buckets(np.array([1]), np.array([float(number)])), Buckets(*np.empty((2, 0)))
    )
    return Row(
        owner,
        at,
        np.array([float(number), HISTOGRAM_NAN]),
        [Sample(Labels({"__name__": "stamped"}), at, float(number))],
        [(owner.labels[1], native)],
    )


def told(store: Store, name: str, until: int) -> list[float]:
    (block,) = store.select((Matcher("__name__", "=", name),), 0, until)
    if name == "native":
        assert block.histograms is not None
        return [each.count for each in block.histograms[:, 0]]
    return block.values[:, 0].tolist()


@pytest.mark.parametrize("restart", [(), (3,), (4,), (3, 4, 5)])
@pytest.mark.parametrize("ahead", [2 * REWIND_MS + 600_000, YEAR])
def test_what_comes_after_the_clock_was_set_back_is_kept(tmp_path, ahead, restart):
    """Three rows, one from the future, and three more: all are there in the order of time, floats, histograms and stamped."""
    store, owner = opened(tmp_path), columns()
    times = [START, START + STEP, START + 2 * STEP, START + ahead, *(START + k * STEP for k in (3, 4, 5))]
    for number, at in enumerate(times):
        if number in restart:
            store.close()
            store, owner = opened(tmp_path), columns()
        assert store.append(row(owner, at, number)) == 3
    for _ in range(2):
        for name in ("plain", "stamped", "native"):
            assert told(store, name, START + ahead - 1) == [0, 1, 2, 4, 5, 6], name
            assert told(store, name, START + ahead) == [0, 1, 2, 4, 5, 6, 3], name
        store.close()
        store = opened(tmp_path)
    store.close()


def test_a_straggler_is_refused():
    store, owner = Store(retention_ms=10**13, max_memory_bytes=2**28), columns()
    for at in (START, START + REWIND_MS):
        store.append(row(owner, at, 1))
    assert store.append(row(owner, START, 2)) == 0
    assert store.stats().dropped == {"out_of_order": 3}
    assert store.stats().tables == 3
