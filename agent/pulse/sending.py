"""Heartbeats that are sent: `beat(at_ms)` pings each address whose turn has come, if every part of the agent works.

What is late is judged as of the instant at which it was due: if the whole process slept or was busy, so were the parts that
are asked about, and a ping that comes late is still true. What stops a heartbeat is an alert, a metric and a line in the log.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

import structlog

from agent.errors import DeliveryError
from agent.model import Labels, Secret
from agent.pulse.vitals import Vital
from agent.telemetry import Telemetry

STOPPED: Final = "HeartbeatStopped"
UNSENT: Final = "HeartbeatNotSent"
RUNBOOK: Final = "/runbooks/heartbeat"
FIRST_LOOK_MS: Final = 1_000
"""How soon it is looked again while something has not been done once since the start."""
TRY_AGAIN_MS: Final = 3_000
MOST_TRIES: Final = 3
TELL_AFTER: Final = 3
"""Turns in a row that did not get through, after which that is an alert."""

_log = structlog.get_logger("burnline.heartbeat")


@dataclass(frozen=True, slots=True)
class Sent:
    """One address that is pinged. `reports` says that it is also told, at `/fail`, when something does not work."""

    name: str
    url: Secret
    every_ms: int
    method: str = "GET"
    headers: tuple[tuple[str, Secret], ...] = ()
    reports: bool = False
    timeout_ms: int = 10_000

    def called(self, name: str) -> Sent:
        """Return it with a name."""
        return replace(self, name=name)


@dataclass(frozen=True, slots=True)
class SentView:
    """How a heartbeat that is sent does: `state` is waiting, sent, stopped or failing, `why` says so in words."""

    name: str
    state: str
    every_ms: int
    last_ms: int
    next_ms: int
    why: str


class Alarms(Protocol):
    """Raises and ends alerts of the agent about itself."""

    def fire(self, labels: Labels, annotations: Labels, at_ms: int, why: str) -> None:
        """Raise one."""
        ...

    def end(self, labels: Labels, at_ms: int, why: str) -> None:
        """End one, if it fires."""
        ...


@dataclass(slots=True)
class _Heart:
    sent: Sent
    due_ms: int
    turn_ms: int
    """When its present turn began; tries of one turn share it."""
    tries: int = 0
    missed: int = 0
    last_ms: int = 0
    state: str = "waiting"
    why: str = ""
    under_way: bool = False


class Pulse:
    """All heartbeats that are sent. `vitals` is asked at an instant how the parts do, `ping` does one ping or raises."""

    def __init__(
        self,
        sent: Sequence[Sent],
        *,
        vitals: Callable[[int], Sequence[Vital]],
        ping: Callable[[Sent, str], Awaitable[str]],
        alarms: Alarms,
        telemetry: Telemetry,
        at_ms: int,
        labels: Labels | None = None,
        now_ms: Callable[[], int] | None = None,
    ) -> None:
        self._vitals, self._ping, self._alarms, self._telemetry = vitals, ping, alarms, telemetry
        self._labels = labels or Labels()
        self._now_ms = now_ms
        self._hearts: dict[str, _Heart] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._troubles: dict[str, str] = {}
        self._told_ms = at_ms
        self.changed: Callable[[], None] = lambda: None
        """What is called when something is due earlier than `next_due` said."""
        self.apply(sent, at_ms)

    def apply(self, sent: Sequence[Sent], at_ms: int) -> None:
        """Take over what the files say now; what goes on keeps its turn."""
        kept = {each.name: self._hearts.get(each.name) for each in sent}
        for name in self._hearts.keys() - kept.keys():
            self._forget(name, at_ms)
        self._hearts = {each.name: _taken_over(each, kept[each.name], at_ms) for each in sent}
        if not self._hearts:
            self._judged([Vital(part) for part in self._troubles], at_ms)
        self.changed()

    def next_due(self) -> int | None:
        """Return when `beat` has something to do next, or None."""
        return min((heart.due_ms for heart in self._hearts.values() if not heart.under_way), default=None)

    def follow(self, at_ms: int) -> None:
        """Take note of what time it is, every few seconds, so that a clock that is set back holds no ping up."""
        by_ms, self._told_ms = self._told_ms - at_ms, at_ms
        if by_ms > 0:
            for heart in self._hearts.values():
                heart.due_ms -= by_ms
                heart.turn_ms -= by_ms
                heart.last_ms = min(heart.last_ms, at_ms)
            self.changed()

    async def beat(self, at_ms: int) -> None:
        """Begin to ping what is due, or say what stops it. It waits for no answer; `idle` does."""
        due = [heart for heart in self._hearts.values() if heart.due_ms <= at_ms and not heart.under_way]
        if not due:
            return
        vitals = self._vitals(min(heart.due_ms for heart in due))
        waits = [vital.waits for vital in vitals if vital.waits]
        self._judged(vitals, at_ms)
        troubles = [f"{vital.part}: {vital.trouble}" for vital in vitals if vital.trouble]
        for heart in due:
            if not heart.tries:
                heart.turn_ms = heart.due_ms
            if troubles:
                self._stopped(heart, "; ".join(troubles), at_ms)
            elif waits:
                heart.state, heart.why = "waiting", waits[0]
                heart.due_ms = at_ms + FIRST_LOOK_MS
            else:
                self._begin(heart, "", at_ms)

    async def idle(self) -> None:
        """Wait for the pings that are under way."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    async def stop(self) -> None:
        """End the pings that are under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def views(self) -> list[SentView]:
        """Return how each does."""
        return [
            SentView(each.sent.name, each.state, each.sent.every_ms, each.last_ms, each.due_ms, each.why)
            for each in self._hearts.values()
        ]

    @property
    def troubles(self) -> dict[str, str]:
        """Why parts of the agent do not work, by part."""
        return dict(self._troubles)

    def labels_of(self, part: str) -> Labels:
        """Return the labels of the alert that says that a part does not work."""
        return Labels({"alertname": STOPPED, "severity": "critical", "part": part, **dict(self._labels.pairs)})

    def _stopped(self, heart: _Heart, why: str, at_ms: int) -> None:
        if heart.state != "stopped":
            _log.warning("a heartbeat is not sent", heartbeat=heart.sent.name, why=why)
        heart.state, heart.why = "stopped", why
        self._telemetry.heartbeats_sent.labels(heart.sent.name, "withheld").inc()
        if heart.sent.reports:
            self._begin(heart, why, at_ms)
        else:
            self._next_turn(heart, at_ms)

    def _begin(self, heart: _Heart, trouble: str, at_ms: int) -> None:
        heart.under_way = True
        task = asyncio.get_running_loop().create_task(
            self._tried(heart, trouble, at_ms), name=f"heartbeat {heart.sent.name}"
        )
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _tried(self, heart: _Heart, trouble: str, at_ms: int) -> None:
        try:
            said = await self._ping(heart.sent, trouble)
        except DeliveryError as error:
            self._failed(heart, str(error), trouble, self._now_ms() if self._now_ms else at_ms)
        else:
            if not trouble:
                self._succeeded(heart, said, self._now_ms() if self._now_ms else at_ms)
            self._next_turn(heart, self._now_ms() if self._now_ms else at_ms)
        finally:
            heart.under_way = False
            self.changed()

    def _succeeded(self, heart: _Heart, said: str, at_ms: int) -> None:
        name = heart.sent.name
        if heart.state != "sent":
            _log.info("a heartbeat is sent", heartbeat=name, was=heart.state)
        heart.state, heart.why, heart.last_ms, heart.missed = "sent", said, at_ms, 0
        self._telemetry.heartbeats_sent.labels(name, "sent").inc()
        self._telemetry.heartbeat_sent_at.labels(name).set(at_ms / 1000)
        self._alarms.end(self._unsent(name), at_ms, "the heartbeat gets through again")

    def _failed(self, heart: _Heart, why: str, trouble: str, at_ms: int) -> None:
        name = heart.sent.name
        self._telemetry.heartbeats_sent.labels(name, "failed").inc()
        heart.tries += 1
        again_ms = at_ms + TRY_AGAIN_MS * heart.tries
        if heart.tries < MOST_TRIES and again_ms < heart.turn_ms + heart.sent.every_ms:
            heart.due_ms = again_ms
            return
        heart.missed += 1
        if heart.state != "failing":
            _log.warning("a heartbeat does not get through", heartbeat=name, why=why)
        if not trouble:
            heart.state, heart.why = "failing", why
        if heart.missed >= TELL_AFTER:
            words = Labels.of(
                summary=f"The heartbeat {name} does not get through",
                description=f"{why}. The agent itself works; whoever waits for its heartbeat will believe that it does not.",
                runbook_url=RUNBOOK,
            )
            self._alarms.fire(self._unsent(name), words, at_ms, why)
        self._next_turn(heart, at_ms)

    def _next_turn(self, heart: _Heart, at_ms: int) -> None:
        """Set the next turn: turns are equally far apart, and those that passed meanwhile are left out."""
        passed = max(0, at_ms - heart.turn_ms) // heart.sent.every_ms
        heart.turn_ms = heart.due_ms = heart.turn_ms + (1 + passed) * heart.sent.every_ms
        heart.tries = 0

    def _judged(self, vitals: Sequence[Vital], at_ms: int) -> None:
        """Say of each part whether it works, and let an alert say why it does not."""
        for vital in vitals:
            self._telemetry.part_works.labels(vital.part).set(not vital.trouble and not vital.waits)
            labels = self.labels_of(vital.part)
            if not vital.trouble:
                if self._troubles.pop(vital.part, ""):
                    self._alarms.end(labels, at_ms, f"{vital.part} works again")
                continue
            if vital.part not in self._troubles:
                words = Labels.of(
                    summary=f"Burnline's {vital.part} does not work, so its heartbeats have stopped",
                    description=vital.trouble,
                    runbook_url=RUNBOOK,
                )
                self._alarms.fire(labels, words, at_ms, vital.trouble)
            self._troubles[vital.part] = vital.trouble

    def _unsent(self, name: str) -> Labels:
        return Labels({"alertname": UNSENT, "severity": "warning", "heartbeat": name, **dict(self._labels.pairs)})

    def _forget(self, name: str, at_ms: int) -> None:
        self._alarms.end(self._unsent(name), at_ms, "the heartbeat is not configured any more")


def _taken_over(sent: Sent, heart: _Heart | None, at_ms: int) -> _Heart:
    if heart is None:
        return _Heart(sent, at_ms, at_ms)
    heart.sent = sent
    heart.due_ms = min(heart.due_ms, at_ms + sent.every_ms)
    return heart
