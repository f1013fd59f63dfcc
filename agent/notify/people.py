"""People and teams: who is on call at an instant, how somebody is reached, and when somebody is left to sleep.

Rotation is a pure function of the instant: members take turns in the order they are written, from `starts` on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

from agent.notify.intervals import UTC as UTC_ZONE
from agent.notify.intervals import TimeZone, minute_of_day
from agent.notify.notification import Channel, Target
from agent.schema import Convert, Duration, Place, Text, WrongValue, key

_E164: Final = re.compile(r"\+[1-9]\d{6,14}")
_DAY_MS: Final = 86_400_000


def check_phone(text: str) -> str:
    """Return a phone number in E.164 form; raise ValueError with how to write it."""
    if text and not _E164.fullmatch(text):
        message = f'not a phone number in international form: "{text}"; write it like +33612345678, without spaces'
        raise ValueError(message)
    return text


def _times(text: str) -> tuple[int, int]:
    first, separator, last = text.partition("-")
    if not separator:
        message = f'not a range of times: "{text}"; write it like 22:00-07:00'
        raise ValueError(message)
    return minute_of_day(first.strip()), minute_of_day(last.strip())


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        message = f'not a moment: "{text}"; write it like 2026-01-05T09:00'
        raise ValueError(message) from error


Phone = Annotated[str, Convert(check_phone, "a phone number")]
Moment = Annotated[datetime, Convert(_moment, "a moment like 2026-01-05T09:00")]


@dataclass(frozen=True, slots=True)
class QuietHours:
    """When messages of some severities wait for the end of the night. `times` may pass midnight."""

    __title__ = "quiet_hours"
    times: Annotated[tuple[int, int], Convert(_times, "times like 22:00-07:00")]
    severities: tuple[str, ...] = ("warning", "info")

    def ends_ms(self, severity: str, at_ms: int, zone: ZoneInfo) -> int | None:
        """Return when the quiet hours end that hold now for this severity, or None where none do."""
        if severity not in self.severities:
            return None
        now = datetime.fromtimestamp(at_ms / 1000, zone)
        minute = now.hour * 60 + now.minute
        start, end = self.times
        inside = start <= minute < end if start <= end else minute >= start or minute < end
        if not inside:
            return None
        morning = now.replace(hour=end // 60 % 24, minute=end % 60, second=0, microsecond=0)
        if end // 60 == 24 or (start > end and minute >= start):
            morning += timedelta(days=1)
        return int(morning.timestamp() * 1000)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody, or a mailbox and a channel that many read. Slack is a user id or a channel's name."""

    __title__ = "person"
    place: Place
    email: str = ""
    slack: str = ""
    phone: Phone = ""
    timezone: TimeZone = UTC_ZONE
    quiet_hours: QuietHours | None = None

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


@dataclass(frozen=True, slots=True)
class Rotation:
    """Turns of equal length from `starts` on, a time of day in `timezone`."""

    __title__ = "rotation"
    starts: Moment
    every: Duration = 7 * _DAY_MS
    timezone: TimeZone = UTC_ZONE

    def __post_init__(self) -> None:
        if self.every <= 0:
            raise WrongValue("every", "a turn cannot take no time; write it like 1w")

    def turn(self, at_ms: int) -> int:
        """Return the number of the turn; whole days are counted on the wall clock, so a change of summer time moves none."""
        if self.every % _DAY_MS == 0:
            local = datetime.fromtimestamp(at_ms / 1000, self.timezone).replace(tzinfo=None)
            passed = local - self.starts.replace(tzinfo=None)
            return passed // timedelta(milliseconds=self.every)
        start = self.starts.replace(tzinfo=self.starts.tzinfo or self.timezone)
        return (at_ms - int(start.timestamp() * 1000)) // self.every


@dataclass(frozen=True, slots=True)
class Override:
    """Somebody else takes over between two moments (in the rotation's time zone unless they carry their own)."""

    __title__ = "override"
    person: Text
    from_: Moment = key("from")
    until: Moment = key("until")

    def holds(self, at_ms: int, zone: ZoneInfo) -> bool:
        """Say whether the override covers the instant."""
        now = datetime.fromtimestamp(at_ms / 1000, UTC)
        first, last = (each.replace(tzinfo=each.tzinfo or zone) for each in (self.from_, self.until))
        return first <= now < last


