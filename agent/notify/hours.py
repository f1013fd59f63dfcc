"""Hours of the day as people mean them: on a wall clock, on some weekdays, past midnight if need be. Pure functions.

A wall clock skips an hour in spring and shows one twice in autumn. What is set for a skipped time happens when the clock is
past it; what is set for a time that comes twice happens the first time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

from agent.notify.intervals import DAYS, TimeZone, Weekdays, minute_of_day
from agent.schema import Convert, WrongValue

DAY_MINUTES: Final = 24 * 60
_ANY_MONDAY_MS: Final = 1_767_571_200_000
_MOST_SPANS: Final = 50
"""So many spans of quiet hours may follow one another without a gap; more would be silence for ever."""


def wall_ms(wall: datetime, zone: ZoneInfo, after_ms: int = 0) -> int:
    """Return the first instant later than `after_ms` at which the clock of `zone` shows `wall` (naive), or is past it."""
    first = wall.replace(tzinfo=zone, fold=0)
    shown = int(first.timestamp())
    if datetime.fromtimestamp(shown, zone).replace(tzinfo=None) != wall:
        shown = _after_the_gap(wall, zone, shown)
    if shown * 1000 <= after_ms:
        shown = int(wall.replace(tzinfo=zone, fold=1).timestamp())
    return shown * 1000


def _after_the_gap(wall: datetime, zone: ZoneInfo, late: int) -> int:
    """Return when the clock jumped over `wall`, in seconds; `late` is some time after that."""
    early = int(wall.replace(tzinfo=zone, fold=1).timestamp())
    while late - early > 1:
        middle = (early + late) // 2
        if datetime.fromtimestamp(middle, zone).replace(tzinfo=None) < wall:
            early = middle
        else:
            late = middle
    return late


def times_of_day(text: str) -> tuple[int, int]:
    """Return the minutes at which `22:00-07:00` begins and ends; raise ValueError."""
    first, separator, last = text.partition("-")
    if not separator:
        message = f'not a range of times: "{text}"; write it like 22:00-07:00'
        raise ValueError(message)
    start, end = minute_of_day(first.strip()), minute_of_day(last.strip())
    if start in (end, DAY_MINUTES):
        message = f'the range "{text}" is empty; the whole day is 00:00-24:00'
        raise ValueError(message)
    return start, end


TimesOfDay = Annotated[tuple[int, int], Convert(times_of_day, "times like 22:00-07:00")]


@dataclass(frozen=True, slots=True)
class Hours:
    """A span of the day on some weekdays (all without any). One that passes midnight belongs to the day it begins on.

    Without a time zone it is that of the person, or of `settings.timezone`.
    """

    __title__ = "hours"
    times: TimesOfDay
    weekdays: tuple[Weekdays, ...] = ()
    timezone: TimeZone | None = None

    def ends_ms(self, at_ms: int, zone: ZoneInfo) -> int | None:
        """Return when the span ends that contains the instant, or None where none does."""
        zone = self.timezone or zone
        now = datetime.fromtimestamp(at_ms / 1000, zone)
        minute, today = now.hour * 60 + now.minute, _midnight(now)
        start, end = self.times
        if start < end:
            inside = self._on(today) and start <= minute < end
            return wall_ms(_at(today, end), zone, at_ms) if inside else None
        if self._on(today) and minute >= start:
            return wall_ms(_at(today, DAY_MINUTES + end), zone, at_ms)
        if self._on(today - timedelta(days=1)) and minute < end:
            return wall_ms(_at(today, end), zone, at_ms)
        return None

    def opens_ms(self, at_ms: int, zone: ZoneInfo) -> int:
        """Return the instant itself where it lies inside, else when the next span begins."""
        if self.ends_ms(at_ms, zone) is not None:
            return at_ms
        zone = self.timezone or zone
        today = _midnight(datetime.fromtimestamp(at_ms / 1000, zone))
        days = (today + timedelta(days=each) for each in range(9))
        return next(
            opens for day in days if self._on(day) and (opens := wall_ms(_at(day, self.times[0]), zone, at_ms)) > at_ms
        )

    def _on(self, day: datetime) -> bool:
        number = (day.weekday() + 1) % 7
        return not self.weekdays or any(first <= number <= last for first, last in self.weekdays)

    def __str__(self) -> str:
        days = [f"{DAYS[first]}-{DAYS[last]}" if first != last else DAYS[first] for first, last in self.weekdays]
        zone = f" {self.timezone}" if self.timezone else ""
        return " ".join([*days, f"{_clock(self.times[0])}-{_clock(self.times[1])}"]) + zone


@dataclass(frozen=True, slots=True)
class QuietHours:
    """When messages of some severities wait for the end of the night, or of the weekend."""

    __title__ = "quiet_hours"
    times: TimesOfDay
    severities: tuple[str, ...] = ("warning", "info")
    weekdays: tuple[Weekdays, ...] = ()
    timezone: TimeZone | None = None

    def __post_init__(self) -> None:
        if not self.severities:
            raise WrongValue("severities", "name the severities that wait, like [warning, info]")

    @property
    def hours(self) -> Hours:
        """When it holds."""
        return Hours(self.times, self.weekdays, self.timezone)

    def ends_ms(self, severity: str, at_ms: int, zone: ZoneInfo) -> int | None:
        """Return when the quiet hours end that hold now for this severity, or None where none do."""
        return self.hours.ends_ms(at_ms, zone) if severity in self.severities else None


def quiet_until(quiet: Iterable[QuietHours], severity: str, at_ms: int, zone: ZoneInfo) -> int:
    """Return when the last of the quiet hours ends that hold now, one after the other; 0 where none does."""
    rules, until_ms = tuple(quiet), 0
    for _ in range(_MOST_SPANS):
        now_ms = until_ms or at_ms
        ends = [end for each in rules if (end := each.ends_ms(severity, now_ms, zone)) is not None]
        if not ends:
            break
        until_ms = max(ends)
    return until_ms


def never_told(quiet: Iterable[QuietHours], zone: ZoneInfo) -> str:
    """Return a severity for which quiet hours follow one another without an end, or nothing."""
    rules = tuple(quiet)
    for severity in sorted({each for rule in rules for each in rule.severities}):
        until_ms = quiet_until(rules, severity, _ANY_MONDAY_MS, zone)
        if until_ms and quiet_until(rules, severity, until_ms, zone):
            return severity
    return ""


def hours_to_json(hours: Hours | None) -> dict[str, Any] | None:
    """Write hours down."""
    if hours is None:
        return None
    zone = str(hours.timezone) if hours.timezone else ""
    return {"times": list(hours.times), "weekdays": [list(each) for each in hours.weekdays], "timezone": zone}


def hours_from_json(data: Mapping[str, Any] | None) -> Hours | None:
    """Read hours back."""
    if not data:
        return None
    weekdays = tuple((first, last) for first, last in data["weekdays"])
    return Hours(tuple(data["times"]), weekdays, ZoneInfo(data["timezone"]) if data["timezone"] else None)


def _midnight(now: datetime) -> datetime:
    return datetime(now.year, now.month, now.day)  # noqa: DTZ001 - a reading of a wall clock, of no zone yet


def _at(day: datetime, minutes: int) -> datetime:
    return day + timedelta(minutes=minutes)


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"
