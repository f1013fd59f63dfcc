"""Stories on a moved clock: `at(60).push(alert(...))`, `want(between(90, 95), ...)`. Seconds count from the story's start.

A story drives the real dispatcher, sender and journal; only the receivers are the room's fakes. Whatever was sent and not
wanted fails the story.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.journal import Journal, Put
from agent.model import Alert, Labels, Secret
from agent.notify import Dispatcher, FakeReceiver, Notification, load_routing
from agent.notify.routing import Routing

START_MS = 1_767_600_000_000  # Monday 2026-01-05, 08:00 UTC
ESCALATION = """
people:
  ana: {email: ana@example.org, slack: U0ANA, phone: "+33600000001"}
  bob: {email: bob@example.org, slack: U0BOB, phone: "+33600000002"}
  chris: {phone: "+33600000003"}
teams:
  search: {members: [ana, bob], rotation: {every: 1w, starts: "2026-01-05T00:00"}}
channels:
  email: {smarthost: "127.0.0.1:25", from: burnline@example.org}
  slack: {bot_token: xoxb-test, limits: {per_target: [], updates: []}}
  sms: {provider: twilio, account_sid: AC1, auth_token: t, from: "+15550001111", limits: {per_target: []}}
"""


def alert(name: str = "A", *, ends: float | None = None, starts: float | None = None, **labels: str) -> Alert:
    """Make an alert; `ends` and `starts` in seconds of the story, None for open and for now."""
    made = Labels({"alertname": name, **labels})
    starts_ms = 0 if starts is None else START_MS + int(starts * 1000)
    return Alert(made, Labels(), starts_ms, 0 if ends is None else START_MS + int(ends * 1000))


def between(start: float, end: float) -> tuple[float, float]:
    """Name a span of the story, both ends included."""
    return start, end


@dataclass(frozen=True)
class Sent:
    """One message that a receiver took."""

    at: float
    transport: str
    message: Notification

    @property
    def target(self) -> str:
        return self.message.target.key

    @property
    def firing(self) -> set[str]:
        return {_short(each) for each in self.message.firing}

    @property
    def resolved(self) -> set[str]:
        return {_short(each) for each in self.message.resolved}

    def __repr__(self) -> str:
        return f"{self.at:g}s {self.target} firing={self.firing} resolved={self.resolved} ({self.message.reason})"


def _short(each: Alert) -> str:
    return each.labels.get("i") or each.name


class Provider(FakeReceiver):
    """The room's fake, which also notes the instant of the story and may be told to fail."""

    def __init__(self, transport: str, story: Story) -> None:
        super().__init__({"transport": transport})
        self.transport = transport
        self.story = story

    async def send(self, notification: Notification) -> Any:
        receipt = await super().send(notification)
        self.story.sent.append(Sent(self.story.now, self.transport, notification))
        return receipt


class Story:
    """One dispatcher on a clock that only `at` moves. Everything that becomes due on the way happens at its instant."""

    def __init__(
        self, folder: Path, routes: str, escalation: str = ESCALATION, journal: str = "", external_url: str = ""
    ) -> None:
        self.folder = folder
        self.external_url = external_url
        self.routing = self.load(routes, escalation)
        self.loop = asyncio.new_event_loop()
        self.path = journal or ":memory:"
        self.journal = Journal.open(self.path)
        self.now = 0.0
        self.sent: list[Sent] = []
        self.wanted: list[Sent] = []
        self.providers = {name: Provider(name, self) for name in ("email", "slack", "sms", "webhook", "log")}
        self.dispatcher = self.start()

    def load(self, routes: str, escalation: str = ESCALATION) -> Routing:
        first, second = self.folder / "alertmanager.yml", self.folder / "escalation.yml"
        first.write_text(routes)
        second.write_text(escalation)
        return load_routing(first, second, {})

    @property
    def now_ms(self) -> int:
        return START_MS + round(self.now * 1000)

    def start(self) -> Dispatcher:
        return Dispatcher(
            self.routing,
            self.journal,
            self.providers,
            self.now_ms,
            external_url=self.external_url,
            link_key=Secret("a key that is only for stories"),
            random=random.Random(7),
        )

    def run_due(self) -> None:
        self.loop.run_until_complete(self.dispatcher.run_due(self.now_ms))

    def at(self, seconds: float) -> Story:
        """Move the clock, and do on the way what becomes due."""
        target_ms = START_MS + round(seconds * 1000)
        for _ in range(10_000):
            due_ms = self.dispatcher.next_due()
            if due_ms is None or due_ms > target_ms:
                break
            self.now = max(self.now, (due_ms - START_MS) / 1000)
            self.run_due()
        else:
            raise AssertionError(f"the clock stands still at {self.now}: {self.dispatcher.next_due()}")
        self.now = seconds
        return self

    def push(self, *alerts: Alert) -> Story:
        self.dispatcher.put(alerts, self.now_ms)
        self.run_due()
        return self

    def resolve(self, *alerts: Alert) -> Story:
        """Push the alerts as over since now."""
        ended = [Alert(each.labels, each.annotations, each.starts_at_ms, self.now_ms) for each in alerts]
        return self.push(*ended)

    def ack(self, by: str = "ana", **meant: Any) -> Any:
        return self.dispatcher.acknowledge(by, self.now_ms, **meant)

    def reload(self, routes: str, escalation: str = ESCALATION) -> Story:
        self.routing = self.load(routes, escalation)
        self.loop.run_until_complete(self.dispatcher.reload(self.routing, self.providers, self.now_ms))
        return self

    def restart(self, after: float = 0) -> Story:
        """End the process without any goodbye, and start another one `after` seconds later on the same journal."""
        self.journal.write().result()
        self.journal.close()
        self.now += after
        self.journal = Journal.open(self.path)
        self.dispatcher = self.start()
        return self

    def written(self) -> Story:
        """Wait until all that was noted so far is in the journal."""
        self.journal.write(Put("story", "written", self.now)).result()
        return self

    def history(self, fingerprint: str) -> list[dict[str, Any]]:
        """Return what was decided and tried about an alert, once all that was written is readable."""
        return [each.value for each in self.written().dispatcher.history(fingerprint)]

    def messages(self, target: str = "") -> list[Sent]:
        return [each for each in self.sent if each.target.startswith(target)]

    def want(
        self,
        span: tuple[float, float],
        target: str,
        *,
        firing: set[str] | None = None,
        resolved: set[str] | None = None,
        reason: str = "",
    ) -> Sent:
        """Find one message, not wanted before, within the span; its alerts must be just these."""
        for each in self.sent:
            fits = span[0] <= each.at <= span[1] and each.target == target and each not in self.wanted
            same = each.firing == (firing or set()) and each.resolved == (resolved or set())
            if fits and same and reason in each.message.reason:
                self.wanted.append(each)
                return each
        raise AssertionError(f"nobody sent that to {target} within {span}; sent: {self.sent}")

    def done(self) -> None:
        """Fail if anything was sent that nobody wanted."""
        left = [each for each in self.sent if each not in self.wanted]
        assert not left, f"sent, but not wanted: {left}"

    def close(self) -> None:
        self.loop.run_until_complete(self.dispatcher.close(self.now_ms))
        self.loop.close()
        self.journal.close()
