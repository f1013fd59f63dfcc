"""The real dispatcher, outbox and mail receiver on a clock moved by hand, sending to a mail server that a test brings."""

from __future__ import annotations

import random
from pathlib import Path

from agent.journal import Journal
from agent.model import Alert, Labels, Secret
from agent.notify import Dispatcher, Row, RowState, load_routing
from agent.notify.channels import EmailChannel
from agent.notify.messages import Renderer
from agent.notify.receivers import make_receiver

START_MS = 1_767_621_720_000  # Monday 2026-01-05, 14:02 UTC
_DAY_MS = 86_400_000
ROUTES = """
route: {receiver: team, group_by: [alertname], group_wait: 0s, group_interval: 1m, repeat_interval: 4h}
receivers: [{name: team}, {name: deputy}]
"""
ESCALATION = """
people:
  ana: {email: ana@example.org, timezone: Europe/Paris}
  bob: {email: bob@example.org}
  chris: {email: chris@example.org}
channels:
  email: {smarthost: "127.0.0.1:25", from: "Burnline <burnline@example.org>"}
receivers:
  team: {notify: [{person: ana, by: [email]}, {person: bob, by: [email]}], on_failure: deputy}
  deputy: {notify: [{person: chris, by: [email]}]}
"""


def page(instance: str = "a:8000", *, ends_ms: int = 0, severity: str = "critical") -> Alert:
    """Return one alert of the story, firing for a day unless it ends earlier."""
    labels = {"alertname": "HighErrorRate", "severity": severity, "service": "rag", "instance": instance}
    annotations = {"summary": "rag: 7.3% of the queries fail", "value": "7.3%", "threshold": "5%"}
    return Alert(Labels(labels), Labels(annotations), START_MS, ends_ms or START_MS + _DAY_MS)


class MailWorld:
    """Everything but the relay is real; only `at` moves the clock, in seconds from the start."""

    def __init__(self, folder: Path, channel: EmailChannel, renderer: Renderer, external_url: str = "") -> None:
        folder.mkdir(exist_ok=True)
        first, second = folder / "alertmanager.yml", folder / "escalation.yml"
        first.write_text(ROUTES)
        second.write_text(ESCALATION)
        self.now_ms = START_MS
        self.journal = Journal.open(":memory:")
        self.receiver = make_receiver(channel, renderer)
        self.dispatcher = Dispatcher(
            load_routing(first, second, {}),
            self.journal,
            {"email": self.receiver},
            START_MS,
            external_url=external_url,
            link_key=Secret("a key that is only for tests"),
            random=random.Random(7),
        )

    async def at(self, seconds: float, *alerts: Alert) -> None:
        """Move the clock, doing on the way what becomes due; then the alerts arrive and what is due is sent."""
        target_ms = START_MS + int(seconds * 1000)
        while (due_ms := self.dispatcher.next_due()) is not None and due_ms <= target_ms:
            self.now_ms = max(self.now_ms, due_ms)
            await self.dispatcher.run_due(self.now_ms)
        self.now_ms = target_ms
        if alerts:
            self.dispatcher.put(alerts, self.now_ms)
        await self.dispatcher.run_due(self.now_ms)

    def row(self, person: str) -> Row:
        """Return the newest row to one person."""
        return self.rows(person)[-1]

    def rows(self, person: str) -> list[Row]:
        """Return all rows to one person, oldest first."""
        return [each for each in self.dispatcher.outbox.rows() if each.target.person == person]

    def states(self) -> dict[str, RowState]:
        """Return what became of the newest message to each person."""
        return {each.target.person: each.state for each in self.dispatcher.outbox.rows()}

    async def close(self) -> None:
        """Let go of the relay and of the journal."""
        await self.dispatcher.close(self.now_ms)
        await self.receiver.close()
        self.journal.close()
