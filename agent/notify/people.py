"""People: how somebody is reached, by which channels for which severity, and when somebody is left to sleep.

Who is on call follows from the instant (rotations); nothing here reads a clock.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Literal

from agent.notify.hours import Hours, QuietHours, never_told
from agent.notify.intervals import UTC as UTC_ZONE
from agent.notify.intervals import TimeZone
from agent.notify.notification import Channel, Target
from agent.notify.policies import DEFAULTS, OTHER, Policies, Ways, ways_of
from agent.notify.rotations import Team
from agent.schema import Convert, Place, Text, WrongValue, key

_E164: Final = re.compile(r"\+[1-9]\d{6,14}")


def check_phone(text: str) -> str:
    """Return a phone number in E.164 form; raise ValueError with how to write it."""
    if text and not _E164.fullmatch(text):
        message = f'not a phone number in international form: "{text}"; write it like +33612345678, without spaces'
        raise ValueError(message)
    return text


Phone = Annotated[str, Convert(check_phone, "a phone number")]


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody, or a mailbox and a channel that many read. Slack is a user id or a channel's name."""

    __title__ = "person"
    place: Place
    email: str = ""
    slack: str = ""
    phone: Phone = ""
    timezone: TimeZone = UTC_ZONE
    quiet_hours: QuietHours | tuple[QuietHours, ...] = ()
    policies: Mapping[str, Ways] = key(factory=dict)

    def __post_init__(self) -> None:
        if severity := never_told(self.quiet, self.timezone):
            message = f"messages of severity {severity} would wait for ever, as no hour of the week is left; "
            raise WrongValue("quiet_hours", message + "leave an hour, or give the severity no way by `policies`")

    @property
    def quiet(self) -> tuple[QuietHours, ...]:
        """When messages of some severities wait."""
        return (self.quiet_hours,) if isinstance(self.quiet_hours, QuietHours) else self.quiet_hours or ()

    def address(self, channel: Channel) -> str:
        """Return where this person is reached by a channel, or nothing."""
        match channel:
            case Channel.EMAIL:
                return self.email
            case Channel.SLACK:
                return self.slack
            case Channel.SMS:
                return self.phone
            case _:
                return ""


_WHO: Final = ("person", "team", "email", "slack", "sms", "pagerduty", "log")


