"""kill -9 while the store writes, flushes and merges: what it had said a row ago is there after the restart.

The writer is a process of its own on a moved clock: each row is ten minutes later, so that a block file falls due every
dozen rows and files are merged all the time. Budget: 30 s.
"""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from agent.model import Columns, Labels, Matcher, Row, Sample
from agent.store import Store

pytestmark = pytest.mark.xdist_group("kill")

KILLS = 14
STEP_MS = 600_000
SETTINGS = {"retention_ms": 10**12, "max_memory_bytes": 2**28}
TABLES, WIDTH = 3, 5


def write_forever(folder, first):
    """Append rows that all say their number, and print each number when the next row's turn has come."""
    store = Store.open(folder, **SETTINGS)
    tables = [Columns(Labels.of(name_="m", t=str(t), c=str(c)) for c in range(WIDTH)) for t in range(TABLES)]
    now_ms = [first * STEP_MS]

    def keep_house():
        while True:
            store.enforce(now_ms[0])

    threading.Thread(target=keep_house, daemon=True).start()
    number = first
    while True:
        now_ms[0] = number * STEP_MS
        for columns in tables:
            stamped = [Sample(Labels.of(name_="own", t=columns.labels[0]["t"]), number * STEP_MS - 7, float(number))]
            store.append(Row(columns, number * STEP_MS, np.full(WIDTH, float(number)), stamped))
        time.sleep(0.02)
        print(number, flush=True)
        number += 1


def run_and_kill(folder, first, chance):
    """Return the last number that the writer said before it was killed at a random moment, `first` - 1 for none."""
    writer = subprocess.Popen(
        [sys.executable, "-m", "tests.store.test_kill", str(folder), str(first)],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    with writer, writer.stdout:
        lines = [writer.stdout.readline() for _ in range(chance.randrange(1, 20))]
        time.sleep(chance.uniform(0, 0.1))
        writer.kill()
        lines += writer.stdout.readlines()
    said = [int(line) for line in lines if line.endswith(b"\n")]
    return max(said, default=first - 1)


def samples(store, name):
    found = {}
    for block in store.select((Matcher("__name__", "=", name),), 0, 2**62):
        for column, labels in enumerate(block.labels):
            assert labels not in found
            found[labels] = dict(zip(block.timestamps.tolist(), block.values[:, column].tolist(), strict=True))
            assert len(found[labels]) == len(block.timestamps)
    return found


def test_a_store_that_is_killed_while_it_writes_files_loses_at_most_the_last_row(tmp_path):
    """Each row is there once, in every table and with its own value, but for the last before each kill."""
    chance, number, excused = random.Random(), 1, set()
    for _ in range(KILLS):
        last = run_and_kill(tmp_path, number, chance)
        excused |= {last, last + 1}
        number = last + 2
    store = Store.open(tmp_path, **SETTINGS)
    expected = {each: float(each) for each in range(1, number)}
    for name, series, offset in (("m", TABLES * WIDTH, 0), ("own", TABLES, 7)):
        found = samples(store, name)
        assert len(found) == series
        for values in found.values():
            got = {(at_ms + offset) // STEP_MS: value for at_ms, value in values.items() if not np.isnan(value)}
            assert {at: value for at, value in got.items() if expected.get(at) != value} == {}
            assert expected.keys() - got.keys() <= excused
    stats = store.stats()
    store.close()
    assert stats.blocks >= 1
    assert stats.damaged == 0
    assert not (tmp_path / "damaged").exists()
    assert number > 100


if __name__ == "__main__":
    write_forever(Path(sys.argv[1]), int(sys.argv[2]))
