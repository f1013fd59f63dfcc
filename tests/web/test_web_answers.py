"""The fast writer of numbers against the plain one, and long answers against json."""

from __future__ import annotations

import gzip
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.model import CUSTOM, Buckets, Histogram, Labels, format_float
from agent.web import FakeHandles, Matrix, QueryAnswer, Series, Vector
from agent.web.answers import CHUNK_BYTES, chunks, encode_histogram, format_timestamp, format_values, limited


@given(st.lists(st.floats(width=64), max_size=20))
def test_many_numbers_are_written_as_each_alone(values):
    assert format_values(np.array(values)) == [format_float(value).encode() for value in values]


@given(st.lists(st.floats(min_value=1e-7, max_value=1e22) | st.integers(0, 2**60).map(float), max_size=20))
def test_the_edges_of_exponents_are_written_as_go_writes_them(values):
    assert format_values(np.array(values, dtype=float)) == [format_float(value).encode() for value in values]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.0, "-0"),
        (1e-5, "0.00001"),
        (1e-6, "0.000001"),
        (9.9e-7, "9.9e-07"),
        (1e16, "10000000000000000"),
        (1e21, "1e+21"),
        (5e-324, "5e-324"),
        (float("inf"), "+Inf"),
        (100.05, "100.05"),
    ],
)
def test_numbers_have_go_form(value, text):
    assert format_values(np.array([value])) == [text.encode()]


@pytest.mark.parametrize(
    ("at_ms", "text"), [(0, "0"), (1000, "1"), (1500, "1.5"), (1001, "1.001"), (-500, "-0.5"), (-2000, "-2")]
)
def test_timestamps_have_no_trailing_zeros(at_ms, text):
    assert format_timestamp(at_ms) == text


def wide(series: int, steps: int) -> QueryAnswer:
    times = 1_700_000_000_000 + 15_000 * np.arange(steps)
    values = np.random.default_rng(1).random((series, steps)) * 100
    return QueryAnswer(Matrix([Series(Labels.of(n=str(row)), times, values[row]) for row in range(series)]))


def plain(answer: QueryAnswer) -> list[dict]:
    return [
        {
            "metric": dict(each.labels.pairs),
            "values": [
                [at / 1000, format_float(value)]
                for at, value in zip(each.timestamps.tolist(), each.values.tolist(), strict=True)
            ],
        }
        for each in answer.result.series
    ]


def test_a_long_answer_comes_in_chunks_that_join_to_json():
    answer = wide(300, 200)
    pieces = list(chunks(answer))
    assert len(pieces) > 1
    assert all(len(piece) >= CHUNK_BYTES for piece in pieces[:-1])
    assert json.loads(b"".join(pieces))["data"]["result"] == plain(answer)


@pytest.mark.parametrize("accept", ["gzip", "identity"])
async def test_a_long_answer_arrives_whole_over_http(serve, accept):
    answer = wide(300, 200)
    client = await serve(FakeHandles(answers={"x": answer}))
    url = "/api/v1/query_range?query=x&start=0&end=1&step=1"
    client.session._auto_decompress = False
    response = await client.get(url, headers={"Accept-Encoding": accept})
    body = await response.read()
    if accept == "gzip":
        assert response.headers["Content-Encoding"] == "gzip"
        body = gzip.decompress(body)
    assert json.loads(body)["data"]["result"] == plain(answer)


async def test_short_answers_and_refused_gzip_stay_plain(serve):
    client = await serve(FakeHandles(answers={"x": wide(1, 1), "y": wide(20, 20)}))
    for query, accept in (("x", "gzip"), ("y", "identity"), ("y", "gzip;q=0")):
        response = await client.get(f"/api/v1/query?query={query}", headers={"Accept-Encoding": accept})
        assert "Content-Encoding" not in response.headers
    response = await client.get("/api/v1/query?query=y", headers={"Accept-Encoding": "deflate, gzip;q=0.5"})
    assert response.headers["Content-Encoding"] == "gzip"


EXPONENTIAL = Histogram(
    schema=0,
    count=7,
    sum=1e21,
    zero_threshold=0.5,
    zero_count=1,
    positive=Buckets(np.array([1, 2, 3]), np.array([2.0, 0.0, 1.5])),
    negative=Buckets(np.array([1]), np.array([2.5])),
)
OWN_BOUNDS = Histogram(CUSTOM, 3, math.inf, positive=Buckets(np.array([0, 1]), np.array([1.0, 2.0])), bounds=(0.25,))
EXPONENTIAL_JSON = {
    "count": "7",
    "sum": "1e+21",
    "buckets": [[1, "-2", "-1", "2.5"], [3, "-0.5", "0.5", "1"], [0, "1", "2", "2"], [0, "4", "8", "1.5"]],
}
OWN_BOUNDS_JSON = {"count": "3", "sum": "+Inf", "buckets": [[3, "-Inf", "0.25", "1"], [0, "0.25", "+Inf", "2"]]}


@pytest.mark.parametrize(
    ("histogram", "expected"),
    [
        (EXPONENTIAL, EXPONENTIAL_JSON),
        (OWN_BOUNDS, OWN_BOUNDS_JSON),
        (Histogram(), {"count": "0", "sum": "0"}),
    ],
)
def test_a_histogram_is_written_with_the_buckets_that_count_something(histogram, expected):
    """Each bucket is its boundary rule, its bounds and its count; all numbers are strings, as Prometheus writes them."""
    assert json.loads(encode_histogram(histogram)) == expected


def objects(*items: Histogram | None) -> np.ndarray:
    made = np.full(len(items), None)
    made[:] = items
    return made


def test_a_vector_gives_each_series_a_value_or_a_histogram():
    """The key says which; a limit cuts both alike."""
    labels = (Labels.of(a="float"), Labels.of(a="native"))
    answer = QueryAnswer(Vector(labels, np.array([1.5, math.nan]), 1500, objects(None, EXPONENTIAL)))
    assert json.loads(b"".join(chunks(answer)))["data"]["result"] == [
        {"metric": {"a": "float"}, "value": [1.5, "1.5"]},
        {"metric": {"a": "native"}, "histogram": [1.5, EXPONENTIAL_JSON]},
    ]
    cut = json.loads(b"".join(chunks(limited(answer, 1))))
    assert [each["metric"] for each in cut["data"]["result"]] == [{"a": "float"}]


def test_a_matrix_keeps_floats_and_histograms_of_a_series_apart():
    """`values` and `histograms` stand beside each other; what a series has none of is left out."""
    stamps, values = np.array([0, 1000, 2000]), np.array([1.0, math.nan, 3.0])
    both = Series(Labels.of(a="both"), stamps, values, objects(None, OWN_BOUNDS, None))
    only = Series(Labels.of(a="only"), stamps[:1], values[1:2], objects(OWN_BOUNDS))
    assert json.loads(b"".join(chunks(QueryAnswer(Matrix([both, only])))))["data"]["result"] == [
        {"metric": {"a": "both"}, "values": [[0, "1"], [2, "3"]], "histograms": [[1, OWN_BOUNDS_JSON]]},
        {"metric": {"a": "only"}, "histograms": [[0, OWN_BOUNDS_JSON]]},
    ]
