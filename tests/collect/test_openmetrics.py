"""The OpenMetrics text format: what is read, what is refused and where the error points."""

from __future__ import annotations

import math

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from agent.collect import Metadata, parse_exposition
from agent.collect.openmetrics import OpenMetricsText
from agent.collect.scanning import ParsedExemplar
from agent.errors import ScrapeError
from agent.model import Labels


def parse(text):
    return parse_exposition(text, OpenMetricsText)


def one(line):
    """Read a page of one sample line."""
    page = parse(line + "\n# EOF\n")
    ((labels, value, timestamp_ms),) = page.samples
    return dict(labels), value, timestamp_ms, [each for _, each in page.exemplars]


@pytest.mark.parametrize(
    ("line", "labels", "value", "timestamp_ms"),
    [
        ("a 1", {"__name__": "a"}, 1.0, None),
        ("a{} 1", {"__name__": "a"}, 1.0, None),
        ("a:b_c 1.5e-3", {"__name__": "a:b_c"}, 0.0015, None),
        ("a +Inf", {"__name__": "a"}, math.inf, None),
        ("a -Inf", {"__name__": "a"}, -math.inf, None),
        ("a 1 1700000000", {"__name__": "a"}, 1.0, 1_700_000_000_000),
        ("a 1 1700000000.1234", {"__name__": "a"}, 1.0, 1_700_000_000_123),
        ("a 1 1.7e9", {"__name__": "a"}, 1.0, 1_700_000_000_000),
        ("a 1 -0.5", {"__name__": "a"}, 1.0, -500),
        ("a 1 -0.0005", {"__name__": "a"}, 1.0, 0),
        ('a{x="1"} 2', {"__name__": "a", "x": "1"}, 2.0, None),
        ('a{x="1",y="2"} 2', {"__name__": "a", "x": "1", "y": "2"}, 2.0, None),
        ('a{x="1",} 2', {"__name__": "a", "x": "1"}, 2.0, None),
        ('a{x=""} 2', {"__name__": "a"}, 2.0, None),
        (r'a{x="say \"hi\"\n\\ \t"} 1', {"__name__": "a", "x": 'say "hi"\n\\ \\t'}, 1.0, None),
        ('a{x="} 1 # {y=2} 3"} 1', {"__name__": "a", "x": "} 1 # {y=2} 3"}, 1.0, None),
        ('a{x="größe 世界"} 1', {"__name__": "a", "x": "größe 世界"}, 1.0, None),
        ('a{x="nul\x00"} 1', {"__name__": "a", "x": "nul\x00"}, 1.0, None),
        ('{"a.b"} 1', {"__name__": "a.b"}, 1.0, None),
        ('{"a.b",x="1"} 1', {"__name__": "a.b", "x": "1"}, 1.0, None),
        ('{x="1","a b"} 1', {"__name__": "a b", "x": "1"}, 1.0, None),
        (r'{"with \"quotes\""} 1', {"__name__": 'with "quotes"'}, 1.0, None),
        ('a{"x.y"="1"} 1', {"__name__": "a", "x.y": "1"}, 1.0, None),
    ],
)
def test_a_line_is_read(line, labels, value, timestamp_ms):
    """One sample line gives these labels, this value and this timestamp, which is seconds on the page."""
    assert one(line) == (labels, value, timestamp_ms, [])


@pytest.mark.parametrize(
    ("line", "exemplar"),
    [
        ('a_total 1 # {trace_id="abc"} 0.5', ParsedExemplar((("trace_id", "abc"),), 0.5, None)),
        (
            'a_total 1 # {trace_id="abc"} 0.5 1700000000.5',
            ParsedExemplar((("trace_id", "abc"),), 0.5, 1_700_000_000_500),
        ),
        ('a_total 1 1600000000 # {t="a"} 2 3', ParsedExemplar((("t", "a"),), 2.0, 3000)),
        ("a_total 1 # {} 2", ParsedExemplar((), 2.0, None)),
        ('a{x="1"} 1 # {a="1",b="2",} +Inf', ParsedExemplar((("a", "1"), ("b", "2")), math.inf, None)),
        (r'a 1 # {a="\"\\\n"} 1', ParsedExemplar((("a", '"\\\n'),), 1.0, None)),
        ('a 1 # {"a.b"="1"} 1', ParsedExemplar((("a.b", "1"),), 1.0, None)),
    ],
)
def test_an_exemplar_is_read(line, exemplar):
    """Its labels, its value and its own time; it may stand at any sample, as for Prometheus."""
    assert one(line)[3] == [exemplar]


