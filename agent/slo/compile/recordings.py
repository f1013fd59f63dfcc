"""What Prometheus records of one SLO by our rules: bad events, all events and their ratio, for each window and the period.

Short windows are asked of the indicator's own series. Longer ones are added up from the counts of five minutes that were
recorded before, at instants that are five minutes apart (`[6h:5m]`): so each event counts once however often the rules are
evaluated, a month reads one series, and every window is a ratio of sums.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

from agent.errors import InvalidInput
from agent.model import format_duration
from agent.slo import conventions as names
from agent.slo.compile.buckets import with_any_bounds
from agent.slo.compile.counting import Counts, counts_of
from agent.slo.compile.emitted import Record, RuleGroup, number, operand, selector
from agent.slo.compile.setting import DAY_MS, Setting
from agent.slo.evidence import LEAST_BAD, lower_bound_query
from agent.slo.model import Calendar, Occurrences, RatioTimeslices, Slo, Timeslices
from agent.slo.windows import Windows

_BASE_MS: Final = 300_000
_ASKED_DIRECTLY_MS: Final = 3_600_000
"""Up to here a window is asked of the indicator itself, so that a page comes without the delay of recorded counts."""
_PERIOD_INTERVAL_MS: Final = 120_000
"""How often the period is added up: it moves slowly, and a sample is found for five minutes."""


def group_name(slo: Slo) -> str:
    """Return the name of the group in which windows are recorded and the alerts read them."""
    return f"burnline-slo-{slo.id}"


@dataclass(frozen=True)
class Recorder:
    """One SLO's recording rules in the making."""

    slo: Slo
    windows: Windows
    labels: Mapping[str, str]
    setting: Setting

    def groups(self) -> tuple[RuleGroup, ...]:
        """Return the groups: the windows that the alerts look at, the period, and what is known of the SLO."""
        name = self.slo.id
        return (
            RuleGroup(group_name(self.slo), (*self._base(), *self._of_windows())),
            RuleGroup(f"burnline-slo-period-{name}", tuple(self._of_period()), _PERIOD_INTERVAL_MS),
            RuleGroup(f"burnline-slo-meta-{name}", tuple(self._metadata())),
        )

    @cached_property
    def counts(self) -> Counts | None:
        """How the events are counted; None where there is only a ratio."""
        found = counts_of(self.slo)
        if found is None:
            return None
        return replace(found, bad=with_any_bounds(found.bad), total=with_any_bounds(found.total))

    @cached_property
    def counted(self) -> str:
        """What the budget counts, in a word."""
        if not isinstance(self.slo.budgeting, Occurrences):
            return "slices"
        if self.counts is None:
            return "time"
        return "events" if self.counts.are_events else "amounts"

    @property
    def certain(self) -> bool:
        """Say whether there is a ratio that is certain beside the one that was seen."""
        return self.counted == "events" and self.slo.min_events > 0

    def _base(self) -> Iterator[Record]:
        """The counts that longer windows are made of."""
        if self.counted == "time":
            return
        bad, total = self._slices() if self.counted == "slices" else self._events(self._base_ms)
        yield self._record(names.BAD_EVENTS, self._base_ms, bad)
        yield self._record(names.TOTAL_EVENTS, self._base_ms, total)

    def _of_windows(self) -> Iterator[Record]:
        long = {tier.long_ms for tier in self.windows.tiers}
        for window in sorted({_BASE_MS, *self.windows.durations_ms}):
            yield from self._of(window)
            if self.certain and window in long:
                yield self._record(names.CERTAIN_RATIO, window, self._certain(window))

    def _of_period(self) -> Iterator[Record]:
        if isinstance(self.slo.window, Calendar):
            return
        if self.windows.period_ms not in self.windows.durations_ms:
            yield from self._of(self.windows.period_ms)
        found = selector(self.slo)
        budget = number(self.slo.budget)
        whole = names.windowed(names.ERROR_RATIO, self.windows.period_ms)
        yield Record(names.PERIOD_BURN_RATE, f"{whole}{found} / {budget}", self.labels)
        yield Record(names.BUDGET_REMAINING, f"1 - {names.PERIOD_BURN_RATE}{found}", self.labels)

    def _of(self, window_ms: int) -> Iterator[Record]:
        """Bad events, all events and their ratio in one window."""
        if self.counted == "time":
            yield self._record(names.ERROR_RATIO, window_ms, self._ratio_alone(window_ms))
            return
        direct = self.counted != "slices" and window_ms <= _ASKED_DIRECTLY_MS
        if window_ms != self._base_ms:
            bad, total = self._events(window_ms) if direct else self._added_up(window_ms)
            yield self._record(names.BAD_EVENTS, window_ms, bad)
            yield self._record(names.TOTAL_EVENTS, window_ms, total)
        bad, total = self._found(names.BAD_EVENTS, window_ms), self._found(names.TOTAL_EVENTS, window_ms)
        yield self._record(names.ERROR_RATIO, window_ms, f"{bad}\n/\n({total} > 0)")

    @property
    def _base_ms(self) -> int:
        match self.slo.budgeting:
            case Timeslices(slice_ms=slice_ms) | RatioTimeslices(slice_ms=slice_ms):
                return slice_ms
            case _:
                return _BASE_MS

    def _events(self, window_ms: int) -> tuple[str, str]:
        assert self.counts is not None
        return self.counts.bad_in(window_ms), self.counts.total_in(window_ms)

    def _slices(self) -> tuple[str, str]:
        """Return a slice as bad (1, 0 or its ratio) of one, and nothing for a slice without traffic."""
        shortest = self.windows.durations_ms[0]
        if self._base_ms > shortest:
            message = (
                f"cannot compile {self.slo.id}: its slices of {format_duration(self._base_ms)} are longer than the shortest "
                f"window of its alerts, {format_duration(shortest)}; make slices shorter or the windows longer (--windows)"
            )
            raise InvalidInput(message)
        if self.counts is None:
            ratio = self._ratio_alone(self._base_ms)
        else:
            bad, total = self._events(self._base_ms)
            ratio = f"({bad})\n/\n(({total}) > 0)"
        everything = f"({ratio}) >= bool 0"
        match self.slo.budgeting:
            case Timeslices(target=target):
                return f"({ratio}) > bool {number(1 - target)}", everything
            case _:
                return ratio, everything

    def _ratio_alone(self, window_ms: int) -> str:
        """Return the ratio as its query gives it; of the period its mean over time, since there is nothing to weigh it by."""
        if window_ms == self.windows.period_ms:
            shortest = self._found(names.ERROR_RATIO, _BASE_MS)
            return f"avg_over_time({shortest}[{format_duration(window_ms)}:{format_duration(_BASE_MS)}])"
        query = getattr(self.slo.indicator, "error_ratio_query", "")
        return f"{operand(with_any_bounds(query), window_ms)} >= 0"

    def _added_up(self, window_ms: int) -> tuple[str, str]:
        reach = f"[{format_duration(window_ms)}:{format_duration(self._base_ms)}]"
        bad, total = (self._found(name, self._base_ms) for name in (names.BAD_EVENTS, names.TOTAL_EVENTS))
        return f"sum_over_time({bad}{reach})", f"sum_over_time({total}{reach})"

    def _certain(self, window_ms: int) -> str:
        """Return the ratio where there were many events, and a lower bound of it where there were few and some were bad."""
        ratio, bad, total = (
            self._found(name, window_ms) for name in (names.ERROR_RATIO, names.BAD_EVENTS, names.TOTAL_EVENTS)
        )
        # As `rate` counts, two errors may look like 2.5 with a scrape a minute, and three are never fewer but for rounding.
        least = number(LEAST_BAD - 0.25)
        return (
            f"(\n  {ratio}\nand\n  {total} >= {self.slo.min_events}\n)\nor\n"
            f"(\n  {lower_bound_query(bad, total)}\nand\n  {bad} >= {least}\n)"
        )

    def _metadata(self) -> Iterator[Record]:
        budget = number(self.slo.budget)
        now = self._found(names.ERROR_RATIO, _BASE_MS)
        yield Record(names.OBJECTIVE, f"vector({number(self.slo.objective / 100)})", self.labels)
        yield Record(names.ERROR_BUDGET, f"vector({budget})", self.labels)
        yield Record(names.TIME_PERIOD_DAYS, f"vector({number(self.windows.period_ms / DAY_MS)})", self.labels)
        yield Record(names.CURRENT_BURN_RATE, f"{now} / {budget}", self.labels)
        info = {
            names.MODE: "burnline",
            names.INFO_OBJECTIVE: number(self.slo.objective),
            names.SPEC: self.slo.written.version,
            names.VERSION: self.setting.version,
            names.COUNTED: self.counted,
        }
        yield Record(names.INFO, "vector(1)", {**self.labels, **info})

    def _found(self, metric: str, window_ms: int) -> str:
        return names.windowed(metric, window_ms) + selector(self.slo)

    def _record(self, metric: str, window_ms: int, expr: str) -> Record:
        labels = {**self.labels, names.WINDOW: format_duration(window_ms)}
        return Record(names.windowed(metric, window_ms), expr, labels)
