"""What keeps watch over the watcher in a running agent: heartbeats sent, heartbeats owed, drills. Wiring only."""

from __future__ import annotations

import asyncio

import aiohttp

from agent.app.collection import Collection
from agent.app.loops import Clock, when_due
from agent.app.own_alerts import OwnAlerts
from agent.app.vitals import PARTS, Vitals
from agent.journal import Journal
from agent.model import Labels
from agent.notify import Dispatcher, Drills
from agent.pulse import Expected, Heartbeats, Pinger, Pulse
from agent.rules import Evaluator, labels_as_sent
from agent.telemetry import Telemetry


class Lifelines:
    """The heartbeats and the drills of one agent: `run` sends, `look` says whose is missing, `apply` takes over changed files."""

    def __init__(
        self,
        heartbeats: Heartbeats,
        *,
        journal: Journal,
        own: OwnAlerts,
        telemetry: Telemetry,
        session: aiohttp.ClientSession,
        collection: Collection,
        evaluator: Evaluator,
        dispatcher: Dispatcher,
        instance: str,
        clock: Clock,
    ) -> None:
        at_ms = clock()
        self._clock, self._due = clock, asyncio.Event()
        self.pulse = Pulse(
            heartbeats.sent,
            vitals=Vitals(collection.statuses, evaluator.progress, dispatcher.trouble),
            ping=Pinger(session),
            alarms=own,
            telemetry=telemetry,
            at_ms=at_ms,
            labels=Labels.of(job="burnline", instance=instance),
            now_ms=clock,
        )
        self.pulse.changed = self._due.set
        for part in PARTS:
            own.settle(self.pulse.labels_of(part), journal.events, at_ms, "the agent was started anew")
        self.drills = Drills(
            dispatcher,
            journal,
            alarms=own,
            telemetry=telemetry,
            at_ms=at_ms,
            sent_as=lambda labels: labels_as_sent(labels, evaluator.settings),
        )
        self.expected = Expected(heartbeats.owed, journal, alarms=own, telemetry=telemetry, at_ms=at_ms)

    def apply(self, heartbeats: Heartbeats, at_ms: int) -> None:
        """Take over what the files say now."""
        self.pulse.apply(heartbeats.sent, at_ms)
        self.expected.apply(heartbeats.owed, at_ms)
        self.drills.apply(at_ms)

    def look(self, at_ms: int) -> None:
        """Say what is missing, and follow the drills; call it every few seconds."""
        self.pulse.follow(at_ms)
        self.expected.look(at_ms)
        self.drills.look(at_ms)

    def notices(self) -> list[str]:
        """Return sentences that deserve attention."""
        said = [
            f"No heartbeat is sent, because {part} does not work: {why}" for part, why in self.pulse.troubles.items()
        ]
        said += [
            f"The drill {last.asked.name} failed: {last.why}"
            for each in self.drills.schedules
            if (last := self.drills.last(each.asked.name)) and last.result == "failed"
        ]
        return said + [
            f"The heartbeat {each.name} does not get through: {each.why}"
            for each in self.pulse.views()
            if each.state == "failing"
        ]

    async def run(self) -> None:
        """Send heartbeats for ever."""
        await when_due("heartbeats", self.pulse.next_due, self.pulse.beat, self._due, self._clock)

    async def stop(self) -> None:
        """End the pings that are under way."""
        await self.pulse.stop()
