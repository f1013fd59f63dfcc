"""Drills and heartbeats as a user has them: a running agent, verbs in a terminal, messages in an inbox. Budget: 40 s."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from agent.notify.inbox import Inbox
from tests.peers.processes import free_port

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).resolve().parents[2]
CONFIG = """
global: {{scrape_interval: 1s}}
system: {{enabled: false}}
notify: {{config_file: routes.yml, escalation_file: people.yml}}
heartbeats:
  send: [{{url: "http://127.0.0.1:{port}/api/v1/heartbeat/itself", name: itself, every: 5s}}]
  receive: [{{name: itself, every: 1m}}]
web: {{listen_address: "127.0.0.1:{port}"}}
"""
ROUTES = """
route: {receiver: oncall, group_wait: 0s}
receivers: [{name: oncall}, {name: log}]
"""
PEOPLE = """
people: {ana: {email: ana@example.org, slack: U0ANA, phone: "+33600000001"}}
channels:
  email: {smarthost: "${SMTP}", from: burnline@example.org, require_tls: false}
  slack: {bot_token: "${SLACK}", base_url: "${SLACK_URL}"}
  sms: {provider: twilio, account_sid: "${SID}", auth_token: "${TWILIO}", from: "+15550001111", base_url: "${TWILIO_URL}"}
receivers:
  oncall: {notify: [{person: ana, by: [slack, sms, email]}]}
"""


async def burnline(folder, port, *arguments):
    """Run a verb against the agent; give its exit code and what it printed."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "BURNLINE_URL": f"http://127.0.0.1:{port}", "COLUMNS": "200"}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "agent",
        *arguments,
        cwd=folder,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return process.returncode, said.decode()


@pytest.fixture
async def world(tmp_path):
    """Start an inbox and an agent that sends to it; give (folder, port, inbox)."""
    port = free_port()
    (tmp_path / "burnline.yml").write_text(CONFIG.format(port=port))
    (tmp_path / "routes.yml").write_text(ROUTES)
    (tmp_path / "people.yml").write_text(PEOPLE)
    async with Inbox() as inbox:
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "SMTP": inbox.smarthost,
            "SLACK": inbox.slack_token,
            "SLACK_URL": inbox.slack_base_url,
            "SID": inbox.twilio_account,
            "TWILIO": inbox.twilio_token,
            "TWILIO_URL": inbox.twilio_base_url,
        }
        with (tmp_path / "log").open("wb") as log:
            agent = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "agent", "run", cwd=tmp_path, env=environment, stderr=log
            )
        try:
            await until(lambda: burnline(tmp_path, port, "heartbeat", "list"), lambda found: "itself" in found[1])
            yield tmp_path, port, inbox
        finally:
            agent.terminate()
            await agent.wait()


async def until(ask, good):
    """Ask every second (each question is a process) until the answer is good, for a minute at most; return it."""
    for _ in range(60):
        found = await ask()
        if good(found):
            return found
        await asyncio.sleep(1)  # another process is asked; a second is what its clock shows
    raise AssertionError(f"it did not come: {found}")


async def test_a_drill_is_followed_to_each_of_its_targets(world):
    folder, port, inbox = world
    code, said = await burnline(folder, port, "drill", "--json", "--within", "2m")
    assert "{" in said, said
    found = json.loads(said[said.index("{") :])
    assert (code, found["result"]) == (0, "passed"), said
    assert {each["channel"]: each["verdict"] for each in found["reached"]} == dict.fromkeys(
        ("slack", "sms", "email"), "ok"
    )
    texts = {each.kind: f"{each.subject} {each.text}" for each in reversed(inbox.messages())}
    assert all(
        "TEST" in texts[kind] and "This is a test: nothing is wrong" in texts[kind]
        for kind in ("slack", "sms", "email")
    )

    code, said = await burnline(folder, port, "drill", "--receiver", "log", "--within", "1m")
    assert code == 1
    assert "it reached the log only, and so nobody" in said

    code, said = await burnline(folder, port, "drill", "--list")
    assert (code, said.count("passed"), said.count("failed")) == (0, 1, 1)


async def test_an_agent_whose_parts_work_sends_its_heartbeat_and_takes_those_of_others(world):
    folder, port, _ = world
    code, said = await until(
        lambda: burnline(folder, port, "heartbeat", "list"), lambda found: "it answered 200" in found[1]
    )
    assert code == 0
    code, said = await burnline(folder, port, "heartbeat", "ping", "itself", "-m", "42 files ✓")
    assert (code, said.strip()) == (0, "itself: it came")
    assert (await burnline(folder, port, "heartbeat", "ping", "nobody"))[0] == 1
