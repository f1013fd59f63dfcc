"""Prometheus' protobuf pages: the same series as text has, native histograms whole, and errors that say the byte."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.collect.families import families
from agent.collect.formats import TargetReaders, accept_header, media_type
from agent.collect.naming import SeriesNaming
from agent.collect.rows import RowWriter
from agent.collect.spec import NATIVE_PROTOCOLS, ScrapeJob
from agent.errors import ScrapeError
from agent.model import CUSTOM, HISTOGRAM_BITS, STALE_BITS, Histogram, Labels, ResetHint
from tests.collect.messages import (
    double,
    exemplar,
    family,
    labels,
    metric,
    nested,
    packed,
    signed,
    spans,
    varint,
    whole,
)

PROTOBUF = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
NATIVE = ScrapeJob("j", scrape_native_histograms=True)


def target(job: ScrapeJob = NATIVE, *, reports=()):
    """A target's readers and its writer."""
    writer = RowWriter(reports)
    return TargetReaders(SeriesNaming(Labels(), job), writer, job), writer


def read(body: bytes, job: ScrapeJob = NATIVE, kind: str = PROTOBUF):
    """One page: its floats by series, and its histograms."""
    readers, writer = target(job)
    page = readers.of(kind).read(body)
    floats = {
        str(writer.columns.labels[cell]): value
        for cell, value in zip(page.cells.tolist(), page.values.tolist(), strict=True)
    }
    return floats, {str(series): histogram for series, histogram in page.histograms}, page


INTEGER = (
    signed(5, 3) + double(6, 0.001) + whole(7, 2) + whole(1, 15) + double(2, 18.4)
    + spans(12, (-2, 2), (3, 1)) + packed(13, [1, 1, 3]) + spans(9, (0, 1)) + packed(10, [5])
)  # fmt: skip
FLOAT = (
    signed(5, -1) + double(6, 0.5) + double(8, 0.5) + double(4, 4.75) + double(2, math.nan)
    + spans(12, (1, 2)) + packed(14, [1.5, 2.75])
)  # fmt: skip
CLASSIC = (
    whole(1, 6)
    + double(2, 9.5)
    + b"".join(nested(3, whole(1, count), double(2, bound)) for bound, count in ((0.5, 1), (10.0, 4), (math.inf, 6)))
)


def test_a_native_histogram_of_whole_numbers_is_read():
    _, histograms, page = read(family("h", "histogram", metric("histogram", INTEGER, {"a": "b"})))

    (found,) = histograms.values()
    assert list(histograms) == ['h{a="b"}']
    assert (found.schema, found.count, found.sum, found.hint) == (3, 15.0, 18.4, ResetHint.UNKNOWN)
    assert (found.zero_threshold, found.zero_count) == (0.001, 2.0)
    assert (found.positive.index.tolist(), found.positive.counts.tolist()) == ([-2, -1, 3], [1.0, 2.0, 5.0])
    assert (found.negative.index.tolist(), found.negative.counts.tolist()) == ([0], [5.0])
    assert page.values.view(np.int64).tolist() == [HISTOGRAM_BITS]
    assert (page.scraped, page.kept, page.added) == (1, 1, 1)


def test_a_native_histogram_of_floats_is_read_and_a_gauge_says_that_it_is_one():
    _, histograms, _ = read(family("h", "gaugehistogram", metric("gaugehistogram", FLOAT)))

    found = histograms["h"]
    assert (found.schema, found.count, found.zero_count, found.hint) == (-1, 4.75, 0.5, ResetHint.GAUGE)
    assert math.isnan(found.sum)
    assert (found.positive.index.tolist(), found.positive.counts.tolist()) == ([1, 2], [1.5, 2.75])


def test_an_empty_span_says_that_a_histogram_without_observations_is_native():
    _, histograms, _ = read(family("h", "histogram", metric("histogram", spans(12, (0, 0)) + signed(5, 3))))

    assert histograms == {"h": Histogram(schema=3)}


def test_numbers_that_are_not_packed_are_read_too():
    loose = spans(12, (0, 2)) + signed(13, 4) + signed(13, -1)

    _, histograms, _ = read(family("h", "histogram", metric("histogram", loose)))

    assert histograms["h"].positive.counts.tolist() == [4.0, 3.0]


def test_a_schema_finer_than_eight_is_brought_to_eight():
    fine = signed(5, 10) + spans(12, (1, 8)) + packed(13, [1, 0, 0, 0, 0, 0, 0, 0])

    _, histograms, _ = read(family("h", "histogram", metric("histogram", fine)))

    assert histograms["h"].schema == 8
    assert histograms["h"].positive.index.tolist() == [1, 2]
    assert histograms["h"].positive.counts.tolist() == [4.0, 4.0]


