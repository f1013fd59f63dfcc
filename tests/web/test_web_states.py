"""Rules, alerts and targets in Prometheus' shapes; health, readiness, reload and the agent's own metrics."""

from __future__ import annotations

import math

import pytest

from agent.errors import SchemaError
from agent.model import Labels
from agent.telemetry import Telemetry
from agent.web import FakeHandles, RuleGroupView, RuleHealth, RuleView
from agent.web.states import format_exponent
from tests.web import scenes

ALERT = {
    "labels": {"alertname": "HighErrorRate", "job": "rag", "service": "rag", "severity": "critical"},
    "annotations": dict(scenes.HIGH_ERRORS.annotations.pairs),
    "state": "firing",
    "activeAt": "2026-01-05T02:56:44.000Z",
    "value": "1.2345678e-01",
}


async def test_alerts_have_prometheus_shape(serve):
    answer = await (await serve(FakeHandles(active=[scenes.HIGH_ERRORS]))).get("/api/v1/alerts")
    assert await answer.json() == {"status": "success", "data": {"alerts": [ALERT]}}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "1e+00"),
        (0.0, "0e+00"),
        (-0.5, "-5e-01"),
        (120.0, "1.2e+02"),
        (1e100, "1e+100"),
        (0.1, "1e-01"),
        (123456789.125, "1.23456789125e+08"),
        (math.nan, "NaN"),
        (math.inf, "+Inf"),
    ],
)
def test_the_value_of_an_alert_has_the_exponent_form(value, text):
    assert format_exponent(value) == text


async def test_a_rule_group_has_prometheus_shape(serve):
    answer = await (await serve(scenes.firing())).get("/api/v1/rules?rule_group[]=rag-critical")
    (group,) = (await answer.json())["data"]["groups"]
    alerting, failing = group.pop("rules")
    assert group == {
        "name": "rag-critical",
        "file": "rules/rag.yml",
        "interval": 15,
        "limit": 0,
        "evaluationTime": 0,
        "lastEvaluation": "2026-01-05T03:12:40.000Z",
    }
    assert alerting == {
        "name": "HighErrorRate",
        "query": "error_rate > 0.10",
        "labels": {"severity": "critical"},
        "state": "firing",
        "duration": 120,
        "keepFiringFor": 0,
        "annotations": ALERT["annotations"],
        "alerts": [ALERT],
        "health": "ok",
        "evaluationTime": 0.0005,
        "lastEvaluation": "2026-01-05T03:12:40.000Z",
        "type": "alerting",
    }
    assert failing["health"] == "err"
    assert failing["lastError"] == "vector cannot contain metrics with the same labelset"
    assert failing["lastEvaluation"] == "0001-01-01T00:00:00Z"


async def test_a_recording_rule_has_no_alerts(serve):
    answer = await (await serve(scenes.firing())).get("/api/v1/rules?type=record&rule_name[]=error_rate")
    (group,) = (await answer.json())["data"]["groups"]
    assert group["rules"] == [
        {
            "name": "error_rate",
            "query": "sum(rate(rag_errors_total[5m])) / sum(rate(rag_queries_total[5m]))",
            "labels": {},
            "health": "ok",
            "evaluationTime": 0,
            "lastEvaluation": "0001-01-01T00:00:00Z",
            "type": "recording",
        }
    ]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ["error_rate", "p95_response_time", "HighErrorRate", "ServiceDown"]),
        ("?type=alert", ["HighErrorRate", "ServiceDown"]),
        ("?type=alert&rule_name[]=ServiceDown&rule_name[]=other", ["ServiceDown"]),
        ("?file[]=rules/other.yml", []),
        ('?match[]={severity="critical"}', ["HighErrorRate", "ServiceDown"]),
        ('?match[]={severity="warning"}', []),
    ],
)
async def test_rules_are_filtered(serve, query, names):
    answer = await (await serve(scenes.firing())).get(f"/api/v1/rules{query}")
    groups = (await answer.json())["data"]["groups"]
    assert [rule["name"] for group in groups for rule in group["rules"]] == names


async def test_rule_groups_come_in_pages(serve):
    client = await serve(
        FakeHandles(rule_groups=[RuleGroupView(name, "f.yml", 1000, [RuleView("a", "1", False)]) for name in "abc"])
    )
    seen, token = [], ""
    while True:
        data = (await (await client.get(f"/api/v1/rules?group_limit=2&group_next_token={token}")).json())["data"]
        seen.append([group["name"] for group in data["groups"]])
        token = data.get("groupNextToken", "")
        if not token:
            break
    assert seen == [["a", "b"], ["c"]]


