"""The query endpoints, byte for byte where clients parse bytes: what is asked of the engine, what is answered."""

from __future__ import annotations

import asyncio
import io
import math

import numpy as np
import pytest

from agent.errors import BurnlineError, ExecutionError, ParseError, QueryLimit, StorageError
from agent.model import Exemplar, Labels
from agent.web import FakeHandles, Matrix, QueryAnswer, QueryOptions, Scalar, Series, Text, Vector

UP = Labels.of(name_="up", job="rag", instance="a:1")
NO_OPTIONS = QueryOptions()


def vector(at_ms=4000):
    return QueryAnswer(Vector([UP, Labels.of(job='q"uote')], np.array([1.0, 1e-7]), at_ms))


def matrix():
    shared_steps = np.array([1435781430781, 1435781445781])
    return QueryAnswer(
        Matrix(
            [
                Series(UP, shared_steps, np.array([1.0, np.nan])),
                Series(Labels(), shared_steps[1:], np.array([-np.inf])),
                Series(Labels.of(job="none"), shared_steps[:0], np.array([])),
            ]
        ),
        warnings=["careful"],
        infos=["by the way"],
    )


ANSWERS = {
    "1+1": QueryAnswer(Scalar(4000, 2.0)),
    '"x"': QueryAnswer(Text(4500, 'a "word"\n')),
    "up": vector(),
    "up[5m]": matrix(),
}

INSTANT = [
    ("1+1", '{"status":"success","data":{"resultType":"scalar","result":[4,"2"]}}'),
    ('"x"', '{"status":"success","data":{"resultType":"string","result":[4.5,"a \\"word\\"\\n"]}}'),
    (
        "up",
        (
            '{"status":"success","data":{"resultType":"vector","result":['
            '{"metric":{"__name__":"up","instance":"a:1","job":"rag"},"value":[4,"1"]},'
            '{"metric":{"job":"q\\"uote"},"value":[4,"1e-07"]}]}}'
        ),
    ),
    (
        "up[5m]",
        (
            '{"status":"success","data":{"resultType":"matrix","result":['
            '{"metric":{"__name__":"up","instance":"a:1","job":"rag"},'
            '"values":[[1435781430.781,"1"],[1435781445.781,"NaN"]]},'
            '{"metric":{},"values":[[1435781445.781,"-Inf"]]},'
            '{"metric":{"job":"none"},"values":[]}]},"warnings":["careful"],"infos":["by the way"]}'
        ),
    ),
]


@pytest.mark.parametrize(("query", "expected"), INSTANT)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_each_type_of_result_has_prometheus_exact_form(serve, query, expected, method):
    client = await serve(FakeHandles(answers=ANSWERS))
    where = {"params": {"query": query}} if method == "GET" else {"data": {"query": query}}
    answer = await client.request(method, "/api/v1/query", **where)
    assert answer.status == 200
    assert answer.content_type == "application/json"
    assert await answer.text() == expected


TIMES = [
    ("4", 4000),
    ("1435781451.781", 1435781451781),
    ("1435781451.7815", 1435781451782),
    ("-1.5", -1500),
    ("1e3", 1_000_000),
    ("2015-07-01T20:10:51.781Z", 1435781451781),
    ("2015-07-01T22:10:51.781+02:00", 1435781451781),
    ("2015-07-01T20:10:51.781123456Z", 1435781451781),
]


@pytest.mark.parametrize(("text", "at_ms"), TIMES)
async def test_a_time_is_seconds_or_rfc3339(serve, text, at_ms):
    handles = FakeHandles(answers=ANSWERS)
    await (await serve(handles)).get("/api/v1/query", params={"query": "1+1", "time": text})
    assert handles.calls == [("instant", "1+1", at_ms, NO_OPTIONS)]


async def test_without_a_time_it_is_now(serve):
    handles = FakeHandles(now=77_000, answers=ANSWERS)
    await (await serve(handles)).get("/api/v1/query?query=1%2B1")
    assert handles.calls == [("instant", "1+1", 77_000, NO_OPTIONS)]


@pytest.mark.parametrize("text", ["yesterday", "NaN", "Inf", "1_000", "2015-07-01", "2015-07-01T20:10:51", "1e300"])
async def test_what_is_no_time_is_bad_data(serve, text):
    client = await serve(FakeHandles(answers=ANSWERS))
    answer = await client.get("/api/v1/query", params={"query": "1+1", "time": text})
    assert answer.status == 400
    assert await answer.json() == {
        "status": "error",
        "errorType": "bad_data",
        "error": f'invalid parameter "time": cannot parse "{text}" to a valid timestamp',
    }


