"""A thousand alerts that fire and resolve, an agent that is killed at random instants, an inbox that refuses a third.

`Storm` drives the real agent process by Alertmanager's API, as a Prometheus would: what changed at once, and all of it again
after a while. What it last said of each alert is the truth that the receivers have to end up with.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from agent.notify.inbox import Inbox
from tests.peers.processes import free_port, with_us

GROUPS, ALERTS = 100, 10
REFUSED = 0.3
CUT_OFF = 0.01
"""Of what is not refused, what is taken and then cut off before the answer."""
ROUTES = """
global: {{resolve_timeout: 2h}}
route:
  receiver: hook
  group_by: [alertname]
  group_wait: 0s
  group_interval: 1s
  repeat_interval: 4h
  routes:
  - {{receiver: chat, matchers: ['alertname=~".+"'], continue: true}}
  - {{receiver: mail, matchers: ['mailed="yes"'], continue: true}}
  - {{receiver: hook, matchers: ['alertname=~".+"']}}
receivers:
- name: hook
  webhook_configs: [{{url: "{webhook}"}}]
- name: chat
- name: mail
"""
PEOPLE = """
channels:
  email: {{smarthost: "{smarthost}", from: "burnline@localhost", require_tls: false, limits: {{per_provider: []}}}}
  slack: {{bot_token: "{token}", base_url: "{slack}", limits: {{per_target: [], updates: []}}}}
receivers:
  chat: {{notify: [{{slack: "#storm"}}]}}
  mail: {{notify: [{{email: storm@example.org}}]}}
