"""Somebody's browser and terminal at the agent's door, with the real dispatcher of a story behind it."""

from __future__ import annotations

import asyncio
import json
import logging
from urllib.parse import urlencode

import structlog
from aiohttp.test_utils import TestClient, TestServer
from click.testing import CliRunner

from agent.app.people import People
from agent.cli.main import burnline
from agent.web import FakeHandles, create_app
from tests.notify.story import Story

BASE = "https://alerts.example.org"


class Phone:
    """A browser without cookies at the agent's door, on the story's own loop; redirects are not followed."""

    def __init__(self, tale: Story) -> None:
        self.tale = tale
        people = People(lambda: tale.dispatcher, lambda: tale.now_ms, lambda: None)
        app = create_app(FakeHandles(), external_url=BASE, people=people)
        self.client: TestClient = tale.loop.run_until_complete(self._started(app))

    async def _started(self, app) -> TestClient:
        client = TestClient(TestServer(app, host="127.0.0.1"))
        await client.start_server()
        return client

    def ask(self, method: str, path: str, **options):
        async def asked():
            answer = await self.client.request(method, path, allow_redirects=False, **options)
            answer.said = await answer.text()
            return answer

        return self.tale.loop.run_until_complete(asked())

    def open(self, path: str):
        return self.ask("GET", path)

    def press(self, path: str, **form: str):
        """Send the page's form as a browser does under no-referrer: with an origin that says nothing."""
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Origin": "null",
            "Sec-Fetch-Site": "same-origin",
        }
        return self.ask("POST", path, data=urlencode(form), headers=headers)

    def deed(self, path: str, **body):
        answer = self.ask("POST", path, data=json.dumps(body), headers={"Content-Type": "application/json"})
        return answer.status, json.loads(answer.said)

    def close(self) -> None:
        self.tale.loop.run_until_complete(self.client.close())

    def command(self, *arguments: str, code: int = 0) -> str:
        """Run `burnline`; it must end as expected; return what it printed, white space folded."""
        # The server logs in this process, and a command's output is what is read here.
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
        env = {"USER": "ana", "BURNLINE_URL": str(self.client.make_url("/")), "COLUMNS": "200"}

        async def ran():
            return await asyncio.to_thread(CliRunner().invoke, burnline, list(arguments), env=env)

        done = self.tale.loop.run_until_complete(ran())
        assert done.exit_code == code, done.output
        assert "Traceback" not in done.output
        return done.stdout_bytes.decode() if "--ical" in arguments and not code else " ".join(done.output.split())
