"""The store against the plainest thing that could be right: a dictionary of lists."""

from __future__ import annotations

import struct

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from agent.model import ABSENT_NAN, STALE_NAN, Columns, Labels, Row, Sample, is_absent
from agent.store import Store

CELLS = st.one_of(
    st.floats(allow_nan=False), st.just(STALE_NAN), st.just(ABSENT_NAN), st.just(float("nan")), st.integers(0, 3)
)
PRODUCERS = 3


def bits(value: float) -> int:
    return struct.unpack("<q", struct.pack("<d", value))[0]


STALE, ABSENT = bits(STALE_NAN), bits(ABSENT_NAN)


class StoreAgainstLists(RuleBasedStateMachine):
    """Rows of several producers that share series, ends of runs, sealing: every range reads as from the lists."""

    @initialize()
    def start(self):
        self.store = Store(retention_ms=10**12, max_memory_bytes=2**30)
        self.columns = [Columns() for _ in range(PRODUCERS)]
        self.tables: list[dict[Labels, dict[int, int]]] = [{} for _ in range(PRODUCERS)]
        self.order: list[dict[Labels, dict[int, int]]] = []  # as their tables began
        self.now = 0

    @rule(
        producer=st.integers(0, PRODUCERS - 1),
        cells=st.lists(CELLS, min_size=1, max_size=6),
        first=st.integers(0, 3),
        step=st.integers(0, 1),
    )
    def append(self, producer, cells, first, step):
        """A row, often at the instant of another producer's; at its own producer's last instant it is refused."""
        columns, kept = self.columns[producer], self.tables[producer]
        for number in range(first, first + len(cells)):
            if len(columns) < len(cells):
                columns.column(Labels({"__name__": "m", "n": str(number), "p": str(first % 2)}))
        cells = cells[: len(columns)]
        last = max((at for values in kept.values() for at in values), default=-1)
        self.now += step
        self.store.append(Row(columns, self.now, np.array(cells, dtype=np.float64)))
        if self.now <= last:
            return
        if last < 0:
            self.order.append(kept)
        for labels, cell in zip(columns.labels, cells, strict=False):
            kept.setdefault(labels, {})[self.now] = bits(float(cell))

    @rule(producer=st.integers(0, PRODUCERS - 1))
    def renew(self, producer):
        """A producer starts a new generation: same series, new table."""
        old = self.columns[producer]
        self.columns[producer] = Columns(old.labels)
        self.columns.append(old)
        self.tables.append(self.tables[producer])
        self.tables[producer] = {}

    @rule(idle=st.booleans())
    def seal(self, idle):
        self.store.enforce(self.now + (1_000_000 if idle else 0))

    @invariant()
    def reads_as_the_lists(self):
        if not hasattr(self, "store"):
            return
        for start, end in ((0, self.now), (self.now // 2, self.now - 1)):
            assert self.read(start, end) == self.expected(start, end)

    def read(self, start, end):
        found = {}
        for block in self.store.select((), start, end):
            for column, labels in enumerate(block.labels):
                assert labels not in found
                cells = block.values[:, column].copy().view(np.int64).tolist()
                pairs = zip(block.timestamps.tolist(), cells, strict=True)
                found[labels] = {at: cell for at, cell in pairs if cell != ABSENT}
        return {labels: values for labels, values in found.items() if values}

    def expected(self, start, end):
        known = {labels for kept in self.tables for labels, v in kept.items() if set(v.values()) - {STALE, ABSENT}}
        merged: dict[Labels, dict[int, int]] = {}
        for kept in self.order:
            for labels, values in kept.items():
                if labels not in known or not set(values.values()) - {STALE, ABSENT}:
                    continue  # a series is known to a table from its first value on
                for at, cell in values.items():
                    if start <= at <= end and cell != ABSENT:
                        there = merged.setdefault(labels, {})
                        if at not in there or (there[at] == STALE and cell != STALE):
                            there[at] = cell
        return {labels: values for labels, values in merged.items() if values}


TestStoreAgainstLists = StoreAgainstLists.TestCase
TestStoreAgainstLists.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


def test_stamped_samples_read_as_a_list():
    """Stamped samples of many series, some late, come back in order of time, each at its own."""
    store, random = Store(retention_ms=10**12, max_memory_bytes=2**30), np.random.default_rng(11)
    kept: dict[Labels, dict[int, float]] = {}
    for scrape in range(300):
        stamped = []
        for number in random.integers(0, 5, size=3).tolist():
            labels = Labels({"__name__": "own", "n": str(number)})
            stamped.append(Sample(labels, scrape * 10 - int(random.integers(0, 40)), float(random.random())))
        for each in sorted(stamped, key=lambda sample: sample.timestamp_ms):
            if each.timestamp_ms > max(kept.get(each.labels, {}), default=-(10**9)):
                kept.setdefault(each.labels, {})[each.timestamp_ms] = each.value
        store.append(Row(Columns(), scrape * 10, np.empty(0), stamped))
    found = {}
    for block in store.select((), -1000, 10**6):
        for column, labels in enumerate(block.labels):
            assert labels not in found
            cells = np.ascontiguousarray(block.values[:, column])
            pairs = zip(block.timestamps.tolist(), cells.tolist(), is_absent(cells).tolist(), strict=True)
            found[labels] = {at: value for at, value, absent in pairs if not absent}
    assert found == kept