@dataclass(frozen=True, slots=True)
class NotifyEntry:
    """Whom one line of `notify:` tells: a person or a team, or an address as it stands.

    People are told by the channels of `by`, or, without it, by those that the severity's policy chooses. With `severities`
    the line holds for those alone; with `hours` its messages wait until the hours have come.
    """

    __title__ = "notify entry"
    place: Place
    person: Text | None = None
    team: Text | None = None
    on_call: Literal["now", "next"] = "now"
    by: tuple[Channel, ...] = ()
    email: str = ""
    slack: str = ""
    sms: Phone = ""
    log: bool = False
    pagerduty: bool = False
    severities: tuple[str, ...] = ()
    hours: Hours | None = None

    def __post_init__(self) -> None:
        given = [name for name in _WHO if getattr(self, name)]
        if len(given) != 1:
            message = "say one of person, team, email, slack, sms, pagerduty or log in each entry"
            raise WrongValue(given[1] if given else "", message)
        if given[0] not in ("person", "team") and self.by:
            raise WrongValue("by", "an address has its channel already; leave out by")
        if self.on_call == "next" and not self.team:
            raise WrongValue("on_call", "only a team has somebody who is next; say team: in place of this")
        for channel in self.by:
            if channel not in (Channel.EMAIL, Channel.SLACK, Channel.SMS):
                raise WrongValue("by", f"people are reached by email, slack or sms, not by {channel}")

    @property
    def key(self) -> str:
        """Name the entry by whom it tells and when it holds: `team:search`, `team:search:next`, `person:ana[critical]`."""
        kind, name = next(iter(self.as_json().items()))
        following = ":next" if self.on_call == "next" else ""
        return f"{kind}:{name}{following}" + (f"[{','.join(self.severities)}]" if self.severities else "")

    @property
    def by_policy(self) -> bool:
        """Whether the severity's policy chooses the channels."""
        return bool((self.person or self.team) and not self.by)

    @property
    def channels(self) -> tuple[Channel, ...]:
        """The channels that this entry names; none where the policy chooses them."""
        direct = {
            Channel.EMAIL: self.email,
            Channel.SLACK: self.slack,
            Channel.SMS: self.sms,
            Channel.LOG: self.log,
            Channel.PAGERDUTY: self.pagerduty,
        }
        return self.by or tuple(channel for channel, value in direct.items() if value)

    def chooses(self, channel: Channel, severity: str, directory: Directory, at_ms: int) -> bool:
        """Say whether a message of this severity goes by this channel: the entry and the people it means decide."""
        if self.severities and severity not in self.severities:
            return False
        names = directory.names(self, at_ms) if self.by_policy else ()
        return not names or any(channel in directory.ways(name, severity).channels for name in names)

    def targets(self, channel: Channel, directory: Directory, at_ms: int, severity: str = "") -> tuple[Target, ...]:
        """Return the places this entry means now by one of its channels; people without that address are left out."""
        if self.log:
            return (Target(Channel.LOG, "log"),)
        if self.pagerduty:
            return (Target(Channel.PAGERDUTY, "pagerduty"),)
        names = directory.names(self, at_ms)
        if not names:
            address = {Channel.EMAIL: self.email, Channel.SLACK: self.slack, Channel.SMS: self.sms}.get(channel, "")
            return (Target(channel, address),) if address else ()
        if self.by_policy:
            names = tuple(name for name in names if channel in directory.ways(name, severity).channels)
        return directory.addresses(names, channel)

    def as_json(self) -> dict[str, Any]:
        """Return what identifies the entry, for keys and snapshots."""
        return {name: str(getattr(self, name)) for name in _WHO if getattr(self, name)}


@dataclass(frozen=True, slots=True)
class Directory:
    """Everybody by name, and how people are told where nothing else is said."""

    people: Mapping[str, Person]
    teams: Mapping[str, Team]
    policies: Policies = field(default_factory=dict)

    def names(self, entry: NotifyEntry, at_ms: int) -> tuple[str, ...]:
        """Return the people an entry means at an instant."""
        if entry.person:
            return (str(entry.person),)
        return self.standing(str(entry.team or ""), entry.on_call, at_ms)

    def standing(self, team: str, which: str, at_ms: int) -> tuple[str, ...]:
        """Return who stands for a team: whoever is on call, or who is `next`; where nobody is, whoever is on call."""
        found = self.teams.get(team)
        if found is None:
            return ()
        return (found.next_on_call(at_ms) if which == "next" else ()) or found.on_call(at_ms)

    def addresses(self, names: Iterable[str], channel: Channel) -> tuple[Target, ...]:
        """Return where people are reached by a channel; those without such an address are left out."""
        if channel is Channel.LOG:
            return (Target(Channel.LOG, "log"),) if any(True for _ in names) else ()
        found = ((name, self.people[name].address(channel)) for name in names if name in self.people)
        return tuple(Target(channel, address, name) for name, address in found if address)

    def ways(self, name: str, severity: str) -> Ways:
        """Return how a person is told of a severity: their own policy, then the file's, then the default."""
        person = self.people.get(name)
        own = person.policies.get(severity) if person else None
        return own or ways_of(self.policies, severity)

    def severities(self) -> tuple[str, ...]:
        """Return the severities that have ways of their own, and last `other`: all the rest."""
        own = [severity for each in self.people.values() for severity in each.policies]
        return (*dict.fromkeys(each for each in (*DEFAULTS, *self.policies, *own) if each != OTHER), OTHER)

    def hours(self, name: str, channel: Channel, severity: str) -> Hours | None:
        """Return the hours for which a channel waits that the policy chose for somebody, or None."""
        ways = self.ways(name, severity)
        return ways.hours if channel in ways.in_hours else None
