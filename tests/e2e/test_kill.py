"""kill -9 at an awkward moment loses no page and repeats none. Budget: 30 s.

The inbox refuses everything while the agent is killed; afterwards each target has the page once, under the key it had before.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import sys
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from agent.notify.inbox import Inbox
from tests.peers.processes import free_port, get, with_us

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("kill")]

RULES = "groups: [{name: g, rules: [{alert: Broken, expr: broken == 1, labels: {severity: critical}}]}]"
ROUTES = """
route: {receiver: team, group_by: [alertname], group_wait: 0s, group_interval: 1s, repeat_interval: 1h}
receivers: [{name: team}]
"""
PEOPLE = """
people: {ana: {email: ana@example.org, slack: U0ANA0001, phone: "+12025550143"}}
receivers: {team: {notify: [{person: ana, by: [email, slack, sms]}]}}
"""


@asynccontextmanager
async def broken_service():
    """Give the port of a target whose only metric says that it is broken."""

    async def page(_):
        return web.Response(text="broken 1\n")

    app = web.Application()
    app.router.add_get("/metrics", page)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def start(folder, port):
    command = [sys.executable, "-m", "agent", "run", f"--config.file={folder}/burnline.yml"]
    with (folder / "agent.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *with_us(command), stdout=log, stderr=log, cwd=folder, env=os.environ
        )
    async with asyncio.timeout(20):
        while True:
            assert process.returncode is None, (folder / "agent.log").read_text()[-3000:]
            try:
                if (await asyncio.to_thread(get, port, "/-/ready"))[0] == 200:
                    return process
            except OSError:
                await asyncio.sleep(0.05)


def keys(folder):
    """Return {target: state} and {target: message's key} of the outbox, as they are on the disk."""
    connection = sqlite3.connect(f"file:{folder}/data/burnline.db?mode=ro", uri=True)
    try:
        rows = connection.execute(
            "SELECT key, json_extract(value, '$.target.channel'), json_extract(value, '$.state') "
            "FROM records WHERE kind = 'notify.outbox'"
        ).fetchall()
    finally:
        connection.close()
    return {channel: state for _, channel, state in rows}, {channel: key for key, channel, _ in rows}


async def until(condition, seconds=60):
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110  # it waits for another process
            await asyncio.sleep(0.05)


async def test_what_was_pending_when_the_agent_was_killed_is_sent_once_under_the_same_key(tmp_path):
    port = free_port()
    async with Inbox() as inbox, broken_service() as target:
        (tmp_path / "rules.yml").write_text(RULES)
        (tmp_path / "routes.yml").write_text(ROUTES)
        (tmp_path / "people.yml").write_text(PEOPLE + inbox.settings())
        (tmp_path / "burnline.yml").write_text(
            f"""
global: {{scrape_interval: 250ms, scrape_timeout: 250ms}}
scrape_configs: [{{job_name: rag, static_configs: [{{targets: ["127.0.0.1:{target}"]}}]}}]
system: {{enabled: false}}
rule_files: [rules.yml]
notify: {{config_file: routes.yml, escalation_file: people.yml}}
web: {{listen_address: "127.0.0.1:{port}"}}
"""
        )
        for service in ("smtp", "slack", "twilio"):
            inbox.fail(service, "server_error", times=10_000)
        first = await start(tmp_path, port)
        await until(lambda: len(keys(tmp_path)[0]) == 3)
        first.send_signal(signal.SIGKILL)
        await first.wait()
        states, before = keys(tmp_path)
        assert set(states.values()) == {"pending"}
        assert inbox.messages() == []

        inbox.heal()
        second = await start(tmp_path, port)
        await until(lambda: len(inbox.messages()) == 3 and set(keys(tmp_path)[0].values()) <= {"sent", "delivered"}, 40)
        third = second
        for _ in range(2):
            third.send_signal(signal.SIGKILL)
            await third.wait()
            third = await start(tmp_path, port)
            await asyncio.sleep(1.5)  # long enough for several rounds: what must not happen needs time not to

        assert sorted(each.kind for each in inbox.messages()) == ["email", "slack", "sms"]
        assert keys(tmp_path)[1] == before
        third.terminate()
        assert await third.wait() == 0
