"""Make docs/pictures anew: `python -m tests.pictures` tells one story by the shipped files and photographs what arrived.

Everything is real but the world: router, outbox and receivers, on a moved clock, before the local inbox; objectives and the demo
come from `objectives.py`. It needs chromium, which nothing else in the project does; no test looks at the pictures, whoever
changes how things look does.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import aiohttp
from aiohttp.test_utils import TestClient, TestServer

from agent.app.people import People
from agent.app.twilio import Twilio
from agent.journal import Journal
from agent.model import Alert, Labels, Secret
from agent.notify import Dispatcher, load_routing, receivers_for
from agent.notify.inbox import Arrival, Inbox
from agent.notify.messages import Renderer
from agent.telemetry import configure_logging
from agent.web import FakeHandles, create_app
from tests.pictures.objectives import write_demo, write_objectives

ROOT: Final = Path(__file__).resolve().parents[2]
PICTURES: Final = ROOT / "docs" / "pictures"
BASE: Final = "https://burnline.example.org"
BEGAN_MS: Final = 1_767_621_720_000  # 2026-01-05 14:02:00 UTC: ana has the week
WIDTH: Final = 390
ONLY: Final = "header, #feed ~ *, #feed > :not(#{}), h2, #slack > h2 + * {{ display: none !important }}"
"""Of the inbox's page one section, and of Slack's channels the one that many read."""
ALERT: Final = Labels({"alertname": "VeryHighErrorRate", "job": "rag", "severity": "critical"})


class Scene:
    """An incident on a moved clock: the dispatcher of the shipped files, the inbox that it tells, and the agent's pages."""

    def __init__(self, inbox: Inbox) -> None:
        self.inbox, self.now_ms = inbox, BEGAN_MS
        files = ROOT / "alertmanager"
        routing = load_routing(files / "alertmanager.yml", files / "escalation.yml", inbox.environment())
        self.dispatcher = Dispatcher(
            routing,
            Journal.open(":memory:"),
            receivers_for(routing, Renderer()),
            BEGAN_MS,
            external_url=BASE,
            link_key=Secret("k" * 32),
            now_ms=self.clock,
        )
        handles = (lambda: self.dispatcher, self.clock, lambda: None)
        twilio = Twilio(lambda: self.dispatcher, lambda: BASE, self.clock, lambda: None)
        pages = create_app(FakeHandles(), external_url=BASE, people=People(*handles), twilio_handles=twilio)
        self.client: TestClient = TestClient(TestServer(pages, host="127.0.0.1"))

    def clock(self) -> int:
        """Return the story's time."""
        return self.now_ms

    async def go(self, minute: float, *, value: float = 0.134, over: bool = False) -> None:
        """Move the clock to a minute of the story, hand the alert over as it is then, and send what is due."""
        self.now_ms = BEGAN_MS + round(minute * 60_000)
        shown = f"{value:.1%}"
        said = {
            "summary": "rag: more than one query in ten fails",
            "description": f"{shown} of the queries to rag failed in the last 5 minutes; the limit is 10%.",
            "value": shown,
            "threshold": "10%",
            "runbook_url": "/runbooks/high-error-rate",
        }
        details = f"/alert/{ALERT.fingerprint()}"
        alert = Alert(ALERT, Labels(said), BEGAN_MS - 60_000, self.now_ms if over else 0, details, value)
        self.dispatcher.put([alert], self.now_ms)
        await self.settle(30)

    async def settle(self, seconds: int = 120) -> None:
        """Let so many seconds pass."""
        for _ in range(seconds):
            await self.dispatcher.run_due(self.now_ms)
            await self.inbox.phone.deliver_callbacks()
            self.now_ms += 1_000

    def sent(self, kind: str) -> Arrival:
        """Return the newest message of a kind."""
        return self.inbox.messages(kind)[-1]


@asynccontextmanager
async def scene() -> AsyncIterator[Scene]:
    """Begin a story, and end it."""
    async with Inbox(now_ms=lambda: made.now_ms) as inbox:
        made = Scene(inbox)
        await made.client.start_server()
        inbox.phone.callback_base = str(made.client.make_url("")).rstrip("/")
        inbox.phone.public_base = BASE
        try:
            yield made
        finally:
            await made.dispatcher.close(made.now_ms)
            await made.client.close()


async def tell(folder: Path) -> None:
    """Tell the story, and write what there is to see at each of its moments into `folder`."""
    async with scene() as story:
        await story.go(0)
        await story.go(1)
        (folder / "mail.html").write_text(story.sent("email").html)
        link = re.search(rf"{BASE}(/a/[^\s\"<]+)", story.sent("email").html)
        code = re.search(r"reply (\d+)", story.sent("sms").text)
        assert link, story.sent("email").text
        assert code, story.sent("sms").text
        (folder / "link.html").write_text(await (await story.client.get(link[1])).text())
        story.now_ms = BEGAN_MS + 3 * 60_000
        await story.inbox.phone.text_back(story.sent("sms").to, code[1])
        await story.go(3, value=0.162)
        (folder / "slack.html").write_text(_only("slack", await _page(story)))
        await story.go(16, value=0.004, over=True)
        await story.settle()
        (folder / "sms.html").write_text(_only("phone", await _page(story)))


async def _page(story: Scene) -> str:
    async with aiohttp.ClientSession() as browser, browser.get(story.inbox.url) as answer:
        return await answer.text()


def _only(section: str, page: str) -> str:
    """Return the inbox's page with one section of it, and no script."""
    page = re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)
    return page.replace("</head>", f"<style>{ONLY.format(section)}</style></head>")


def photograph(page: Path, picture: Path, height: int, width: int = WIDTH, scale: float = 2) -> None:
    """Photograph a page, as a phone shows it unless a width is given, with so many pixels for one."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        sys.exit("cannot photograph: no chromium on the path; install the package chromium")
    options = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        f"--force-device-scale-factor={scale:g}",
    ]
    size = f"--window-size={width},{height}"
    command = [browser, *options, size, f"--screenshot={picture}", page.as_uri()]
    subprocess.run(command, check=True, capture_output=True, timeout=120)


def main() -> None:
    """Tell the story and photograph it."""
    configure_logging("error", "logfmt")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        asyncio.run(tell(folder))
        asyncio.run(write_objectives(folder))
        asyncio.run(write_demo(folder))
        for page, height in (("mail", 605), ("slack", 505), ("sms", 555), ("link", 605)):
            photograph(folder / f"{page}.html", PICTURES / f"{page}.png", height)
        photograph(folder / "slos.html", PICTURES / "slos.png", 745)
        photograph(folder / "slo-report.html", PICTURES / "slo-report.png", 930, 980, 1.25)
        photograph(folder / "slo-status.html", PICTURES / "slo-status.png", 312, 800, 1.6)
        photograph(folder / "demo.html", PICTURES / "demo.png", 612, 1130, 1.3)


if __name__ == "__main__":
    main()
