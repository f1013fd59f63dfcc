"""The line cache: whatever came before, a page reads as the full parser reads it, and its rows tell what went away."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agent.collect import RelabelConfig, parse_exposition
from agent.collect.lines import PageReader
from agent.collect.naming import SeriesNaming
from agent.collect.rows import GENERATION_ROWS, RowWriter
from agent.collect.spec import job_defaults
from agent.errors import ScrapeError
from agent.model import Labels, Row, is_absent, is_stale

TARGET = Labels.of(job="rag", instance="a:1")


class Pages:
    """A target without HTTP: pages in, rows out."""

    def __init__(self, *, max_samples: int = 1000, honor_timestamps: bool = True, **job) -> None:
        naming = SeriesNaming(TARGET, job_defaults(**job))
        self.writer = RowWriter([naming.report("up")])
        self.reader = PageReader(naming, self.writer, max_samples=max_samples, honor_timestamps=honor_timestamps)
        self.now = 0
        self.page = None

    def row(self, text: str) -> dict[str, float | str]:
        """Read a page and return its row by series, without `up` and the target's labels."""
        self.now += 1000
        self.page = self.reader.read(text.encode())
        return shown(self.writer.row(self.now, self.page.cells, self.page.values, [1.0], self.page.stamped))

    def failed(self) -> dict[str, float | str]:
        self.now += 1000
        return shown(self.writer.row(self.now, np.empty(0, dtype=np.intp), np.empty(0), [0.0]))


def shown(row: Row) -> dict[str, float | str]:
    stale, absent = is_stale(row.values), is_absent(row.values)
    return {
        str(labels.without("job", "instance")): "stale" if stale[column] else float(row.values[column])
        for column, labels in enumerate(row.columns.labels)
        if labels.name != "up" and not absent[column]
    }


def test_the_second_page_is_read_from_the_cache():
    """Same lines, other values: the same cells array comes again and nothing is new."""
    pages = Pages()
    assert pages.row('# TYPE a counter\na 1\nb{x="1 2"} 2\n') == {"a": 1.0, 'b{x="1 2"}': 2.0}
    assert (pages.page.added, pages.page.scraped, pages.page.kept) == (2, 2, 2)
    cells = pages.page.cells
    assert pages.row('# TYPE a counter\na 1.5\nb{x="1 2"} +Inf\n') == {"a": 1.5, 'b{x="1 2"}': float("inf")}
    assert pages.page.cells is cells
    assert (pages.page.added, pages.page.scraped, pages.page.kept) == (0, 2, 2)


def test_a_series_that_is_missing_ends_once():
    """Its next cell is a staleness marker, the ones after are absent; when it comes back it is a value again."""
    pages = Pages()
    pages.row("a 1\nb 2\n")
    assert pages.row("a 2\n") == {"a": 2.0, "b": "stale"}
    assert pages.row("a 3\n") == {"a": 3.0}
    assert pages.row("b 4\na 4\n") == {"a": 4.0, "b": 4.0}


def test_a_failed_scrape_ends_every_series_and_the_next_page_starts_them_again():
    """Also when the page is exactly the one before the failure."""
    pages = Pages()
    pages.row("a 1\nb 2\n")
    assert pages.failed() == {"a": "stale", "b": "stale"}
    assert pages.failed() == {}
    assert pages.row("a 1\nb 2\n") == {"a": 1.0, "b": 2.0}
    assert pages.row("a 1\nb 2\n") == {"a": 1.0, "b": 2.0}


def test_timestamps_of_their_own_are_kept_apart_from_the_row():
    """They are stamped samples, exempt from staleness, on the first page and on the cached one."""
    pages = Pages()
    for value in (1, 2):
        assert pages.row(f'a {value}\nown{{x="1"}} {value} 77{value}\n') == {"a": float(value)}
        (sample,) = pages.page.stamped
        assert (sample.labels.name, sample.value, sample.timestamp_ms) == ("own", float(value), 770 + value)
        assert pages.page.kept == 2
    assert pages.row("a 3\n") == {"a": 3.0}


def test_timestamps_are_ignored_when_they_are_not_honoured():
    """Then the sample lies in the row, at the scrape's time, and goes stale as any other."""
    pages = Pages(honor_timestamps=False)
    assert pages.row("a 1 123\nb 2\n") == {"a": 1.0, "b": 2.0}
    assert pages.row("a 5 456\nb 2\n") == {"a": 5.0, "b": 2.0}
    assert pages.row("b 2\n") == {"a": "stale", "b": 2.0}


