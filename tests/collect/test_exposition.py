"""The text format: what is read, what is refused and where the error points."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from agent.collect import Metadata, parse_exposition
from agent.collect.exposition import decode
from agent.collect.scanning import normalise_float
from agent.errors import ScrapeError
from agent.model import Labels


@pytest.mark.parametrize(
    ("line", "labels", "value", "timestamp"),
    [
        ("queries 3", {"__name__": "queries"}, 3.0, None),
        ("queries 3 1700000000000", {"__name__": "queries"}, 3.0, 1_700_000_000_000),
        ("queries\t3\t-5\t", {"__name__": "queries"}, 3.0, -5),
        ("  queries   3.5e2  ", {"__name__": "queries"}, 350.0, None),
        ("a:b_c{} .5", {"__name__": "a:b_c"}, 0.5, None),
        ('q{a="1",} 1', {"__name__": "q", "a": "1"}, 1.0, None),
        ('q { a = "1" , b= "2" } 1', {"__name__": "q", "a": "1", "b": "2"}, 1.0, None),
        ('q{a="1" b="2"} 1', {"__name__": "q", "a": "1", "b": "2"}, 1.0, None),
        ('q{a="1"}2', {"__name__": "q", "a": "1"}, 2.0, None),
        (r'q{a="say \"hi\"\n\\ \t"} 1', {"__name__": "q", "a": 'say "hi"\n\\ \\t'}, 1.0, None),
        ('q{a="} 7 # {"} 1', {"__name__": "q", "a": "} 7 # {"}, 1.0, None),
        ('q{a="größe 世界"} 1', {"__name__": "q", "a": "größe 世界"}, 1.0, None),
        ('q{a="nul\x00"} 1', {"__name__": "q", "a": "nul\x00"}, 1.0, None),
        ('q{empty=""} 1', {"__name__": "q"}, 1.0, None),
        ('{"http.server.duration",a="1"} 1', {"__name__": "http.server.duration", "a": "1"}, 1.0, None),
        ('{"with \\"quotes\\""} 1', {"__name__": 'with "quotes"'}, 1.0, None),
        ('{a="1","name last"} 1', {"__name__": "name last", "a": "1"}, 1.0, None),
        ('q{"label.with.dots"="x", b="y"} 1', {"__name__": "q", "label.with.dots": "x", "b": "y"}, 1.0, None),
        ("q +Inf", {"__name__": "q"}, math.inf, None),
        ("q -inf", {"__name__": "q"}, -math.inf, None),
        ("q Infinity", {"__name__": "q"}, math.inf, None),
        ("q 1e-400", {"__name__": "q"}, 0.0, None),
        ("q 5.", {"__name__": "q"}, 5.0, None),
    ],
)
def test_a_line_is_read(line, labels, value, timestamp):
    """One sample line gives these labels, this value and this timestamp."""
    assert parse_exposition(line + "\n").samples == [(Labels(labels), value, timestamp)]


def test_not_a_number_is_a_value():
    """NaN in any case is a number."""
    values = [value for _, value, _ in parse_exposition("a NaN\nb nan\n").samples]
    assert all(math.isnan(value) for value in values)
    assert len(values) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("queries", "1:8: expected a value after the metric, found the end of the line"),
        ("ok 1\nqueries ", "2:9: expected a value after the metric, found the end of the line"),
        ("1queries 1", '1:1: expected a metric name, found "1queries 1"'),
        ("-", '1:1: expected a metric name, found "-"'),
        ("q yes", '1:3: expected a number, found "yes"'),
        ("q 1_000", '1:3: expected a number, found "1_000"'),
        ("q 0x1p-3", '1:3: expected a number, found "0x1p-3"'),
        ("q 0x10", '1:3: expected a number, found "0x10"'),
        ("q ١", '1:3: expected a number, found "١"'),
        ("q 1\r", r'1:3: expected a number, found "1\r"'),
        ("q 1e400", '1:3: expected a number within the range of a float64, found "1e400"'),
        ("q 1 2.5", '1:6: expected the end of the line after the timestamp, found ".5"'),
        ("q 1 soon", '1:5: expected a timestamp in whole milliseconds, found "soon"'),
        ("q 1 2 3", '1:7: expected the end of the line after the timestamp, found "3"'),
        ("q 1 9999999999999999999", '1:5: expected a timestamp within 64 bits, found "9999999999999999999"'),
        ("q{a='1'} 1", "1:5: expected a label value in quotes, found \"'1'} 1\""),
        ("q{a=1} 1", '1:5: expected a label value in quotes, found "1} 1"'),
        ('q{a="1} 1', r'1:5: expected a quote at the end of the label value, found "\"1} 1"'),
        ('q{a="x\ny"} 1', r'1:5: expected a quote at the end of the label value, found "\"x"'),
        ('q{a="1"', "1:8: expected a label name or }, found the end of the line"),
        ('q{a "1"} 1', r'1:5: expected =, found "\"1\"} 1"'),
        ('q{="1"} 1', r'1:3: expected a label name or }, found "=\"1\"} 1"'),
        ('q{""="1"} 1', "1:6: expected a label name that is not empty"),
        ('q{a="1",,b="2"} 1', r'1:9: expected a label name or }, found ",b=\"2\"} 1"'),
        ('q{a-b="1"} 1', r'1:4: expected =, found "-b=\"1\"} 1"'),
        ('{a="1"} 1', r'1:1: expected a metric name, found "{a=\"1\"} 1"'),
        ("{} 1", '1:1: expected a metric name, found "{} 1"'),
        ('q{"other"} 1', "1:3: expected = after the label name, for the metric name is given"),
        ('q{"open} 1', "1:3: expected a label name that ends with a quote on the same line"),
        ('q{a="1",a="2"} 1', '1:1: expected each label name once, but "a" is given twice'),
        ("q{} {} 1", '1:5: expected a value after the metric, found "{} 1"'),
        ("# TYPE #", '1:8: expected a metric name after TYPE, found "#"'),
        ("# HELP 9", '1:8: expected a metric name after HELP, found "9"'),
        ("# TYPE q meter", 'expected a metric type (counter, gauge, histogram, summary, untyped), found "meter"'),
        (
            "# TYPE q ",
            "expected a metric type (counter, gauge, histogram, summary, untyped), found the end of the line",
        ),
        ("<!DOCTYPE html>", "1:1: expected a metric name (this looks like HTML; is metrics_path right?)"),
        ("\x00", r'1:1: expected a metric name, found "\u0000"'),
    ],
)
def test_a_wrong_line_is_refused_with_its_place(text, message):
    """The error names line and column and shows what stands there."""
    with pytest.raises(ScrapeError) as caught:
        parse_exposition(text)
    assert message in str(caught.value)
    assert caught.value.reason == "parse"


def test_the_offending_text_is_clipped():
    """A megabyte of nonsense is not repeated in the error."""
    with pytest.raises(ScrapeError) as caught:
        parse_exposition("q " + "x" * 1_000_000)
    assert len(str(caught.value)) < 120


def test_comments_and_blank_lines_say_nothing():
    """What is neither HELP nor TYPE is skipped, whatever it says."""
    text = "#\n#no space\n# HELPFUL words\n  \n\t# TYPEset q\n# EOF\n# UNIT q seconds\n#TYPE q nonsense\nq 1\n"
    page = parse_exposition(text)
    assert [str(labels) for labels, _, _ in page.samples] == ["q"]
    assert page.metadata == {}


def test_types_and_help_are_kept_by_family():
    """HELP unescapes line breaks and backslashes, and may be empty; TYPE may stand before or after."""
    text = '# HELP q one\\ntwo \\\\ \\"x\n# TYPE q counter\n# TYPE h histogram\n# HELP h\n# HELP "a.b" dots\nq 1\n'
    metadata = parse_exposition(text.replace("# HELP h\n", "# HELP h \n")).metadata
    assert metadata == {
        "q": Metadata("counter", 'one\ntwo \\ \\"x', ""),
        "h": Metadata("histogram", "", ""),
        "a.b": Metadata("unknown", "dots", ""),
    }


def test_bounds_become_openmetrics_floats_under_their_type_only():
    """`le` of a histogram and `quantile` of a summary are normalised; the same label elsewhere is text."""
    text = (
        '# TYPE h histogram\nh_bucket{le="1",quantile="1"} 1\nh_bucket{le="+Inf"} 1\n'
        '# TYPE s summary\ns{quantile="1",le="1"} 1\ns{quantile="odd"} 1\n# TYPE g gauge\ng{le="1",quantile="1"} 1\n'
    )
    found = [{**labels} for labels, _, _ in parse_exposition(text).samples]
    assert found == [
        {"__name__": "h_bucket", "le": "1.0", "quantile": "1"},
        {"__name__": "h_bucket", "le": "+Inf"},
        {"__name__": "s", "quantile": "1.0", "le": "1"},
        {"__name__": "s", "quantile": "odd"},
        {"__name__": "g", "le": "1", "quantile": "1"},
    ]


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("1", "1.0"),
        ("0", "0.0"),
        ("-1", "-1.0"),
        (".25", "0.25"),
        ("2.50", "2.5"),
        ("100000", "100000.0"),
        ("1000000", "1e+06"),
        ("1234567", "1.234567e+06"),
        ("1e-5", "1e-05"),
        ("0.0001", "0.0001"),
        ("inf", "+Inf"),
        ("-Inf", "-Inf"),
        ("nan", "NaN"),
        ("1_0", "1_0"),
        ("", ""),
        ("8.999999999999998", "8.999999999999998"),
    ],
)
def test_a_bound_is_written_as_go_writes_it(text, normal):
    """Shortest digits, an exponent below 1e-4 and from 1e6 on, always a point or an exponent."""
    assert normalise_float(text) == normal


def test_bytes_that_are_not_utf8_are_refused_with_their_place():
    """The column counts characters, not bytes."""
    with pytest.raises(ScrapeError, match=r"2:7: the page is not valid UTF-8, found byte 0xff"):
        decode('ok 1\nq{a="ü\xff"} 1\n'.encode("latin-1").replace(b"\xfc", "ü".encode()))


def test_a_page_needs_no_last_line_break():
    """The last line may end with the page."""
    assert len(parse_exposition("a 1\nb 2").samples) == 2


def as_their_parser_reads(text: str) -> dict[Labels, float]:
    return {
        Labels({**sample.labels, "__name__": sample.name}): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.mark.shared
def test_a_real_page_reads_as_prometheus_client_reads_it(shared):
    """On 237 metric families both parsers find the same series, apart from the bounds that we normalise."""
    text = (shared / "exposition" / "alltypes.237mfs.prom.txt").read_text()
    kinds = {name: each.type for name, each in parse_exposition(text).metadata.items()}
    theirs = {}
    for labels, value in as_their_parser_reads(text).items():
        family = labels.name.removesuffix("_bucket")
        label = {"histogram": "le", "summary": "quantile"}.get(kinds.get(family, ""))
        changed = {label: normalise_float(labels[label])} if label and label in labels else {}
        theirs[labels.merged(changed)] = value
    ours = {labels: value for labels, value, _ in parse_exposition(text).samples}
    assert len(kinds) == 237
    assert ours.keys() == theirs.keys()
    assert all(ours[labels] == theirs[labels] or math.isnan(ours[labels]) for labels in ours)


LABEL_VALUES = st.text(st.characters(codec="utf-8"), max_size=12)


@given(
    values=st.lists(st.tuples(LABEL_VALUES, st.floats()), min_size=1, max_size=8, unique_by=lambda pair: pair[0]),
    text=st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=20),
)
def test_what_prometheus_client_writes_is_read_back(values, text):
    """Any label value, any float and any help text survives the way through the format."""
    registry = CollectorRegistry()
    gauge = Gauge("g", text or "help", ["v"], registry=registry)
    for label, value in values:
        gauge.labels(label).set(value)
    page = parse_exposition(generate_latest(registry).decode())
    found = {labels.get("v"): value for labels, value, _ in page.samples}
    assert found.keys() == {label for label, _ in values}
    assert all(found[label] == value or (math.isnan(value) and math.isnan(found[label])) for label, value in values)
    assert page.metadata["g"].help == (text or "help")


@given(st.text(st.sampled_from('ab{}"\\=, \t\n#1.eE+-_TYPEHLinf\x00ü'), max_size=60))
def test_nothing_but_a_scrape_error_comes_out_of_nonsense(text):
    """Whatever a page holds, the parser answers or refuses; a refusal has a place."""
    try:
        parse_exposition(text)
    except ScrapeError as error:
        line, column = str(error).split(":")[:2]
        assert 1 <= int(line) <= text.count("\n") + 1
        assert int(column) >= 1
