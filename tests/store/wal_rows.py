"""Rows for the tests of the log, and what two rows must have in common to be the same."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from agent.model import (
    ABSENT_BITS,
    CUSTOM,
    HISTOGRAM_BITS,
    STALE_BITS,
    Buckets,
    Columns,
    Exemplar,
    Histogram,
    Labels,
    ResetHint,
    Row,
    Sample,
)

SPECIAL = (0, 1 << 63, STALE_BITS, ABSENT_BITS, HISTOGRAM_BITS, 0x7FF8000000000001, 0xFFF8000000000000, 2**64 - 1)
"""Zeros, infinities' neighbours and NaN payloads, as bits."""

bits = st.one_of(st.sampled_from(SPECIAL), st.integers(0, 2**64 - 1), st.integers(0, 50).map(lambda n: _bits(float(n))))
texts = st.text(st.characters(codec="utf-8"), max_size=6)
labels = st.dictionaries(texts, texts.filter(bool), max_size=4).map(Labels)
instants = st.integers(-(2**62), 2**62)
floats = bits.map(lambda word: float(np.array([word], dtype=np.uint64).view(np.float64)[0]))


def _bits(value: float) -> int:
    return int(np.array([value]).view(np.uint64)[0])


@st.composite
def histograms(draw):
    sides = []
    for _ in range(2):
        count = draw(st.integers(0, 3))
        index = np.array(sorted(draw(st.sets(st.integers(-9, 9), min_size=count, max_size=count))), dtype=np.int64)
        sides.append(Buckets(index, np.array([draw(st.floats(0, 9)) for _ in range(count)])))
    numbers = [draw(st.floats(0, 1e9)) for _ in range(4)]
    bounds = tuple(sorted(draw(st.sets(st.floats(-9, 9), max_size=3))))
    return Histogram(draw(st.sampled_from((0, 3, CUSTOM))), *numbers, *sides, bounds, draw(st.sampled_from(ResetHint)))


@st.composite
def histories(draw, most=8):
    """Draw rows of a few tables that widen and narrow as they go, some with all that a row can carry."""
    tables = [Columns(draw(st.lists(labels, max_size=6, unique=True))) for _ in range(draw(st.integers(1, 3)))]
    rows = []
    for _ in range(draw(st.integers(0, most))):
        columns = draw(st.sampled_from(tables))
        if draw(st.booleans()):
            columns.column(draw(labels))
        width = draw(st.integers(0, len(columns)))
        values = np.array(draw(st.lists(bits, min_size=width, max_size=width)), dtype=np.uint64).view(np.float64)
        rows.append(
            Row(
                columns,
                draw(instants),
                values,
                draw(st.lists(st.builds(Sample, labels, instants, floats), max_size=3)),
                draw(st.lists(st.tuples(labels, histograms()), max_size=2)),
                draw(st.lists(st.builds(Exemplar, labels, labels, floats, instants), max_size=2)),
            )
        )
    return rows


def essence(row):
    """Return what must survive the log, with floats by their bits."""
    return (
        tuple(row.columns.labels[: len(row.values)]),
        row.timestamp_ms,
        row.values.tobytes(),
        [(each.labels, each.timestamp_ms, _bits(each.value)) for each in row.stamped],
        [(series, histogram, histogram.hint) for series, histogram in row.histograms],
        [(each.series, each.labels, _bits(each.value), each.timestamp_ms) for each in row.exemplars],
    )


def counters(count, width=3):
    """Return `count` rows of one table whose cells all say which row it is."""
    columns = Columns(Labels.of(name_="m", n=str(number)) for number in range(width))
    return [Row(columns, number, np.full(width, float(number))) for number in range(count)]