def refused(text, message):
    with pytest.raises(ScrapeError) as caught:
        parse(text)
    assert message in str(caught.value)
    assert caught.value.reason == "parse"


NO_EOF = "expected # EOF as the last line, found the end of the page"
A_NAME = "expected a metric name, found"
A_NUMBER = "expected a number, found"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", f"1:1: {NO_EOF}"),
        ("a 1", f"2:1: {NO_EOF}"),
        ("a 1\n", f"2:1: {NO_EOF}"),
        ("# TYPE a gauge\n", f"2:1: {NO_EOF}"),
        ("\n", "1:1: expected a metric name or # EOF, found a blank line"),
        ("\n# EOF\n", "1:1: expected a metric name or # EOF, found a blank line"),
        ("a 1\n\n# EOF\n", "2:1: expected a metric name or # EOF, found a blank line"),
        ("# EOF\n\n", "2:1: expected nothing after # EOF, found the end of the line"),
        ("# EOF\na 1\n", '2:1: expected nothing after # EOF, found "a 1"'),
        ("# EOF\n# TYPE a gauge\n", '2:1: expected nothing after # EOF, found "# TYPE a gauge"'),
        ("# EOF\n# EOF\n", '2:1: expected nothing after # EOF, found "# EOF"'),
        ("a 1\n# EOF ", '2:6: expected nothing after # EOF, found " "'),
        ("# EOFX\n", '1:6: expected nothing after # EOF, found "X"'),
        ("#EOF\n", '1:1: expected # HELP, # TYPE, # UNIT or # EOF, found "#EOF"'),
        ("# eof\n", '1:1: expected # HELP, # TYPE, # UNIT or # EOF, found "# eof"'),
    ],
)
def test_a_page_must_end_with_its_last_line(text, message):
    """# EOF stands on the last line, once, and nowhere else; there are no blank lines."""
    refused(text, message)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        # Comments
        ("# a comment\n", '1:1: expected # HELP, # TYPE, # UNIT or # EOF, found "# a comment"'),
        ("#\n", '1:1: expected # HELP, # TYPE, # UNIT or # EOF, found "#"'),
        ("#  TYPE a gauge\n", '1:1: expected # HELP, # TYPE, # UNIT or # EOF, found "#  TYPE a gauge"'),
        (" # TYPE a gauge\n", f'1:1: {A_NAME} " # TYPE a gauge"'),
        ("# TYPE\n", '1:1: expected # HELP, # TYPE, # UNIT or # EOF, found "# TYPE"'),
        ("# TYPE \n", "1:8: expected a metric name after TYPE, found the end of the line"),
        ("# TYPE  a gauge\n", '1:8: expected a metric name after TYPE, found " a gauge"'),
        ("# TYPE a\n", "1:9: expected a space and a text after the name in TYPE, found the end of the line"),
        ("# TYPE a \n", "1:10: expected a metric type (counter, gauge, gaugehistogram, histogram, info"),
        ("# TYPE a gauge \n", 'summary, unknown), found "gauge "'),
        ("# TYPE a  gauge\n", 'found " gauge"'),
        ("# TYPE a untyped\n", 'found "untyped"'),
        ("# TYPE a Gauge\n", 'found "Gauge"'),
        ("# TYPE 9 gauge\n", '1:8: expected a metric name after TYPE, found "9 gauge"'),
        ('# TYPE "a gauge\n', r'1:8: expected a metric name after TYPE, found "\"a gauge"'),
        ("# HELP a\n", "1:9: expected a space and a text after the name in HELP, found the end of the line"),
        ("# HELP a\tb\n", r'1:9: expected a space and a text after the name in HELP, found "\tb"'),
        ("# UNIT a\n", "1:9: expected a space and a text after the name in UNIT, found the end of the line"),
        ("# UNIT a_seconds bytes\n", 'expected a unit that the name "a_seconds" ends with, after a _, found "bytes"'),
        ("# UNIT seconds seconds\n", 'a unit that the name "seconds" ends with'),
        ("# UNIT aseconds seconds\n", 'a unit that the name "aseconds" ends with'),
        # Where a sample begins
        (" a 1\n", f'1:1: {A_NAME} " a 1"'),
        ("\ta 1\n", rf'1:1: {A_NAME} "\ta 1"'),
        ("9a 1\n", f'1:1: {A_NAME} "9a 1"'),
        ("-\n", f'1:1: {A_NAME} "-"'),
        ("ä 1\n", f'1:1: {A_NAME} "ä 1"'),
        ("\x00 1\n", rf'1:1: {A_NAME} "\u0000 1"'),
        ('{x="1"} 1\n', rf'1:1: {A_NAME} "{{x=\"1\"}} 1"'),
        ("{} 1\n", f'1:1: {A_NAME} "{{}} 1"'),
        ('{""} 1\n', r'1:2: expected a metric name that is not empty, found "\"\"} 1"'),
        ('{"a","b"} 1\n', "1:6: expected = after the label name, for the metric name is given"),
        ('a{"b"} 1\n', "1:3: expected = after the label name, for the metric name is given"),
        # Labels
        ('a{x="1" } 1\n', r'1:8: expected , or }, found " } 1"'),
        ('a{ x="1"} 1\n', r'1:3: expected a label name or }, found " x=\"1\"} 1"'),
        ('a{x ="1"} 1\n', r'1:4: expected =, found " =\"1\"} 1"'),
        ('a{x= "1"} 1\n', r'1:5: expected a label value in quotes, found " \"1\"} 1"'),
        ('a{x="1", y="2"} 1\n', r'1:9: expected a label name or }, found " y=\"2\"} 1"'),
        ('a{x="1"y="2"} 1\n', r'1:8: expected , or }, found "y=\"2\"} 1"'),
        ('a{,x="1"} 1\n', r'1:3: expected a label name or }, found ",x=\"1\"} 1"'),
        ("a{,} 1\n", '1:3: expected a label name or }, found ",} 1"'),
        ('a{x="1",,} 1\n', '1:9: expected a label name or }, found ",} 1"'),
        ("a{x='1'} 1\n", "1:5: expected a label value in quotes"),
        ("a{x=1} 1\n", "1:5: expected a label value in quotes"),
        ("a{x} 1\n", '1:4: expected =, found "} 1"'),
        ("a{x=} 1\n", "1:5: expected a label value in quotes"),
        ('a{x="1} 1\n', "1:5: expected a quote at the end of the label value"),
        ('a{x="1\\"} 1\n', "1:5: expected a quote at the end of the label value"),
        ('a{x="1"\n', "1:8: expected , or }, found the end of the line"),
        ('a{="1"} 1\n', "1:3: expected a label name or }"),
        ('a{1="1"} 1\n', "1:3: expected a label name or }"),
        ('a{x-y="1"} 1\n', "1:4: expected ="),
        ('a{x:y="1"} 1\n', "1:4: expected ="),
        ('a{""="1"} 1\n', "1:6: expected a label name that is not empty"),
        ('a{"x\n"="1"} 1\n', "1:3: expected a label name that ends with a quote on the same line"),
        ('a{x="1",x="2"} 1\n', '1:1: expected each label name once, but "x" is given twice'),
        ('{"a",__name__="b"} 1\n', '"__name__" is given twice'),
        # The value
        ("a\n", "1:2: expected a space and a value after the metric, found the end of the line"),
        ("a \n", "1:3: expected a value after the metric, found the end of the line"),
        ("a\t1\n", r'1:2: expected a space and a value after the metric, found "\t1"'),
        ('a{x="1"}1\n', '1:9: expected a space and a value after the metric, found "1"'),
        ("a  1\n", '1:3: expected a value after the metric, found " 1"'),
        ('a {x="1"} 1\n', rf'1:3: {A_NUMBER} "{{x=\"1\"}} 1"'),
        ("a yes\n", f'1:3: {A_NUMBER} "yes"'),
        ("a 1_000\n", f'1:3: {A_NUMBER} "1_000"'),
        ("a 0x10\n", f'1:3: {A_NUMBER} "0x10"'),
        ("a 0x1p-3\n", f'1:3: {A_NUMBER} "0x1p-3"'),
        ("a 1\t2\n", rf'1:3: {A_NUMBER} "1\t2"'),
        ("a 1\r\n", rf'1:3: {A_NUMBER} "1\r"'),
        ("a 1\x00\n", rf'1:3: {A_NUMBER} "1\u0000"'),
        ("a ١\n", f'1:3: {A_NUMBER} "١"'),
        ("a 1e400\n", "1:3: expected a number within the range of a float64"),
        ("a\x00 1\n", r'1:2: expected a space and a value after the metric, found "\u0000 1"'),
        ('a{x\x00="1"} 1\n', "1:4: expected ="),
        ('a{x="1"}\x00 1\n', "1:9: expected a space and a value after the metric"),
        # The timestamp
        ("a 1 \n", "1:5: expected a timestamp in seconds, found the end of the line"),
        ("a 1 soon\n", '1:5: expected a timestamp in seconds, found "soon"'),
        ("a 1 NaN\n", '1:5: expected a finite timestamp in seconds, found "NaN"'),
        ("a 1 Inf\n", '1:5: expected a finite timestamp in seconds, found "Inf"'),
        ("a 1 -Inf\n", '1:5: expected a finite timestamp in seconds, found "-Inf"'),
        ("a 1 1e300\n", '1:5: expected a finite timestamp in seconds, found "1e300"'),
        ("a 1 1z\n", '1:5: expected a timestamp in seconds, found "1z"'),
        ("a 1 1 1\n", r'1:7: expected the end of the line or an exemplar ( # {…}), found "1"'),
        ("a 1 2 \n", "expected the end of the line or an exemplar"),
        ("a 1  2\n", '1:5: expected a timestamp in seconds, found " 2"'),
        # The exemplar
        ("a 1 #\n", '1:5: expected a timestamp in seconds, found "#"'),
        ("a 1 # \n", '1:5: expected a timestamp in seconds, found "# "'),
        ('a 1 #{x="1"} 1\n', '1:5: expected a timestamp in seconds, found "#{x='),
        ('a 1 # x="1" 1\n', "1:5: expected a timestamp in seconds"),
        ('a 1 2 # x="1" 1\n', "expected the end of the line or an exemplar"),
        ('a 1 # {x="1"}\n', "1:14: expected a space and a value after the exemplar's labels, found the end of the line"),
        ('a 1 # {x="1"} \n', "1:15: expected a value after the exemplar's labels, found the end of the line"),
        ('a 1 # {x="1"}  1\n', "1:15: expected a value after the exemplar's labels"),
        ('a 1 # {x="1"} one\n', f'1:15: {A_NUMBER} "one"'),
        ('a 1 # {x="1"} 1 soon\n', '1:17: expected a timestamp in seconds, found "soon"'),
        ('a 1 # {x="1"} 1 NaN\n', '1:17: expected a finite timestamp in seconds, found "NaN"'),
        ('a 1 # {x="1"} 1 -Inf\n', "1:17: expected a finite timestamp in seconds"),
        ('a 1 # {x="1"} 1 2 3\n', '1:18: expected the end of the line after the exemplar\'s timestamp, found " 3"'),
        ('a 1 # {x="1"} 1 # {y="1"} 1\n', '1:17: expected a timestamp in seconds, found "# {y='),
        ('a 1 # {x="1" 1\n', "1:13: expected , or }"),
        ("a 1 # {x=1} 1\n", "1:10: expected a label value in quotes"),
        ("a 1 # {x='1'} 1\n", "1:10: expected a label value in quotes"),
        ('a 1 # {x="1} 1\n', "1:10: expected a quote at the end of the label value"),
        ('a 1 # {"x"} 1\n', '1:11: expected =, found "} 1"'),
        ('a 1 # {"x",y="1"} 1\n', "1:11: expected ="),
        ('a 1 # {x="1",x="2"} 1\n', '"x" is given twice'),
        ('a 1 # {,x="1"} 1\n', "1:8: expected a label name or }"),
        ('a 1 # {x\x00="1"} 1\n', "1:9: expected ="),
        ('a 1 # {x="1"}\x00 1\n', "expected a space and a value after the exemplar's labels"),
        ('a 1 # {x="1"} 1\x00\n', rf'1:15: {A_NUMBER} "1\u0000"'),
    ],
)  # fmt: skip
def test_a_wrong_line_is_refused_with_its_place(line, message):
    """The error names line and column, what was expected, and shows what stands there."""
    refused(line + "# EOF\n", message)