"""
MAIN = """
global: {{scrape_interval: 1h}}
system: {{enabled: false}}
notify: {{config_file: {folder}/alertmanager.yml, escalation_file: {folder}/escalation.yml}}
storage: {{path: {folder}/data}}
web: {{listen_address: "127.0.0.1:{port}"}}
"""


@dataclass
class Tally:
    """What became of a storm."""

    seed: int
    kills: int = 0
    written: int = 0
    """Messages that the receivers took."""
    repeated: int = 0
    """Messages of which a receiver had heard the key before, and whose first taking had been answered."""
    unheard: int = 0
    """Messages that were taken although the sender was gone before the answer left."""
    stormed: float = 0.0
    """Seconds until the last kill."""
    settled: float = 0.0
    """Seconds from then until everybody had the last word."""
    wrong: list[str] = field(default_factory=list)
    """Groups whose last message at a receiver does not say how things stand."""

    def __str__(self) -> str:
        return (
            f"seed {self.seed}: {self.kills} kills, {self.written} messages taken, {self.repeated} repeated, "
            f"{self.unheard} taken and not heard of, {len(self.wrong)} groups left wrong; "
            f"{self.stormed:.0f} s of storm, {self.settled:.0f} s to settle"
        )


class Storm:
    """One storm in one folder. `lives` bounds the seconds that a process has before it is killed."""

    def __init__(self, folder: Path, seed: int, *, lives: tuple[float, float] = (0.5, 4.5)) -> None:
        self.tally = Tally(seed)
        self._folder = folder
        self._random = random.Random(seed)
        self._lives = lives
        self._port = free_port()
        self._url = f"http://127.0.0.1:{self._port}"
        self._firing = [[False] * ALERTS for _ in range(GROUPS)]
        self._process: asyncio.subprocess.Process | None = None
        self._taken: list[Any] = []

    async def run(self, kills: int) -> Tally:
        """Kill the agent so many times, let the last one finish, and count."""
        async with Inbox(capacity=50_000, seed=self.tally.seed) as inbox, aiohttp.ClientSession() as session:
            for service in ("webhook", "slack", "smtp"):
                inbox.fail(service, "server_error", times=None, ratio=REFUSED)
                inbox.fail_also(service, "drop_after", times=None, ratio=CUT_OFF)
            self._write(inbox)
            collecting = asyncio.create_task(self._collect(inbox))
            prometheus = asyncio.create_task(self._fire(session))
            began = time.monotonic()
            try:
                for _ in range(kills):
                    await self._start()
                    await asyncio.sleep(self._random.uniform(*self._lives))
                    await self._kill()
                self.tally.stormed = time.monotonic() - began
                await self._start()
                await asyncio.sleep(2)  # some more of the storm for the process that is to finish
                prometheus.cancel()
                await self._say_all(session, until=time.monotonic() + 60)
                await self._quiet(inbox, session)
                self.tally.settled = time.monotonic() - began - self.tally.stormed
            finally:
                prometheus.cancel()
                collecting.cancel()
                if self._process:
                    await self._kill(counted=False)
            self._take(inbox)
            self._count(inbox)
        return self.tally

    def _write(self, inbox: Inbox) -> None:
        places = {
            "webhook": inbox.webhook_url,
            "smarthost": inbox.smarthost,
            "token": inbox.slack_token,
            "slack": inbox.slack_base_url,
            "folder": self._folder,
            "port": self._port,
        }
        for name, text in (("alertmanager", ROUTES), ("escalation", PEOPLE), ("burnline", MAIN)):
            (self._folder / f"{name}.yml").write_text(text.format(**places))

    async def _start(self) -> None:
        command = [sys.executable, "-m", "agent", "run", f"--config.file={self._folder}/burnline.yml"]
        with (self._folder / "agent.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *with_us(command), stdout=log, stderr=log, env=os.environ
            )

    async def _kill(self, *, counted: bool = True) -> None:
        """End the agent as a power cut would, and wait until it is gone."""
        process, self._process = self._process, None
        assert process is not None
        if process.returncode is not None:
            text = (self._folder / "agent.log").read_text()[-3000:]
            raise AssertionError(f"the agent ended by itself with {process.returncode}: {text}")
        process.send_signal(signal.SIGKILL)
        await process.wait()
        self.tally.kills += counted

    async def _fire(self, session: aiohttp.ClientSession) -> None:
        """Let alerts begin and end, and say so; what was not heard is said again, like everything after a while."""
        unheard: set[tuple[int, int]] = {(group, alert) for group in range(GROUPS) for alert in range(ALERTS)}
        rounds = 0
        while True:
            for group in self._random.sample(range(GROUPS), 12):
                for alert in self._random.sample(range(ALERTS), 3):
                    self._firing[group][alert] = self._random.random() < 0.5
                    unheard.add((group, alert))
            rounds += 1
            if rounds % 20 == 0:
                unheard |= {(group, alert) for group in range(GROUPS) for alert in range(ALERTS)}
            if await self._say(session, sorted(unheard)):
                unheard.clear()
            await asyncio.sleep(0.25)

    async def _say(self, session: aiohttp.ClientSession, which: list[tuple[int, int]]) -> bool:
        now = datetime.now(UTC)
        alerts = [self._alert(group, alert, now) for group, alert in which]
        try:
            timeout = aiohttp.ClientTimeout(total=10)
            async with session.post(f"{self._url}/api/v2/alerts", json=alerts, timeout=timeout) as answer:
                return answer.status == 200
        except (aiohttp.ClientError, TimeoutError, OSError):  # the agent is not there just now: that is the point
            return False

    async def _say_all(self, session: aiohttp.ClientSession, until: float) -> None:
        every = [(group, alert) for group in range(GROUPS) for alert in range(ALERTS)]
        while not await self._say(session, every):
            assert time.monotonic() < until, (self._folder / "agent.log").read_text()[-3000:]
            await asyncio.sleep(0.2)

    def _alert(self, group: int, alert: int, now: datetime) -> dict[str, Any]:
        labels = {"alertname": f"Storm{group:03d}", "i": str(alert), "severity": ("critical", "warning")[group % 2]}
        if group % 5 == 0:
            labels["mailed"] = "yes"
        said = {"labels": labels, "annotations": {"summary": f"group {group}, alert {alert}"}}
        if not self._firing[group][alert]:
            said["startsAt"] = (now - timedelta(seconds=5)).isoformat()
            said["endsAt"] = now.isoformat()
        return said

    async def _collect(self, inbox: Inbox) -> None:
        """Keep what arrives, as the inbox itself keeps only the newest."""
        while True:
            await asyncio.sleep(0.5)
            self._take(inbox)

    def _take(self, inbox: Inbox) -> None:
        self._taken.extend(inbox.messages(after=self._taken[-1].id if self._taken else 0))

    async def _quiet(self, inbox: Inbox, session: aiohttp.ClientSession) -> None:
        """Wait until nothing waits in the outbox and nothing has arrived for three group intervals."""
        deadline, seen, since = time.monotonic() + 300, -1, time.monotonic()
        while time.monotonic() - since < 3 or await self._pending(session):
            last = sum(each["total"] for each in inbox.counts().values())
            if last != seen:
                seen, since = last, time.monotonic()
            assert time.monotonic() < deadline, f"still {await self._pending(session)} messages wait after five minutes"
            await asyncio.sleep(0.2)

    async def _pending(self, session: aiohttp.ClientSession) -> float:
        async with session.get(f"{self._url}/metrics") as answer:
            lines = (await answer.text()).splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith("burnline_outbox_pending{"))

    def _count(self, inbox: Inbox) -> None:
        unheard = inbox.unanswered
        self.tally.written, self.tally.unheard = len(self._taken), len(unheard)
        heard: Counter[tuple[str, str, str, bool]] = Counter()
        last: dict[str, dict[str, Any]] = defaultdict(dict)
        for each in self._taken:
            # To write the same into a message again is seen by nobody, so updates in place are no repetitions.
            if each.key and each.id not in unheard and each.method != "chat.update":
                heard[each.kind, each.key, each.method, bool(each.thread)] += 1
            if not (each.kind == "slack" and each.thread):
                last[each.kind][each.alert] = each
        repeated = {(kind, key): times - 1 for (kind, key, _, _), times in heard.items() if times > 1}
        self.tally.repeated = sum(repeated.values())
        for group in range(GROUPS):
            self._judge(group, last)

    def _judge(self, group: int, last: dict[str, dict[str, Any]]) -> None:
        name = f"Storm{group:03d}"
        firing = {str(alert) for alert in range(ALERTS) if self._firing[group][alert]}
        for kind in ("webhook", "slack", *(("email",) if group % 5 == 0 else ())):
            arrival = last[kind].get(name)
            if arrival is None:
                if firing:
                    self.tally.wrong.append(f"{name} at {kind}: {len(firing)} fire, and nothing was ever told")
                continue
            if arrival.status != ("firing" if firing else "resolved"):
                self.tally.wrong.append(f"{name} at {kind}: last told {arrival.status}, {len(firing)} fire")
            elif kind == "webhook":
                alerts = msgspec.json.decode(arrival.text)["alerts"]
                said = {each["labels"]["i"] for each in alerts if each["status"] == "firing"}
                if said != firing:
                    self.tally.wrong.append(f"{name} at {kind}: told {sorted(said)}, but {sorted(firing)} fire")
