"""Who may change things and who may read: foreign pages, rebound names, acknowledgements, cross-origin answers."""

from __future__ import annotations

import pytest

from agent.web import FakeHandles
from agent.web.origins import may_read, refusal
from tests.web import scenes

FINGERPRINT = scenes.HIGH_ERRORS.fingerprint
ACK = f"/api/v1/alerts/{FINGERPRINT}/ack"
EXTERNAL = "https://burnline.example.org/agent"

PASSES = [
    (None, "", "127.0.0.1:9477", ""),
    (None, "none", "burnline.internal", ""),
    ("http://127.0.0.1:9477", "same-origin", "127.0.0.1:9477", ""),
    ("http://localhost:9477", "", "localhost:9477", ""),
    ("http://[::1]:9477", "", "[::1]:9477", ""),
    ("http://10.0.0.3:9477", "", "10.0.0.3:9477", ""),
    ("http://burnline:9477", "", "burnline:9477", ""),
    ("http://10.0.0.3", "", "10.0.0.3:80", ""),
    ("https://burnline.example.org", "same-origin", "127.0.0.1:9477", EXTERNAL),
    ("https://burnline.example.org:443", "", "127.0.0.1:9477", EXTERNAL),
]
REFUSED = [
    ("http://evil.example", "cross-site", "127.0.0.1:9477", ""),
    ("http://localhost:3000", "same-site", "localhost:9477", ""),
    ("null", "cross-site", "127.0.0.1:9477", ""),
    ("", "", "127.0.0.1:9477", ""),
    (None, "cross-site", "127.0.0.1:9477", ""),
    ("http://rebound.evil.example:9477", "same-origin", "rebound.evil.example:9477", ""),
    ("http://burnline.example.org", "", "127.0.0.1:9477", EXTERNAL),
    ("http://[broken", "", "127.0.0.1:9477", ""),
    ("http://a:99999999", "", "a:99999999", ""),
]


@pytest.mark.parametrize(("origin", "site", "host", "external"), PASSES)
def test_our_own_pages_and_programs_may_change_things(origin, site, host, external):
    assert refusal(origin, site, host, external) == ""


@pytest.mark.parametrize(("origin", "site", "host", "external"), REFUSED)
def test_foreign_and_rebound_pages_may_not(origin, site, host, external):
    assert refusal(origin, site, host, external) != ""


def test_a_rebound_name_is_told_which_setting_would_make_it_known():
    assert "web.external_url" in refusal("http://agent.corp.example", "", "agent.corp.example", "")


@pytest.mark.parametrize("path", ["/-/reload", ACK, f"/alert/{FINGERPRINT}/ack"])
async def test_every_route_that_changes_something_refuses_a_foreign_page(serve, path):
    handles = scenes.firing()
    client = await serve(handles)
    answer = await client.post(path, data={"by": "eve"}, headers={"Origin": "http://evil.example"})
    assert answer.status == 403
    assert "http://evil.example" in await answer.text()
    assert handles.calls == []


async def test_an_acknowledgement_needs_a_name_and_reaches_the_agent(serve):
    handles = scenes.firing()
    client = await serve(handles)
    answer = await client.post(ACK, json={"by": " ana ", "comment": "on it"})
    assert answer.status == 200
    assert await answer.json() == {
        "status": "success",
        "data": {"fingerprint": FINGERPRINT, "by": "ana", "at": "2026-01-05T03:12:44.000Z", "comment": "on it"},
    }
    assert handles.calls == [("acknowledge", FINGERPRINT, "ana", "on it")]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"by":""}', b'{"by":"  "}', b'{"by":"a","who":1}', b'{"by":1}', b"\xff\xff"]
)
async def test_a_bad_acknowledgement_is_refused_and_nothing_is_done(serve, body):
    handles = scenes.firing()
    answer = await (await serve(handles)).post(ACK, data=body, headers={"Content-Type": "application/json"})
    assert (answer.status, (await answer.json())["errorType"]) == (400, "bad_data")
    assert handles.calls == []


async def test_an_unknown_alert_is_not_found(serve):
    client = await serve(FakeHandles())
    for method, path in (("GET", f"/api/v1/alerts/{FINGERPRINT}"), ("POST", ACK)):
        answer = await client.request(method, path, json={"by": "ana"})
        assert (answer.status, (await answer.json())["errorType"]) == (404, "not_found")


async def test_the_detail_of_an_alert_tells_its_whole_story(serve):
    answer = await (await serve(scenes.firing())).get(f"/api/v1/alerts/{FINGERPRINT}")
    data = (await answer.json())["data"]
    assert (data["fingerprint"], data["query"], data["condition"]) == (FINGERPRINT, "error_rate > 0.10", "> 0.10")
    assert data["firedAt"] == "2026-01-05T02:58:44.000Z"
    assert (data["resolvedAt"], data["acknowledgement"]) == (None, None)
    assert data["transitions"][1] == {
        "at": "2026-01-05T02:58:44.000Z",
        "from": "pending",
        "to": "firing",
        "value": 0.123,
        "reason": "it held for 2m",
    }
    assert [(each["channel"], each["state"], each["attempts"]) for each in data["deliveries"]] == [
        ("slack", "delivered", 1),
        ("sms", "delivered", 1),
        ("email", "failed", 4),
    ]
    assert data["next"] == [
        {"at": "2026-01-05T03:13:44.000Z", "what": "SMS to bob, unless somebody acknowledges before"}
    ]


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("http://localhost:3000", True),
        ("http://127.0.0.1:8080", True),
        ("https://burnline.example.org", True),
        ("http://evil.example", False),
        ("http://localhost.evil.example", False),
        ("null", False),
        ("http://[broken", False),
    ],
)
async def test_only_pages_of_this_machine_and_of_our_address_may_read_across_origins(serve, origin, allowed):
    assert may_read(origin, EXTERNAL) is allowed
    client = await serve(FakeHandles(), external_url=EXTERNAL)
    answer = await client.get("/api/v1/labels", headers={"Origin": origin})
    assert answer.headers.get("Access-Control-Allow-Origin") == (origin if allowed else None)
    assert "Origin" in answer.headers.getall("Vary")


async def test_a_preflight_is_answered(serve):
    answer = await (await serve(FakeHandles())).options(
        "/api/v1/query", headers={"Origin": "http://localhost:3000", "Access-Control-Request-Method": "POST"}
    )
    assert answer.status == 204
    assert answer.headers["Access-Control-Allow-Methods"] == "GET, POST, OPTIONS"


async def test_queries_by_post_are_reading_and_pass_from_anywhere(serve):
    answer = await (await serve(FakeHandles())).post("/api/v1/labels", headers={"Origin": "http://evil.example"})
    assert answer.status == 200
    assert "Access-Control-Allow-Origin" not in answer.headers
