"""Incidents: one firing of one group. Who was told what, which step of escalation is next, who acknowledged.

The chain of steps is copied when the incident begins, so that editing the file does not change a page that is under way;
who stands behind a name is looked up when a step is due. All of it goes into the group's journal record.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from hashlib import sha256
from typing import Any, Final

from agent.notify.hours import Hours, hours_from_json, hours_to_json
from agent.notify.notification import Channel, Target, is_worse
from agent.notify.people import Directory
from agent.notify.records import target_from_json, target_to_json
from agent.notify.routing import Destination, Step

TO_KEEP_IT_MS: Final = 5 * 60_000
"""How long after the reminder the others are told again, unless the acknowledgement is renewed."""
HEARD_AGAIN_MS: Final = 2 * 60_000
"""How long a step that was due while nothing ran waits, after the start, to hear that its alerts still fire.

A Prometheus repeats what fires at least every minute and a quarter (resend delay and evaluation interval), our own rules at
their next evaluation: whoever has not repeated it by then is down, and the page goes out rather than be lost with them.
"""
AGAIN_MS: Final = 15 * 60_000
"""How long after its severity fell an incident that is as severe again is what it was: whoever has it has it still.

Longer, and whoever had it may have gone back to sleep. Nobody's phone rings twice within it for an incident that they have.
"""


class StepState(StrEnum):
    """What became of a step."""

    WAITING = "waiting"
    RESTING = "resting"
    """It tells nobody of the severity that the incident has now; it counts anew when that changes."""
    DONE = "done"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Recipient:
    """One target, how it is reached, and what goes with its messages."""

    target: Target
    transport: str
    destination: str = ""
    send_resolved: bool = True
    options: Mapping[str, Any] = field(default_factory=dict)
    hours: Hours | None = None
    """For which hours its messages wait."""


@dataclass(slots=True)
class Told:
    """A target that was told of the incident, and the fingerprints it believes to fire."""

    recipient: Recipient
    firing: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Ack:
    """Somebody takes care of it. It holds for these alerts; until `until_ms` repeats are held back."""

    by: str
    at_ms: int
    until_ms: int
    fingerprints: frozenset[str]
    comment: str = ""
    via: str = ""
    """How it came: a link, a reply by SMS, …; "" from the command line and the API."""
    remind_ms: int | None = None
    """When whoever took it is reminded; None once that happened."""

    @property
    def quiet_until_ms(self) -> int:
        """Until when repeats are held back: a while longer than it holds, for whoever is reminded to keep it."""
        return self.until_ms + TO_KEEP_IT_MS

    def alive(self, at_ms: int) -> bool:
        """Say whether it still holds back repeats."""
        return at_ms < self.quiet_until_ms


@dataclass(frozen=True, slots=True)
class Whom:
    """One line of a step: a name or an address by one channel, and the places it meant when the incident began."""

    kind: str
    name: str
    channel: Channel
    transport: str
    targets: tuple[Target, ...]
    on_call: str = "now"
    by_policy: bool = False
    severities: tuple[str, ...] = ()
    hours: Hours | None = None

    def now(self, directory: Directory, at_ms: int, severity: str = "") -> tuple[Target, ...]:
        """Return the places it means now for this severity; where the name is gone, those of the beginning."""
        if self.severities and severity not in self.severities:
            return ()
        if self.kind == "team" and self.name in directory.teams:
            names = directory.standing(self.name, self.on_call, at_ms)
        elif self.kind == "person" and self.name in directory.people:
            names = (self.name,)
        else:
            return self.targets
        if self.by_policy:
            names = tuple(name for name in names if self.channel in directory.ways(name, severity).channels)
            return directory.addresses(names, self.channel)
        return directory.addresses(names, self.channel) or self.targets


@dataclass(slots=True)
class RunningStep:
    """One step of an incident's chain. Steps count from 1."""

    number: int
    after_ms: int
    until: str
    whom: tuple[Whom, ...]
    due_ms: int
    state: StepState = StepState.WAITING
    hours: Hours | None = None
    hurried: bool = False
    """Whether it runs before its time, because a page did not arrive."""
    held_until_ms: int = 0
    """Until when it waits after a start to hear that its alerts still fire; 0 where it was not overdue then."""

    @property
    def comes_ms(self) -> int:
        """When it runs."""
        return max(self.due_ms, self.held_until_ms)

    def concerns(self, severity: str) -> bool:
        """Say whether a line of it tells somebody of this severity."""
        return any(not each.severities or severity in each.severities for each in self.whom)

    def count_from(self, at_ms: int) -> None:
        """Let it wait as long as it says, from now on."""
        self.state, self.due_ms = StepState.WAITING, at_ms + self.after_ms
        self.hurried, self.held_until_ms = False, 0

    def count_on(self, rested_ms: int, at_ms: int) -> None:
        """Let it wait for what was left when it began to rest, from now on."""
        left_ms = min(max(0, self.due_ms - rested_ms), self.after_ms)
        self.state, self.due_ms, self.held_until_ms = StepState.WAITING, at_ms + left_ms, 0


