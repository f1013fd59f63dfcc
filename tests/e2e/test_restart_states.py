"""kill -9 while alerts are in every state, twice: each goes on as what it was, and nobody is told twice or not at all.

Budget: 60 s. One agent holds an alert in each state; the service says by its page which conditions hold.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import signal
import time
from collections import Counter
from contextlib import asynccontextmanager
from datetime import datetime

import pytest
from aiohttp import web

from agent.notify.inbox import Inbox
from tests.e2e.test_kill import start, until
from tests.peers.processes import free_port, get

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("kill")]

RULES = """
groups:
- name: states
  rules:
  - {alert: Pending, expr: pending > 0, for: 1h}
  - {alert: Waiting, expr: waiting > 0, for: 8s}
  - {alert: Firing, expr: firing > 0}
  - {alert: Acknowledged, expr: firing > 0, labels: {severity: critical}}
  - {alert: Silenced, expr: firing > 0}
  - {alert: Kept, expr: kept > 0, keep_firing_for: 1h}
  - {alert: Held, expr: held > 0, annotations: {burnline_no_data: keep}}
  - {alert: HeldPending, expr: held > 0, for: 1h, annotations: {burnline_no_data: keep}}
  - {alert: Over, expr: over > 0}
"""
ROUTES = """
route:
  {receiver: hook, group_by: [alertname], group_wait: 0s, group_interval: 8s, repeat_interval: 1h}
receivers: [{name: hook, webhook_configs: [{url: "%s"}]}]
"""
CONFIGURATION = """
global: {scrape_interval: 500ms, scrape_timeout: 400ms}
scrape_configs:
- {job_name: good, static_configs: [{targets: ["127.0.0.1:%d"]}]}
- {job_name: failing, metrics_path: /other, static_configs: [{targets: ["127.0.0.1:%d"]}]}
system: {enabled: false}
rule_files: [rules.yml]
notify: {config_file: routes.yml}
web: {listen_address: "127.0.0.1:%d"}
"""


@asynccontextmanager
async def service():
    """Give (port, what its page says, whether its other page answers)."""
    values = dict.fromkeys(("pending", "waiting", "firing", "kept", "over"), 1)
    answers = [True]

    async def page(_):
        return web.Response(text="".join(f"{name} {value}\n" for name, value in values.items()))

    async def other(_):
        return web.Response(text="held 1\n", status=200 if answers[0] else 500)

    app = web.Application()
    app.router.add_get("/metrics", page)
    app.router.add_get("/other", other)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield runner.addresses[0][1], values, answers
    finally:
        await runner.cleanup()


async def asked(port, path):
    """Return the data of an answer of the agent's API."""
    return json.loads((await asyncio.to_thread(get, port, f"/api/v1/{path}"))[1])["data"]


async def alerts(port):
    """Return the pending and firing alerts by name."""
    return {each["labels"]["alertname"]: each for each in (await asked(port, "alerts"))["alerts"]}


async def reached(port, without_data="", **states):
    """Wait until alerts are in these states ("" for none), and nothing is known of the one called `without_data`."""
    async with asyncio.timeout(20):
        while True:
            known = await alerts(port)
            lacks = not without_data or "noDataSince" in known.get(without_data, {})
            if lacks and all((known.get(name) or {"state": ""})["state"] == state for name, state in states.items()):
                return known
            await asyncio.sleep(0.1)


def told(inbox):
    """Count what the webhook was told: (alertname, status) of every alert of every message."""
    seen = Counter()
    for message in inbox.messages("webhook"):
        for alert in json.loads(message.text)["alerts"]:
            seen[alert["labels"]["alertname"], alert["status"]] += 1
    return seen


def since(alert):
    return datetime.fromisoformat(alert["activeAt"]).timestamp()


