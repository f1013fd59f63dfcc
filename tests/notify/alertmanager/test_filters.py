"""Filters and silences over HTTP: what a filter finds, and with which status a silence is made, changed, refused and ended."""

from __future__ import annotations

import pytest
from aiohttp.test_utils import TestClient, TestServer

from tests.app.served import Served

ROUTES = """
route: {receiver: team, group_by: [alertname], group_wait: 0s, routes: [{matchers: [team=a], receiver: "team.a"}]}
receivers: [{name: team}, {name: "team.a"}]
inhibit_rules: [{source_matchers: [alertname=Source], target_matchers: [alertname=Target]}]
"""
ALERTS = {
    "Source": {"team": "a"},
    "Target": {"team": "b"},
    "Silenced": {"team": "a", "note": "x,y"},
    "Plain": {"note": "x"},
}


@pytest.fixture
async def client(tmp_path):
    served = Served(tmp_path, ROUTES)
    made = TestClient(TestServer(served.app(), host="127.0.0.1"))
    await made.start_server()
    made.served = served
    yield made
    await made.close()


def silence(*matchers, start="2026-01-05T08:00:00Z", end="2026-01-05T09:00:00Z", **more):
    """Write a silence; a matcher is name, value, and isRegex and isEqual where they are given."""
    keys = ("name", "value", "isRegex", "isEqual")
    written = [{"isRegex": False, **dict(zip(keys, each, strict=False))} for each in matchers]
    return {"matchers": written, "startsAt": start, "endsAt": end, "createdBy": "ana", "comment": "test", **more}


async def post(client, body):
    answer = await client.post("/api/v2/silences", json=body)
    return answer.status, await answer.json()


async def made(client, body) -> str:
    status, answer = await post(client, body)
    assert status == 200, answer
    return answer["silenceID"]


async def filled(client):
    """Give the server all alerts, with what holds two of them back."""
    await made(client, silence(("alertname", "Silenced")))
    body = [{"labels": {"alertname": name, **labels}} for name, labels in ALERTS.items()]
    assert (await client.post("/api/v2/alerts", json=body)).status == 200
    client.served.dispatcher.flush(client.served.now)


async def names(client, **asked):
    pairs = [(key, each) for key, values in asked.items() for each in ([values] if isinstance(values, str) else values)]
    answer = await client.get("/api/v2/alerts", params=pairs)
    assert answer.status == 200, await answer.text()
    return {each["labels"]["alertname"] for each in await answer.json()}


EVERY = {*ALERTS}
FOUND = [
    ({}, EVERY),
    ({"filter": "team=a"}, {"Source", "Silenced"}),
    ({"filter": "team!=a"}, {"Target", "Plain"}),
    ({"filter": "team=~a|b"}, {"Source", "Target", "Silenced"}),
    ({"filter": "team!~a|b"}, {"Plain"}),
    ({"filter": 'team=""'}, {"Plain"}),
    ({"filter": 'team!=""'}, {"Source", "Target", "Silenced"}),
    ({"filter": "team="}, {"Plain"}),
    ({"filter": 'nowhere=""'}, EVERY),
    ({"filter": "nowhere=~.*"}, EVERY),
    ({"filter": 'nowhere!=""'}, set()),
    ({"filter": ["team=a", "note!=x"]}, {"Source", "Silenced"}),
    ({"filter": ["team=a", 'note=""']}, {"Source"}),
    ({"filter": "note=x,y"}, {"Silenced"}),
    ({"filter": 'note="x,y"'}, {"Silenced"}),
    ({"receiver": "team"}, {"Target", "Plain"}),
    ({"receiver": "team.a"}, {"Source", "Silenced"}),
    ({"receiver": "team.*"}, EVERY),
    ({"receiver": "tea"}, set()),
    ({"silenced": "false"}, EVERY - {"Silenced"}),
    ({"inhibited": "false"}, EVERY - {"Target"}),
    ({"active": "false"}, {"Silenced", "Target"}),
    ({"active": "false", "silenced": "false"}, {"Target"}),
    ({"active": "false", "silenced": "false", "inhibited": "false"}, set()),
]


@pytest.mark.parametrize(("asked", "expected"), FOUND)
async def test_filters_receivers_and_flags_find_alerts(client, asked, expected):
    await filled(client)
    assert await names(client, **asked) == expected


async def test_the_status_says_who_holds_an_alert_back(client):
    await filled(client)
    answer = await (await client.get("/api/v2/alerts")).json()
    shown = {each["labels"]["alertname"]: each for each in answer}
    assert {name: each["status"]["state"] for name, each in shown.items()} == {
        "Source": "active",
        "Plain": "active",
        "Silenced": "suppressed",
        "Target": "suppressed",
    }
    assert shown["Target"]["status"]["inhibitedBy"] == [shown["Source"]["fingerprint"]]
    (kept,) = await (await client.get("/api/v2/silences")).json()
    assert shown["Silenced"]["status"]["silencedBy"] == [kept["id"]]
    assert all(each["status"]["mutedBy"] == [] for each in answer)


