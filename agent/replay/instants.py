"""When groups are evaluated in a replay: by the clock as live, or when the recorded scrapes of what they read had landed.

The targets are found in the samples: each has an `up`, and its series carry that one's labels.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from agent.model import METRIC_NAME, Block, Labels, Matcher, MatchOp, is_missing
from agent.rules import (
    Group,
    GroupKey,
    RuleSet,
    Selector,
    Settings,
    feeders,
    in_order,
    newest_of_rounds,
    slots,
    targets_read,
)

_UP: Final = Matcher(METRIC_NAME, MatchOp.EQUAL, "up")
_IDENTIFYING: Final = ("job", "instance")
_ALERTS: Final = frozenset({"ALERTS", "ALERTS_FOR_STATE"})


class Recorded(Protocol):
    """The samples that are replayed over; a store is one."""

    def select(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int) -> Sequence[Block]:
        """Return the matching series' samples."""
        ...

    def cells(
        self, matchers: Sequence[Matcher], start_ms: int, end_ms: int, pulse: Callable[[], None] | None = None
    ) -> int:
        """Return how many cells `select` would read."""
        ...

    def series(
        self, matchers: Sequence[Matcher], start_ms: int | None = None, end_ms: int | None = None
    ) -> Sequence[Labels]:
        """Return the labels of the matching series with samples in about the range."""
        ...


class Timetable:
    """Answers when a group is evaluated; `periods_ms` are the intervals of those that follow scrapes.

    `is_ruled` says of which series rules are known to be the writers: their labels may be a target's, and they are not its.
    """

    def __init__(
        self,
        rules: RuleSet,
        settings: Settings,
        recorded: Recorded,
        from_ms: int,
        until_ms: int,
        *,
        is_ruled: Callable[[Labels], bool] = lambda _: False,
    ) -> None:
        self._interval_ms, self._is_ruled = settings.interval_ms, is_ruled
        self.periods_ms: dict[GroupKey, int] = {}
        self._instants: dict[GroupKey, list[int]] = {}
        waiting = tuple(group for group in rules.groups if settings.on_scrape and not group.interval_ms)
        if waiting:
            self._follow_scrapes(waiting, recorded, from_ms, until_ms)

    def __call__(self, group: Group, first_ms: int, last_ms: int) -> Sequence[int]:
        """Return the instants of a group from the first to the last, both inclusive."""
        known = self._instants.get(group.key)
        if known is None:
            return slots(group.key, group.interval_ms or self._interval_ms, first_ms - 1, last_ms)
        return known[bisect_left(known, first_ms) : bisect_right(known, last_ms)]

    def _follow_scrapes(self, groups: tuple[Group, ...], recorded: Recorded, from_ms: int, until_ms: int) -> None:
        landings = _landings(recorded, from_ms, until_ms)
        targets = _Targets(landings, recorded, from_ms, until_ms, self._is_ruled)
        by_name = {str(target): stamps for target, stamps in landings.items()}
        periods = {name: _period_ms(stamps) for name, stamps in by_name.items()}
        fed_by = feeders(groups)
        by_key = {group.key: group for group in groups}
        ordered = tuple(by_key[key] for key in in_order(groups, fed_by))
        computed: dict[frozenset[str], tuple[int, list[int]]] = {}
        for key, read in targets_read(ordered, fed_by, targets.read_by).items():
            if not read:
                continue
            if read not in computed:
                period = min((periods[each] for each in read if periods[each]), default=self._interval_ms)
                stamps = np.unique(np.concatenate([by_name[each] for each in read]))
                computed[read] = period, newest_of_rounds(stamps.tolist(), period)
            self.periods_ms[key], self._instants[key] = computed[read]


def _landings(recorded: Recorded, from_ms: int, until_ms: int) -> dict[Labels, NDArray[np.int64]]:
    """Return, by the labels of its `up` without the name, when each target was scraped."""
    found: dict[Labels, NDArray[np.int64]] = {}
    for block in recorded.select((_UP,), from_ms, until_ms):
        there = ~is_missing(block.values)
        for column, labels in enumerate(block.labels):
            stamps = block.timestamps[there[:, column]]
            stamps = stamps[(stamps >= from_ms) & (stamps <= until_ms)]
            if len(stamps):
                found[labels.without(METRIC_NAME)] = stamps
    return found


def _period_ms(stamps: NDArray[np.int64]) -> int:
    """Return how far apart a target's scrapes are in most cases, 0 where there is only one."""
    if len(stamps) < 2:
        return 0
    values, counts = np.unique(np.diff(stamps), return_counts=True)
    return int(values[np.argmax(counts)])


class _Targets:
    """Finds the targets that write what a selector matches."""

    def __init__(
        self,
        targets: Iterable[Labels],
        recorded: Recorded,
        from_ms: int,
        until_ms: int,
        is_ruled: Callable[[Labels], bool],
    ) -> None:
        self._targets, self._recorded, self._range = tuple(targets), recorded, (from_ms, until_ms)
        self._is_ruled = is_ruled
        self._by_instance: dict[tuple[str, ...], list[Labels]] = {}
        for each in self._targets:
            self._by_instance.setdefault(_identity(each), []).append(each)

    def read_by(self, selector: Selector) -> frozenset[str]:
        """Return the targets (as text) whose series a selector matches; of one that matches nothing, those that it names."""
        found: set[str] = set()
        series = self._recorded.series(selector.matchers, *self._range)
        for labels in series:
            if labels.get(METRIC_NAME) in _ALERTS or self._is_ruled(labels):
                continue
            for target in self._by_instance.get(_identity(labels), ()):
                if all(labels.get(name) == value for name, value in target.pairs):
                    found.add(str(target))
        if series or not any(each.name in _IDENTIFYING and not each.matches("") for each in selector.matchers):
            return frozenset(found)
        return frozenset(str(target) for target in self._targets if not selector.refuses(target))


def _identity(labels: Labels) -> tuple[str, ...]:
    return tuple(labels.get(name) for name in _IDENTIFYING)