def test_a_series_given_twice_keeps_its_first_value():
    """The rest is counted, on the cached page too; the agent's own `up` wins against the page's."""
    pages = Pages()
    for number in (1, 2):
        assert pages.row(f"a {number}\nb 1\na 9\nup 5\n") == {"a": float(number), "b": 1.0}
        assert pages.page.dropped == {"duplicate_series": 2}


@pytest.mark.parametrize("bad", ["a 1_0", "a ١", "a 1\r", "a 1e999", "a 0x1", "a", "a ", "a 1\t9x"])
def test_a_cached_line_is_no_looser_than_the_parser(bad):
    """A known series with a value that Prometheus would refuse is refused, with its place."""
    pages = Pages()
    pages.row("b 0\na 1\n")
    with pytest.raises(ScrapeError, match=r"^2:\d+: expected"):
        pages.row(f"b 0\n{bad}\n")
    assert pages.row("b 0\na 1\n") == {"a": 1.0, "b": 0.0}


def test_a_changed_type_line_is_noticed():
    """Only the last word differs: metadata and the bounds of new lines follow."""
    pages = Pages()
    pages.row('# TYPE h gauge\nh{le="1"} 1\n')
    pages.row('# TYPE h histogram\nh{le="1"} 1\nh{le="2"} 1\n')
    assert pages.reader.metadata["h"].type == "histogram"
    assert 'h{le="2.0"}' in pages.row('# TYPE h histogram\nh{le="1"} 1\nh{le="2"} 1\n')


def test_a_new_line_knows_the_type_above_it_although_that_was_seen_before():
    """A bucket that appears later is normalised as its neighbours were."""
    pages = Pages()
    pages.row('# TYPE h histogram\nh_bucket{le="1"} 1\n# TYPE g gauge\ng{le="1"} 1\n')
    row = pages.row(
        '# TYPE h histogram\nh_bucket{le="1"} 1\nh_bucket{le="2"} 1\n# TYPE g gauge\ng{le="1"} 1\ng{le="2"} 1\n'
    )
    assert set(row) == {'h_bucket{le="1.0"}', 'h_bucket{le="2.0"}', 'g{le="1"}', 'g{le="2"}'}


def test_a_page_with_too_many_samples_is_refused_whole():
    """The limit counts samples after relabeling, timestamps included."""
    drop = RelabelConfig(source_labels=("__name__",), regex="noise.*", action="drop")
    pages = Pages(max_samples=2, metric_relabel_configs=(drop,))
    assert pages.row("a 1\nb 1\nnoise1 1\nnoise2 1\n") == {"a": 1.0, "b": 1.0}
    assert (pages.page.scraped, pages.page.kept) == (4, 2)
    for page in ("a 1\nb 1\nc 1\n", "a 1\nb 1 5\nc 1 5\n"):
        with pytest.raises(ScrapeError, match="more than 2 samples") as caught:
            pages.row(page)
        assert caught.value.reason == "sample_limit"


@pytest.mark.parametrize(
    ("limit", "line"),
    [
        ({"label_limit": 4}, 'a{x="1",y="2"} 1'),
        ({"label_name_length_limit": 10}, 'a{a_long_name="1"} 1'),
        ({"label_value_length_limit": 5}, 'a{x="longer"} 1'),
    ],
)
def test_label_limits_refuse_the_page_and_name_the_series(limit, line):
    """The job's limits fail the scrape, as Prometheus' do."""
    pages = Pages(**limit)
    assert pages.row("a 1\n") == {"a": 1.0}
    with pytest.raises(ScrapeError, match=r"series a\{.*limit is") as caught:
        pages.row(line)
    assert caught.value.reason == "label_limit"


def test_monstrous_labels_cost_their_series_only():
    """A megabyte of label name is left out and counted at each page; its neighbours are kept."""
    pages = Pages()
    monster = f'a{{{"x" * 1_000_000}="1"}} 1\nb{{v="{"y" * 100_000}"}} 1\nc 1\n'
    for _ in range(2):
        assert pages.row(monster) == {"c": 1.0}
        assert pages.page.dropped == {"label_too_long": 2}


