"""Secrets are planted in every place that takes one, every provider fails, and nothing the agent says or keeps holds one.
Budget: 30 s.

Searched: its log at the level debug, every page and answer, its metrics, and the bytes of everything in its storage.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from pathlib import Path

import pytest

from agent.model import Labels
from agent.notify.inbox import Inbox
from tests.e2e.test_kill import broken_service
from tests.peers.processes import free_port, get, running
from tests.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("secrets")]

PLANTED = {
    "smtp": "plantedSmtpPassword01",
    "slack": "plantedSlackToken02",
    "twilio": "plantedTwilioToken03",
    "hook": "plantedHookPath04",
    "hook token": "plantedHookToken05",
    "scrape": "plantedScrapePassword06",
    "slack hook": "plantedSlackHook07",
    "scrape url": "plantedUrlPassword08",
}
RULES = """
groups:
- name: g
  rules:
  - {alert: Broken, expr: broken == 1, labels: {severity: critical}, annotations: {summary: it broke}}
  - {alert: Watchdog, expr: vector(1)}
"""
ROUTES = """
route:
  receiver: team
  group_by: [alertname]
  group_wait: 0s
  group_interval: 1s
  routes: [{receiver: hooks, matchers: [alertname=Watchdog]}]
receivers:
- name: team
  webhook_configs:
  - url_file: secrets/hook
    http_config: {authorization: {credentials_file: secrets/hook-token}}
- name: hooks
  slack_configs: [{api_url_file: secrets/slack-hook, channel: '#rag'}]
"""
REFUSED = {"smtp": "invalid_token", "slack": "invalid_token", "twilio": "server_error", "webhook": "server_error"}


def write_files(folder: Path, inbox: Inbox, target: int, port: int) -> dict[str, str]:
    """Write every file, with secrets from files and from the environment; return the environment."""
    (folder / "rules.yml").write_text(RULES)
    (folder / "secrets").mkdir()
    for name in ("slack", "hook", "hook token", "scrape", "slack hook"):
        place = folder / "secrets" / name.replace(" ", "-")
        text = {"hook": f"{inbox.webhook_url}/{PLANTED['hook']}"}.get(name, PLANTED[name])
        text = f"{inbox.url}/services/T0/B0/{text}" if name == "slack hook" else text
        place.write_text(text + "\n")
    (folder / "routes.yml").write_text(ROUTES)
    (folder / "people.yml").write_text(
        f"""
people: {{ana: {{email: ana@example.org, slack: U0ANA0001, phone: "+12025550143"}}}}
channels:
  email:
    smarthost: "{inbox.smarthost}"
    from: burnline@example.org
    auth_username: burnline
    auth_password: "${{SMTP_PASSWORD}}"
    require_tls: false
  slack: {{bot_token_file: secrets/slack, base_url: "{inbox.slack_base_url}"}}
  sms:
    provider: twilio
    account_sid: {inbox.twilio_account}
    auth_token: "${{TWILIO_TOKEN}}"
    from: "+15550001111"
    base_url: "{inbox.twilio_base_url}"
receivers: {{team: {{notify: [{{person: ana, by: [email, slack, sms]}}]}}}}
"""
    )
    (folder / "burnline.yml").write_text(
        f"""
global: {{scrape_interval: 500ms, scrape_timeout: 500ms}}
scrape_configs:
- job_name: rag
  basic_auth: {{username: burnline, password_file: secrets/scrape}}
  static_configs: [{{targets: ["127.0.0.1:{target}"]}}]
- job_name: gone
  authorization: {{credentials: "${{SCRAPE_TOKEN}}"}}
  params: {{page: [metrics]}}
  static_configs: [{{targets: ["127.0.0.1:{free_port()}"]}}]
system: {{enabled: false}}
rule_files: [rules.yml]
notify: {{config_file: routes.yml, escalation_file: people.yml}}
web: {{listen_address: "127.0.0.1:{port}"}}
"""
    )
    planted = {
        "SMTP_PASSWORD": PLANTED["smtp"],
        "TWILIO_TOKEN": PLANTED["twilio"],
        "SCRAPE_TOKEN": PLANTED["scrape url"],
    }
    return {**os.environ, **planted}


async def test_no_secret_is_in_what_the_agent_says_or_keeps(tmp_path):
    port = free_port()
    async with Inbox() as inbox, broken_service() as target:
        for service, kind in REFUSED.items():
            inbox.fail(service, kind, times=None)
        environment = write_files(tmp_path, inbox, target, port)
        said = await asyncio.to_thread(live, tmp_path, port, environment)
    for place, content in said.items():
        for name, secret in PLANTED.items():
            assert secret.encode() not in content, f"the secret {name} is in {place}"
            assert re.escape(secret).encode() not in content
    attempts = b"".join(said.values())
    for channel in (b"slack", b"email", b"sms", b"webhook"):
        assert channel in attempts
    assert b"Traceback" not in said["the log"]


def live(folder: Path, port: int, environment: dict[str, str]) -> dict[str, bytes]:
    """Run an agent until every channel has failed; return everything that it says and keeps, by place."""
    log = folder / "agent.log"
    command = [sys.executable, "-m", "agent", "run", "--log.level", "debug", "--log.format", "json"]
    with running(command, port, "/-/ready", log, cwd=folder, env=environment) as process:

        def failed() -> set[str]:
            page = get(port, "/metrics")[1].decode()
            return set(re.findall(r'notifications_failed_total\{integration="(\w+)",reason="\w+"\} [1-9]', page))

        until(lambda: failed() >= {"email", "slack", "sms", "webhook"})
        (folder / "people.yml").write_text((folder / "people.yml").read_text() + "nonsense: true\n")
        get(port, "/-/reload", form={})
        said = {
            path: get(port, path)[1]
            for path in (
                "/",
                "/metrics",
                "/api/v1/alerts",
                "/api/v1/rules",
                "/api/v1/targets",
                "/api/v1/metadata",
                "/api/v1/status/buildinfo",
                "/api/v1/routes",
                "/api/v1/routes/test?label=severity=critical",
                "/api/v2/status",
                "/api/v2/alerts/groups",
                "/api/v2/receivers",
                "/api/v1/series?match[]={__name__=~'.%2B'}",
            )
        }
        alerts = json.loads(said["/api/v1/alerts"])["data"]["alerts"]
        assert {each["labels"]["alertname"] for each in alerts} == {"Broken", "ReloadFailed", "Watchdog"}
        for each in alerts:
            fingerprint = Labels(each["labels"]).fingerprint()
            for path in (f"/alert/{fingerprint}", f"/api/v1/alerts/{fingerprint}"):
                status, said[path] = get(port, path)
                assert status == 200
        said["its command line"] = Path(f"/proc/{process.pid}/cmdline").read_bytes()
        process.terminate()
        assert process.wait(20) == 0
    said["the log"] = log.read_bytes()
    for path in (folder / "data").rglob("*"):
        if path.is_file():
            said[path.name] = path.read_bytes()
    assert said["burnline.db"] or said["burnline.db-wal"]
    return said
