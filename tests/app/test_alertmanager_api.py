"""API v2 where no Alertmanager 0.25 can be asked: what later versions added, what we do better, and what is bounded."""

from __future__ import annotations

import asyncio
import io
import json

import pytest
from aiohttp.test_utils import TestClient, TestServer

from agent.app.loops import when_due
from agent.web.alertmanager.bodies import read_time
from tests.app.served import NOW, Served

ROUTES = """
route:
  receiver: team
  group_by: [alertname]
  group_wait: 0s
  routes:
  - {receiver: night, matchers: [when=night], mute_time_intervals: [mornings]}
  - {receiver: day, matchers: [when=day], active_time_intervals: [mornings]}
receivers:
- {name: team, labels: {owner: search, kind: chat}}
- {name: night, labels: {owner: infra}}
- name: day
time_intervals: [{name: mornings, time_intervals: [{times: [{start_time: "06:00", end_time: "12:00"}]}]}]
"""


@pytest.fixture
async def served(tmp_path):
    made = Served(tmp_path, ROUTES)
    made.client = TestClient(TestServer(made.app(), host="127.0.0.1"))
    await made.client.start_server()
    due = asyncio.Event()
    made.dispatcher.changed = due.set

    async def flush(at_ms):
        made.dispatcher.flush(at_ms)

    loop = asyncio.create_task(when_due("notify", made.dispatcher.next_due, flush, due, made.clock))
    yield made
    loop.cancel()
    await asyncio.gather(loop, return_exceptions=True)
    await made.client.close()


async def post(served, alerts, **options):
    options.setdefault("headers", {})["Content-Type"] = "application/json"
    body = io.BytesIO(json.dumps(alerts).encode())  # a file, as aiohttp warns of large bodies that are none
    answer = await served.client.post("/api/v2/alerts", data=body, **options)
    return answer.status, await answer.text()


async def get(served, path):
    answer = await served.client.get(f"/api/v2/{path}")
    assert answer.status == 200, await answer.text()
    return await answer.json()


def labelled(name="A", **labels):
    return {"labels": {"alertname": name, **labels}}


async def names(served, path):
    return sorted(each["labels"]["alertname"] for each in await get(served, path))


async def test_a_fault_costs_only_the_alert_that_has_it(served):
    batch = [labelled("A"), {"labels": {"x": 1}}, labelled("B"), {"labels": {}}, 7, {**labelled(), "startsAt": "soon"}]

    status, text = await post(served, batch)

    assert status == 400
    lines = json.loads(text).splitlines()
    assert [line.partition(":")[0] for line in lines] == ["alert 1", "alert 3", "alert 4", "alert 5"]
    assert "at least one label pair required" in lines[1]
    assert await names(served, "alerts") == ["A", "B"]


async def test_of_very_many_faults_the_first_are_told(served):
    status, text = await post(served, [{"labels": {}}] * 500)

    assert (status, len(json.loads(text).splitlines())) == (400, 21)


async def test_alerts_are_counted_by_what_they_say(served):
    await post(served, [labelled("A"), {**labelled("B"), "endsAt": "2026-01-05T07:00:00Z"}, {"labels": {}}])

    value = served.telemetry.registry.get_sample_value
    assert value("alertmanager_alerts_received_total", {"status": "firing", "version": "v2"}) == 1
    assert value("alertmanager_alerts_received_total", {"status": "resolved", "version": "v2"}) == 1
    assert value("alertmanager_alerts_invalid_total", {"version": "v2"}) == 1


async def test_a_label_of_a_hundred_kilobytes_and_one_of_many_lines_arrive_whole(served):
    long, lines = "x" * 100_000, "a\nb\t<!channel>\u2028é🔥"

    assert (await post(served, [labelled(long=long, lines=lines)]))[0] == 200

    shown = (await get(served, "alerts"))[0]["labels"]
    assert (shown["long"], shown["lines"]) == (long, lines)


async def test_a_time_that_its_zone_carries_beyond_the_year_9999_breaks_no_list(served):
    far = "9999-12-31T23:59:59-23:59"
    asked = {"matchers": [{"name": "a", "value": "b", "isRegex": False}], "startsAt": "2026-01-05T08:00:00Z"}
    await post(served, [{**labelled("A"), "endsAt": far}])
    made = await served.client.post(
        "/api/v2/silences", json={**asked, "endsAt": far, "createdBy": "ana", "comment": "for ever"}
    )
    assert made.status == 200

    for path in ("alerts", "alerts/groups", "silences"):
        assert "9999-12-31T23:59:59.999Z" in json.dumps(await get(served, path))


async def test_an_alert_of_more_than_a_megabyte_is_refused_and_said(served):
    status, text = await post(served, [labelled(long="x" * (1 << 20)), labelled("B")])

    assert (status, "too large" in text) == (400, True)
    assert await names(served, "alerts") == ["B"]


async def test_a_body_without_end_is_refused(served):
    answer = await served.client.post(
        "/api/v2/alerts", data=io.BytesIO(b"[" + b" " * (33 << 20)), headers={"Content-Type": "application/json"}
    )

    assert answer.status == 413
    assert "fewer alerts" in await answer.json()


async def test_ten_thousand_alerts_come_in_one_request_and_are_listed(served):
    batch = [labelled(f"A{number % 100}", i=str(number)) for number in range(10_000)]

    assert (await post(served, batch))[0] == 200
    assert len(await get(served, "alerts")) == 10_000
    assert len(await get(served, "alerts/groups")) == 100


