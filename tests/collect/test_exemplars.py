"""From a page to a row: exemplars that are new, and series with timestamps of their own that end."""

from __future__ import annotations

import pytest
from aiohttp import web

from agent.collect import RelabelConfig
from agent.collect.lines import PageReader
from agent.collect.naming import SeriesNaming
from agent.collect.openmetrics import OpenMetricsText
from agent.collect.rows import RowWriter
from agent.collect.spec import job_defaults
from agent.model import STALE_BITS, Labels

OPENMETRICS = {"Content-Type": "application/openmetrics-text; version=1.0.0"}


class Pages:
    """A target without HTTP that speaks OpenMetrics."""

    def __init__(self, **job):
        self.reader = PageReader(
            SeriesNaming(Labels.of(job="rag"), job_defaults(**job)),
            RowWriter(),
            max_samples=100,
            grammar=OpenMetricsText,
        )

    def exemplars(self, *lines):
        self.page = self.reader.read("\n".join([*lines, "# EOF\n"]).encode())
        return [(series.name, dict(each.pairs), each.value, each.timestamp_ms) for series, each in self.page.exemplars]


def test_an_exemplar_is_told_once():
    """While the same one stands at a line it is no news, whatever the value before it does; another one is."""
    pages = Pages()
    first = [("a_total", {"t": "1"}, 0.5, 1_000)]
    assert pages.exemplars('a_total 1 # {t="1"} 0.5 1') == first
    assert pages.exemplars('a_total 1 # {t="1"} 0.5 1') == []
    assert pages.exemplars('a_total 2 # {t="1"} 0.5 1') == []
    assert pages.page.values.tolist() == [2.0]
    assert pages.exemplars('a_total 3 # {t="2"} 0.5 1') == [("a_total", {"t": "2"}, 0.5, 1_000)]
    assert pages.exemplars("a_total 4") == []
    assert pages.page.values.tolist() == [4.0]
    assert pages.exemplars('a_total 4 # {t="1"} 0.5 1') == first


def test_an_exemplar_is_told_once_although_the_page_changes():
    """A line that is new elsewhere on the page makes no old exemplar new."""
    pages = Pages()
    assert len(pages.exemplars('a_total 1 # {t="1"} 0.5', 'b_total 1 # {t="1"} 0.5')) == 2
    assert pages.exemplars("c 1", 'b_total 1 # {t="1"} 0.5', 'a_total 1 # {t="1"} 0.5') == []
    assert pages.exemplars("c 1", 'b_total 1 # {t="3"} 0.5', 'a_total 1 # {t="1"} 0.5') == [
        ("b_total", {"t": "3"}, 0.5, None)
    ]


def test_exemplars_belong_to_the_series_as_it_is_kept():
    """Of a series that relabeling leaves out there are none; one at a sample with its own time takes that time."""
    drop = RelabelConfig(source_labels=("__name__",), regex="drop.*", action="drop")
    pages = Pages(metric_relabel_configs=(drop,))
    assert pages.exemplars(
        'drop_total 1 # {t="1"} 0.5', 'a_total 1 7 # {t="1"} 0.5', 'b_total 1 7 # {t="1"} 0.5 3'
    ) == [
        ("a_total", {"t": "1"}, 0.5, 7_000),
        ("b_total", {"t": "1"}, 0.5, 3_000),
    ]


@pytest.mark.parametrize(("length", "kept"), [(127, 1), (128, 0)])
def test_an_exemplar_of_more_than_128_characters_is_left_out(length, kept):
    """Characters, not bytes, of names and values together; the sample is kept."""
    pages = Pages()
    assert len(pages.exemplars(f'a_total 1 # {{t="{"ü" * length}"}} 0.5')) == kept
    assert pages.page.long_exemplars == 1 - kept
    assert pages.page.values.tolist() == [1.0]


async def test_an_exemplar_without_a_time_has_the_scrapes(serve, bench):
    """The row carries it with the series' final labels, and one that is too long is counted."""

    async def answer(_):
        text = f'a_total 1 # {{t="1"}} 0.5\nb_total 1 # {{t="{"x" * 200}"}} 1\n# EOF\n'
        return web.Response(body=text.encode(), headers=OPENMETRICS)

    target = bench(await serve(answer))
    await target.scraper.scrape(5_000)
    (exemplar,) = target.rows[0].exemplars
    assert (exemplar.timestamp_ms, exemplar.value, str(exemplar.labels)) == (5_000, 0.5, '{t="1"}')
    assert exemplar.series in target.rows[0].columns.labels
    assert target.counted("burnline_exemplars_dropped_total", reason="too_long") == 1
    await target.scraper.scrape(6_000)
    assert list(target.rows[1].exemplars) == []


@pytest.mark.parametrize("tracked", [False, True])
async def test_a_series_with_its_own_time_ends_where_that_is_tracked(serve, bench, text, tracked):
    """By a staleness marker at the scrape's time, once, also when a scrape fails or the target goes away."""
    pages = text("a 1 100\nb 1 100\n", "a 1 200\n", "a 1 200\n", 500, "a 1 300\n")
    target = bench(await serve(pages), track_timestamps_staleness=tracked)
    for at_ms in range(1000, 6000, 1000):
        await target.scraper.scrape(at_ms)
    target.scraper.retire(6000)

    def ends(row):
        return [
            each.labels.name
            for each in row.stamped
            if _bits(each.value) == STALE_BITS and each.timestamp_ms == row.timestamp_ms
        ]

    expected = [[], ["b"], [], ["a"], [], ["a"]] if tracked else [[]] * 6
    assert [ends(row) for row in target.rows] == expected


def _bits(value):
    import struct

    return struct.unpack("<q", struct.pack("<d", value))[0]