BOTH = family("h", "histogram", metric("histogram", INTEGER + CLASSIC))
CLASSIC_NAMES = {'h_bucket{le="0.5"}', 'h_bucket{le="10.0"}', 'h_bucket{le="+Inf"}', "h_sum", "h_count"}


@pytest.mark.parametrize(
    ("options", "floats", "natives"),
    [
        ({}, CLASSIC_NAMES, set()),
        ({"scrape_native_histograms": True}, {"h"}, {"h"}),
        ({"scrape_native_histograms": True, "always_scrape_classic_histograms": True}, {"h", *CLASSIC_NAMES}, {"h"}),
        ({"convert_classic_histograms_to_nhcb": True}, {"h"}, {"h"}),
        (
            {"convert_classic_histograms_to_nhcb": True, "always_scrape_classic_histograms": True},
            {"h", *CLASSIC_NAMES},
            {"h"},
        ),
        ({"scrape_native_histograms": True, "convert_classic_histograms_to_nhcb": True}, {"h"}, {"h"}),
    ],
)
def test_the_job_says_which_of_both_kinds_is_kept(options, floats, natives):
    found, histograms, _ = read(BOTH, ScrapeJob("j", **options))

    assert (set(found), set(histograms)) == (floats, natives)
    if "scrape_native_histograms" in options:
        assert histograms["h"].schema == 3
    elif natives:
        assert histograms["h"].schema == CUSTOM


TEXT_CLASSIC = """# TYPE h histogram
h_bucket{le="0.5"} 1
h_bucket{le="10"} 4
h_bucket{le="+Inf"} 6
h_sum 9.5
h_count 6
# TYPE g gauge
g_bucket{le="1"} 3
"""


@pytest.mark.parametrize(("body", "kind"), [(TEXT_CLASSIC.encode(), "text/plain"), (BOTH, PROTOBUF)])
def test_a_classic_histogram_of_any_format_becomes_one_with_bounds_of_its_own(body, kind):
    floats, histograms, _ = read(body, ScrapeJob("j", convert_classic_histograms_to_nhcb=True), kind)

    found = histograms["h"]
    assert (found.schema, found.bounds, found.count, found.sum) == (CUSTOM, (0.5, 10.0), 6.0, 9.5)
    assert (found.positive.index.tolist(), found.positive.counts.tolist()) == ([0, 1, 2], [1.0, 3.0, 2.0])
    assert set(floats) - {"h"} == ({'g_bucket{le="1"}'} if kind == "text/plain" else set())


def test_buckets_that_fall_make_no_histogram_and_are_counted():
    body = TEXT_CLASSIC.replace('le="10"} 4', 'le="10"} 7').encode()
    readers, _ = target(ScrapeJob("j", convert_classic_histograms_to_nhcb=True))

    page = readers.of("text/plain").read(body)
    again = readers.of("text/plain").read(TEXT_CLASSIC.encode())

    assert (page.histograms, page.dropped["classic_not_rising"]) == ([], 1)
    assert ([series.name for series, _ in again.histograms], again.dropped["classic_not_rising"]) == (["h"], 0)


NAMES = st.sampled_from(["up", "a_total", "b:c"])
PAIRS = st.dictionaries(st.sampled_from(["x", "y", "zone"]), st.text('ab\n"\\é', max_size=4), max_size=3)
VALUES = st.floats(allow_nan=False) | st.integers(0, 10).map(float)
BOUNDS = st.lists(st.floats(-1e9, 1e9, allow_subnormal=False), min_size=1, max_size=4, unique=True).map(sorted)


@st.composite
def both_ways(draw) -> tuple[bytes, str]:
    """A family as protobuf and as text."""
    name, pairs = draw(NAMES), draw(PAIRS)
    kind = draw(st.sampled_from(["counter", "gauge", "untyped", "summary", "histogram"]))
    written = [
        f'{key}="' + value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"") + '"'
        for key, value in pairs.items()
    ]
    line = lambda suffix, value, *own: f"{name}{suffix}{{{','.join([*written, *own])}}} {value!r}\n"  # noqa: E731
    text = f"# TYPE {name} {kind}\n"
    if kind in ("counter", "gauge", "untyped"):
        value = draw(VALUES)
        return family(name, kind, metric(kind, double(1, value), pairs)), text + line("", value)
    count, total, bounds = draw(st.integers(0, 1 << 50)), draw(VALUES), draw(BOUNDS)
    if kind == "summary":
        parts = [nested(3, double(1, bound), double(2, total)) for bound in bounds]
        text += "".join(line("", total, f'quantile="{bound!r}"') for bound in bounds)
    else:
        parts = [nested(3, whole(1, place), double(2, bound)) for place, bound in enumerate(bounds)]
        text += "".join(line("_bucket", place, f'le="{bound!r}"') for place, bound in enumerate(bounds))
        text += line("_bucket", count, 'le="+Inf"')
    text += line("_sum", total) + line("_count", count)
    return family(name, kind, metric(kind, whole(1, count) + double(2, total) + b"".join(parts), pairs)), text


