"""Pages: every bit comes back, in any selection of rows and columns, and few bytes hold it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from agent.model import ABSENT_BITS, STALE_BITS
from agent.store.pages import PAGE_COLUMNS, decode, encode, pack, unpack

SIGNALLING = 0x7FF0000000000009
ODD_BITS = [ABSENT_BITS, STALE_BITS, SIGNALLING, 0x7FF8000000000001, -0x10000000000000, 0x7FF0000000000000, -(2**63)]
CELL_BITS = st.one_of(
    st.floats(width=64).map(lambda value: int(np.array(value).view(np.int64))),
    st.integers(-(2**63), 2**63 - 1),
    st.sampled_from(ODD_BITS),
    st.integers(-1000, 1000).map(lambda value: int(np.array(value / 100).view(np.int64))),
    st.integers(0, 50).map(lambda value: int(np.array(float(value)).view(np.int64))),
)
PAGES = hnp.arrays(np.int64, st.tuples(st.integers(1, 40), st.integers(1, 12)), elements=CELL_BITS, fill=CELL_BITS)


def opened(page: bytes, rows: int, columns: int) -> np.ndarray:
    cells = decode(page, None, 0, rows)
    assert cells.shape == (rows, columns)
    return cells.view(np.int64)


@given(bits=PAGES)
def test_every_bit_pattern_comes_back(bits):
    """Numbers, NaN payloads, infinities, negative zero and arbitrary bits are what they were."""
    assert np.array_equal(opened(encode(bits.view(np.float64)), *bits.shape), bits)


@given(bits=PAGES, data=st.data())
def test_any_rows_and_columns_can_be_read(bits, data):
    """A part of a page, in any order of columns, is that part of the whole."""
    rows, columns = bits.shape
    lo = data.draw(st.integers(0, rows))
    hi = data.draw(st.integers(lo, rows))
    wanted = np.array(data.draw(st.lists(st.integers(0, columns - 1), unique=True)), dtype=np.intp)
    cells = decode(encode(bits.view(np.float64)), wanted, lo, hi)
    assert np.array_equal(cells.view(np.int64), bits[lo:hi, wanted])


@given(numbers=st.lists(st.integers(-(2**63), 2**63 - 1), max_size=40))
def test_lists_of_integers_come_back(numbers):
    """What is packed is unpacked, whatever its length."""
    assert unpack(pack(np.array(numbers, dtype=np.int64))).tolist() == numbers


def _counters(random, rows):
    return np.cumsum(random.poisson(10 ** random.uniform(-1, 3, PAGE_COLUMNS), (rows, PAGE_COLUMNS)), axis=0) * 1.0


def _gauges(random, rows):
    return np.round(50 + np.cumsum(random.normal(0, 0.3, (rows, PAGE_COLUMNS)), axis=0), 2)


def _gappy(random, rows):
    cells = _counters(random, rows)
    cells.view(np.int64)[: rows // 3, ::2] = ABSENT_BITS
    return cells


def _constants(random, rows):
    return np.tile(random.normal(0, 1, PAGE_COLUMNS), (rows, 1))


@pytest.mark.parametrize(
    ("make", "bytes_per_cell"), [(_counters, 0.9), (_gauges, 1.1), (_gappy, 0.9), (_constants, 0.05)]
)
def test_pages_are_small(make, bytes_per_cell):
    """Of 240 rows, counters and gauges take about a byte a cell, absence and constants next to nothing."""
    cells = make(np.random.default_rng(5), 240)
    page = encode(cells)
    assert np.array_equal(opened(page, *cells.shape), cells.view(np.int64))
    assert len(page) / cells.size < bytes_per_cell


def test_a_full_width_page_of_one_row_is_possible():
    """The edges of the shape: one row, all columns."""
    cells = np.arange(float(PAGE_COLUMNS)).reshape(1, -1)
    assert np.array_equal(opened(encode(cells), 1, PAGE_COLUMNS), cells.view(np.int64))
