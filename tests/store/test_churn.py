"""Series that come and go without end: their numbers are given out anew, and what others have on the disk stays."""

from __future__ import annotations

from itertools import count
from threading import Thread

import numpy as np
import pytest

from agent.model import Columns, Labels, Matcher, MatchOp, Row
from agent.store import Store
from agent.store import index as index_module

STEADY = (Matcher("job", MatchOp.EQUAL, "steady"),)


def columns(job: str, width: int, generation: int = 0) -> Columns:
    return Columns(Labels.of(__name__="m", job=job, g=str(generation), n=str(number)) for number in range(width))


def churn(store: Store, at: int) -> None:
    """Append a row of fifty series that nobody saw before."""
    store.append(Row(columns("churn", 50, at), at, np.arange(50.0)))


@pytest.fixture
def few_numbers(monkeypatch):
    """Numbers are given out anew almost at once."""
    monkeypatch.setattr(index_module, "SPARE_NUMBERS", 10)


def test_numbers_of_series_that_ended_are_given_out_anew(few_numbers):
    """The index stays as small as what lives, and every matcher finds what it found before, in the same tuple of labels."""
    store = Store(retention_ms=20, max_memory_bytes=10**8)
    steady = columns("steady", 7, -1)
    seen = set()
    for at in range(1, 400):
        store.append(Row(steady, at, np.full(7, float(at))))
        churn(store, at)
        store.enforce(at)
        (block,) = store.select(STEADY, at, at)
        seen.add(id(block.labels))
        assert (block.labels, block.values.tolist()) == (tuple(steady.labels), [[float(at)] * 7])
        here = store.series((Matcher("g", MatchOp.REGEX, f"{at}|{at - 1}"), Matcher("n", MatchOp.NOT_EQUAL, "3")))
        assert len(here) == (98 if at > 1 else 49)
    assert len(seen) == 1
    living = store.stats().series
    assert living < 7 + 50 * 100  # a run of rows goes as a whole
    assert len(store._index.entries) <= 10 + 5 * living


def test_readers_are_right_while_numbers_move(few_numbers):
    store = Store(retention_ms=5, max_memory_bytes=10**8)
    steady = columns("steady", 40)
    store.append(Row(steady, 1, np.zeros(40)))
    ended, wrong = False, []

    def read() -> None:
        for turn in count():
            if ended:
                return
            matchers = (*STEADY, Matcher("n", MatchOp.REGEX, f".*[0-9]|{turn % 50}"), Matcher("x", MatchOp.EQUAL, ""))
            found = [labels for block in store.select(matchers, 0, 2**60) for labels in block.labels]
            if len(found) != 40 or {labels.get("job") for labels in found} != {"steady"}:
                wrong.append(found)

    reader = Thread(target=read)
    reader.start()
    for at in range(2, 800):
        store.append(Row(steady, at, np.zeros(40)))
        churn(store, at)
        store.enforce(at)
    ended = True
    reader.join()
    assert store._index.numbering > 5
    assert not wrong


def test_a_target_whose_labels_never_stay_costs_the_others_nothing_on_the_disk(tmp_path):
    """The labels of what lies on the disk are in memory; where they fill it, those go that no target has any more."""
    store = Store.open(tmp_path, retention_ms=10**12, max_memory_bytes=4_000_000)
    steady = columns("steady", 200)
    rows = 400
    for row in range(rows):
        at = row * 60_000
        store.append(Row(steady, at, np.full(200, float(row))))
        churn(store, at)
        if row % 10 == 0:
            store.enforce(at)
        assert store.stats().bytes <= 4_000_000
    assert store.stats().blocks > 1
    assert store.stats().dropped.keys() == {"memory"}
    assert kept(store) == rows
    store.close()
    again = Store.open(tmp_path, retention_ms=10**12, max_memory_bytes=4_000_000)
    assert again.stats().bytes <= 4_000_000  # what was dropped does not come back with its labels
    assert kept(again) == rows
    assert 0 < len(again.series((Matcher("job", MatchOp.EQUAL, "churn"),))) < 50 * rows
    again.close()


def kept(store: Store) -> int:
    """Return the rows of the steady target, all of them whole."""
    (block,) = store.select(STEADY, 0, 2**60)
    assert np.array_equal(block.values, np.arange(len(block.timestamps), dtype=float)[:, None].repeat(200, axis=1))
    return len(block.timestamps)
