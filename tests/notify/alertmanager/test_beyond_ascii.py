"""Labels, matchers, silences and routes beyond ASCII, as Alertmanager takes them since 0.27.

Its classic mode, which refuses them, is a flag for going back. We have none: where the grammars differ the classic one wins,
as in its default, and a warning says so.
"""

from __future__ import annotations

import pytest
from aiohttp.test_utils import TestClient, TestServer

from tests.app.served import Served
from tests.notify.alertmanager.play import MODES, Push, SetSilence, Want, between, hooks, perform, route, said

LABELS = {"a": "a", "00": "b", "Σ": "c", "🙂": "dΘ", "é ü": " ö "}
FILTERS = ["00=b", "Σ=c", r'"\xf0\x9f\x99\x82"=dΘ', '"é ü"=" ö "', "🙂!=d", "Σ=~[a-c]"]


@pytest.fixture
async def client(tmp_path):
    served = Served(tmp_path, "route: {receiver: a, group_by: [Σ], group_wait: 0s}\nreceivers: [{name: a}]\n")
    made = TestClient(TestServer(served.app(), host="127.0.0.1"))
    await made.start_server()
    made.served = served
    yield made
    await made.close()


async def found(client, path, filters):
    answer = await client.get(f"/api/v2/{path}", params=[("filter", each) for each in filters])
    assert answer.status == 200, await answer.text()
    return await answer.json()


async def test_an_alert_beyond_ascii_is_taken_and_found_by_its_labels(client):
    answer = await client.post("/api/v2/alerts", json=[{"labels": LABELS}])
    assert answer.status == 200
    client.served.dispatcher.flush(client.served.now)
    (alert,) = await found(client, "alerts", FILTERS)
    assert alert["labels"] == LABELS
    (group,) = await found(client, "alerts/groups", FILTERS)
    assert (group["labels"], group["alerts"][0]["labels"]) == ({"Σ": "c"}, LABELS)
    assert await found(client, "alerts", ["Σ=d"]) == []


async def test_a_silence_beyond_ascii_is_taken_and_found_by_its_matchers(client):
    matchers = [{"name": "fooΣ", "value": "bar🙂", "isEqual": True, "isRegex": False}]
    times = {"startsAt": "2026-01-05T08:00:00Z", "endsAt": "2026-01-06T08:00:00Z"}
    body = {"matchers": matchers, **times, "createdBy": "ana", "comment": "é"}
    assert (await client.post("/api/v2/silences", json=body)).status == 200
    (silence,) = await found(client, "silences", ["fooΣ=bar🙂"])
    assert silence["matchers"] == matchers
    assert await found(client, "silences", ["fooΣ=bar"]) == []


@pytest.mark.parametrize("mode", MODES)
def test_a_route_and_a_silence_beyond_ascii_do_what_they_say(story, mode):
    routes = "routes: [{matchers: ['foo🙂=bar'], group_by: ['foo🙂'], group_wait: 3s}]"
    told, muted, other = (
        said("A", **{"foo🙂": "bar"}),
        said("B", **{"foo🙂": "bar", "Σ": "x"}),
        said("C", **{"foo🙂": "b"}),
    )
    perform(
        story,
        route(interval="1h", repeat="2h", more=routes) + hooks("hook"),
        SetSilence(0, 'Σ=~"x|y"', 0, 900),
        Push(1, told, muted, other),
        Want(between(2, 2), other.active(1)),
        Want(between(4, 4), told.active(1)),
        Want(between(5, 60)),
        mode=mode,
    )
