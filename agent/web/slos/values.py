"""How objectives stand and what a gate says, as plain values. Written as JSON and read back from it, keys in camel case.

What is optional is None in both; instants and spans are int milliseconds; ratios and parts of a budget are fractions.
"""

from __future__ import annotations

import msgspec


class Value(msgspec.Struct, frozen=True, rename="camel"):
    """What all of these are."""


class WindowView(Value, frozen=True):
    """One window of a budget. `ratio` (of errors) and `burn` are None without traffic, `bad` and `total` of a composite."""

    window_ms: int
    bad: float | None
    total: float | None
    ratio: float | None
    burn: float | None
    coverage: float


class TierView(Value, frozen=True):
    """One tier of burn rates: `severity` is page or ticket; open when both windows burn over `factor`.

    since_ms: since when a tier of its severity is open without a break; partly: whether less than half of its long window was
    seen, so that the rest counts as clean.
    """

    severity: str
    name: str
    long_ms: int
    short_ms: int
    factor: float
    open: bool
    since_ms: int | None = None
    partly: bool = False


class BudgetView(Value, frozen=True):
    """One budget of an SLO: the only one, or one group's.

    state: `value`, `no traffic`, `SLONoData` or `SLOInvalid`, with `why` and `since_ms` of the last two; left: the fraction of
    the budget; left_events: how many more may be bad, in the SLO's unit; left_ms: the same as full outage; gone_ms: the instant
    at which it is gone at the pace of the last hour; elapsed_ms: the time of the period up to now, of which seen_ms was seen;
    whole_ms: the time of all of it; earned: whether half of all of it was seen.
    """

    state: str
    period: WindowView
    group: dict[str, str] = {}
    why: str = ""
    since_ms: int | None = None
    windows: tuple[WindowView, ...] = ()
    left: float | None = None
    left_events: float | None = None
    left_ms: float | None = None
    gone_ms: int | None = None
    seen_ms: int = 0
    elapsed_ms: int = 0
    whole_ms: int = 0
    earned: bool = True
    tiers: tuple[TierView, ...] = ()


class StepView(Value, frozen=True):
    """A step of a budget policy; `in_force` where what is left is below it and below no lower step."""

    below: float
    action: str
    in_force: bool = False


class ShareView(Value, frozen=True):
    """Which part of a composite's burned budget an SLO is to blame for."""

    slo: str
    share: float


class OverrideView(Value, frozen=True):
    """Somebody let a change through a gate that said `verdict`."""

    at_ms: int
    by: str
    reason: str
    verdict: str
    left: float | None = None
    why: tuple[str, ...] = ()


class SloView(Value, frozen=True):
    """One SLO and its budgets, worst first. `unit` is events, time or slices, or composite; `period` in words (`30d`).

    never_bad: what series of bad events are like, where nothing was bad and none was ever seen; empty elsewhere.
    """

    id: str
    service: str
    name: str
    objective: float
    unit: str
    period: str
    budgets: tuple[BudgetView, ...]
    description: str = ""
    period_start_ms: int = 0
    period_end_ms: int = 0
    labels: dict[str, str] = {}
    blame: tuple[ShareView, ...] = ()
    policy: tuple[StepView, ...] = ()
    depends_on: tuple[str, ...] = ()
    overrides: tuple[OverrideView, ...] = ()
    never_bad: str = ""
    file: str = ""


class StandingView(Value, frozen=True):
    """All SLOs, worst first, as of `at_ms`, the newest count; `note` says why there are none."""

    now_ms: int
    at_ms: int
    slos: tuple[SloView, ...]
    note: str = ""


class GateAsked(Value, frozen=True):
    """What a gate is asked for: SLO ids, services or globs; `least` is the fraction of each budget that has to be left."""

    names: tuple[str, ...]
    least: float = 0.1


class GateView(Value, frozen=True):
    """One SLO at the gate; `policy` is what its budget policy says now; `needed_by` names who depends on it, if not asked for."""

    slo: str
    verdict: str
    reasons: tuple[str, ...]
    left: float | None = None
    policy: str = ""
    needed_by: tuple[str, ...] = ()


class GateAnswer(Value, frozen=True):
    """`verdict` is go, stop or unknown, of all; `overridden` is what was recorded where somebody let it pass anyway."""

    verdict: str
    at_ms: int
    least: float
    slos: tuple[GateView, ...]
    overridden: OverrideView | None = None


class ReportAsked(Value, frozen=True):
    """What a report is asked for: SLOs as of `GateAsked` (none: all), a period in words, a time zone (empty: the calendars')."""

    names: tuple[str, ...] = ()
    period: str = "last-month"
    zone: str = ""
    form: str = "json"


class ReplayAsked(Value, frozen=True):
    """What a replay is asked for: SLOs as of `ReportAsked`, from when to when and how far apart in words (empty: as it fits).

    `objectives` are NAME=PERCENT; with these or `min_events` the SLOs are played as they would be then, too. A page that costs
    less than `false_below` of a budget counts as false.
    """

    names: tuple[str, ...] = ()
    since: str = "7d"
    until: str = ""
    objectives: tuple[str, ...] = ()
    min_events: int | None = None
    step: str = ""
    false_below: float = 0.01


class ReportAnswer(Value, frozen=True):
    """A report as text, its Content-Type, and how a file of it would be called."""

    text: str
    content_type: str
    file_name: str
