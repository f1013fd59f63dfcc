"""A report as plain values: what JSON, Markdown, HTML and CSV are written from. Keys in camel case; instants are int ms.

Ratios, parts of a budget and coverages are fractions; what is optional is None where it is not known.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Verdict(StrEnum):
    """What became of a promise."""

    MISSED = "missed"
    UNKNOWN = "unknown"
    MET = "met"
    IDLE = "no traffic"


class Value(msgspec.Struct, frozen=True, rename="camel"):
    """What all of these are."""


class Figures(Value, frozen=True):
    """One budget over one stretch. `bad`, `total` and `allowed` are in its unit (seconds of time), None of a composite.

    ratio: of errors; spent: the part of the stretch's budget that was burned, 1 is all of it; allowed_ms and spent_ms: the
    budget and what was burned of it as minutes of full outage; length_ms: without what is excluded.
    """

    length_ms: int
    coverage: float
    bad: float | None = None
    total: float | None = None
    ratio: float | None = None
    spent: float | None = None
    allowed: float | None = None
    allowed_ms: float = 0.0
    spent_ms: float | None = None


class Day(Value, frozen=True):
    """One local day; `share` is the part of the whole period's budget that it burned."""

    date: str
    start_ms: int
    end_ms: int
    figures: Figures
    share: float | None = None


class Point(Value, frozen=True):
    """What is left of a period's budget at an instant, as a fraction; `seen` whether the time since the point before was."""

    at_ms: int
    left: float
    seen: bool = True


class Incident(Value, frozen=True):
    """A time in which the alerts of an SLO fired without a break: a page, or a ticket that may have risen to one.

    began_ms is in the period, `earlier` says that it began before; ended_ms None: it fires still; share as of `Day`. Of a page:
    how often it rose to one, and how long it was one; the ticket may have outlasted it by days.
    """

    severity: str
    began_ms: int
    ended_ms: int | None
    earlier: bool
    length_ms: int
    bad: float | None = None
    total: float | None = None
    share: float | None = None
    pages: int = 0
    paged_ms: int = 0


class Worst(Value, frozen=True):
    """A day that burned more than its part, its worst hour with the bad events of that, and its incidents by their numbers.

    hour_ms: how long the worst hour is: in a report of hours five minutes or one.
    """

    day: Day
    hour_from_ms: int | None
    hour_bad: float | None
    hour_ms: int
    incidents: tuple[int, ...]


class Taken(Value, frozen=True):
    """An exclusion that was in force: how often, for how long, and how many bad and all events it took out."""

    reason: str
    when: str
    times: int
    length_ms: int
    bad: float
    total: float


class Override(Value, frozen=True):
    """Somebody let a change through a gate that said `verdict`."""

    at_ms: int
    slo: str
    by: str
    reason: str
    verdict: str
    left: float | None = None


class Gap(Value, frozen=True):
    """Time of which nothing, or less than half, was seen."""

    from_ms: int
    until_ms: int


class Share(Value, frozen=True):
    """Which part of a composite's burned budget an SLO is to blame for."""

    slo: str
    share: float


class SloReport(Value, frozen=True):
    """One budget: of an SLO, or of one group of it. `unit` is events, seconds, slices, or composite."""

    id: str
    service: str
    name: str
    objective: float
    unit: str
    verdict: Verdict
    words: str
    figures: Figures
    before: Figures
    trend: str
    days: tuple[Day, ...]
    curve: tuple[Point, ...] = ()
    group: dict[str, str] = {}
    description: str = ""
    worst: tuple[Worst, ...] = ()
    incidents: tuple[Incident, ...] = ()
    exclusions: tuple[Taken, ...] = ()
    overrides: tuple[Override, ...] = ()
    gaps: tuple[Gap, ...] = ()
    blame: tuple[Share, ...] = ()

    @property
    def title(self) -> str:
        """The id, with its group where it has one."""
        labels = ", ".join(f"{name}={value}" for name, value in self.group.items())
        return f"{self.id} ({labels})" if labels else self.id


class Report(Value, frozen=True):
    """All budgets of a period, those that were missed first. `summary` is what matters in sentences, the first is the headline.

    until_ms: where what can be known ends; `notes` say how to read it.
    """

    title: str
    before: str
    start_ms: int
    end_ms: int
    until_ms: int
    made_ms: int
    zone: str
    span: str
    summary: tuple[str, ...]
    slos: tuple[SloReport, ...]
    notes: tuple[str, ...] = ()
