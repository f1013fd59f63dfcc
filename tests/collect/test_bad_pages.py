"""Pages that nobody should send: the fast reader refuses what the grammar refuses, and what it takes is right and bounded."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agent.collect.lines import PageReader
from agent.collect.naming import SeriesNaming
from agent.collect.openmetrics import OpenMetricsText
from agent.collect.prometheus_text import PrometheusText
from agent.collect.rows import RowWriter
from agent.collect.spec import job_defaults
from agent.errors import ScrapeError
from agent.model import Labels
from tests.collect.slow_reference import read_page

GRAMMARS = {False: PrometheusText, True: OpenMetricsText}


def reader(openmetrics=False, max_samples=1000, **job):
    naming = SeriesNaming(Labels.of(job="j"), job_defaults(**job))
    return PageReader(naming, RowWriter(), max_samples=max_samples, grammar=GRAMMARS[openmetrics])


def as_kept(samples):
    """What a row may hold of these samples: the first of each series, and those with timestamps apart."""
    cells, stamped = {}, []
    for labels, value, timestamp, _ in samples:
        series = Labels({**{_renamed(name): text for name, text in labels.items()}, "job": "j"})
        if not series.name:
            continue
        if timestamp is None:
            cells.setdefault(series, value)
        else:
            stamped.append((series, timestamp, value))
    return cells, stamped


def _renamed(name):
    return "exported_job" if name == "job" else name


def same(one, other):
    return one == other or (math.isnan(one) and math.isnan(other))


def check(pages, body, openmetrics):
    """Read one page and compare it with the slow reading."""
    expected = read_page(body, openmetrics)
    try:
        page = pages.read(body)
    except ScrapeError as error:
        assert expected is None, f"{error} on {body!r}"
        assert error.reason == "parse"
        assert len(str(error)) < 400
        return
    assert expected is not None, f"taken, although the grammar refuses it: {body!r}"
    cells, stamped = as_kept(expected)
    labels = pages._writer.columns.labels
    found = {labels[column]: float(value) for column, value in zip(page.cells, page.values, strict=True)}
    assert found.keys() == cells.keys()
    assert all(same(found[series], value) for series, value in cells.items()), body
    assert [(each.labels, each.timestamp_ms) for each in page.stamped] == [each[:2] for each in stamped]
    assert all(same(each.value, value) for each, (_, _, value) in zip(page.stamped, stamped, strict=True))
    assert page.scraped == len(expected)


PIECES = st.sampled_from(
    [
        *('a', 'b_c', ':d', '9', 'ä', '{', '}', '{}', '"', 'x="1"', 'y="2"', '"a.b"', '"x.y"="1"', ',', '=', "'", '\\'),
        *(' ', ' ', ' ', '\t', '\r', '\x00', '\n', '\n', '# EOF\n', '# EOF', '# ', '# TYPE a gauge\n', '# HELP a b\n'),
        *('# UNIT a_s s\n', ' # {t="1"} 2', ' # {} 1 5', '1', '2.5', '-0', '+1', '.5', '5.', '007', '1e3', '1e400', '1e-400'),
        *('NaN', 'nan', '+NaN', '-nan', '+Inf', '-inf', 'Infinity', 'null', 'true', '1_0', '0x1', '1,2', '[]', ' 1700000000'),
        *(' -5', ' 1.5', ' 99999999999999999999', '\u0661', '\ufeff', '__name__="z"', 'job="k"'),
    ]
)  # fmt: skip
LINES = st.sampled_from(
    [
        *('a 1', 'a 2', 'a 2.5', 'a NaN', 'a nan', 'a +Inf', 'a 1e400', 'a +1', 'a .5', 'a 007'),
        *('a 1 5', 'a -0', 'a 2 6', 'a 1_0', 'a null'),
        *('a{x="1"} 1', 'a{x="1"} 2', 'a{x="1"}  3', 'a{x="1"} 4 # {t="1"} 1'),
        *('a{x="1"} 5 # {t="2"} 1 7', 'a{x="1"} 6 7 # {} 1'),
        *('b{x="1",y="2"} 1', 'b{x="1",y="2",} 2', 'b{ x = "1" } 3', 'b{x="1" y="2"} 4'),
        *('{"a.b"} 1', '{"a.b","c"} 1', '{x="1"} 1'),
        *('', '# note', '# TYPE a gauge', '# TYPE a untyped', '# HELP a b', '# EOF', 'a', 'a '),
        *(' a 1', 'a 1 ', 'a\t1', 'a 1\r', 'a 1,2'),
        *('c{x="} 1"} 2', 'c{x=" # {t=\\"1\\"} 1"} 2', 'c{x="\x00"} 1', 'a{x="1",x="2"} 1', 'NaN'),
        *('1', 'a 1\x00', 'job{job="k"} 1'),
    ]
)  # fmt: skip


@given(st.booleans(), st.lists(PIECES, max_size=12).map("".join))
@example(True, "a 1\n# EOF\n")
@example(False, 'a{x="1"} 1 -5\nNaN 1\n')
def test_what_pieces_make_is_taken_or_refused_as_the_grammar_says(openmetrics, text):
    check(reader(openmetrics), text.encode(), openmetrics)


@given(st.booleans(), st.binary(max_size=40))
def test_bytes_are_taken_or_refused_as_the_grammar_says(openmetrics, body):
    check(reader(openmetrics), body, openmetrics)


@given(st.booleans(), st.lists(st.lists(LINES, max_size=6), min_size=1, max_size=5), st.booleans())
@example(False, [["a 1"], ["NaN"], ["a 1"]], False)
@example(False, [["# a", "# b"], ["# a # b"]], False)
@example(False, [["# TYPE a untyped"], ['b{x="1",y="2"} 1']], False)
@example(False, [["a 1", "# TYPE a gauge"], ["a 1", "# TYPE a gauze"]], False)
@example(False, [["bb 1", "# a"], ["NaN", ""]], False)
@example(True, [["a 1", "# EOF"], ["a 1", "# EOF", "a 1"]], False)
@example(False, [["a 1", ""], ["a 1", "1"]], False)
def test_a_page_after_others_is_taken_or_refused_as_the_grammar_says(openmetrics, texts, ended):
    """Whatever pages came before, also refused ones: what is remembered of them makes nothing looser and nothing wrong."""
    pages = reader(openmetrics)
    for lines in texts:
        body = "\n".join(lines) + "\n" + ("# EOF\n" if openmetrics and ended else "")
        check(pages, body.encode(), openmetrics)


@given(
    st.lists(st.floats(width=64), min_size=1, max_size=20),
    st.sampled_from([repr, "{:g}".format, "{:.3f}".format, "{:e}".format]),
)
def test_numbers_are_read_as_float_reads_them(numbers, write):
    """All numbers of a page go through one decoder; each comes out as if it had been alone, on the first page and after."""
    pages = reader(max_samples=50)
    for _ in range(2):
        body = "".join(f'a{{n="{index}"}} {write(value)}\n' for index, value in enumerate(numbers))
        page = pages.read(body.encode())
        expected = np.array([float(write(value)) for value in numbers])
        assert np.array_equal(page.values, expected, equal_nan=True)
        assert np.array_equal(np.signbit(page.values), np.signbit(expected) & ~np.isnan(expected))


def bounded(work, limit):
    """Do the work and say that it never held more than `limit` bytes beside what was there."""
    tracemalloc.start()
    try:
        work()
        assert tracemalloc.get_traced_memory()[1] < limit
    finally:
        tracemalloc.stop()


def refused(pages, body, reason):
    with pytest.raises(ScrapeError) as caught:
        pages.read(body)
    assert caught.value.reason == reason
    assert len(str(caught.value)) < 400


def test_a_million_series_in_one_page_cost_nothing_but_the_page():
    """They are counted before one of them is taken apart, and the next good page is read as ever."""
    body = b"".join(b'a{n="%d"} 1\n' % number for number in range(1_000_000))
    pages = reader(max_samples=500_000)
    bounded(lambda: refused(pages, body, "sample_limit"), 1_000_000)
    assert len(pages.read(b"a 1\n").cells) == 1
    assert len(pages._writer.columns) == 1


def test_a_line_without_end_is_one_error():
    """Four megabytes without a line break: the error shows forty characters of them."""
    for body in (b"a" * 2**22, b"a 1" + b"0" * 2**22, b'a{x="' + b"y" * 2**22, b"# " + b"z" * 2**22 + b"\na b\n"):
        refused(reader(), body, "parse")


def test_a_megabyte_of_label_names_costs_its_series_only():
    """One name of a megabyte, and a hundred thousand names: left out, counted, the rest is kept."""
    many = b",".join(b'l%d="1"' % number for number in range(100_000))
    body = b'a{%b="1"} 1\nb{%b} 2\nc 3\n' % (b"x" * 2**20, many)
    pages = reader()
    for _ in range(2):
        page = pages.read(body)
        assert page.values.tolist() == [3.0]
        assert page.dropped == {"label_too_long": 2}


def test_pages_that_change_entirely_at_every_scrape_do_not_make_the_reader_grow():
    """What is remembered is one page; the columns start anew when most of them are dead."""
    pages = reader()
    writer = pages._writer

    def scrape(number):
        page = pages.read(b"".join(b'a{n="%d-%d"} 1\n' % (number, each) for each in range(500)))
        writer.row(number, page.cells, page.values)

    for number in range(60):
        scrape(number)
        assert len(pages._shape.keys) == 501
        assert len(writer.columns) <= 500 * 14


def test_refused_pages_leave_no_columns_behind():
    """A page that is wrong at its end, with new series each time, costs nothing that lasts."""
    pages = reader()
    for number in range(20):
        refused(pages, b'a{n="%d"} 1\nb x\n' % number, "parse")
    assert len(pages._writer.columns) == 0


@pytest.mark.parametrize("text", ["1e400", "-1e400", "1e999999999", "1" + "0" * 400])
def test_a_number_past_a_float64_is_refused(text):
    """First and on a page that was read before; one below it is zero, as for Prometheus."""
    refused(reader(), f"a {text}\n".encode(), "parse")
    pages = reader()
    pages.read(b"a 1\n")
    refused(pages, f"a {text}\n".encode(), "parse")
    assert pages.read(b"a 1e-999999999\n").values.tolist() == [0.0]
