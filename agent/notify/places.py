"""One alert's place in one group, for whoever asks why it was told or not: timers, who was told, what holds it back. Values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agent.model import Labels
from agent.notify.dedup import NEVER_MS
from agent.notify.groups import Group
from agent.notify.incidents import Ack, Incident
from agent.notify.notification import Target
from agent.notify.reasons import Suppression
from agent.notify.routing import Route, Routing


@dataclass(frozen=True, slots=True)
class TellsNext:
    """A step of escalation: when it is or was due, its state, and whom it means in words."""

    number: int
    due_ms: int
    state: str
    until: str
    whom: tuple[tuple[str, str], ...]
    """Names (or addresses) and channels."""


@dataclass(frozen=True, slots=True)
class Place:
    """A group that an alert is in. Instants that do not come are None.

    `ways` are what the receiver's lines were last told, by their key: the targets that they meant, and when.
    """

    id: str
    key: str
    receiver: str
    labels: Labels
    route: Route | None
    members: int
    names: tuple[str, ...]
    """The names of its alerts, each once, at most ten."""
    flushed: bool
    next_look_ms: int
    interval_ms: int
    repeat_ms: int | None
    look_ms: int | None
    held: tuple[Suppression, str] | None
    """What holds the alert back here now."""
    opens_ms: int | None
    """When the time interval ends that keeps the group silent, where that is what holds it back."""
    incident: str
    began_ms: int
    told: tuple[tuple[Target, bool], ...]
    """The targets of the incident, and whether each believes that this alert fires."""
    repeats: tuple[Target, ...]
    """The targets that are told again when the repeat is due."""
    ack: Ack | None
    steps: tuple[TellsNext, ...]
    call_ms: int | None
    """When whoever has it is called because it is as severe again, where they were called a moment before it was."""
    under_way: bool
    """Whether a tick of the strict mode is under way, and the group waits for its messages."""


def place_of(
    group: Group,
    fingerprint: str,
    names: Sequence[str],
    routing: Routing,
    held: tuple[Suppression, str] | None,
    at_ms: int,
) -> Place:
    """Return an alert's place in a group at an instant."""
    incident, route = group.incident, group.route
    muted = held is not None and held[0] in (Suppression.MUTE_INTERVAL, Suppression.ACTIVE_INTERVAL)
    told = (
        tuple((each.recipient.target, fingerprint in each.firing) for each in incident.told.values())
        if incident
        else ()
    )
    repeat_ms, repeats = _repeat(group, incident, routing, at_ms) if incident and route else (None, ())
    return Place(
        id=group.id,
        key=group.key,
        receiver=group.receiver,
        labels=group.labels,
        route=route,
        members=len(group.fingerprints),
        names=tuple(names),
        flushed=group.flushed,
        next_look_ms=group.due_ms,
        interval_ms=group.interval_ms,
        repeat_ms=repeat_ms,
        look_ms=group.look_ms,
        held=held,
        opens_ms=routing.unmuted_ms(route, at_ms) if muted and route else None,
        incident=incident.id if incident else "",
        began_ms=incident.started_ms if incident else 0,
        told=told,
        repeats=repeats,
        ack=incident.ack if incident else None,
        steps=_steps(incident) if incident else (),
        call_ms=incident.call_ms if incident else None,
        under_way=group.flight is not None,
    )


def _repeat(group: Group, incident: Incident, routing: Routing, at_ms: int) -> tuple[int | None, tuple[Target, ...]]:
    """Return when a message is repeated, and to whom: when it is due, or the first beat after an acknowledgement held it back."""
    assert group.route is not None
    wait_ms = max(routing.repeat_ms(group.route), group.interval_ms)
    dues = {key: entry.at_ms + wait_ms for key, entry in group.entries.items() if entry.firing and entry.repeats}
    if not dues or wait_ms >= NEVER_MS:
        return None, ()
    quiet_ms = incident.ack.quiet_until_ms if incident.ack and incident.ack.alive(at_ms) else 0
    due_ms = min(dues.values())
    if due_ms <= at_ms or due_ms < quiet_ms:
        due_ms, beat_ms = max(due_ms, quiet_ms), group.next_flush_ms
        due_ms = beat_ms + max(0, -((beat_ms - due_ms) // group.interval_ms)) * group.interval_ms
    keys = {key for key, each in dues.items() if each <= due_ms}
    return due_ms, tuple(each.recipient.target for each in incident.told.values() if each.recipient.destination in keys)


def _steps(incident: Incident) -> tuple[TellsNext, ...]:
    made = []
    for step in incident.steps:
        whom = []
        for each in step.whom:
            people = dict.fromkeys(target.person or target.key for target in each.targets)
            named = f"{each.kind} {each.name} ({', '.join(people)})" if each.kind == "team" and people else each.name
            whom.append((named or ", ".join(people), str(each.channel)))
        made.append(TellsNext(step.number, step.comes_ms, str(step.state), step.until, tuple(whom)))
    return tuple(made)