async def test_form_and_query_string_are_one_and_the_form_wins(serve):
    handles = FakeHandles(answers=ANSWERS)
    client = await serve(handles)
    await client.post("/api/v1/query?query=nothing&time=9&timeout=2m", data={"query": "1+1", "stats": "all"})
    assert handles.calls == [("instant", "1+1", 9_000, QueryOptions(timeout_ms=120_000))]


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize(
    ("path", "data"), [("format_query", "up + 1"), ("parse_query", {"type": "parenExpr", "expr": "up + 1"})]
)
async def test_an_expression_is_formatted_and_described(serve, path, data, method):
    """What the agent makes of the text is the envelope's data; a flaw is bad_data with its place."""
    client = await serve(FakeHandles())
    answer = await getattr(client, method)(f"/api/v1/{path}?query=%20up%20%2B%201")
    assert await answer.json() == {"status": "success", "data": data}
    refused = await client.get(f"/api/v1/{path}")
    assert refused.status == 400
    assert (await refused.json())[
        "error"
    ] == 'invalid parameter "query": 1:1: parse error: no expression found in input'


async def test_a_range_query_hands_milliseconds_to_the_engine(serve):
    handles = FakeHandles(answers={"up": matrix()})
    form = {"query": "up", "start": "1435781430.781", "end": "1435781460.781", "step": "0.25", "timeout": "60"}
    answer = await (await serve(handles)).post("/api/v1/query_range", data=form)
    assert answer.status == 200
    asked = ("range", "up", 1435781430781, 1435781460781, 250, QueryOptions(timeout_ms=60_000))
    assert handles.calls == [asked]


@pytest.mark.parametrize(
    ("form", "asked"),
    [
        ({"time": "5"}, (5000, 5000, 0)),
        ({"start": "1", "end": "9", "step": "2s"}, (1000, 9000, 2000)),
    ],
)
async def test_a_plan_is_asked_for_at_an_instant_or_over_a_range(serve, form, asked):
    handles = FakeHandles()
    answer = await (await serve(handles)).post("/api/v1/explain", data={"query": "up", **form})
    data = (await answer.json())["data"]
    assert handles.calls == [("explain", "up", *asked, QueryOptions())]
    assert (data["root"]["expr"], data["root"]["inputs"], data["steps"], data["planned"]) == ("up", [], 1, False)


MAXIMUM = "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)"
STEP = "zero or negative query resolution step widths are not accepted. Try a positive integer"
BAD_RANGES = [
    ({"start": "", "end": "1", "step": "1"}, 'invalid parameter "start": cannot parse "" to a valid timestamp'),
    (
        {"start": "2", "end": "1", "step": "1"},
        'invalid parameter "end": end timestamp must not be before start time',
    ),
    ({"start": "0", "end": "1", "step": "0"}, f'invalid parameter "step": {STEP}'),
    ({"start": "0", "end": "1", "step": "-5"}, f'invalid parameter "step": {STEP}'),
    ({"start": "0", "end": "1", "step": ""}, 'invalid parameter "step": cannot parse "" to a valid duration'),
    ({"start": "0", "end": "1", "step": "soon"}, 'invalid parameter "step": cannot parse "soon" to a valid duration'),
    ({"start": "0", "end": "11001", "step": "1"}, MAXIMUM),
]


@pytest.mark.parametrize(("parameters", "error"), BAD_RANGES)
async def test_a_bad_range_is_refused_in_prometheus_words(serve, parameters, error):
    client = await serve(FakeHandles(answers={"up": matrix()}))
    answer = await client.get("/api/v1/query_range", params={"query": "up", **parameters})
    assert answer.status == 400
    assert await answer.json() == {"status": "error", "errorType": "bad_data", "error": error}


async def test_eleven_thousand_steps_are_still_answered(serve):
    client = await serve(FakeHandles(answers={"up": matrix()}))
    answer = await client.get("/api/v1/query_range?query=up&start=0&end=11000&step=1s")
    assert answer.status == 200