@dataclass(slots=True)
class Incident:
    """One firing of one group."""

    id: str
    started_ms: int
    steps: list[RunningStep] = field(default_factory=list)
    told: dict[str, Told] = field(default_factory=dict)
    """By the target's key."""
    ack: Ack | None = None
    seen: frozenset[str] | None = None
    """The fingerprints that fired visibly at the last flush; None where an older version wrote the incident."""
    messages: int = 0
    """How many messages were written for it; part of their idempotency keys."""
    severity: str = ""
    """The worst of what fired visibly at the last flush."""
    fell_ms: int | None = None
    """When the severity fell last."""
    fell_from: str = ""
    """How severe it was before."""
    called_ms: int = 0
    """When whoever has it was last called because it was as severe again."""
    call_ms: int | None = None
    """When they are called, if it still is by then: they had been called a moment before it was as severe again."""

    def key(self) -> str:
        """Return the next message's idempotency key."""
        self.messages += 1
        return self.last_key

    @property
    def last_key(self) -> str:
        """The newest message's idempotency key."""
        return f"{self.id}-{self.messages}"

    @property
    def due_ms(self) -> int | None:
        """When a step is due, or whoever took it is reminded or called; None where nothing comes."""
        step = self.next_step
        dues = (step.comes_ms if step else None, self.ack.remind_ms if self.ack else None, self.call_ms)
        return min((each for each in dues if each is not None), default=None)

    @property
    def next_step(self) -> RunningStep | None:
        """The step that comes next unless something stops it."""
        waiting = [step for step in self.steps if step.state is StepState.WAITING]
        return min(waiting, key=lambda step: step.due_ms, default=None)

    def believers(self, fingerprints: Iterable[str]) -> list[Told]:
        """Return the targets that believe any of these alerts to fire."""
        asked = set(fingerprints)
        return [told for told in self.told.values() if told.firing & asked]

    def acknowledge(self, ack: Ack) -> None:
        """Stop the steps that an acknowledgement stops."""
        self.ack, self.call_ms = ack, None
        for step in self.steps:
            if step.until == "ack" and step.state in (StepState.WAITING, StepState.RESTING):
                step.state = StepState.STOPPED

    def follow(self, severity: str, at_ms: int, *, again: bool = False) -> tuple[RunningStep, ...]:
        """Take over the severity of what fires now, and return the steps that count from now because of it.

        A step that tells nobody of this severity rests. One that does, and told nobody of the severity before, begins to count:
        whoever is called must not be called at once because something milder has lasted for long. `again`: it is only as severe
        as it was a moment ago, so it counts on, and one that was done a moment ago stays so.
        """
        before, self.severity = self.severity, severity
        fell_ms = self.fell_ms if again else None
        if before and is_worse(before, severity):
            self.fell_ms, self.fell_from, self.call_ms = at_ms, before, None
        roused = []
        for step in self.steps:
            if not step.concerns(severity):
                step.state = StepState.RESTING if step.state is StepState.WAITING else step.state
            elif step.state is StepState.RESTING and fell_ms is not None:
                step.count_on(fell_ms, at_ms)
                roused.append(step)
            elif step.state is StepState.RESTING or (
                step.state is StepState.DONE
                and before
                and not step.concerns(before)
                and not (again and at_ms - step.due_ms < AGAIN_MS)
            ):
                step.count_from(at_ms)
                roused.append(step)
        return tuple(roused)

    def again(self, before: str, severity: str, at_ms: int) -> bool:
        """Say whether a rise only takes back a fall of a moment ago."""
        return (
            self.fell_ms is not None
            and before != ""
            and at_ms - self.fell_ms <= AGAIN_MS
            and is_worse(severity, before)
            and not is_worse(severity, self.fell_from)
        )

    def known(self, fingerprints: Iterable[str]) -> frozenset[str]:
        """Return which of the group's alerts somebody was told of, or could have been: what waits for its turn is not."""
        if self.seen is None:
            return frozenset(fingerprints)
        return self.seen.union(*(told.firing for told in self.told.values())).intersection(fingerprints)

    def set_back(self, by_ms: int) -> None:
        """Bring the steps and the reminder forward, as the clock was set back."""
        for step in self.steps:
            step.due_ms -= by_ms
            step.held_until_ms = max(0, step.held_until_ms - by_ms)
        self.fell_ms = None if self.fell_ms is None else self.fell_ms - by_ms
        self.call_ms = None if self.call_ms is None else self.call_ms - by_ms
        self.called_ms = max(0, self.called_ms - by_ms)
        if self.ack:
            remind_ms = None if self.ack.remind_ms is None else self.ack.remind_ms - by_ms
            self.ack = replace(self.ack, until_ms=self.ack.until_ms - by_ms, remind_ms=remind_ms)

    def keep_distance(self, ran: RunningStep, at_ms: int) -> None:
        """Let the steps after one that runs late wait as long as ever: whoever is told now has the time to answer."""
        for step in self.steps:
            if step.state is StepState.WAITING and step.number > ran.number:
                step.due_ms = max(step.due_ms, at_ms + step.after_ms - ran.after_ms)

    def lift(self, at_ms: int) -> None:
        """End the acknowledgement, because alerts joined that it did not cover: the chain starts over."""
        self.ack = self.call_ms = None
        for step in self.steps:
            step.count_from(at_ms)

    def go_on_from(self, older: Iterable[Incident], at_ms: int) -> None:
        """Let the chain be where those of older incidents of the same trouble are, step by step of the same time."""
        for other in older:
            for step, twin in zip(self.steps, other.steps, strict=False):
                if step.state is not StepState.WAITING or (step.after_ms, step.until) != (twin.after_ms, twin.until):
                    continue
                if twin.state is StepState.DONE:
                    step.state = StepState.DONE
                elif twin.state is StepState.WAITING:
                    step.due_ms = max(at_ms, min(step.due_ms, twin.due_ms))

    def hold_overdue(self, at_ms: int) -> tuple[RunningStep, ...]:
        """Hold the steps that are overdue at a start, see HEARD_AGAIN_MS; return them, but for those that have waited.

        A process that ends again and again makes a page late once, not each time.
        """
        overdue = [step for step in self.steps if step.state is StepState.WAITING and step.due_ms <= at_ms]
        held = [step for step in overdue if step.held_until_ms + HEARD_AGAIN_MS <= at_ms]
        for step in held:
            step.held_until_ms = at_ms + HEARD_AGAIN_MS
        return tuple(held)

    def heard_again(self) -> None:
        """Let the steps go that waited to hear that an alert still fires."""
        for step in self.steps:
            step.held_until_ms = 0