async def test_a_killed_agent_goes_on_in_every_state(tmp_path):
    port = free_port()
    async with Inbox() as inbox, service() as (target, values, answers):
        (tmp_path / "rules.yml").write_text(RULES)
        (tmp_path / "routes.yml").write_text(ROUTES % inbox.webhook_url)
        (tmp_path / "burnline.yml").write_text(CONFIGURATION % (target, target, port))
        agent = await start(tmp_path, port)
        began = time.monotonic()
        silence = await asyncio.to_thread(post_silence, port, "Silenced")
        await reached(port, Pending="pending", Firing="firing", Kept="firing", Held="firing", Over="firing")
        await until(lambda: told(inbox)["Acknowledged", "firing"] == 1 and told(inbox)["Over", "firing"] == 1)
        answer = json.loads(next(m.text for m in inbox.messages("webhook") if "Acknowledged" in m.text))
        fingerprint = answer["alerts"][0]["fingerprint"]
        await asyncio.to_thread(post_ack, port, fingerprint)

        # Kept and Over cease, Held's target fails, and the end of Over has not been told: its group waits 8 s.
        values.update(kept=0, over=0)
        answers[0] = False
        before = await reached(port, "Held", Over="", Kept="firing", Held="firing")
        assert told(inbox)["Over", "resolved"] == 0

        for _ in range(2):
            agent.send_signal(signal.SIGKILL)
            await agent.wait()
            agent = await start(tmp_path, port)
        after = await reached(port, Pending="pending", Firing="firing", Kept="firing", Held="firing", Over="")

        # Each goes on since when it was; what pending alerts did not see does not count.
        assert after.keys() >= {"Pending", "Firing", "Acknowledged", "Kept", "Held", "HeldPending"}
        for name in ("Firing", "Acknowledged", "Kept", "Held"):
            assert after[name]["activeAt"] == before[name]["activeAt"]
        assert after["Kept"]["keepFiringSince"] == before["Kept"]["keepFiringSince"]
        assert after["Held"]["noDataSince"] == before["Held"]["noDataSince"]
        for name in ("Pending", "HeldPending"):
            assert since(before[name]) <= since(after[name]) <= since(before[name]) + time.monotonic() - began
        assert [each["id"] for each in await asyncio.to_thread(silences, port)] == [silence]
        known = await asked(port, f"alerts/{fingerprint}")
        assert known["acknowledgement"]["by"] == "ana"

        # `for` of 8 s goes on: it fires, later than without the restarts by the time nobody looked.
        await reached(port, Waiting="firing")
        await until(lambda: told(inbox)["Over", "resolved"] == 1 and told(inbox)["Waiting", "firing"] == 1)
        await asyncio.sleep(9)  # longer than group_interval: what must not be told again needs time not to be

        once = {(name, "firing") for name in ("Waiting", "Firing", "Acknowledged", "Kept", "Held")}
        assert {each: count for each, count in told(inbox).items() if each in once} == dict.fromkeys(once, 1)
        assert told(inbox)["Over", "resolved"] == 1
        assert not [each for each in told(inbox) if each[0] in ("Pending", "HeldPending", "Silenced")]
        assert {each[0] for each in told(inbox) if each[1] == "resolved"} == {"Over"}

        # What held it back is expired: now it is told, once.
        await asyncio.to_thread(expire_silence, port, silence)
        await until(lambda: told(inbox)["Silenced", "firing"] == 1)
        agent.terminate()
        assert await agent.wait() == 0


def post_ack(port, fingerprint):
    """Acknowledge as `burnline ack` does."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("POST", f"/api/v1/alerts/{fingerprint}/ack", json.dumps({"by": "ana"}))
        assert connection.getresponse().status == 200
    finally:
        connection.close()


def ask(port, method, path, body=None):
    """Ask the agent's Alertmanager API; return its JSON, None where the answer is empty."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        headers = {"Content-Type": "application/json"}
        connection.request(method, f"/api/v2/{path}", json.dumps(body) if body else None, headers)
        answer = connection.getresponse()
        text = answer.read()
        assert answer.status == 200, text
        return json.loads(text) if text else None
    finally:
        connection.close()


def post_silence(port, name):
    """Silence an alert by its name for years; return the silence's id."""
    matchers = [{"name": "alertname", "value": name, "isRegex": False}]
    times = {"startsAt": "2020-01-01T00:00:00Z", "endsAt": "2090-01-01T00:00:00Z"}
    return ask(port, "POST", "silences", {"matchers": matchers, "createdBy": "ana", "comment": "x", **times})[
        "silenceID"
    ]


def silences(port):
    return ask(port, "GET", "silences")


def expire_silence(port, silence_id):
    ask(port, "DELETE", f"silence/{silence_id}")