@given(both_ways())
def test_a_family_gives_the_series_that_its_text_gives(both):
    body, text = both

    floats, _, page = read(body)
    expected, _, from_text = read(text.encode(), kind="text/plain")

    assert floats == expected
    assert list(floats) == list(expected)
    assert (page.scraped, page.kept, page.dropped) == (from_text.scraped, from_text.kept, from_text.dropped)


def test_a_page_with_the_same_series_has_the_same_cells_and_a_vanished_histogram_ends():
    readers, writer = target()
    pages = [family("h", "histogram", metric("histogram", each)) + family("g", "gauge", metric("gauge", double(1, 2.0)))
             for each in (INTEGER, FLOAT)]  # fmt: skip
    first, second = (readers.of(PROTOBUF).read(each) for each in pages)
    rows = [
        writer.row(at, page.cells, page.values, histograms=page.histograms) for at, page in ((1, first), (2, second))
    ]
    third = readers.of(PROTOBUF).read(family("g", "gauge", metric("gauge", double(1, 2.0))))
    rows.append(writer.row(3, third.cells, third.values))

    assert first.cells is second.cells
    assert [row.values.view(np.int64)[0] for row in rows] == [HISTOGRAM_BITS, HISTOGRAM_BITS, STALE_BITS]
    assert [len(row.histograms) for row in rows] == [1, 1, 0]


def test_exemplars_are_given_once_with_their_own_time():
    readers, _ = target()
    long = nested(3, whole(1, 1), double(2, 1.0), exemplar(3, {"trace": "c" * 200}, 0.5))
    body = (
        family("c_total", "counter", metric("counter", double(1, 7.0) + exemplar(2, {"trace": "a"}, 1.5, 1_000_250)))
        + family("h", "histogram", metric("histogram", INTEGER + exemplar(16, {"trace": "b"}, 3.0, 5_000)))
        + family("k", "histogram", metric("histogram", whole(1, 1) + long))
    )  # fmt: skip

    page, again = readers.of(PROTOBUF).read(body), readers.of(PROTOBUF).read(body)

    assert [(str(series), dict(each.pairs), each.value, each.timestamp_ms) for series, each in page.exemplars] == [
        ("c_total", {"trace": "a"}, 1.5, 1_000_250),
        ("h", {"trace": "b"}, 3.0, 5_000),
    ]
    assert (page.long_exemplars, again.exemplars) == (1, [])


def test_timestamps_are_honoured_for_floats_and_a_histogram_that_has_one_is_left_out():
    body = family("g", "gauge", metric("gauge", double(1, 2.0), timestamp_ms=-5)) + family(
        "h", "histogram", metric("histogram", INTEGER, timestamp_ms=7)
    )

    _, _, page = read(body)
    floats, histograms, _ = read(body, ScrapeJob("j", scrape_native_histograms=True, honor_timestamps=False))

    assert [(str(each.labels), each.timestamp_ms, each.value) for each in page.stamped] == [("g", -5, 2.0)]
    assert (page.histograms, page.dropped["stamped_histogram"]) == ([], 1)
    assert (set(floats), set(histograms)) == ({"g", "h"}, {"h"})


def test_metadata_is_by_family():
    readers, _ = target()
    readers.of(PROTOBUF).read(family("g", "untyped", metric("untyped", double(1, 2.0)), helped="What it is."))

    assert readers.current.metadata["g"] == ("unknown", "What it is.", "")


def test_limits_hold_as_for_text():
    body = family("g", "gauge", *(metric("gauge", double(1, 2.0), {"n": str(n)}) for n in range(4)))

    with pytest.raises(ScrapeError, match="more than 3 samples"):
        read(body, ScrapeJob("j", sample_limit=3))
    with pytest.raises(ScrapeError, match="label_limit is 1"):
        read(body, ScrapeJob("j", label_limit=1))
    twice = family("g", "gauge", *(metric("gauge", double(1, each)) for each in (1.0, 2.0)))
    floats, _, page = read(twice)
    assert (floats, page.dropped) == ({"g": 1.0}, {"duplicate_series": 1})


