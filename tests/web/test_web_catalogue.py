"""Labels, values, series and metadata: filters, limits, escaped names, and what is refused."""

from __future__ import annotations

import pytest

from agent.model import Labels
from agent.web import FakeHandles, MetricMetadata
from agent.web.parameters import unescape_name

SERIES = [
    Labels.of(name_="up", job="rag"),
    Labels.of(name_="up", job="web"),
    Labels({"__name__": "rag_queries_total", "job": "rag", "http.method": "GET", "a/b": "slash"}),
]
TRUNCATED = ["results truncated due to limit"]

ANSWERS = [
    ("/api/v1/labels", ["__name__", "a/b", "http.method", "job"], None),
    ("/api/v1/labels?limit=2", ["__name__", "a/b"], TRUNCATED),
    ("/api/v1/labels?match[]=up", ["__name__", "job"], None),
    ("/api/v1/labels?match[]=up&match[]=rag_queries_total&limit=0", ["__name__", "a/b", "http.method", "job"], None),
    ("/api/v1/label/job/values", ["rag", "web"], None),
    ('/api/v1/label/job/values?match[]=up{job="web"}', ["web"], None),
    ("/api/v1/label/job/values?limit=1", ["rag"], TRUNCATED),
    ("/api/v1/label/__name__/values", ["rag_queries_total", "up"], None),
    ("/api/v1/label/U__http_2e_method/values", ["GET"], None),
    ("/api/v1/label/http.method/values", ["GET"], None),
    ("/api/v1/label/a%2Fb/values", ["slash"], None),
    ("/api/v1/label/nothing/values", [], None),
    ("/api/v1/series?match[]=up&limit=1", [{"__name__": "up", "job": "rag"}], TRUNCATED),
    ('/api/v1/series?match[]={job=~"w.*"}', [{"__name__": "up", "job": "web"}], None),
]


@pytest.mark.parametrize(("path", "data", "warnings"), ANSWERS)
async def test_catalogues_are_filtered_and_cut(serve, path, data, warnings):
    answer = await (await serve(FakeHandles(stored=SERIES))).get(path)
    assert answer.status == 200
    expected = {"status": "success", "data": data}
    assert await answer.json() == (expected if warnings is None else {**expected, "warnings": warnings})


REFUSED = [
    ("/api/v1/series", "no match[] parameter provided"),
    (
        "/api/v1/series?match[]=",
        'invalid parameter "match[]": 1:1: parse error: no selector found',
    ),
    (
        '/api/v1/series?match[]={job=~".*"}',
        'invalid parameter "match[]": match[] must contain at least one non-empty matcher',
    ),
    (
        "/api/v1/series?match[]={}",
        'invalid parameter "match[]": match[] must contain at least one non-empty matcher',
    ),
    ("/api/v1/labels?start=x", 'invalid parameter "start": cannot parse "x" to a valid timestamp'),
    ("/api/v1/labels?start=2&end=1", 'invalid parameter "end": end timestamp must not be before start time'),
    ("/api/v1/labels?limit=many", 'invalid parameter "limit": cannot parse "many" to a number'),
    ("/api/v1/label/U__/values", 'invalid label name: ""'),
    ("/api/v1/metadata?limit=x", "limit must be a number"),
]


@pytest.mark.parametrize(("path", "error"), REFUSED)
async def test_bad_parameters_are_refused_in_prometheus_words(serve, path, error):
    answer = await (await serve(FakeHandles(stored=SERIES))).get(path)
    assert answer.status == 400
    assert await answer.json() == {"status": "error", "errorType": "bad_data", "error": error}


async def test_the_time_span_reaches_the_agent_only_where_it_was_given(serve):
    handles = FakeHandles(stored=SERIES)
    client = await serve(handles)
    await client.get("/api/v1/labels")
    await client.get("/api/v1/label/job/values?start=1.5")
    await client.post("/api/v1/series", data={"match[]": "up", "start": "1", "end": "2"})
    assert handles.calls == [
        ("label_names", None, None),
        ("label_values", "job", 1500, None),
        ("series", 1000, 2000),
    ]


METADATA = {
    "up": [MetricMetadata("gauge", "Is it there?")],
    "x_seconds": [MetricMetadata("counter", "One.", "seconds"), MetricMetadata("counter", "Two.", "seconds")],
}


@pytest.mark.parametrize(
    ("query", "names", "second"),
    [
        ("", ["up", "x_seconds"], 2),
        ("?limit=1", ["up"], 0),
        ("?metric=x_seconds", ["x_seconds"], 2),
        ("?metric=x_seconds&limit_per_metric=1", ["x_seconds"], 1),
        ("?metric=unknown", [], 0),
    ],
)
async def test_metadata_is_listed_by_metric(serve, query, names, second):
    answer = await (await serve(FakeHandles(known_metadata=METADATA))).get(f"/api/v1/metadata{query}")
    data = (await answer.json())["data"]
    assert list(data) == names
    assert len(data.get("x_seconds", [])) == second
    if "up" in data:
        assert data["up"] == [{"type": "gauge", "help": "Is it there?", "unit": ""}]


@pytest.mark.parametrize(
    ("escaped", "name"),
    [
        ("job", "job"),
        ("U__a_2e_b", "a.b"),
        ("U__a__b", "a_b"),
        ("U__snow_2603_", "snow☃"),
        ("U__face_1F600_", "face😀"),
        ("U__broken_", "U__broken_"),
        ("U__broken_zz_", "U__broken_zz_"),
        ("U__half_d800_", "U__half_d800_"),
        ("U__far_110000_", "U__far_110000_"),
        ("U__", ""),
    ],
)
def test_escaped_names_are_undone_and_broken_ones_kept(escaped, name):
    assert unescape_name(escaped) == name
