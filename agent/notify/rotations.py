"""Taking turns: who stands for a team at an instant, who is next, and the shifts of the weeks to come. Pure functions.

Members take turns in the order they are written, from `starts` on. Turns are counted on the wall clock, so a week begins
at the same time of day all the year round; overrides lay somebody else over it.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from agent.notify.hours import wall_ms
from agent.notify.intervals import UTC as UTC_ZONE
from agent.notify.intervals import TimeZone
from agent.schema import Convert, Duration, Place, Text, WrongValue, key

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
MOST_SHIFTS: Final = 5_000


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        message = f'not a moment: "{text}"; write it like 2026-01-05T09:00'
        raise ValueError(message) from error


Moment = Annotated[datetime, Convert(_moment, "a moment like 2026-01-05T09:00")]


def moment_ms(moment: datetime, zone: ZoneInfo) -> int:
    """Return the instant of a moment, which is a reading of the clock of `zone` unless it carries an offset of its own."""
    return wall_ms(moment, zone) if moment.tzinfo is None else int(moment.timestamp() * 1000)


@dataclass(frozen=True, slots=True)
class Rotation:
    """Turns of equal length from `starts` on, a time of day in `timezone`."""

    __title__ = "rotation"
    starts: Moment
    every: Duration = 7 * DAY_MS
    timezone: TimeZone = UTC_ZONE

    def __post_init__(self) -> None:
        if self.every < HOUR_MS:
            raise WrongValue("every", "a turn lasts an hour at least; write it like 1w or 12h")

    def turn(self, at_ms: int) -> int:
        """Return the number of the turn, 0 from `starts` on; it never goes back as time goes on."""
        return _turn(self, at_ms)

    def begins_ms(self, turn: int) -> int:
        """Return when a turn begins: turns are counted on the wall clock, so a change of summer time moves none."""
        wall = self.starts
        if wall.tzinfo is not None:
            wall = wall.astimezone(self.timezone).replace(tzinfo=None)
        return wall_ms(wall + turn * timedelta(milliseconds=self.every), self.timezone)


@functools.lru_cache(maxsize=256)
def _turn(rotation: Rotation, at_ms: int) -> int:
    """Return the number of a rotation's turn; thousands of groups ask for the same instant."""
    number = (at_ms - rotation.begins_ms(0)) // rotation.every
    while rotation.begins_ms(number) > at_ms:
        number -= 1
    while rotation.begins_ms(number + 1) <= at_ms:
        number += 1
    return number


@dataclass(frozen=True, slots=True)
class Override:
    """Somebody else takes over between two moments (in the rotation's time zone unless they carry their own)."""

    __title__ = "override"
    person: Text
    from_: Moment = key("from")
    until: Moment = key("until")

    def span_ms(self, zone: ZoneInfo) -> tuple[int, int]:
        """Return when it begins and when it ends, the end excluded."""
        return moment_ms(self.from_, zone), moment_ms(self.until, zone)


@dataclass(frozen=True, slots=True)
class Shift:
    """Some people stand for a team from one instant to another; `instead_of` are those whom an override replaces."""

    team: str
    people: tuple[str, ...]
    begins_ms: int
    ends_ms: int
    instead_of: tuple[str, ...] = ()


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

    @property
    def zone(self) -> ZoneInfo:
        """The time zone in which the team's moments are written."""
        return self.rotation.timezone if self.rotation else UTC_ZONE

    def on_call(self, at_ms: int) -> tuple[str, ...]:
        """Return the names of those who stand for the team at an instant."""
        covering = self._covering(at_ms)
        return (str(covering.person),) if covering else self.in_turn(at_ms)

    def in_turn(self, at_ms: int) -> tuple[str, ...]:
        """Return whose turn it is, whoever covers for them."""
        if self.rotation is None:
            return tuple(str(member) for member in self.members)
        return (str(self.members[self.rotation.turn(at_ms) % len(self.members)]),)

    def next_on_call(self, at_ms: int) -> tuple[str, ...]:
        """Return who comes after whoever is on call: the next in the order of turns who is not on call now.

        Without a rotation, or where there is nobody else, there is no next.
        """
        if self.rotation is None:
            return ()
        busy, turn = self.on_call(at_ms), self.rotation.turn(at_ms)
        following = (str(self.members[(turn + n) % len(self.members)]) for n in range(1, len(self.members) + 1))
        return tuple(name for name in following if name not in busy)[:1]

    def problems(self) -> Iterator[tuple[Place, str]]:
        """Give what is wrong with the overrides: ends before beginnings, and two that overlap."""
        ordered = sorted(self.overrides, key=lambda each: each.span_ms(self.zone))
        for each in ordered:
            begins, ends = each.span_ms(self.zone)
            if ends <= begins:
                yield each.person.place, f'the override of "{each.person}" ends before it begins'
        for earlier, later in itertools.pairwise(ordered):
            if later.span_ms(self.zone)[0] < earlier.span_ms(self.zone)[1]:
                since = later.from_.isoformat(timespec="minutes")
                message = f'"{later.person}" and "{earlier.person}" override the same time from {since} on; keep one'
                yield later.person.place, message

    def shifts(self, team: str, from_ms: int, until_ms: int) -> list[Shift]:
        """Return the shifts that touch a span, in order, each in its full length; at most 5,000.

        Without a rotation and overrides one shift fills the span.
        """
        found: list[Shift] = []
        begins = self._begin_of_shift(from_ms)
        while begins < until_ms and len(found) < MOST_SHIFTS:
            ends = self._next_edge(begins, until_ms)
            usual, people = self.in_turn(begins), self.on_call(begins)
            found.append(Shift(team, people, begins, ends, usual if people != usual else ()))
            begins = ends
        return found

    def _covering(self, at_ms: int) -> Override | None:
        holding = []
        for each in self.overrides:
            begins, ends = each.span_ms(self.zone)
            if begins <= at_ms < ends:
                holding.append(each)
        return holding[-1] if holding else None

    def _edges(self) -> list[int]:
        return [edge for each in self.overrides for edge in each.span_ms(self.zone)]

    def _begin_of_shift(self, at_ms: int) -> int:
        turn = self.rotation.begins_ms(self.rotation.turn(at_ms)) if self.rotation else None
        edges = [edge for edge in (turn, *self._edges()) if edge is not None and edge <= at_ms]
        return max(edges, default=at_ms)

    def _next_edge(self, at_ms: int, until_ms: int) -> int:
        turn = self.rotation.begins_ms(self.rotation.turn(at_ms) + 1) if self.rotation else until_ms
        return min(edge for edge in (max(turn, at_ms + 1), *self._edges()) if edge > at_ms)


def instant_ms(text: str, zone: ZoneInfo = UTC_ZONE) -> int:
    """Return the instant of `2026-01-05T09:00` (in `zone` unless it carries an offset); raise ValueError."""
    made = _moment(text)
    return moment_ms(made, zone) if made.tzinfo is None else int(made.astimezone(UTC).timestamp() * 1000)
