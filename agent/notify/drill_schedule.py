"""When drills come by themselves: what escalation.yml says under `drill`, and the next instant of a wall clock. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo

from agent.model import Labels
from agent.notify.drill import DrillOrder
from agent.notify.hours import wall_ms
from agent.notify.intervals import DAYS, TimeZone, minute_of_day
from agent.schema import Convert, Duration, Place, Text, WrongValue

DAY_MS: Final = 86_400_000
SHORTEST_MS: Final = 60_000
LONGEST_MS: Final = DAY_MS


def _at(text: str) -> tuple[int | None, int]:
    """Return weekday (Monday 0, or None) and minute of `Tue 10:00` or `10:00`; raise ValueError."""
    words = str(text).split()
    if len(words) == 1:
        return None, minute_of_day(words[0]) % (24 * 60)
    named = [day for day in DAYS if len(words[0]) >= 3 and day.startswith(words[0].lower())]
    if len(words) != 2 or not named:
        message = f'not a time: "{text}"; write it like Tue 10:00, or 10:00 for every day'
        raise ValueError(message)
    return (DAYS.index(named[0]) - 1) % 7, minute_of_day(words[1]) % (24 * 60)


At = Annotated[tuple[int | None, int], Convert(_at, "a time like Tue 10:00")]


@dataclass(frozen=True, slots=True)
class DrillSpec:
    """One drill that comes by itself."""

    __title__ = "drill"
    place: Place
    at: At
    every: Duration = 7 * DAY_MS
    name: str = "drill"
    timezone: TimeZone | None = None
    receiver: Text | None = None
    labels: Labels = field(default_factory=Labels)
    expect: Literal["delivery", "ack"] = "delivery"
    within: Duration = 600_000
    escalate: bool = False
    tell: Text | None = None

    def __post_init__(self) -> None:
        days, rest = divmod(self.every, DAY_MS)
        if rest or not days:
            raise WrongValue("every", "a drill comes every so many days or weeks; write it like 1d or 1w")
        if self.at[0] is not None and days % 7:
            raise WrongValue("every", "where `at` names a day of the week, a drill comes every so many weeks: 1w, 2w")
        if not SHORTEST_MS <= self.within <= LONGEST_MS:
            raise WrongValue("within", "a drill is given a minute at least and a day at most")
        if self.labels.get("alertname"):
            raise WrongValue("labels", "the alert of a drill has a name of its own; give it other labels")


@dataclass(frozen=True, slots=True)
class Schedule:
    """A drill and when it comes: at a time of day of `zone`, every so many days, on one day of the week or on any."""

    asked: DrillOrder
    days: int
    weekday: int | None
    minute: int
    zone: ZoneInfo

    def next_ms(self, after_ms: int) -> int:
        """Return the first instant later than `after_ms`."""
        first = datetime.fromtimestamp(after_ms / 1000, self.zone).replace(hour=0, minute=0, second=0, microsecond=0)
        days = (first.replace(tzinfo=None) + timedelta(days=number - 1) for number in range(2 * self.days + 9))
        due = (wall_ms(day + timedelta(minutes=self.minute), self.zone) for day in days if self._on(day))
        return next(each for each in due if each > after_ms)

    def _on(self, day: datetime) -> bool:
        """Say whether a day is one of its days. Days are counted from a Monday long ago, so a restart changes none."""
        number = day.toordinal() - 1
        if self.weekday is None:
            return number % self.days == 0
        return day.weekday() == self.weekday and number // 7 % (self.days // 7) == 0


def schedule_of(spec: DrillSpec, zone: ZoneInfo) -> Schedule:
    """Return what runs; `zone` is that of the settings."""
    asked = DrillOrder(
        name=spec.name,
        labels=spec.labels,
        receiver=str(spec.receiver or ""),
        expect=spec.expect,
        within_ms=spec.within,
        escalate=spec.escalate,
        tell=str(spec.tell or ""),
    )
    return Schedule(asked, spec.every // DAY_MS, spec.at[0], spec.at[1], spec.timezone or zone)
