"""What a service level objective is, whichever format it was written in: the one model that readers make and all else reads.

Values only. Objectives are percents as they were written, since a compiler that agrees with sloth to the last digit has to
compute with them as sloth does; `budget` is the fraction of events that may be bad.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from agent.model import Labels
from agent.schema import Place, Remark

LEAST_EVENTS: Final = 1_000
"""Events in a window below which traffic is low: a lower bound of the error ratio must exceed the threshold as well."""


class Severity(StrEnum):
    """How urgent an alert of a burn-rate tier is."""

    PAGE = "page"
    TICKET = "ticket"


class Source(StrEnum):
    """The format that a specification came in."""

    SLOTH = "sloth"
    KUBERNETES = "kubernetes"
    OPENSLO = "openslo"


@dataclass(frozen=True, slots=True)
class Events:
    """An indicator that counts: two PromQL expressions, each with `{{.window}}` where its range stands."""

    error_query: str
    total_query: str


@dataclass(frozen=True, slots=True)
class Good:
    """An indicator that counts good events instead of bad ones (OpenSLO's `good`); queries as in `Events`."""

    good_query: str
    total_query: str


@dataclass(frozen=True, slots=True)
class Raw:
    """An indicator that is a ratio of errors already, from 0 to 1, with `{{.window}}` where its range stands."""

    error_ratio_query: str


@dataclass(frozen=True, slots=True)
class Plugin:
    """An indicator that a program for sloth would compute; it can be read and converted, not compiled."""

    id: str
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Composite:
    """No indicator of its own: the SLO is made of those that `Slo.parts` names."""


Indicator = Events | Good | Raw | Plugin | Composite


@dataclass(frozen=True, slots=True)
class Rolling:
    """A window that ends now; `period_ms` None takes the period that the compiler or the agent is told."""

    period_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Calendar:
    """A window that begins anew with each day, week, month, quarter or year of a time zone.

    `start` (local time, ISO 8601 without offset) anchors a window of several units; empty: the unit's own beginning.
    """

    unit: str
    count: int = 1
    time_zone: str = "UTC"
    start: str = ""


Window = Rolling | Calendar


@dataclass(frozen=True, slots=True)
class Occurrences:
    """The budget counts events."""


@dataclass(frozen=True, slots=True)
class Timeslices:
    """The budget counts slices of time; a slice is good when its ratio of good events reaches `target` (0 to 1)."""

    slice_ms: int
    target: float


@dataclass(frozen=True, slots=True)
class RatioTimeslices:
    """The budget is the mean of the slices' ratios: each slice weighs the same, however many events it had."""

    slice_ms: int


Budgeting = Occurrences | Timeslices | RatioTimeslices


@dataclass(frozen=True, slots=True)
class Alert:
    """What one severity's alert carries beside the common labels and annotations."""

    disabled: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Alerting:
    """The alerts of an SLO; templates in labels and annotations stay as they were written."""

    name: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    page: Alert = field(default_factory=Alert)
    ticket: Alert = field(default_factory=Alert)


@dataclass(frozen=True, slots=True)
class Exclusion:
    """Time that does not count: from `start_ms` to `end_ms`, or whenever `cron` begins for `duration_ms`, in `time_zone`."""

    reason: str
    start_ms: int | None = None
    end_ms: int | None = None
    cron: str = ""
    duration_ms: int = 0
    time_zone: str = "UTC"


@dataclass(frozen=True, slots=True)
class BudgetStep:
    """What to do from where so much of the budget is left on: `below` is a fraction, `action` a sentence for people."""

    below: float
    action: str


@dataclass(frozen=True, slots=True)
class Part:
    """One SLO that a composite is made of, by id, and its weight."""

    id: str
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Written:
    """The document that an SLO stands in, as far as rules made of it say so."""

    version: str = "prometheus/v1"
    """`prometheus/v1`, `sloth.slok.dev/v1`, `openslo/v1alpha` or `openslo/v1`."""
    number: int = 0
    """Which document of its file it is, from 0."""
    name: str = ""
    """Of the Kubernetes object (metadata.name); empty elsewhere."""
    namespace: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Slo:
    """One objective. `labels` are those of the file and of the SLO together, the SLO's winning."""

    service: str
    name: str
    objective: float
    """Percent, 0 < objective < 100, as written."""
    indicator: Indicator
    description: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    alerting: Alerting = field(default_factory=Alerting)
    window: Window = field(default_factory=Rolling)
    budgeting: Budgeting = field(default_factory=Occurrences)
    min_events: int = LEAST_EVENTS
    exclusions: tuple[Exclusion, ...] = ()
    group_by: tuple[str, ...] = ()
    budget_policy: tuple[BudgetStep, ...] = ()
    depends_on: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()
    """The SLOs that a composite is made of; empty for one with an indicator of its own."""
    source: Source = Source.SLOTH
    written: Written = field(default_factory=Written)
    place: Place | None = None

    @property
    def id(self) -> str:
        """The name that is unique in a process: `service-name`, as sloth has it."""
        return f"{self.service}-{self.name}"

    @property
    def budget(self) -> float:
        """The fraction of events (or slices) that may be bad, computed as sloth computes it."""
        return (100 - self.objective) / 100

    @property
    def identity(self) -> Labels:
        """The labels by which every series of this SLO is found."""
        # Plain text: what was read knows its place in the file, and a label must not.
        return Labels({"sloth_id": self.id, "sloth_service": str(self.service), "sloth_slo": str(self.name)})


@dataclass(frozen=True, slots=True)
class SloSet:
    """What some files promise. `warnings` are for whoever wrote them; `unkept` is what is in the files and not in `slos`."""

    slos: tuple[Slo, ...] = ()
    warnings: tuple[Remark, ...] = ()
    unkept: tuple[Remark, ...] = ()
    files: tuple[str, ...] = ()