HISTOGRAM = "histogram"


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"\xff\xff", "byte 0: a number runs past the end"),
        (b"\xff" * 12, "byte 0: a number is longer than 64 bits"),
        (varint(9) + b"abc", "byte 0: a message of 9 bytes begins where 3 are left"),
        (varint(2) + nested(1, ""), "byte 1: a metric family has no name"),
        (varint(3) + b"\x0a\x09a", "byte 1: field 1 runs past the end"),
        (varint(2) + b"\x0b\x00", "byte 1: field 1 has the unknown wire type 3"),
        (varint(2) + b"\x02\x00", "byte 1: field 0 is no field number"),
        (varint(5) + b"\x09abcd", "byte 1: field 1 runs past the end"),
        (varint(3) + b"\x0a\x01\xff", "byte 3: a text is not valid UTF-8"),
        (varint(2) + whole(1, 5), "byte 1: a field that should hold a message holds a number"),
        (varint(5) + nested(1, "g") + whole(3, 9), "byte 4: metric type 9 is unknown"),
        (family("g", "gauge", metric("gauge", whole(1, 5))), "byte 10: a field that should hold a double"),
        (family("g", "gauge", nested(4, nested(1, nested(2, "v")), nested(2, double(1, 1.0)))), "byte 10: a label has no name"),
        (family("h", HISTOGRAM, metric(HISTOGRAM, double(1, 1.0))), "byte 10: a field that should hold a whole number"),
        (family("h", HISTOGRAM, metric(HISTOGRAM, spans(12, (0, 2)) + packed(13, [1]))), "name 2 buckets, but 1 come"),
        (family("h", HISTOGRAM, metric(HISTOGRAM, spans(12, (0, 1), (-1, 1)) + packed(13, [1, 1]))),
         "span 2 of a native histogram begins 1 buckets before"),
        (family("h", HISTOGRAM, metric(HISTOGRAM, spans(12, (0, 1)) + packed(13, [-1]))), "counts less than nothing"),
        (family("h", HISTOGRAM, metric(HISTOGRAM, spans(12, (0, 1)) + nested(14, b"1234"))), "a list of doubles ends amid one"),
        (family("h", HISTOGRAM, metric(HISTOGRAM, spans(12, (0, 1)) + signed(5, 53) + packed(13, [1]))), "the schema 53"),
        (family("h", HISTOGRAM, metric(HISTOGRAM, spans(12, (0, 1 << 40)))), "out of bounds"),
        (family("h", HISTOGRAM, metric(HISTOGRAM, spans(12, *([(0, 90_000)] * 2)))), "more than 100000 buckets"),
    ],
)  # fmt: skip
def test_a_page_that_is_wrong_says_at_which_byte(body, error):
    with pytest.raises(ScrapeError, match=error) as raised:
        read(body)

    assert raised.value.reason == "parse"
    assert str(raised.value).startswith("byte ")


@given(st.binary(max_size=60) | st.tuples(st.just(BOTH), st.integers(0, 200), st.integers(0, 255)).map(
    lambda parts: parts[0][: parts[1]] + bytes([parts[2]]) + parts[0][parts[1] + 1 :]))  # fmt: skip
def test_no_bytes_do_anything_but_parse_or_be_refused(body):
    try:
        read(body)
    except ScrapeError as error:
        assert error.reason in ("parse", "sample_limit", "label_limit")


def test_a_job_for_native_histograms_asks_for_protobuf_first():
    assert NATIVE.scrape_protocols == NATIVE_PROTOCOLS
    asked = accept_header(NATIVE.scrape_protocols)
    assert asked.startswith(
        "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,"
    )
    assert "protobuf" not in accept_header(ScrapeJob("j").scrape_protocols)
    assert media_type(PROTOBUF) == "application/vnd.google.protobuf"
    only = ScrapeJob("j", scrape_native_histograms=True, scrape_protocols=("PrometheusText0.0.4",))
    assert only.scrape_protocols == ("PrometheusText0.0.4",)


def test_families_are_read_apart_from_any_target():
    found = list(families(family("g", "gauge", metric("gauge", double(1, 2.0), {"a": "b"})) + BOTH))

    assert [(each.name, each.type, len(each.metrics)) for each in found] == [("g", "gauge", 1), ("h", "histogram", 1)]
    assert labels({}) == b""