def test_labels_of_the_target_and_of_the_page():
    """A clash renames the page's label; honor_labels keeps it; an empty one with honor_labels removes the target's."""
    page = 'a{job="x",exported_job="y"} 1\nb{instance=""} 1\n'
    pages = Pages()
    pages.row(page)
    labels = {each.name: dict(each) for each in pages.writer.columns.labels}
    assert labels["a"] == {
        "__name__": "a",
        "job": "rag",
        "instance": "a:1",
        "exported_job": "y",
        "exported_exported_job": "x",
    }
    assert labels["b"] == {"__name__": "b", "job": "rag", "instance": "a:1"}
    pages = Pages(honor_labels=True)
    pages.row(page)
    labels = {each.name: dict(each) for each in pages.writer.columns.labels}
    assert labels["a"] == {"__name__": "a", "job": "x", "instance": "a:1", "exported_job": "y"}
    assert labels["b"] == {"__name__": "b", "job": "rag"}


def test_half_dead_columns_start_a_new_generation():
    """When more than half of many columns are dead for long, the living ones move; staleness goes on over the move."""
    pages = Pages()
    wide = "".join(f"m{number} 1\n" for number in range(300))
    pages.row(wide + "a 1\nb 1\n")
    before = pages.writer.columns
    for number in range(GENERATION_ROWS):
        assert pages.writer.columns is before
        pages.row(f"a {number}\nb 1\n")
    assert pages.writer.columns is not before
    assert [each.name for each in pages.writer.columns.labels] == ["up", "a", "b"]
    assert pages.row("a 7\n") == {"a": 7.0, "b": "stale"}
    assert pages.page.added == 0


def test_churning_pages_do_not_grow_without_end():
    """Every page has new series and new comments: columns and caches stay in the order of a few pages."""
    pages = Pages()
    for number in range(200):
        lines = (
            f'm{{n="{number}-{each}"}} 1\n# note {number} {each}\nown{{n="{number}-{each}"}} 1 5\n'
            for each in range(100)
        )
        pages.row("".join(lines))
        assert len(pages.writer.columns) < 20 * 100
        assert len(pages.reader._shape.keys) == 301


def test_rows_of_a_producer_that_goes_away_end_everything():
    """Reports end too, for `up` of a target that is no longer watched is not 0, it is gone."""
    pages = Pages()
    pages.row("a 1\n")
    row = pages.writer.ending(9000)
    assert is_stale(row.values).tolist() == [True, True]


LINES = st.sampled_from(
    [
        "a 1",
        "a 2",
        'b{x="1"} 1',
        'b{x="1"} 2.5',
        'b{x="2"} NaN',
        "own 1 5",
        "own 2 6",
        "# TYPE b gauge",
        "# TYPE b summary",
        "",
        "# note",
        'c{quantile="1"} 3',
        'c{quantile="0.5"} 4',
        'd{x=""} 1',
        "\te\t5",
        "f  7 ",
    ]
)


def as_written(names):
    """A bound is normalised by the type line that stood above it when the line was first seen, so names say it either way."""
    return {name.replace('"1.0"', '"1"') for name in names}


@given(st.lists(st.lists(LINES, max_size=8), min_size=1, max_size=6))
@example([['c{quantile="1"} 3', "# TYPE b summary", 'c{quantile="1"} 3'], ['c{quantile="1"} 3']])
@example([['c{quantile="1"} 3'], ["# TYPE b summary", 'c{quantile="1"} 3']])
def test_a_page_reads_the_same_whatever_came_before(texts):
    """Cached and fresh reading agree on every page, and with the plain parser on values and staleness."""
    pages, live = Pages(), set()
    for lines in texts:
        text = "\n".join(lines) + "\n"
        expected, stamped = {}, []
        for labels, value, timestamp in parse_exposition(text).samples:
            if timestamp is None:
                expected.setdefault(str(labels), value)
            else:
                stamped.append((labels.name, value, timestamp))
        found = pages.row(text)
        stale = as_written(name for name, value in found.items() if value == "stale")
        assert stale == as_written(live) - as_written(expected)
        values = {name: value for name, value in found.items() if value != "stale"}
        assert as_written(values) == as_written(expected)
        assert [(each.labels.name, each.value, each.timestamp_ms) for each in pages.page.stamped] == stamped
        live = set(values)