@dataclass(frozen=True, slots=True)
class Team:
    """People who take turns; without a rotation all of them are told."""

    __title__ = "team"
    place: Place
    members: tuple[Text, ...]
    rotation: Rotation | None = None
    overrides: tuple[Override, ...] = ()

    def __post_init__(self) -> None:
        if not self.members:
            raise WrongValue("members", "a team needs at least one member")

    def on_call(self, at_ms: int) -> tuple[str, ...]:
        """Return the names of those who stand for the team at an instant."""
        zone = self.rotation.timezone if self.rotation else UTC_ZONE
        covering = tuple(str(each.person) for each in self.overrides if each.holds(at_ms, zone))
        if covering:
            return covering[-1:]
        if self.rotation is None:
            return tuple(str(member) for member in self.members)
        return (str(self.members[self.rotation.turn(at_ms) % len(self.members)]),)


_WAYS: Final = ("person", "team", "email", "slack", "sms", "pagerduty", "log")


@dataclass(frozen=True, slots=True)
class NotifyEntry:
    """Whom one line of `notify:` tells: a person or a team by some channels, or an address as it stands."""

    __title__ = "notify entry"
    place: Place
    person: Text | None = None
    team: Text | None = None
    by: tuple[Channel, ...] = ()
    email: str = ""
    slack: str = ""
    sms: Phone = ""
    log: bool = False
    pagerduty: bool = False

    def __post_init__(self) -> None:
        given = [name for name in _WAYS if getattr(self, name)]
        if len(given) != 1:
            raise WrongValue(
                given[1] if given else "", "say one of person, team, email, slack, sms, pagerduty or log in each entry"
            )
        if given[0] in ("person", "team") and not self.by:
            raise WrongValue(given[0], "say by which channels, like by: [slack, sms]")
        if given[0] not in ("person", "team") and self.by:
            raise WrongValue("by", "an address has its channel already; leave out by")
        for channel in self.by:
            if channel not in (Channel.EMAIL, Channel.SLACK, Channel.SMS):
                raise WrongValue("by", f"people are reached by email, slack or sms, not by {channel}")

    @property
    def channels(self) -> tuple[Channel, ...]:
        """The channels that this entry uses."""
        direct = {
            Channel.EMAIL: self.email,
            Channel.SLACK: self.slack,
            Channel.SMS: self.sms,
            Channel.LOG: self.log,
            Channel.PAGERDUTY: self.pagerduty,
        }
        return self.by or tuple(channel for channel, value in direct.items() if value)

    def targets(self, channel: Channel, directory: Directory, at_ms: int) -> tuple[Target, ...]:
        """Return the places this entry means now by one of its channels; people without that address are left out."""
        if self.log:
            return (Target(Channel.LOG, "log"),)
        if self.pagerduty:
            return (Target(Channel.PAGERDUTY, "pagerduty"),)
        names = directory.names(self, at_ms)
        if not names:
            address = {Channel.EMAIL: self.email, Channel.SLACK: self.slack, Channel.SMS: self.sms}.get(channel, "")
            return (Target(channel, address),) if address else ()
        found = ((name, directory.people[name].address(channel)) for name in names if name in directory.people)
        return tuple(Target(channel, address, name) for name, address in found if address)

    def as_json(self) -> dict[str, Any]:
        """Return what identifies the entry, for keys and snapshots."""
        return {name: str(getattr(self, name)) for name in _WAYS if getattr(self, name)}


@dataclass(frozen=True, slots=True)
class Directory:
    """Everybody by name."""

    people: Mapping[str, Person]
    teams: Mapping[str, Team]

    def names(self, entry: NotifyEntry, at_ms: int) -> tuple[str, ...]:
        """Return the people an entry means at an instant."""
        if entry.person:
            return (str(entry.person),)
        team = self.teams.get(str(entry.team)) if entry.team else None
        return team.on_call(at_ms) if team else ()
