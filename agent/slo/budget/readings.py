"""What is known of all budgets at an instant, as arrays; `of` gives one of them in a person's terms. Values only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from agent.slo.budget.layout import NOW_MS, PACE_MS, Layout
from agent.slo.budget.objective import Burn, Key, Objective, Unit
from agent.slo.budget.tally import Seen
from agent.slo.model import Severity

Floats = NDArray[np.float64]
ENOUGH: Final = 0.5
"""Coverage below which a window's numbers are few: a tier takes the rest for clean, and a budget is not yet earned."""


class State(StrEnum):
    """The three values of an indicator, and the one that is none. Before anything was seen of one it has no data."""

    VALUE = "value"
    NO_TRAFFIC = "no traffic"
    NO_DATA = "SLONoData"
    INVALID = "SLOInvalid"


@dataclass(frozen=True, slots=True)
class Amounts:
    """Bad events, events, and how much of `length_ms` was seen; one number each, or arrays of one shape."""

    bad: Floats
    total: Floats
    seen_ms: Floats
    length_ms: Floats

    def __iter__(self) -> Iterator[Floats]:
        return iter((self.bad, self.total, self.seen_ms, self.length_ms))

    @property
    def ratio(self) -> Floats:
        """The error ratio; NaN where there were no events."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(np.where(self.total > 0, self.bad / self.total, np.nan))

    @property
    def coverage(self) -> Floats:
        """The part of the time that was seen, 0 to 1; 1 where there was no time that counts."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(np.where(self.length_ms > 0, np.minimum(self.seen_ms / self.length_ms, 1.0), 1.0))


@dataclass(frozen=True, slots=True)
class WindowReading:
    """One window of one budget. `ratio` and `burn` are None without traffic."""

    window_ms: int
    bad: float
    total: float
    ratio: float | None
    burn: float | None
    coverage: float


@dataclass(frozen=True, slots=True)
class TierReading:
    """One tier of one budget: whether it is open, and since when a tier of its severity is without a break, as its alert."""

    burn: Burn
    open: bool
    since_ms: int | None


@dataclass(frozen=True, slots=True)
class Reading:
    """One budget at an instant.

    left: the fraction that is left, below 0 when overspent, None where nothing was ever seen; left_events: how many more of the
    period's events so far might have been bad, in the budget's unit; left_ms: the same as full outage of the whole period;
    exhaustion_ms: the instant at which it is gone at the pace of the last hour, None where it is not in
    this period, or never.
    """

    key: Key
    objective: Objective
    at_ms: int
    state: State
    words: str
    since_ms: int | None
    windows: tuple[WindowReading, ...]
    period: WindowReading
    left: float | None
    left_events: float | None
    left_ms: float | None
    exhaustion_ms: int | None
    tiers: tuple[TierReading, ...]
    period_start_ms: int = 0
    period_end_ms: int = 0
    seen_ms: int = 0
    """The time of the period that was seen, without what is excluded."""
    never_bad: str = ""
    """What series of its bad events are like where no target that was asked since the agent began ever had one."""

    @property
    def length_ms(self) -> int:
        """The whole period, which a calendar has most of still before it on its first days."""
        return self.period_end_ms - self.period_start_ms

    @property
    def known(self) -> float:
        """The part of the whole period that was seen, 0 to 1; of a calendar's, what is still to come was not."""
        passed = (self.at_ms - self.period_start_ms) / self.length_ms if self.length_ms > 0 else 1.0
        return self.period.coverage * min(passed, 1.0)

    @property
    def earned(self) -> bool:
        """Whether at least half of the whole period was seen, so that what is left says more than how it began."""
        return self.known >= ENOUGH

    @property
    def told(self) -> tuple[TierReading, ...]:
        """The tiers by which somebody is told: none of a severity whose alert is disabled."""
        alerting = self.objective.slo.alerting
        silent = {Severity.PAGE: alerting.page.disabled, Severity.TICKET: alerting.ticket.disabled}
        return tuple(each for each in self.tiers if not silent[each.burn.severity])

    def window(self, window_ms: int) -> WindowReading:
        """Return one window; KeyError where it is not read."""
        for each in self.windows:
            if each.window_ms == window_ms:
                return each
        raise KeyError(window_ms)