@pytest.mark.parametrize("text", ["a", "{a=b}", "a=b}", "a=~(", "", "a!b"])
@pytest.mark.parametrize("path", ["alerts", "alerts/groups", "silences"])
async def test_a_filter_that_is_no_matcher_is_a_bad_request(client, path, text):
    answer = await client.get(f"/api/v2/{path}", params={"filter": text})
    assert answer.status == 400
    assert isinstance(await answer.json(), str)


SAME = [
    # a filter, whether it finds the silence whose matchers are a=b and c=~"d|e"
    (["a=b"], True),
    (["c=~d|e"], True),
    (['c=~"d|e"', 'a="b"'], True),
    (["c=d"], False),
    (["c=~d"], False),
    (["a=~b"], False),
    (["a!=x"], False),
    (["a=b", "x=y"], False),
    (['x=""'], False),
]


@pytest.mark.parametrize(("filters", "found"), SAME)
async def test_the_matchers_of_silences_are_compared_and_not_evaluated(client, filters, found):
    key = await made(client, silence(("a", "b"), ("c", "d|e", True)))
    answer = await client.get("/api/v2/silences", params=[("filter", each) for each in filters])
    assert [each["id"] for each in await answer.json()] == ([key] if found else [])


REFUSED = [
    pytest.param(silence(("a", "b"), end="2026-01-05T07:00:00Z"), 400, "start time", id="ends before it begins"),
    pytest.param(
        silence(("a", "b"), start="2026-01-05T06:00:00Z", end="2026-01-05T07:59:59Z"),
        400,
        "end time can't be in the past",
        id="ended before now",
    ),
    pytest.param(silence(("a", "b"), end="2026-01-05T08:00:00Z"), 400, "time", id="no time at all"),
    pytest.param(silence(), 422, "matchers", id="no matchers"),
    pytest.param(silence(("a", "")), 400, "at least one matcher", id="asks for nothing"),
    pytest.param(silence(("a", ".*", True)), 400, "at least one matcher", id="asks for anything"),
    pytest.param(silence(("", "b")), 400, "matcher", id="no label name"),
    pytest.param(silence(("a", "(", True)), 400, "regular expression", id="a bad regex"),
    pytest.param(silence(("a", "b"), id="00000000-0000-0000-0000-000000000000"), 404, "not found", id="an unknown id"),
]


@pytest.mark.parametrize(("body", "status", "why"), REFUSED)
async def test_a_silence_that_cannot_be_is_refused(client, body, status, why):
    got, answer = await post(client, body)
    assert got == status
    assert why in str(answer)
    assert await (await client.get("/api/v2/silences")).json() == []


async def test_is_equal_is_true_where_it_is_not_given(client):
    key = await made(client, silence(("a", "b"), ("c", "d", False, False), ("e", "f.", True)))
    shown = await (await client.get(f"/api/v2/silence/{key}")).json()
    assert [(each["name"], each["isRegex"], each["isEqual"]) for each in shown["matchers"]] == [
        ("a", False, True),
        ("c", False, False),
        ("e", True, True),
    ]


@pytest.mark.parametrize(("later", "same"), [("2026-01-05T10:00:00Z", True), ("2026-01-05T08:30:00Z", True)])
async def test_the_end_of_an_active_silence_can_be_moved(client, later, same):
    key = await made(client, silence(("a", "b")))
    client.served.now += 60_000
    assert (await made(client, silence(("a", "b"), end=later, id=key)) == key) is same


async def test_other_matchers_end_the_old_silence_and_make_a_new_one(client):
    key = await made(client, silence(("a", "b")))
    client.served.now += 60_000
    other = await made(client, silence(("a", "c"), id=key))
    assert other != key
    states = {each["id"]: each["status"]["state"] for each in await (await client.get("/api/v2/silences")).json()}
    assert states == {key: "expired", other: "active"}


async def test_deleting_ends_it_and_once_more_changes_nothing(client):
    key = await made(client, silence(("a", "b")))
    assert [(await client.delete(f"/api/v2/silence/{key}")).status for _ in range(2)] == [200, 200]
    shown = await (await client.get(f"/api/v2/silence/{key}")).json()
    assert shown["status"]["state"] == "expired"
    for call in (client.get, client.delete):
        assert (await call("/api/v2/silence/00000000-0000-0000-0000-000000000000")).status == 404