async def test_receivers_are_found_by_their_labels(served):
    await post(served, [labelled("Team"), labelled("Night", when="night")])

    assert [each["name"] for each in await get(served, "receivers?receiver_matchers=owner=infra")] == ["night"]
    assert [each["name"] for each in await get(served, 'receivers?receiver_matchers=owner=""')] == ["day"]
    assert [each["name"] for each in await get(served, "receivers?receiver_matchers=name=~n.*|t.*")] == [
        "team",
        "night",
    ]
    assert await names(served, "alerts?receiver_matchers=owner=search&receiver_matchers=kind=chat") == ["Team"]
    groups = await get(served, "alerts/groups?receiver_matchers=owner=infra")
    assert [each["receiver"] for each in groups] == [{"name": "night", "labels": {"owner": "infra"}}]


async def test_what_a_time_interval_keeps_silent_says_so_and_can_be_left_out(served):
    await post(served, [labelled("Team"), labelled("Night", when="night"), labelled("Day", when="day")])
    served.dispatcher.flush(NOW)

    shown = {each["labels"]["alertname"]: each["status"] for each in await get(served, "alerts")}
    assert (shown["Night"]["mutedBy"], shown["Night"]["state"]) == (["mornings"], "suppressed")
    assert (shown["Day"]["mutedBy"], shown["Day"]["state"]) == ([], "active")
    assert await names(served, "alerts?muted=false") == ["Day", "Team"]
    assert len(await get(served, "alerts/groups?muted=false")) == 2
    served.now += 6 * 3_600_000
    await post(served, [labelled("Night", when="night"), labelled("Day", when="day")])
    muted = {
        each["receiver"]["name"]: each["alerts"][0]["status"]["mutedBy"] for each in await get(served, "alerts/groups")
    }
    assert (muted["night"], muted["day"]) == ([], ["mornings"])


async def test_a_silence_keeps_its_annotations(served):
    body = {
        "matchers": [{"name": "ü ü", "value": "x", "isRegex": False}],
        "startsAt": "2026-01-05T08:00:00Z",
        "endsAt": "2026-01-05T10:00:00.123456789+01:00",
        "createdBy": "ana",
        "comment": "",
        "annotations": {"ticket": "OPS-1"},
    }
    answer = await served.client.post("/api/v2/silences", json=body)
    key = (await answer.json())["silenceID"]

    shown = await get(served, f"silence/{key}")

    assert (shown["annotations"], shown["status"], shown["endsAt"]) == (
        {"ticket": "OPS-1"},
        {"state": "active"},
        "2026-01-05T09:00:00.123Z",
    )
    assert [each["id"] for each in await get(served, 'silences?filter="ü ü"=x')] == [key]


async def test_a_silence_wakes_whoever_waits_for_what_is_due(served):
    woken = []
    served.dispatcher.changed = lambda: woken.append(1)
    times = {"startsAt": "2026-01-05T08:00:00Z", "endsAt": "2026-01-05T09:00:00Z"}
    matchers = [{"name": "a", "value": "b", "isRegex": False}]
    answer = await served.client.post(
        "/api/v2/silences", json={"matchers": matchers, "createdBy": "a", "comment": "b", **times}
    )
    assert woken
    assert served.dispatcher.next_due() == NOW + 3_600_000
    woken.clear()
    await served.client.delete(f"/api/v2/silence/{(await answer.json())['silenceID']}")
    assert woken


async def test_a_page_of_another_site_changes_nothing_while_programs_may(served):
    for origin in ("https://evil.example.org", "null"):
        status, text = await post(served, [labelled()], headers={"Origin": origin})
        assert status == 403
        assert json.loads(text).startswith("refused POST")
        answer = await served.client.delete("/api/v2/silence/" + "0" * 8, headers={"Origin": origin})
        assert answer.status == 403
    assert await get(served, "alerts") == []
    answer = await served.client.get("/api/v2/alerts", headers={"Origin": "https://evil.example.org"})
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert (await post(served, [labelled()]))[0] == 200


async def test_an_agent_that_starts_asks_to_come_again(served):
    served.handles.waiting = "the first scrape"

    status, text = await post(served, [labelled()])

    assert (status, "not ready" in json.loads(text)) == (503, True)


async def test_the_status_is_that_of_an_alertmanager_without_a_cluster(served):
    shown = await get(served, "status")

    assert shown["cluster"] == {"status": "disabled", "peers": []}
    assert sorted(shown["versionInfo"]) == ["branch", "buildDate", "buildUser", "goVersion", "revision", "version"]
    assert shown["config"]["original"].startswith("route:")
    assert shown["uptime"] == "2026-01-05T08:00:00.000Z"


TIMES = [
    ("0001-01-01T00:00:00Z", 0),
    ("0001-01-01T00:00:00.000+02:00", 0),
    ("", 0),
    (None, 0),
    ("2026-01-05T08:00:00Z", NOW),
    ("2026-01-05T08:00:00.0004Z", NOW),
    ("2026-01-05t09:00:00.5+01:00", NOW + 500),
    ("2026-01-05 08:00:00", NOW),
    ("1960-01-01T00:00:00Z", 1),
    ("9999-12-31T23:59:59.999Z", 253_402_300_799_999),
    ("9999-12-31T23:59:59-23:59", 253_402_300_799_999),
]


@pytest.mark.parametrize(("text", "expected"), TIMES)
def test_times_are_read_as_go_reads_them(text, expected):
    assert read_time(text) == expected


@pytest.mark.parametrize("text", ["yesterday", "12:00", "2026-13-01T00:00:00Z", "99999-01-01T00:00:00Z"])
def test_what_is_no_time_is_said_to_be_none(text):
    with pytest.raises(ValueError, match="cannot read the time"):
        read_time(text)