def begin(group_id: str, at_ms: int, steps: tuple[Step, ...], directory: Directory) -> Incident:
    """Start an incident: its id is short enough to be typed, its steps are copied."""
    made = Incident(sha256(f"{group_id}@{at_ms}".encode()).hexdigest()[:10], at_ms)
    for number, step in enumerate(steps, start=1):
        whom = tuple(_whom(each, directory, at_ms) for each in step.destinations)
        due_ms = at_ms + step.after_ms
        made.steps.append(RunningStep(number, step.after_ms, step.until, whom, due_ms, hours=step.hours))
    return made


def _whom(destination: Destination, directory: Directory, at_ms: int) -> Whom:
    entry, channel = destination.entry, destination.channel
    if entry is None:
        return Whom("", "", channel, destination.transport, destination.targets(directory, at_ms))
    kind, name = next(iter(entry.as_json().items()))
    named = directory.addresses(directory.names(entry, at_ms), channel) if entry.by_policy else ()
    targets = named or destination.targets(directory, at_ms)
    own = (entry.on_call, entry.by_policy, entry.severities, entry.hours)
    return Whom(kind, name, channel, destination.transport, targets, *own)


def to_json(incident: Incident) -> dict[str, Any]:
    """Write an incident down."""
    ack = incident.ack
    return {
        "id": incident.id,
        "started_ms": incident.started_ms,
        "messages": incident.messages,
        "severity": incident.severity,
        "fell": [incident.fell_ms, incident.fell_from],
        "called": [incident.called_ms, incident.call_ms],
        "seen": None if incident.seen is None else tuple(incident.seen),
        "ack": _ack_to_json(ack) if ack else None,
        "told": [
            {**recipient_to_json(told.recipient), "firing": tuple(told.firing)} for told in incident.told.values()
        ],
        "steps": [
            {
                "number": step.number,
                "after_ms": step.after_ms,
                "until": step.until,
                "due_ms": step.due_ms,
                "state": str(step.state),
                "hours": hours_to_json(step.hours),
                "hurried": step.hurried,
                "held_until_ms": step.held_until_ms,
                "whom": [
                    {
                        "kind": each.kind,
                        "name": each.name,
                        "channel": str(each.channel),
                        "transport": each.transport,
                        "targets": [target_to_json(target) for target in each.targets],
                        "on_call": each.on_call,
                        "by_policy": each.by_policy,
                        "severities": list(each.severities),
                        "hours": hours_to_json(each.hours),
                    }
                    for each in step.whom
                ],
            }
            for step in incident.steps
        ],
    }