def test_metadata_is_kept_by_family():
    """Types of all eight kinds, help with its escapes, units that the name ends with; an empty unit says nothing."""
    text = (
        '# HELP c one\\ntwo \\\\ \\"x\n# TYPE c counter\n# UNIT w_seconds seconds\n# UNIT g \n# TYPE g gauge\n'
        "# TYPE gh gaugehistogram\n# TYPE h histogram\n# TYPE i info\n# TYPE st stateset\n# TYPE s summary\n"
        '# TYPE u unknown\n# HELP "a.b" dots\n# HELP e \n# EOF\n'
    )
    assert parse(text).metadata == {
        "c": Metadata("counter", 'one\ntwo \\ "x', ""),
        "w_seconds": Metadata("unknown", "", "seconds"),
        "g": Metadata("gauge"),
        "gh": Metadata("gaugehistogram"),
        "h": Metadata("histogram"),
        "i": Metadata("info"),
        "st": Metadata("stateset"),
        "s": Metadata("summary"),
        "u": Metadata("unknown"),
        "a.b": Metadata("unknown", "dots"),
        "e": Metadata(),
    }


def test_bounds_are_floats_under_their_type_only():
    """`le` of a histogram and `quantile` of a summary are normalised; of a gaugehistogram they stay, as in Prometheus."""
    text = (
        '# TYPE h histogram\nh_bucket{le="1"} 1\nh_bucket{le="+Inf"} 1\n# TYPE s summary\ns{quantile="1"} 1\n'
        '# TYPE gh gaugehistogram\ngh_bucket{le="1"} 1\n# TYPE st stateset\nst{st="on"} 1\n# TYPE i info\ni_info{v="1"} 1\n# EOF'
    )
    assert [str(labels) for labels, _, _ in parse(text).samples] == [
        'h_bucket{le="1.0"}',
        'h_bucket{le="+Inf"}',
        's{quantile="1.0"}',
        'gh_bucket{le="1"}',
        'st{st="on"}',
        'i_info{v="1"}',
    ]


