"""What Burnline adds to a sloth file: the `burnline:` block, and the annotation `burnline/spec` of a Kubernetes object.

sloth passes over the block, so the file stays its own. A key that nobody knows is an error here, for nobody else reads it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

from agent.schema import Convert, Duration, Place, Text, WrongValue
from agent.slo.cron import parse_cron
from agent.slo.model import (
    Budgeting,
    BudgetStep,
    Calendar,
    Exclusion,
    Occurrences,
    RatioTimeslices,
    Rolling,
    Slo,
    Timeslices,
    Window,
)
from agent.slo.names import LabelName
from agent.slo.queries import checked_query
from agent.slo.times import UNITS, calendar, instant_ms, time_zone
from agent.slo.windows.tiers import SHORTEST_PERIOD_MS

ANNOTATION: Final = "burnline/spec"
METHODS: Final = ("occurrences", "timeslices", "ratio_timeslices")


def _zone(text: str) -> str:
    time_zone(text)
    return str(text)


def _one_of(words: tuple[str, ...]) -> Convert:
    def choose(text: str) -> str:
        if text not in words:
            message = f'expected one of {", ".join(words)}, found "{text}"'
            raise ValueError(message)
        return str(text)

    return Convert(choose, "one of " + ", ".join(words))


def _fraction(text: str) -> float:
    try:
        value = float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError as error:
        message = f'"{text}" is no part of a budget; write 0.1 or 10%'
        raise ValueError(message) from error
    if not 0 <= value <= 1:
        message = f'"{text}" is no part of a budget; from 0 to 1, or in percent'
        raise ValueError(message)
    return value


def _sooner(period_ms: int) -> str:
    """Return a suggestion where a period in minutes was meant to be one in months: a minute is m, and months vary."""
    minutes, rest = divmod(period_ms, 60_000)
    return f'; m is minutes, did you mean "{minutes * 30}d"?' if not rest and minutes <= 12 else ""


def _least_events(text: str) -> int:
    if not text.isdecimal():
        message = f'min_events is a whole number from 0, not "{text}"'
        raise ValueError(message)
    return int(text)


Zone = Annotated[str, Convert(_zone, "a time zone")]
Fraction = Annotated[float, Convert(_fraction, "a part of the budget")]


@dataclass(frozen=True, slots=True)
class CalendarBlock:
    """`calendar: {unit: month, time_zone: Europe/Paris}`."""

    __title__ = "calendar"
    __strict__ = True
    unit: Annotated[str, _one_of(UNITS)]
    count: int = 1
    time_zone: Zone = "UTC"
    start: str = ""

    def __post_init__(self) -> None:
        """Refuse what could mean several windows."""
        self.window()

    def window(self) -> Calendar:
        """Return the window it says."""
        return calendar(self.unit, self.count, self.time_zone, self.start)


@dataclass(frozen=True, slots=True)
class BudgetingBlock:
    """`budgeting: {method: timeslices, slice: 5m, target: 0.95}`."""

    __title__ = "budgeting"
    __strict__ = True
    method: Annotated[str, _one_of(METHODS)]
    slice: Duration = 0
    target: float | None = None

    def __post_init__(self) -> None:
        """Refuse what a method lacks, and what it would pass over."""
        if self.method == "occurrences" and (self.slice or self.target is not None):
            raise WrongValue(
                "slice" if self.slice else "target", "occurrences have no slices; remove it or name another method"
            )
        if self.method != "occurrences" and not self.slice:
            message = f"{self.method} need slice, such as 5m"
            raise ValueError(message)
        if self.method == "timeslices" and (self.target is None or not 0 < self.target <= 1):
            raise WrongValue(
                "target", "timeslices need target, the ratio of good events from which a slice is good: over 0, up to 1"
            )
        if self.method == "ratio_timeslices" and self.target is not None:
            raise WrongValue("target", "ratio_timeslices take each slice's ratio as it is; remove target")

    def value(self) -> Budgeting:
        """Return the method it says."""
        if self.method == "timeslices" and self.target is not None:
            return Timeslices(self.slice, self.target)
        return RatioTimeslices(self.slice) if self.method == "ratio_timeslices" else Occurrences()


@dataclass(frozen=True, slots=True)
class ExclusionBlock:
    """`{reason: …, start: …, end: …}` or `{reason: …, cron: …, duration: 2h}`."""

    __title__ = "exclusion"
    __strict__ = True
    reason: str
    start: str = ""
    end: str = ""
    cron: str = ""
    duration: Duration = 0
    time_zone: Zone = "UTC"

    def __post_init__(self) -> None:
        """Refuse what is neither a span of time nor recurs."""
        if not self.reason.strip():
            raise WrongValue("reason", "say why this time does not count; it stands in every report")
        if bool(self.cron) == bool(self.start or self.end):
            message = "an exclusion is start and end, or cron and duration"
            raise ValueError(message)
        for name, text in (("start", self.start), ("end", self.end), ("cron", self.cron)):
            try:
                _ = (
                    parse_cron(text)
                    if name == "cron" and text
                    else text and instant_ms(text, time_zone(self.time_zone))
                )
            except ValueError as error:
                raise WrongValue(name, str(error)) from error
        if self.cron and not self.duration:
            raise WrongValue("cron", "say with duration how long it lasts")
        if not self.cron and not (self.start and self.end):
            message = "an exclusion needs both start and end"
            raise ValueError(message)
        made = self.value()
        if made.start_ms is not None and made.end_ms is not None and made.end_ms <= made.start_ms:
            raise WrongValue("end", "it ends before it begins")

    def value(self) -> Exclusion:
        """Return what it says."""
        if self.cron:
            return Exclusion(self.reason, cron=self.cron, duration_ms=self.duration, time_zone=self.time_zone)
        zone = time_zone(self.time_zone)
        return Exclusion(
            self.reason, instant_ms(self.start, zone), instant_ms(self.end, zone), time_zone=self.time_zone
        )


@dataclass(frozen=True, slots=True)
class StepBlock:
    """`{below: 10%, action: …}`."""

    __title__ = "budget_policy"
    __strict__ = True
    below: Fraction
    action: str


@dataclass(frozen=True, slots=True)
class Block:
    """The block under an SLO, or under a file as the default of its SLOs; None is what was not said."""

    __title__ = "burnline"
    __strict__ = True
    slo_period: Duration | None = None
    calendar: CalendarBlock | None = None
    budgeting: BudgetingBlock | None = None
    min_events: Annotated[int, Convert(_least_events, "a whole number")] | None = None
    exclusions: tuple[ExclusionBlock, ...] | None = None
    group_by: tuple[LabelName, ...] | None = None
    budget_policy: tuple[StepBlock, ...] | None = None
    depends_on: tuple[Text, ...] | None = None
    good_query: Annotated[Text, Convert(checked_query, "a PromQL query")] | None = None
    place: Place = field(default=Place("", 1, 1), compare=False)

    def __post_init__(self) -> None:
        """Refuse two windows at once, and a window of nothing."""
        if self.slo_period is not None and self.calendar is not None:
            raise WrongValue("calendar", "slo_period and calendar are two windows; one of them")
        if self.slo_period is not None and self.slo_period <= 0:
            raise WrongValue("slo_period", "a period of nothing has no budget; write it like 28d")
        if self.slo_period is not None and self.slo_period < SHORTEST_PERIOD_MS:
            raise WrongValue("slo_period", f"a period has at least one day{_sooner(self.slo_period)}")

    @property
    def window(self) -> Window | None:
        """The window it says, None where it says none."""
        if self.calendar is not None:
            return self.calendar.window()
        return None if self.slo_period is None else Rolling(self.slo_period)

    def said(self) -> dict[str, Any]:
        """Return what it says, by the fields of an SLO."""
        found: dict[str, Any] = {
            "window": self.window,
            "budgeting": self.budgeting and self.budgeting.value(),
            "min_events": self.min_events,
            "exclusions": self.exclusions and tuple(each.value() for each in self.exclusions),
            "group_by": self.group_by,
            "budget_policy": self.budget_policy
            and tuple(BudgetStep(each.below, each.action) for each in self.budget_policy),
            "depends_on": self.depends_on,
        }
        return {name: value for name, value in found.items() if value is not None}


@dataclass(frozen=True, slots=True)
class AnnotationBlock(Block):
    """The annotation of an object: the block of all its SLOs, and under `slos` one for each that differs, by name."""

    slos: Mapping[str, Block] = field(default_factory=dict)


def applied(slo: Slo, *blocks: Block | None) -> Slo:
    """Return an SLO with what the blocks say, a later one winning over an earlier one."""
    said: dict[str, Any] = {}
    for block in blocks:
        said |= block.said() if block is not None else {}
    return dataclasses.replace(slo, **said)
