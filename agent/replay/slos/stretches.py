"""Recorded blocks as pages of targets: a series belongs to the target whose `up` has its labels, if scraped when it has samples.

A series of no such target (one that was pushed, or recorded by a rule) has pages of its own: when it has samples, they landed.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from agent.model import ABSENT_BITS, METRIC_NAME, Block, Labels, is_missing, is_stale
from agent.replay.slos.counting import Counting, Page, Pages
from agent.replay.slos.records import UP, Matchers, Records, of_jobs
from agent.slo.budget import START_TIME

BEFORE_MS: Final = 5 * 60_000
"""How far before the first row a page is looked for that the next one is compared with."""
_IDENTIFYING: Final = ("job", "instance")


@dataclass(frozen=True, slots=True)
class _Scrapes:
    """What `up` says of a target: when it was scraped, and how that went."""

    labels: Labels
    stamps: NDArray[np.int64]
    state: NDArray[np.int8]


@dataclass(slots=True)
class _Column:
    """One series of a stretch: its samples, missing ones left out."""

    labels: Labels
    stamps: NDArray[np.int64]
    cells: NDArray[np.float64]


@dataclass(slots=True)
class Targets:
    """Every target ever seen, as what is remembered of it between stretches. `oldest_ms`: the first sample, None without any."""

    wanted: Sequence[Matchers]
    oldest_ms: int | None = None
    newest_ms: int | None = None
    _known: dict[Labels, Counting] = field(default_factory=dict)
    _jobs: set[str] = field(default_factory=set)

    def read(self, records: Records, after_ms: int, until_ms: int) -> list[tuple[Counting, Pages]]:
        """Return the pages of (after, until] of each target that has any."""
        series: dict[Labels, _Column] = {}
        for matchers in self.wanted:
            _select(records, matchers, after_ms, until_ms, series)
        ups = self._scrapes(records, {each.get("job") for each in series} - {""}, after_ms, until_ms)
        if self._jobs:
            _select(records, of_jobs(START_TIME, self._jobs), after_ms, until_ms, series)
        by_identity: dict[tuple[str, ...], list[_Scrapes]] = {}
        for each in ups:
            by_identity.setdefault(_identity(each.labels), []).append(each)
        members: dict[Labels, list[_Column]] = {each.labels: [] for each in ups}
        alone: list[_Column] = []
        for column in series.values():
            target = _target(column, by_identity.get(_identity(column.labels), ()))
            (alone if target is None else members[target.labels]).append(column)
        found = [(each.labels, each.stamps, each.state, members[each.labels]) for each in ups]
        found += [(one.labels, one.stamps, _landed(one.stamps), [one]) for one in alone]
        pages = [self._pages(*each) for each in found]
        for counting, (_, stamps, _, _) in zip((each for each, _ in pages), found, strict=True):
            if counting.counts:
                self._note(stamps)
        return pages

    def _scrapes(self, records: Records, jobs: set[str], after_ms: int, until_ms: int) -> list[_Scrapes]:
        """Return the scrapes of all jobs that were ever read; of new ones it is looked whether they were scraped just before."""
        if new := jobs - self._jobs:
            self._jobs |= new
            before: dict[Labels, _Column] = {}
            _select(records, of_jobs(UP, new), after_ms - BEFORE_MS, after_ms, before)
            for each in map(_scrapes, before.values()):
                if (each.state == Page.LANDED).any():
                    self._known.setdefault(each.labels, Counting(str(each.labels))).scraped()
        if not self._jobs:
            return []
        ups: dict[Labels, _Column] = {}
        _select(records, of_jobs(UP, self._jobs), after_ms, until_ms, ups)
        return [_scrapes(each) for each in ups.values()]

    def _pages(
        self, labels: Labels, stamps: NDArray[np.int64], state: NDArray[np.int8], members: Iterable[_Column]
    ) -> tuple[Counting, Pages]:
        counting = self._known.get(labels)
        if counting is None:
            counting = self._known[labels] = Counting(str(labels))
        born = sorted(members, key=lambda each: int(each.stamps[0]))
        places = [(counting.column(each.labels, int(each.stamps[0])), each) for each in born]
        cells = np.full((len(stamps), len(counting)), ABSENT_BITS, dtype=np.int64).view(np.float64)
        for place, each in places:
            cells[np.searchsorted(stamps, each.stamps), place] = each.cells
        return counting, Pages(stamps, state, cells)

    def _note(self, stamps: NDArray[np.int64]) -> None:
        first, last = int(stamps[0]), int(stamps[-1])
        self.oldest_ms = first if self.oldest_ms is None else min(self.oldest_ms, first)
        self.newest_ms = last if self.newest_ms is None else max(self.newest_ms, last)


def interval_of(records: Records, wanted: Sequence[Matchers], after_ms: int, until_ms: int) -> int | None:
    """Return how far apart the scrapes of the targets of these series are mostly: the shortest of all, None without any."""
    found = []
    for counting, pages in Targets(wanted).read(records, after_ms, until_ms):
        if len(pages.stamps) > 2 and counting.counts:
            apart, counts = np.unique(np.diff(pages.stamps), return_counts=True)
            found.append(int(apart[np.argmax(counts)]))
    return min(found, default=None)


def _select(records: Records, matchers: Matchers, after_ms: int, until_ms: int, into: dict[Labels, _Column]) -> None:
    for block in records.select(matchers, after_ms + 1, until_ms):
        into.update({each.labels: each for each in _columns(block, into)})


def _columns(block: Block, known: Container[Labels]) -> Iterator[_Column]:
    """Give the series of a block that are not known yet and have samples; staleness markers of `up` are samples."""
    there = ~is_missing(block.values)
    for number, labels in enumerate(block.labels):
        if labels in known:
            continue
        kept = there[:, number]
        if labels.get(METRIC_NAME) == UP:
            kept = kept | is_stale(block.values[:, number])
        if kept.any():
            yield _Column(labels, block.timestamps[kept], block.values[kept, number])


def _scrapes(up: _Column) -> _Scrapes:
    ended = is_stale(up.cells)
    state = np.where(ended, Page.ENDED, np.where(up.cells > 0, Page.LANDED, Page.FAILED)).astype(np.int8)
    return _Scrapes(up.labels.without(METRIC_NAME), up.stamps, state)


def _landed(stamps: NDArray[np.int64]) -> NDArray[np.int8]:
    return np.full(len(stamps), Page.LANDED, dtype=np.int8)


def _target(column: _Column, candidates: Iterable[_Scrapes]) -> _Scrapes | None:
    """Return the target that has the most of the series' labels, and was scraped whenever it has a sample."""
    fitting = [
        each for each in candidates if all(column.labels.get(name) == value for name, value in each.labels.pairs)
    ]
    for each in sorted(fitting, key=lambda each: -len(each.labels.pairs)):
        if np.isin(column.stamps, each.stamps).all():
            return each
    return None


def _identity(labels: Labels) -> tuple[str, ...]:
    return tuple(labels.get(name) for name in _IDENTIFYING)