def test_created_samples_are_series():
    """`_created` is a sample like any other, as it is for Prometheus without its feature flag."""
    page = parse("# TYPE a counter\na_total 5\na_created 1.7e9\n# EOF\n")
    assert [(labels.name, value) for labels, value, _ in page.samples] == [("a_total", 5.0), ("a_created", 1.7e9)]


NEGATIVE = ("rpc_durations_histogram_seconds_sum", "rpc_durations_histogram_seconds_count")


@pytest.mark.shared
def test_a_real_page_reads_as_prometheus_client_reads_it(shared):
    """Both parsers find the same samples, exemplars and types on a page of client_golang.

    prometheus_client is stricter than Prometheus: no sum beside negative buckets, no negative quantiles. So sum and count
    are left out here, and signs are taken off.
    """
    lines = (shared / "exposition" / "alltypes.5mfs.om.txt").read_text().splitlines(keepends=True)
    text = "".join(line for line in lines if not line.startswith(NEGATIVE)).replace("} -", "} ")
    page = parse(text)
    theirs, exemplars = {}, {}
    for family in text_string_to_metric_families(text):
        assert page.metadata[family.name].type == family.type
        for sample in family.samples:
            labels = Labels({**sample.labels, "__name__": sample.name})
            theirs[labels] = sample.value
            if sample.exemplar:
                exemplars[labels] = (sample.exemplar.labels, sample.exemplar.value)
    assert {labels: value for labels, value, _ in page.samples} == theirs
    assert {labels: (dict(each.pairs), each.value) for labels, each in page.exemplars} == exemplars
    assert all(each.timestamp_ms // 100_000 == 17_268_398 for _, each in page.exemplars)  # theirs drop the exponent
    assert len(exemplars) > 5


@pytest.mark.shared
def test_every_page_beside_the_project_reads_completely(shared):
    """Each line that is no comment is a sample."""
    for path in (shared / "exposition").glob("*.om.txt"):
        text = path.read_text()
        assert len(parse(text).samples) == sum(not line.startswith("#") for line in text.splitlines())
