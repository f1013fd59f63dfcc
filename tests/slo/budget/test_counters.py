"""From pages to events: resets, births, gaps and restarts, each as an event is: it counts once, or it is not known."""

from __future__ import annotations

import numpy as np
import pytest

from agent.model import ABSENT_NAN, HISTOGRAM_NAN, STALE_NAN, Columns, Labels, Row
from agent.slo.budget.counters import Scrapes
from tests.slo.budget.service import metric

GONE = ABSENT_NAN
DOWN = None


def risen(*pages, names=("a", "b")):
    """Return what each column rose by at each page after the first, None where nothing is known or nothing was heard."""
    scrapes, columns = Scrapes(), Columns([metric(each) for each in names])
    found = []
    for number, page in enumerate(pages):
        if page is DOWN:
            scrapes.failed("target", "connection refused")
        else:
            scrapes.landed("target", Row(columns, (1_000 + number * 15) * 1000, np.asarray(page, dtype=float)))
        heard = scrapes.increases()
        values = heard[0].values if heard else None
        found.append(None if values is None else [None if np.isnan(each) else float(each) for each in values])
    return found[1:]


@pytest.mark.parametrize(
    ("pages", "wanted"),
    [
        pytest.param([(5, 1), (7, 1)], [[2, 0]], id="a counter rises"),
        pytest.param([(5, 1), (3, 1)], [[3, 0]], id="a counter that fell was reset, and its value counts"),
        pytest.param([(5, 1), (0, 1), (4, 1)], [[0, 0], [4, 0]], id="a counter that begins at 0 again"),
        pytest.param([(5, GONE), (6, 3)], [[1, 3]], id="a series born between two scrapes counts from 0"),
        pytest.param([(5,), (6, 3)], [[1, 3]], id="a column that was never there before is born"),
        pytest.param(
            [(5, 1), (6, GONE), (7, 4)], [[1, None], [1, 3]], id="a series that was away is compared with what it was"
        ),
        pytest.param([(5, 1), (6, STALE_NAN), (7, 4)], [[1, None], [1, 3]], id="a stale one was away"),
        pytest.param([(5, 1), (6, HISTOGRAM_NAN)], [[1, None]], id="a native histogram is no counter"),
        pytest.param(
            [(5, 1), DOWN, (9, 2)], [None, [4, 1]], id="what happened while the target failed counts when it is back"
        ),
        pytest.param([DOWN, (9, 2), (10, 2)], [None, [1, 0]], id="the first page ever is only compared with"),
        pytest.param([(5, 1), DOWN, (2, 0)], [None, [2, 0]], id="a target that was restarted while it failed"),
    ],
)
def test_increases_between_pages(pages, wanted):
    assert risen(*pages) == wanted


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_value_that_is_no_number_is_passed_on_as_it_is_and_does_not_stay(value):
    scrapes, columns = Scrapes(), Columns([metric("a")])
    rose = []
    for number, each in enumerate((5.0, value, value, 7.0)):
        scrapes.landed("target", Row(columns, number, np.asarray([each])))
        rose += [each.values[0] for each in scrapes.increases()]

    np.testing.assert_equal(rose, [value, value, 2.0])


def test_a_restart_between_two_scrapes_does_not_hide_behind_counters_that_have_overtaken_themselves():
    pages = [(990, 5, 1.0), (990, 9, 1.3), (1_016, 12, 3.0)]

    found = risen(*pages, names=("process_start_time_seconds", "a", "b"))

    assert [each[1:] for each in found] == [[4, pytest.approx(0.3)], [12, 3.0]]


def test_an_exporter_that_was_restarted_passes_on_counters_that_are_not_its_own():
    """Had they begun at 0, the millions of their whole life would be events of one scrape."""
    pages = [(10, 5_000_000, 80), (10, 5_000_100, 80), (1_016, 5_000_200, 81), (1_016, 5_000_300, 81)]

    found = risen(*pages, names=("process_start_time_seconds", "a", "b"))

    assert [each[1:] for each in found] == [[100, 0], [100, 1], [100, 0]]


def test_a_start_that_wobbles_is_no_restart():
    assert risen((100.0, 5), (100.4, 9), names=("process_start_time_seconds", "a"))[0][1] == 4


def test_two_pages_between_two_questions_are_added():
    scrapes, columns = Scrapes(), Columns([metric("a")])
    for number, value in enumerate((5, 8, 2, 4)):
        scrapes.landed("target", Row(columns, number, np.asarray([float(value)])))

    assert scrapes.increases()[0].values.tolist() == [3 + 2 + 2]
    assert scrapes.increases() == []


def test_a_page_that_comes_twice_counts_once():
    scrapes, columns = Scrapes(), Columns([metric("a")])
    for at, value in ((0, 5), (1, 8), (1, 8)):
        scrapes.landed("target", Row(columns, at, np.asarray([float(value)])))

    assert scrapes.increases()[0].values.tolist() == [3]


def test_series_are_found_again_when_the_producer_begins_anew():
    scrapes = Scrapes()
    scrapes.landed("target", Row(Columns([metric("a"), metric("b")]), 0, np.asarray([5.0, 50.0])))
    scrapes.landed("target", Row(Columns([metric("b"), metric("c"), metric("a")]), 1, np.asarray([52.0, 3.0, 9.0])))

    assert scrapes.increases()[0].values.tolist() == [2, 3, 4]


def test_a_row_from_before_a_restart_is_what_the_first_page_is_compared_with():
    scrapes, columns = Scrapes(), Columns([metric("a")])
    scrapes.primed("target", Row(columns, 0, np.asarray([5.0])))
    assert scrapes.increases() == []
    scrapes.landed("target", Row(Columns([Labels(metric("a"))]), 1, np.asarray([8.0])))

    assert scrapes.increases()[0].values.tolist() == [3]


def test_a_target_that_is_forgotten_begins_anew():
    scrapes, columns = Scrapes(), Columns([metric("a")])
    for at in (0, 1):
        scrapes.landed("target", Row(columns, at, np.asarray([5.0])))
    scrapes.forget("target")
    assert scrapes.increases() == []
    scrapes.landed("target", Row(columns, 2, np.asarray([50.0])))
    assert scrapes.increases() == []
