"""What passes between these routes and the agent: values, and the Protocol that `app` fulfils."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from agent.model import Matcher


@dataclass(frozen=True, slots=True)
class ShiftView:
    """Some people stand for a team from one instant to another."""

    people: tuple[str, ...]
    begins_ms: int
    ends_ms: int
    instead_of: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OnCallView:
    """Who stands for a team now; `until_ms` is 0 where nobody takes turns."""

    team: str
    people: tuple[str, ...]
    until_ms: int
    next_people: tuple[str, ...]
    shifts: tuple[ShiftView, ...]
    instead_of: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Meant:
    """Which open incidents somebody means: by an alert's fingerprint, their own id, or matchers on an alert's labels."""

    fingerprint: str = ""
    incident: str = ""
    matchers: tuple[Matcher, ...] = ()


@dataclass(frozen=True, slots=True)
class TakenView:
    """Somebody has an incident (or had it, where it was given back). `before` is who had it until then."""

    incident: str
    by: str
    at_ms: int
    until_ms: int
    comment: str
    receiver: str
    fingerprints: tuple[str, ...]
    before: str = ""


@dataclass(frozen=True, slots=True)
class IncidentView:
    """One open incident: what it is about, since when, who was told, who has it, what comes next."""

    id: str
    receiver: str
    labels: tuple[tuple[str, str], ...]
    started_ms: int
    fingerprints: tuple[str, ...]
    told: tuple[str, ...]
    taken: TakenView | None
    next_at_ms: int
    next_step: str
    """Whom the next step of escalation tells, "" where there is none."""


class LinkState(StrEnum):
    """How things stand for whoever opens a link."""

    OPEN = "open"
    """It burns and nobody has it."""
    TAKEN = "taken"
    """It burns and somebody has it."""
    OVER = "over"
    FORGOTTEN = "forgotten"
    """Nothing is known of it any more."""
    EXPIRED = "expired"
    SILENCED = "silenced"
    """It burns, and a silence holds its messages back."""


@dataclass(frozen=True, slots=True)
class ToldView:
    """One target that was told: of whom, by which channel, when, and what became of it."""

    who: str
    channel: str
    at: str
    state: str


@dataclass(frozen=True, slots=True)
class LinkView:
    """The page of one link. Times are words in the reader's zone, with UTC beside it."""

    state: LinkState
    action: str
    """acknowledge or silence."""
    incident: str
    by: str = ""
    """For whom the link was made; "" where many read the message."""
    title: str = ""
    where: str = ""
    severity: str = ""
    summary: str = ""
    since: str = ""
    lasted: str = ""
    ended: str = ""
    firing: int = 0
    alerts: tuple[str, ...] = ()
    """What tells the alerts apart, the first ten."""
    more: int = 0
    told: tuple[ToldView, ...] = ()
    taken_by: str = ""
    taken_at: str = ""
    taken_until: str = ""
    comment: str = ""
    next_step: str = ""
    matchers: tuple[str, ...] = ()
    """What a silence would match."""
    silenced_until: str = ""
    silenced_by: str = ""
    keep_for: str = ""
    """How long an acknowledgement holds: 1h."""
    runbook: str = ""
    page: str = ""


class People(Protocol):
    """The agent, as these routes see it; called in the event loop's thread."""

    def now_ms(self) -> int:
        """Return the agent's clock."""
        ...

    def parse_filter(self, text: str) -> Sequence[Matcher]:
        """Read matchers in either of Alertmanager's grammars; raise ValueError."""
        ...

    def on_call(self, at_ms: int, team: str, weeks: int) -> Sequence[OnCallView]:
        """Return who is on call at an instant; raise InvalidInput."""
        ...

    def calendar(self, team: str, person: str, weeks: int) -> str:
        """Return the shifts of some weeks, of a team or a person or all, as iCalendar text; raise InvalidInput."""
        ...

    def incidents(self) -> Sequence[IncidentView]:
        """Return the open incidents, the oldest first."""
        ...

    async def acknowledge(self, meant: Meant, by: str, comment: str, for_ms: int) -> Sequence[TakenView]:
        """Take over what is meant, for a time of its own where it is not 0; on the disk when it returns."""
        ...

    def why_none(self, meant: Meant) -> str:
        """Say in words why nothing is meant that could be taken over."""
        ...

    async def give_back(self, meant: Meant, by: str, comment: str) -> Sequence[TakenView]:
        """Give back what is meant; on the disk when it returns."""
        ...

    def link(self, token: str) -> LinkView:
        """Return what a link shows, changing nothing; raise InvalidInput where no agent with this key made it."""
        ...

    async def follow(self, token: str, by: str, comment: str, for_ms: int) -> None:
        """Do what a link grants; raise InvalidInput with what stands against it."""
        ...