@dataclass(frozen=True)  # without slots, so that what is made of the arrays is made once
class Readings:
    """All B budgets of `layout` at `at_ms`; `windows` has arrays of shape (W, B), `period` of (B,).

    ratio: (W, B), the ratio that decides: the short window of an open tier keeps its last while the long one has traffic, and
    where nothing is known all do; certain: (W, B), what of it is certain with few events or little coverage, NaN where nothing
    is.
    """

    at_ms: int
    layout: Layout
    windows: Amounts
    period: Amounts
    period_start_ms: NDArray[np.int64]
    period_end_ms: NDArray[np.int64]
    ratio: Floats
    certain: Floats
    seen: NDArray[np.int8]
    seen_since_ms: NDArray[np.int64]
    open: NDArray[np.bool_]
    open_since_ms: NDArray[np.int64]
    words: Mapping[int, str]
    never_bad: Mapping[str, str]
    """As `Reading.never_bad`, by SLO."""

    @cached_property
    def left(self) -> Floats:
        """The fraction of each budget that is left: 1 without traffic, NaN where nothing was seen in the whole period."""
        spent = np.nan_to_num(self.period.ratio, nan=0.0) / self.layout.budget
        return np.asarray(np.where((self.period.seen_ms > 0) | (self.period.length_ms == 0), 1 - spent, np.nan))

    @cached_property
    def known(self) -> Floats:
        """The part of each whole period that was seen, as `Reading.known`."""
        length = (self.period_end_ms - self.period_start_ms).astype(np.float64)
        with np.errstate(invalid="ignore", divide="ignore"):
            passed = np.where(length > 0, np.minimum((self.at_ms - self.period_start_ms) / length, 1.0), 1.0)
        return np.asarray(self.period.coverage * passed)

    @cached_property
    def exhaustion_ms(self) -> Floats:
        """The instant at which each budget is gone at the pace of the last hour; infinite where not, now where it is gone."""
        burn = np.nan_to_num(self.ratio[self.layout.window(PACE_MS)], nan=0.0) / self.layout.budget
        length = (self.period_end_ms - self.period_start_ms).astype(np.float64)
        left = np.maximum(self.left, 0.0)
        with np.errstate(invalid="ignore", divide="ignore"):
            after = np.where(left == 0, 0.0, np.where(burn > 0, left * length / burn, np.inf))
        calendar = self.period_end_ms > self.at_ms
        after[calendar & (self.at_ms + after >= self.period_end_ms)] = np.inf
        # What burns no faster than it may does not empty a rolling budget: what is old leaves it meanwhile.
        after[~calendar & (burn <= 1) & (left > 0)] = np.inf
        return np.asarray(np.where(np.isnan(left), np.inf, self.at_ms + after))

    def __len__(self) -> int:
        return len(self.layout)

    def __iter__(self) -> Iterator[Reading]:
        return (self.of(number) for number in range(len(self)))

    def find(self, key: Key) -> Reading:
        """Return one budget; KeyError where nothing was ever seen of it."""
        return self.of(self.layout.numbers[key])

    def of(self, number: int) -> Reading:
        """Return one budget in a person's terms."""
        objective, left = self.layout.objectives[number], float(self.left[number])
        budget, known = objective.slo.budget, not np.isnan(left)
        ends = float(self.exhaustion_ms[number])
        length = int(self.period_end_ms[number] - self.period_start_ms[number])
        scale = _scale(objective)
        seen = Seen(self.seen[number])
        return Reading(
            key=self.layout.keys[number],
            objective=objective,
            at_ms=self.at_ms,
            state=self.state(number),
            words=self.words.get(number, ""),
            since_ms=int(self.seen_since_ms[number]) if seen in (Seen.NO_DATA, Seen.INVALID) else None,
            windows=tuple(
                window_reading(objective, each, self.windows, (row, number))
                for row, each in enumerate(self.layout.windows_ms)
            ),
            period=window_reading(objective, length, self.period, (number,)),
            left=left if known else None,
            left_events=scale * float(budget * self.period.total[number] - self.period.bad[number]) if known else None,
            left_ms=left * budget * length if known else None,
            exhaustion_ms=int(ends) if np.isfinite(ends) else None,
            tiers=tuple(
                TierReading(burn, bool(self.open[tier, number]), int(self.open_since_ms[tier, number]) or None)
                for tier, burn in enumerate(objective.burns)
            ),
            period_start_ms=int(self.period_start_ms[number]),
            period_end_ms=int(self.period_end_ms[number]),
            seen_ms=int(self.period.seen_ms[number]),
            never_bad=self.never_bad.get(self.layout.keys[number].slo, ""),
        )

    def state(self, number: int) -> State:
        """Return the state of one budget, for little where there are many."""
        seen = int(self.seen[number])
        if seen == Seen.INVALID:
            return State.INVALID
        if seen == Seen.NO_DATA or (seen == Seen.WAITING and np.isnan(self.left[number])):
            return State.NO_DATA
        quiet = self.windows.total[self.layout.window(NOW_MS), number] == 0
        return State.NO_TRAFFIC if quiet else State.VALUE


def window_reading(objective: Objective, window_ms: int, amounts: Amounts, place: tuple[int, ...]) -> WindowReading:
    """Return one window of one budget in a person's terms; `place` is its place in the arrays."""
    # As `ratio` and `coverage` of Amounts, on plain numbers: a thousand budgets that are looked at one by one have ten each.
    bad, total, seen_ms, length_ms = (float(each[place]) for each in amounts)
    ratio, scale = bad / total if total > 0 else None, _scale(objective)
    return WindowReading(
        window_ms,
        scale * bad,
        scale * total,
        ratio,
        None if ratio is None else ratio / objective.slo.budget,
        min(seen_ms / length_ms, 1.0) if length_ms > 0 else 1.0,
    )


def _scale(objective: Objective) -> float:
    """Return what a unit of the sums is: of slices, a million is one."""
    return 1e-6 if objective.budget_unit is Unit.SLICES else 1.0
