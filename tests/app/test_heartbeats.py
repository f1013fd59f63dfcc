"""Heartbeats of a whole agent: sent while it works, taken over HTTP, remembered over a restart, told of to people."""

from __future__ import annotations

import json

import pytest
from aiohttp import web

TOKEN = "a-token-of-thirty-characters-.."
OWED = f"""
heartbeats:
  receive:
  - {{name: backup, every: 10m, grace: 1m, token: "{TOKEN}", labels: {{severity: critical}}, runbook: /runbooks/backup}}
  - {{name: other, every: 5m, match: ['alertname="Watchdog"']}}
"""
BACKUP = OWED[: OWED.index("  - {name: other")]


class Outside:
    """Whoever waits for the agent's heartbeat; `status` is what it answers."""

    def __init__(self):
        self.heard = []
        self.status = 200
        self.url = ""

    async def answer(self, request):
        self.heard.append((request.method, request.path, await request.text()))
        return web.Response(status=self.status)


@pytest.fixture
async def outside():
    """Serve an outside service that takes heartbeats."""
    made, app = Outside(), web.Application()
    app.router.add_route("*", "/{path:.*}", made.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/planted-secret"
    yield made
    await runner.cleanup()


def sending(outside, more=""):
    return f"heartbeats: {{send: [{{url: '{outside.url}', name: hc, every: 1m{more}}}]}}"


async def beat(world, after_s=60):
    """Move the clock and let what is due be sent."""
    world.clock.now_ms += int(after_s * 1000)
    pulse = world.agent.lifelines.pulse
    await pulse.beat(world.clock.now_ms)
    await pulse.idle()


async def test_it_is_sent_once_everything_was_scraped_and_evaluated(world, outside):
    await world.start(extra=sending(outside))
    await beat(world, 2)
    assert outside.heard == []
    await world.round()
    await beat(world, 2)
    assert outside.heard == [("GET", "/planted-secret", "")]
    await beat(world)
    assert len(outside.heard) == 2


async def test_what_no_longer_happens_stops_it_and_people_are_told_why(world, outside):
    """No scrape for four days of a target that is scraped once a day."""
    await world.start(extra=sending(outside, ", kind: healthchecks"))
    await world.round()
    await beat(world, 60)
    heard = len(outside.heard)
    for _ in range(4):  # as a process that is awake: each turn comes at its time
        world.clock.now_ms += 86_400_000
        world.agent.lifelines.pulse._hearts["hc"].due_ms = world.clock.now_ms
        await beat(world, 0)
    method, path, said = outside.heard[-1]
    assert (method, path) == ("POST", "/planted-secret/fail")
    assert "was last scraped 4d" in said
    assert [each for each in outside.heard[heard:] if each[1] == "/planted-secret"] != []
    await world.tell(2)
    assert "firing HeartbeatStopped" in world.slack()
    status, page = await world.get("/")
    assert (status, "No heartbeat is sent, because collection does not work" in page) == (200, True)
    assert "planted-secret" not in page


async def test_a_broken_channel_that_critical_alerts_need_stops_it(world, outside):
    await world.start(extra=sending(outside))
    await world.round()
    world.inbox.fail("slack", "server_error", times=None)
    world.page["broken"] = 1
    await world.round()
    for _ in range(40):
        await world.tell(10)
    await beat(world, 0)
    sent = len(outside.heard)
    await beat(world)
    assert len(outside.heard) == sent
    assert "delivery" in world.agent.lifelines.pulse.troubles


async def test_the_address_is_a_secret_also_where_it_cannot_be_reached(world, outside):
    outside.status = 503
    await world.start(extra=sending(outside))
    await world.round()
    for _ in range(9):
        await beat(world, 20)
    _, said = await world.get("/api/v1/heartbeats")
    sent = json.loads(said)["data"]["sent"][0]
    assert (sent["state"], sent["why"]) == ("failing", "sending the heartbeat hc: it answered 503")
    assert "planted-secret" not in said
    await world.tell(2)
    assert "firing HeartbeatNotSent" in world.slack()


async def test_one_that_is_owed_is_taken_with_its_token_only(world):
    await world.start(extra=OWED)
    assert (await world.ask("POST", f"/api/v1/heartbeat/backup?token={TOKEN}", data="42 files"))[0] == 200
    headers = {"Authorization": f"Bearer {TOKEN}"}
    assert (await world.ask("GET", "/api/v1/heartbeat/backup/start", headers=headers))[0] == 200
    assert (await world.ask("HEAD", f"/api/v1/heartbeat/backup?token={TOKEN}"))[0] == 200
    wrong = await world.ask("POST", "/api/v1/heartbeat/backup?token=wrong")
    unknown = await world.ask("POST", "/api/v1/heartbeat/nobody?token=wrong")
    assert wrong == unknown
    assert wrong[0] == 403
    foreign = {"Sec-Fetch-Site": "cross-site"}
    assert (await world.ask("GET", "/api/v1/heartbeat/other", headers=foreign))[0] == 403
    _, said = await world.get("/api/v1/heartbeats")
    backup, other = json.loads(said)["data"]["received"]
    assert (backup["count"], other["count"]) == (3, 0)
    assert TOKEN not in said


async def test_too_many_are_told_when_to_come_again(world):
    await world.start(extra=OWED)
    statuses = [(await world.ask("POST", "/api/v1/heartbeat/nobody"))[0] for _ in range(21)]
    assert statuses == [403] * 20 + [429]
    statuses = [(await world.ask("POST", "/api/v1/heartbeat/other"))[0] for _ in range(61)]
    assert statuses == [200] * 60 + [429]


async def test_what_is_missing_reaches_people_and_its_return_too_also_over_a_restart(world):
    await world.start(extra=BACKUP)
    await world.ask("POST", f"/api/v1/heartbeat/backup?token={TOKEN}", data="42 files")
    for _ in range(12):
        await world.tell(58)
        await world.agent._keep_house(world.clock.now_ms)
    await world.tell(2)
    assert "firing HeartbeatMissing" in world.slack()
    told = next(each for each in world.inbox.messages("slack") if "HeartbeatMissing" in each.alert)
    assert "42 files" in told.text
    posted = len(world.slack())
    await world.stop()
    await world.start(extra=BACKUP)
    await world.tell(20)
    assert [each for each in world.slack()[posted:] if "HeartbeatMissing" in each] == []
    await world.ask("POST", f"/api/v1/heartbeat/backup?token={TOKEN}")
    await world.tell(20)
    states = {each.alert: each.status for each in world.inbox.messages("slack")}
    assert states["HeartbeatMissing"] == "resolved"


@pytest.mark.parametrize(("status", "counted"), [("firing", 1), ("resolved", 0)])
async def test_the_watchdog_of_another_prometheus_is_a_heartbeat_while_it_fires(world, status, counted):
    await world.start(extra=OWED)
    alert = {"status": status, "labels": {"alertname": "Watchdog", "cluster": "b"}, "annotations": {}}
    body = {"version": "4", "status": status, "alerts": [alert, {"status": "firing", "labels": {"alertname": "X"}}]}
    answer = await world.ask("POST", "/api/v1/heartbeat/other", json=body)
    assert answer[0] == 200
    assert world.agent.lifelines.expected.standings()["other"][1].count == counted


async def test_a_webhook_of_alerts_without_a_status_of_its_own_is_no_mere_word(world):
    await world.start(extra=OWED)
    alert = {"status": "resolved", "labels": {"alertname": "Watchdog"}}
    status, said = await world.ask("POST", "/api/v1/heartbeat/other", json={"alerts": [alert]})
    assert (status, "not counted" in said) == (200, True)
    assert world.agent.lifelines.expected.standings()["other"][1].count == 0


async def test_alerts_that_others_hand_over_are_heartbeats_where_they_stand_for_one(world):
    await world.start(extra=OWED)
    await world.ask("POST", "/api/v2/alerts", json=[{"labels": {"alertname": "Watchdog"}}])
    assert world.agent.lifelines.expected.standings()["other"][1].count == 1


async def test_a_reload_takes_other_heartbeats_over(world, outside):
    await world.start(extra=OWED)
    world.configure(extra="heartbeats: {receive: [{name: fresh, every: 1h}]}\n" + "reload: {on_change: false}")
    await world.agent.reload()
    assert list(world.agent.lifelines.expected.standings()) == ["fresh"]