@pytest.mark.parametrize(
    "query", ["type=both", "group_limit=x", "group_limit=0", "group_next_token=x", "group_limit=1&group_next_token=x"]
)
async def test_bad_filters_of_rules_are_refused(serve, query):
    answer = await (await serve(scenes.firing())).get(f"/api/v1/rules?{query}")
    assert (answer.status, (await answer.json())["errorType"]) == (400, "bad_data")


async def test_alerts_can_be_left_out_of_rules(serve):
    answer = await (await serve(scenes.firing())).get("/api/v1/rules?type=alert&exclude_alerts=true")
    assert [rule["alerts"] for group in (await answer.json())["data"]["groups"] for rule in group["rules"]] == [[], []]


async def test_targets_have_prometheus_shape(serve):
    client = await serve(scenes.healthy())
    data = (await (await client.get("/api/v1/targets?scrapePool=rag")).json())["data"]
    assert data == {
        "activeTargets": [
            {
                "discoveredLabels": {"__address__": "127.0.0.1:8000"},
                "labels": {"job": "rag", "instance": "127.0.0.1:8000"},
                "scrapePool": "rag",
                "scrapeUrl": "http://127.0.0.1:8000/metrics",
                "globalUrl": "http://127.0.0.1:8000/metrics",
                "lastError": "",
                "lastScrape": "2026-01-05T03:12:38.000Z",
                "lastScrapeDuration": 0.004,
                "health": "up",
                "scrapeInterval": "15s",
                "scrapeTimeout": "10s",
            }
        ],
        "droppedTargets": [],
        "droppedTargetCounts": {},
    }
    assert (await (await client.get("/api/v1/targets?state=dropped")).json())["data"]["activeTargets"] == []


async def test_until_the_agent_is_ready_it_says_what_it_waits_for(serve):
    handles = FakeHandles(waiting="reading the journal")
    client = await serve(handles)
    assert (await client.get("/-/healthy")).status == 200
    ready = await client.get("/-/ready")
    assert (ready.status, await ready.text()) == (503, "Burnline is not ready: reading the journal.\n")
    held = await client.get("/api/v1/query?query=1")
    assert (held.status, (await held.json())["errorType"]) == (503, "unavailable")
    handles.waiting = ""
    assert (await client.get("/-/ready")).status == 200


async def test_reload_needs_post_and_tells_each_problem(serve):
    handles = FakeHandles()
    client = await serve(handles)
    assert (await client.get("/-/reload")).status == 405
    assert handles.calls == []
    assert (await client.post("/-/reload")).status == 200
    handles.reload_error = SchemaError(["rules/rag.yml:14:5: unknown key", "rules/rag.yml:20:1: duplicate group"])
    answer = await client.post("/-/reload")
    assert answer.status == 500
    assert await answer.text() == (
        "failed to reload config: rules/rag.yml:14:5: unknown key\nrules/rag.yml:20:1: duplicate group\n"
    )


async def test_own_metrics_come_in_the_form_that_was_asked_for(serve):
    client = await serve(FakeHandles(own_metrics=b"a 1\n"))
    plain = await client.get("/metrics")
    assert (plain.headers["Content-Type"], await plain.read()) == (
        "text/plain; version=0.0.4; charset=utf-8",
        b"a 1\n",
    )
    asked = await client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert asked.headers["Content-Type"].startswith("application/openmetrics-text")


async def test_each_request_is_timed_under_its_route_never_its_path(serve):
    telemetry = Telemetry()
    client = await serve(FakeHandles(stored=[Labels.of(a="b")]), telemetry=telemetry)
    for path in ("/api/v1/label/a/values", "/api/v1/label/b/values", "/nothing/1", "/nothing/2"):
        await client.get(path)
    value = telemetry.registry.get_sample_value
    name = "burnline_http_request_duration_seconds_count"
    assert value(name, {"handler": "/api/v1/label/{name}/values"}) == 2
    assert value(name, {"handler": "unknown"}) == 2


async def test_a_request_id_is_kept_or_made(serve):
    client = await serve(FakeHandles())
    assert (await client.get("/-/healthy", headers={"X-Request-Id": "abc.1"})).headers["X-Request-Id"] == "abc.1"
    made = [(await client.get("/-/healthy", headers={"X-Request-Id": "no spaces"})).headers["X-Request-Id"]]
    made.append((await client.get("/-/healthy")).headers["X-Request-Id"])
    assert all(len(each) == 16 for each in made)
    assert made[0] != made[1]


def test_a_rule_is_as_bad_as_its_worst_alert():
    rule = RuleView("a", "up", True, health=RuleHealth.OK, alerts=[scenes.MEMORY, scenes.SLOW])
    assert rule.state == "firing"
    assert RuleView("a", "up", True, alerts=[scenes.MEMORY]).state == "pending"
    assert RuleView("a", "up", True).state == "inactive"
