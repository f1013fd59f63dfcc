"""The same samples for a real Prometheus and for our store: tables with resets, gaps, stale markers, NaN and infinity.

Samples stand at odd milliseconds, so that no window edge of a query in whole or half seconds ever meets one. Prometheus
gets them by remote write.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

from agent.model import ABSENT_NAN, STALE_NAN, Columns, Labels, Row
from agent.store import Store
from tests.peers.remote import write

START_MS = 1_700_000_100_000
STEP_MS = 15_000
ROWS = 320
LE = ("0.05", "0.1", "0.25", "0.5", "1", "2.5", "+Inf")

Value = float | None
"""None is no sample."""


@dataclass(frozen=True)
class Table:
    """Series that are scraped together: a value per instant and series."""

    labels: list[Labels]
    stamps: list[int]
    cells: list[list[Value]]


def tables(seed: int = 3) -> list[Table]:
    """Make all tables."""
    dice = random.Random(seed)
    return [
        _table(dice, 137, _counters(dice)),
        _table(dice, 4_871, _gauges(dice)),
        _table(dice, 9_403, _troubled(dice)),
        _table(dice, 11_777, _buckets(dice)),
        _table(dice, 2_219, _whole_numbers(dice), jitter=True),
    ]


def _table(dice, shift_ms, columns, *, jitter=False):
    labels = list(columns)
    # Whole even milliseconds are the queries'; the hundreds are kept odd by the shift.
    stamps = [
        START_MS + row * STEP_MS + shift_ms + (dice.randrange(0, 3000, 1000) if jitter else 0) for row in range(ROWS)
    ]
    return Table(labels, stamps, [[columns[each][row] for each in labels] for row in range(ROWS)])


def _series(name, **labels):
    return Labels({"__name__": name, "job": "app", **labels})


def _counters(dice):
    made = {}
    for route in ("ask", "search", "index"):
        for code in ("200", "404", "500"):
            total, column = dice.uniform(1e4, 2e4), []
            pace = dice.uniform(0.5, 40)
            for _ in range(ROWS):
                total = dice.uniform(0, pace) if dice.random() < 0.02 else total + dice.uniform(0, pace)
                column.append(total)
            made[_series("requests_total", route=route, code=code)] = column
    return made


def _gauges(dice):
    made = {}
    for number, room in enumerate(("hall", "attic", "cellar", "yard")):
        for floor in ("0", "1"):
            made[_series("temperature", room=room, floor=floor)] = [
                math.sin(row / 9 + number) * 12 + dice.gauss(0, 1.5) + int(floor) for row in range(ROWS)
            ]
        made[_series("limit", room=room, unit="c")] = [5.25 + number * 1.37] * ROWS
    return made


def _troubled(dice):
    """Make gauges with gaps, stale markers, NaN and infinity."""
    made = {}
    for kind in ("gaps", "stale", "nan", "inf", "late", "ends"):
        column: list[Value] = [dice.gauss(20, 7) for _ in range(ROWS)]
        for row in range(ROWS):
            if kind == "gaps" and (row % 23 in (3, 4, 5, 11) or 140 < row < 185):
                column[row] = None
            elif kind == "stale" and row % 29 > 21:
                column[row] = STALE_NAN if row % 29 == 22 else None
            elif kind == "nan" and row % 17 in (2, 3):
                column[row] = math.nan
            elif kind == "inf" and row % 61 == 9:
                column[row] = math.inf if row % 2 else -math.inf
            elif (kind == "late" and row < 150) or (kind == "ends" and row > 190):
                column[row] = None
        made[_series("trouble", kind=kind)] = column
    return made


def _buckets(dice):
    made = {}
    for route in ("ask", "search"):
        counts = [0.0] * len(LE)
        columns: list[list[float]] = [[] for _ in LE]
        for _ in range(ROWS):
            if dice.random() < 0.01:
                counts = [0.0] * len(LE)
            for _ in range(dice.randint(2, 25)):
                seconds = dice.expovariate(1.6)
                for place, le in enumerate(LE):
                    counts[place] += seconds <= float(le)
            for place in range(len(LE)):
                columns[place].append(counts[place])
        for place, le in enumerate(LE):
            made[_series("latency_seconds_bucket", route=route, le=le)] = columns[place]
        made[_series("latency_seconds_count", route=route)] = columns[-1]
    return made


def _whole_numbers(dice):
    return {
        _series("workers", pool=pool, zone=zone): [float(dice.randint(0, 6)) for _ in range(ROWS)]
        for pool in ("fast", "slow")
        for zone in ("a", "b", "c")
    }


def fill_store(made: list[Table]) -> Store:
    """Return a store that holds the tables."""
    store = Store(retention_ms=1 << 50, max_memory_bytes=1 << 28)
    import numpy as np

    everything = []
    for table in made:
        columns = Columns(table.labels)
        for stamp, row in zip(table.stamps, table.cells, strict=True):
            values = np.array([ABSENT_NAN if value is None else value for value in row])
            everything.append(Row(columns, stamp, values))
    for row in sorted(everything, key=lambda each: each.timestamp_ms):
        store.append(row)
    return store


def write_remotely(port: int, made: list[Table], rows_at_once: int = 40) -> None:
    """Send the tables to a Prometheus that receives remote writes, in the order of time."""
    for first in range(0, ROWS, rows_at_once):
        rows = range(first, min(first + rows_at_once, ROWS))
        write(
            port,
            ((labels, _points(table, column, rows)) for table in made for column, labels in enumerate(table.labels)),
        )


def _points(table, column, rows):
    cells = ((table.stamps[row], table.cells[row][column]) for row in rows)
    return [(stamp, value) for stamp, value in cells if value is not None]