def from_json(data: Mapping[str, Any]) -> Incident:
    """Read an incident back."""
    made = Incident(data["id"], data["started_ms"], messages=data["messages"], severity=data.get("severity", ""))
    if (seen := data.get("seen")) is not None:
        made.seen = frozenset(seen)
    made.fell_ms, made.fell_from = data.get("fell", (None, ""))
    made.called_ms, made.call_ms = data.get("called", (0, None))
    if data["ack"]:
        made.ack = _ack_from_json(data["ack"])
    for each in data["told"]:
        recipient = recipient_from_json(each)
        made.told[recipient.target.key] = Told(recipient, set(each["firing"]))
    for each in data["steps"]:
        whom = tuple(_whom_from_json(one) for one in each["whom"])
        state, hours = StepState(each["state"]), hours_from_json(each.get("hours"))
        made.steps.append(
            RunningStep(
                each["number"],
                each["after_ms"],
                each["until"],
                whom,
                each["due_ms"],
                state,
                hours,
                each.get("hurried", False),
                each.get("held_until_ms", 0),
            ),
        )
    return made


def _ack_to_json(ack: Ack) -> list[Any]:
    return [ack.by, ack.at_ms, ack.until_ms, ack.fingerprints, ack.comment, ack.via, ack.remind_ms]


def _ack_from_json(data: list[Any]) -> Ack:
    """Read an acknowledgement back; those of older versions have four parts and remind nobody."""
    by, at_ms, until_ms, fingerprints, *further = data
    return Ack(by, at_ms, until_ms, frozenset(fingerprints), *further)


def recipient_to_json(recipient: Recipient) -> dict[str, Any]:
    """Write a recipient down."""
    return {
        "target": target_to_json(recipient.target),
        "transport": recipient.transport,
        "destination": recipient.destination,
        "send_resolved": recipient.send_resolved,
        "options": dict(recipient.options),
        "hours": hours_to_json(recipient.hours),
    }


def recipient_from_json(data: Mapping[str, Any]) -> Recipient:
    """Read a recipient back."""
    target = target_from_json(data["target"])
    hours = hours_from_json(data.get("hours"))
    return Recipient(target, data["transport"], data["destination"], data["send_resolved"], data["options"], hours)


def _whom_from_json(data: Mapping[str, Any]) -> Whom:
    targets = tuple(target_from_json(each) for each in data["targets"])
    return Whom(
        data["kind"],
        data["name"],
        Channel(data["channel"]),
        data["transport"],
        targets,
        data.get("on_call", "now"),
        data.get("by_policy", False),
        tuple(data.get("severities", ())),
        hours_from_json(data.get("hours")),
    )
