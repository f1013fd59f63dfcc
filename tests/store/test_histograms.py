"""Native histograms as cells and back: nothing is lost, whatever layouts a series goes through."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from agent.model import ABSENT_BITS, STALE_NAN, Buckets, Histogram, Labels, absent_row
from agent.store.histograms import bundles, cells_of, histograms_of, part_labels, parts_of, split_labels
from tests.query.native.samples import histograms

SERIES = Labels.of(__name__="h", job="j", le="not a bucket")


def kept(several: list[Histogram]) -> tuple[list[Labels], np.ndarray]:
    """Rows of cells with a column for each part that any of the histograms has, in the order of coming."""
    columns: dict[Labels, int] = {}
    rows = []
    for each in several:
        places = [columns.setdefault(part_labels(SERIES, part), len(columns)) for part in parts_of(each)]
        rows.append((places, cells_of(each)))
    cells = np.stack([absent_row(len(columns)) for _ in several])
    for row, (places, values) in enumerate(rows):
        cells[row, places] = values
    return list(columns), cells


def read(columns: list[Labels], cells: np.ndarray) -> list[Histogram | None]:
    """What the cells hold, row by row."""
    found: list[Histogram | None] = [None] * len(cells)
    parts = [(split_labels(labels)[1], column) for column, labels in enumerate(columns)]
    for bundle in bundles(parts):
        rows, made = histograms_of(cells, bundle)
        for row, each in zip(rows.tolist(), made, strict=True):
            assert found[row] is None
            found[row] = each
    return found


@given(st.lists(histograms(), min_size=1, max_size=8))
def test_histograms_come_back_as_they_were_with_their_hints(several):
    columns, cells = kept(several)

    again = read(columns, cells)

    assert again == several
    assert [each.hint for each in again] == [each.hint for each in several]


@given(histograms())
def test_the_columns_carry_the_labels_of_the_series_and_no_page_can_have_such_ones(histogram):
    for part in parts_of(histogram):
        labels = part_labels(SERIES, part)
        assert split_labels(labels) == (SERIES, part)
        assert "" in labels


def test_histograms_of_the_same_buckets_share_their_indexes():
    one, two, other = (
        Histogram(schema=2, count=n, positive=buckets)
        for n, buckets in ((1.0, buckets_at(1, 2)), (2.0, buckets_at(1, 2)), (3.0, buckets_at(1, 2, 5)))
    )

    found = read(*kept([one, other, two, other]))

    assert found[0].positive.index is found[2].positive.index
    assert found[1].positive.index is found[3].positive.index


def buckets_at(*index: int):
    return Buckets(np.array(index), np.ones(len(index)))


def test_a_number_that_would_say_that_there_is_none_is_kept_as_nan():
    histogram = Histogram(count=1.0, sum=STALE_NAN, zero_count=np.array([ABSENT_BITS]).view(np.float64)[0])

    (found,) = read(*kept([histogram]))

    assert math.isnan(found.sum)
    assert math.isnan(found.zero_count)


def test_rows_without_a_histogram_give_none():
    columns, cells = kept([Histogram(count=1.0)])

    assert read(columns, np.stack([absent_row(len(columns)), cells[0]])) == [None, Histogram(count=1.0)]
