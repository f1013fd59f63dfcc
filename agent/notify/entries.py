"""From what escalation.yml says of people to what runs: destinations, repeated steps, and each flaw with its place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from agent.notify.escalation_file import EscalationFile, PlanSpec
from agent.notify.findings import Findings
from agent.notify.notification import Channel
from agent.notify.people import Directory, NotifyEntry
from agent.notify.routing import Destination, Step
from agent.schema import suggest

_WORDS = {Channel.SMS: "phone"}


def directory_of(file: EscalationFile) -> Directory:
    """Return everybody by name."""
    return Directory(file.people, file.teams, file.policies)


def destinations_of(entry: NotifyEntry, file: EscalationFile) -> Iterator[Destination]:
    """Give a destination for each channel that an entry uses, or may use where the severity chooses."""
    if entry.hours and entry.hours.timezone is None and not (entry.person or entry.team):
        entry = replace(entry, hours=replace(entry.hours, timezone=file.settings.timezone))
    for channel in entry.channels or _by_policies(entry, file):
        yield Destination(f"{entry.key}/{channel}", channel, str(channel), entry=entry)


def steps_of(plan: PlanSpec, file: EscalationFile) -> tuple[Step, ...]:
    """Return a receiver's chain: its steps, once and as often again as `repeat` says, each round after the one before."""
    made = []
    last_ms = plan.escalate[-1].after if plan.escalate else 0
    for number in range(plan.repeat + 1):
        for spec in plan.escalate:
            told = tuple(each for entry in spec.notify for each in destinations_of(entry, file))
            hours = spec.hours and replace(spec.hours, timezone=spec.hours.timezone or file.settings.timezone)
            made.append(Step(number * last_ms + spec.after, told, spec.until, hours))
    return tuple(made)


def check_people(file: EscalationFile, findings: Findings) -> None:
    """Find names that nobody has, shifts that two people have, and ways that reach nobody."""
    for team in file.teams.values():
        for name in (*team.members, *(each.person for each in team.overrides)):
            if name not in file.people:
                message = f'undefined person "{name}" in a team{suggest(name, sorted(file.people))}'
                findings.problem(name.place, message)
        for place, message in team.problems():
            findings.problem(place, message)
    for plan in file.receivers.values():
        for entry in _entries(plan):
            _check_entry(entry, file, findings)


def _entries(plan: PlanSpec) -> Iterable[NotifyEntry]:
    yield from plan.notify
    for step in plan.escalate:
        yield from step.notify


def _check_entry(entry: NotifyEntry, file: EscalationFile, findings: Findings) -> None:
    for name, known, what in ((entry.person, file.people, "person"), (entry.team, file.teams, "team")):
        if name and name not in known:
            findings.problem(name.place, f'undefined {what} "{name}"{suggest(name, sorted(known))}')
            return
    if entry.on_call == "next":
        _check_next(entry, file, findings)
    for member in _members(entry, file):
        if member in file.people:
            _check_ways(entry, member, file, findings)


def _check_next(entry: NotifyEntry, file: EscalationFile, findings: Findings) -> None:
    team = file.teams[str(entry.team)]
    if team.rotation is None:
        findings.problem(entry.place, f'team "{entry.team}" has no rotation, so nobody is next; give it one')
    elif len(set(team.members)) == 1:
        message = f'team "{entry.team}" has one member: the next is whoever was told already; name somebody else'
        findings.warn(entry.place, message)


def _check_ways(entry: NotifyEntry, member: str, file: EscalationFile, findings: Findings) -> None:
    person, directory = file.people[member], directory_of(file)
    for channel in entry.by:
        if not person.address(channel):
            words = _WORDS.get(channel, str(channel))
            findings.problem(entry.place, f'"{member}" is to be told by {channel}, but has no {words}')
    for severity in _severities(entry, file) if entry.by_policy else ():
        channels = directory.ways(member, severity).channels
        if not any(channel is Channel.LOG or person.address(channel) for channel in channels):
            ways = ", ".join(channels)
            message = f'"{member}" cannot be told of {severity}: its policy says {ways}, and there is no address for it'
            findings.problem(entry.place, message)


def _members(entry: NotifyEntry, file: EscalationFile) -> tuple[str, ...]:
    if entry.person:
        return (str(entry.person),)
    team = file.teams.get(str(entry.team or ""))
    covering = tuple(each.person for each in team.overrides) if team else ()
    return tuple(dict.fromkeys(str(each) for each in (*team.members, *covering))) if team else ()


def _severities(entry: NotifyEntry, file: EscalationFile) -> tuple[str, ...]:
    return entry.severities or directory_of(file).severities()


def _by_policies(entry: NotifyEntry, file: EscalationFile) -> tuple[Channel, ...]:
    """Return the channels that some severity chooses for some of the people whom an entry may mean."""
    directory = directory_of(file)
    found = {
        channel
        for member in _members(entry, file)
        for severity in _severities(entry, file)
        for channel in directory.ways(member, severity).channels
    }
    return tuple(channel for channel in Channel if channel in found)
