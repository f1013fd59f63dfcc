"""A whole agent in this process: real files, journal and sockets, a service that says what the test wants, an inbox.

Scrapes and rounds come when the test says so: the configured interval is a day, and the clock is moved by hand. Only the
notification loop runs by itself, since what it waits for is an instant of that clock.
"""

from __future__ import annotations

import asyncio
import time
from functools import partial
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from agent.app import Agent
from agent.config import Flags, load_config
from agent.journal import Prune
from agent.notify.inbox import Inbox

RULES = """
groups:
- name: service
  rules:
  - alert: Broken
    expr: broken > 0.5
    labels: {severity: critical}
    annotations: {summary: "{{ $labels.job }} is broken", runbook_url: /runbooks/high-error-rate}
  - alert: Slow
    expr: slow > 2
    for: 1m
    labels: {severity: warning}
"""
ROUTES = """
route: {receiver: oncall, group_by: [alertname], group_wait: 1s, group_interval: 10s, repeat_interval: 1h}
receivers: [{name: oncall}]
"""
ESCALATION = """
people:
  ana: {slack: U0ANA, phone: "+33600000001"}
  bob: {phone: "+33600000002"}
channels:
  slack: {bot_token: "${SLACK_TOKEN}", base_url: "${SLACK_URL}", limits: {per_target: []}}
  sms:
    provider: twilio
    account_sid: "${TWILIO_SID}"
    auth_token: "${TWILIO_TOKEN}"
    from: "+15550001111"
    base_url: "${TWILIO_URL}"
receivers:
  oncall:
    notify: [{slack: "#alerts"}]
    escalate: [{after: 5m, notify: [{person: bob, by: [sms]}], until: ack}]
"""


class Clock:
    """Stands where the test put it."""

    def __init__(self) -> None:
        self.now_ms = int(time.time()) * 1000

    def __call__(self) -> int:
        return self.now_ms


class World:
    """One folder of files, a service, an inbox, and the agents that live there one after another."""

    def __init__(self, folder: Path, service: str, inbox: Inbox) -> None:
        self.folder, self.service, self.inbox = folder, service, inbox
        self.clock = Clock()
        self.page: dict[str, float] = {}
        self.external_labels = ""
        self.more_environment: dict[str, str] = {}
        self.targets = [service]
        self.agent: Agent | None = None
        self.started: list[Agent] = []
        self.write("rules.yml", RULES)
        self.write("routes.yml", ROUTES)
        self.write("people.yml", ESCALATION)

    def write(self, name: str, text: str) -> Path:
        """Write one of the agent's files."""
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path

    def configure(self, extra: str = "", listen: str = "127.0.0.1:0", storage: str = "{path: data}") -> Path:
        """Write burnline.yml for the targets and labels of now."""
        targets = ", ".join(f'"{each}"' for each in self.targets)
        return self.write(
            "burnline.yml",
            f"""
global: {{scrape_interval: 1d, evaluation_interval: 1d, scrape_timeout: 5s, external_labels: {{{self.external_labels}}}}}
scrape_configs: [{{job_name: rag, static_configs: [{{targets: [{targets}]}}]}}]
system: {{enabled: false}}
rule_files: [rules.yml]
notify: {{config_file: routes.yml, escalation_file: people.yml}}
storage: {storage}
web: {{listen_address: "{listen}"}}
{extra}""",
        )

    @property
    def environment(self) -> dict[str, str]:
        """The variables that lead every channel to the inbox."""
        return {
            "SLACK_TOKEN": self.inbox.slack_token,
            "SLACK_URL": self.inbox.slack_base_url,
            "TWILIO_SID": self.inbox.twilio_account,
            "TWILIO_TOKEN": self.inbox.twilio_token,
            "TWILIO_URL": self.inbox.twilio_base_url,
            **self.more_environment,
        }

    def make(self, **settings: str) -> Agent:
        """Make an agent that is not running yet; `settings` are those of `configure`."""
        flags = Flags(config_file=self.configure(**settings))
        config = load_config(flags, self.environment, self.folder)
        made = Agent(config, environment=self.environment, flags=flags, clock=self.clock)
        self.started.append(made)
        return made

    async def start(self, **more: str) -> Agent:
        """Start an agent on this world's files."""
        self.agent = self.make(**more)
        await self.agent.start()
        return self.agent

    async def stop(self) -> None:
        """Stop the agent as SIGTERM does."""
        assert self.agent is not None
        await self.agent.stop()

    async def round(self, after_s: float = 15) -> None:
        """Move the clock, scrape everything, evaluate every group."""
        self.clock.now_ms += int(after_s * 1000)
        await self.scrape()
        for key in self.agent.evaluator.keys:
            await self.agent.evaluation.between(partial(self.agent.evaluator.evaluate, key, self.clock.now_ms))
        await self.on_disk()

    async def on_disk(self) -> None:
        """Wait until what was written so far can be read."""
        await asyncio.wrap_future(self.agent.journal.write(Prune("nothing", 0)))

    async def scrape(self) -> None:
        """Scrape everything at the clock's instant."""
        for each in list(self.agent.collection._running.values()):
            await each.scraper.scrape(self.clock.now_ms)

    async def tell(self, after_s: float = 2) -> None:
        """Move the clock, and let what is due be decided and sent."""
        self.clock.now_ms += int(after_s * 1000)
        await self.agent.dispatcher.run_due(self.clock.now_ms)
        await self.agent.dispatcher._sender.idle()
        await self.on_disk()

    async def values(self, query: str) -> dict[str, float]:
        """Ask the agent a question at the clock's instant; give values by series."""
        result = (await self.agent.questions.instant(query, self.clock.now_ms)).value
        return {str(labels): float(value) for labels, value in zip(result.labels, result.values, strict=True)}

    async def get(self, path: str) -> tuple[int, str]:
        """GET a page of the agent."""
        return await self.ask("GET", path)

    async def ask(self, method: str, path: str, **more) -> tuple[int, str]:
        """Ask the agent over HTTP."""
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, f"{self.agent.url}{path}", **more) as answer,
        ):
            return answer.status, await answer.text()

    def slack(self) -> list[str]:
        """What was posted (not updated) to Slack, as `status alert`."""
        posted = [each for each in self.inbox.messages("slack") if each.method == "chat.postMessage"]
        return [f"{each.status} {each.alert}" for each in posted]


@pytest.fixture
async def service():
    """Serve /metrics with what `page` holds; give (host:port, page)."""
    page: dict[str, float] = {}

    async def answer(request: web.Request) -> web.Response:
        return web.Response(text="".join(f"{name} {value}\n" for name, value in page.items()))

    app = web.Application()
    app.router.add_get("/metrics", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"127.0.0.1:{runner.addresses[0][1]}", page
    await runner.cleanup()


@pytest.fixture
async def world(tmp_path, service):
    """Give a world; whatever was started in it is stopped at the end."""
    address, page = service
    async with Inbox() as inbox:
        made = World(tmp_path, address, inbox)
        made.page = page
        yield made
        for each in made.started:
            await each.stop()