ERRORS = [
    (
        ParseError("unexpected end of input", 1, 5),
        400,
        "bad_data",
        'invalid parameter "query": 1:5: parse error: unexpected end of input',
    ),
    (ExecutionError("many-to-many matching not allowed"), 422, "execution", "many-to-many matching not allowed"),
    (QueryLimit("too many samples"), 422, "execution", "too many samples"),
    (QueryLimit("query timed out", timeout=True), 503, "timeout", "query timed out"),
    (StorageError("cannot read the block"), 500, "internal", "cannot read the block"),
    (BurnlineError("something"), 500, "internal", "something"),
]


@pytest.mark.parametrize(("error", "status", "kind", "text"), ERRORS)
async def test_each_error_of_the_engine_has_its_status_and_type(serve, error, status, kind, text):
    client = await serve(FakeHandles(answers={"bad": error}))
    answer = await client.post("/api/v1/query", data={"query": "bad"})
    assert answer.status == status
    assert await answer.json() == {"status": "error", "errorType": kind, "error": text}


async def test_an_unforeseen_error_is_an_envelope_without_its_text(serve):
    class Broken(FakeHandles):
        async def instant(self, query, at_ms, options):
            raise RuntimeError("token=hunter2")

    answer = await (await serve(Broken())).get("/api/v1/query?query=x", headers={"X-Request-Id": "abc-1"})
    assert answer.status == 500
    body = await answer.json()
    assert body["errorType"] == "internal"
    assert "hunter2" not in body["error"]
    assert "abc-1" in body["error"]


async def test_a_limit_cuts_and_says_so(serve):
    client = await serve(FakeHandles(answers={"up": vector(), "m": matrix()}))
    cut = await (await client.get("/api/v1/query?query=up&limit=1")).json()
    assert len(cut["data"]["result"]) == 1
    assert cut["warnings"] == ["results truncated due to limit"]
    cut = await (await client.get("/api/v1/query_range?query=m&start=1&end=2&step=1&limit=2")).json()
    assert len(cut["data"]["result"]) == 2
    assert cut["warnings"] == ["careful", "results truncated due to limit"]
    for enough in ("0", "2"):
        assert "warnings" not in await (await client.get(f"/api/v1/query?query=up&limit={enough}")).json()
    assert (await client.get("/api/v1/query?query=up&limit=-1")).status == 400


async def test_at_most_ten_warnings_are_shown_and_the_rest_counted(serve):
    many = QueryAnswer(Scalar(0, 1.0), warnings=[f"warning {number}" for number in range(12)])
    body = await (await (await serve(FakeHandles(answers={"x": many}))).get("/api/v1/query?query=x")).json()
    assert len(body["warnings"]) == 11
    assert body["warnings"][-1] == "2 more warning annotations omitted"


async def test_exemplars_are_answered_series_by_series(serve):
    """Values are text, times are seconds, as Prometheus writes them; both times may be left out."""
    series, other = Labels.of(name_="a", job="rag"), Labels.of(name_="b")
    trace = Labels.of(trace_id="abc")
    handles = FakeHandles(
        kept_exemplars=[
            Exemplar(series, trace, 0.5, 1_500),
            Exemplar(series, Labels(), 6.0, 2_000),
            Exemplar(other, trace, math.inf, 1_600_096_945_479),
        ]
    )
    client = await serve(handles)
    answer = await client.get("/api/v1/query_exemplars?query=rate(a[5m])&start=1&end=2000000000.5")
    assert (await answer.json()) == {
        "status": "success",
        "data": [
            {
                "seriesLabels": {"__name__": "a", "job": "rag"},
                "exemplars": [
                    {"labels": {"trace_id": "abc"}, "value": "0.5", "timestamp": 1.5},
                    {"labels": {}, "value": "6", "timestamp": 2},
                ],
            },
            {
                "seriesLabels": {"__name__": "b"},
                "exemplars": [{"labels": {"trace_id": "abc"}, "value": "+Inf", "timestamp": 1600096945.479}],
            },
        ],
    }
    assert handles.calls == [("exemplars", "rate(a[5m])", 1000, 2_000_000_000_500)]
    await client.get("/api/v1/query_exemplars?query=a")
    assert handles.calls[-1] == ("exemplars", "a", None, None)


@pytest.mark.parametrize(
    ("parameters", "error"),
    [
        ("query=a&start=5&end=4", 'invalid parameter "end": end timestamp must not be before start timestamp'),
        ("query=a&start=soon", 'invalid parameter "start": cannot parse "soon" to a valid timestamp'),
        ("", 'invalid parameter "query": 1:1: parse error: no expression found in input'),
    ],
)
async def test_a_wrong_question_for_exemplars_is_refused(serve, parameters, error):
    answer = await (await serve(FakeHandles())).get(f"/api/v1/query_exemplars?{parameters}")
    assert answer.status == 400
    assert await answer.json() == {"status": "error", "errorType": "bad_data", "error": error}


GRAFANA = [
    ("POST", "/api/v1/query", "query=1%2B1&time=4", 200, {"resultType": "scalar", "result": [4, "2"]}),
    ("POST", "/api/v1/query_exemplars", "query=test&start=1767582764000&end=1767586364000", 200, []),
    (
        "GET",
        "/api/v1/status/buildinfo",
        None,
        200,
        {
            "version": "3.5.0",
            "revision": "burnline-0.0.0",
            "branch": "burnline",
            "buildUser": "",
            "buildDate": "",
            "goVersion": "python 3.11",
        },
    ),
    ("GET", "/api/v1/label/__name__/values?start=1&end=2&limit=40000", None, 200, ["up"]),
    ("POST", "/api/v1/labels", "start=1&end=2&limit=40000", 200, ["__name__", "instance", "job"]),
    (
        "POST",
        "/api/v1/series",
        "match%5B%5D=%7B__name__%21%3D%22%22%7D&start=1&end=2&limit=40000",
        200,
        [{"__name__": "up", "instance": "a:1", "job": "rag"}],
    ),
    ("GET", "/api/v1/metadata?limit=40000", None, 200, {}),
    ("GET", "/api/v1/rules", None, 200, {"groups": []}),
    ("GET", "/api/v1/alerts", None, 200, {"alerts": []}),
]


@pytest.mark.parametrize(("method", "path", "form", "status", "data"), GRAFANA)
async def test_grafana_requests_are_answered(serve, method, path, form, status, data):
    client = await serve(FakeHandles(answers=ANSWERS, stored=[UP]))
    headers = {"X-Dashboard-Uid": "rag", "X-Grafana-Org-Id": "1"}
    if form is not None:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    answer = await client.request(method, path, data=form, headers=headers)
    assert answer.status == status
    assert (await answer.json())["data"] == data


@pytest.mark.parametrize(
    "path", ["/api/v1/rules", "/api/v1/status/buildinfo", "/api/v1/metadata", "/api/v1/label/job/values"]
)
async def test_a_wrong_method_is_405_so_that_grafana_falls_back_to_get(serve, path):
    answer = await (await serve(FakeHandles())).post(path, data={"a": "b"})
    assert answer.status == 405
    assert answer.headers["Allow"] == "GET, HEAD"
    assert (await answer.json())["status"] == "error"


async def test_flags_are_not_served_lest_grafana_takes_us_for_thanos(serve):
    answer = await (await serve(FakeHandles())).get("/api/v1/status/flags")
    assert answer.status == 404
    body = await answer.json()
    assert (body["status"], body["errorType"]) == ("error", "not_found")
    assert "page not found" in body["error"]


async def test_a_broken_escape_in_a_query_still_gives_valid_json(serve):
    answer = await (await serve(FakeHandles())).get("/api/v1/query?query=%ff%fe")
    assert answer.status == 400
    assert (await answer.json())["errorType"] == "bad_data"


async def test_a_body_past_a_megabyte_is_refused(serve):
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    body = io.BytesIO(b"query=" + b"x" * (1 << 20))
    answer = await (await serve(FakeHandles())).post("/api/v1/query", data=body, headers=form)
    assert answer.status == 413
    assert (await answer.json())["status"] == "error"


async def test_health_answers_while_a_query_runs(serve):
    asked, go_on = asyncio.Event(), asyncio.Event()

    class Slow(FakeHandles):
        async def instant(self, query, at_ms, options):
            asked.set()
            await go_on.wait()
            return await super().instant(query, at_ms, options)

    client = await serve(Slow(answers=ANSWERS))
    running = asyncio.create_task(client.get("/api/v1/query?query=up"))
    await asked.wait()
    healthy = await client.get("/-/healthy")
    assert (healthy.status, await healthy.text()) == (200, "Burnline is healthy.\n")
    assert not running.done()
    go_on.set()
    assert (await running).status == 200
