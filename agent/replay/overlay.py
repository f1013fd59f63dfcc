"""What a replay reads: the recorded samples, what the replayed rules write over them, and nothing later than the virtual now.

A series that a replayed rule writes hides the recorded one of the same name and labels, from the beginning of the replay on;
what was recorded of it before stays, since windows reach back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from agent.model import METRIC_NAME, Block, Columns, Labels, Matcher, MatchOp, Row, is_missing
from agent.rules import Group, written

if TYPE_CHECKING:
    from agent.query import Queryable

_FAR_MS: Final = 2**61
_ALERT_NAME: Final = "alertname"
_KEPT: Final = 4096


class Keeping(Protocol):
    """A store that takes rows: what the replayed rules write goes there."""

    def append(self, row: Row) -> int:
        """Keep a row."""
        ...

    def select(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int) -> Sequence[Block]:
        """Return the matching series' samples, as a queryable does."""
        ...

    def cells(
        self, matchers: Sequence[Matcher], start_ms: int, end_ms: int, pulse: Callable[[], None] | None = None
    ) -> int:
        """Return how many cells `select` would give."""
        ...


@dataclass(frozen=True, slots=True)
class _Mark:
    """The labels by which a series is known to be a rule's, and how long before its evaluations it is recorded."""

    labels: dict[str, str]
    offset_ms: int

    def is_on(self, labels: Labels) -> bool:
        return all(labels.get(name) == value for name, value in self.labels.items())


@dataclass(frozen=True, slots=True)
class _Seen:
    """What is left of a block's labels when the hidden series are taken out; `columns` None where that is all."""

    of: tuple[Labels, ...]
    labels: tuple[Labels, ...]
    columns: NDArray[np.intp] | None


class Overlay:
    """The queryable of a replay. Move `now_ms` on before each evaluation.

    `query_offset_ms` is that of groups which name none.
    """

    def __init__(self, recorded: Queryable, own: Keeping, groups: Iterable[Group], *, query_offset_ms: int = 0) -> None:
        self.now_ms = _FAR_MS
        self._recorded, self._own = recorded, own
        self._written = _marks(groups, query_offset_ms)
        self._touches: dict[tuple[Matcher, ...], bool] = {}
        self._seen: dict[int, _Seen] = {}

    def take_history(self, before_ms: int, reach_ms: int) -> None:
        """Keep what was recorded of the hidden series in the `reach_ms` before the replay begins.

        With a query offset the first evaluation of the replay writes into that time, as did the one that was lived.
        """
        for name in self._written:
            matcher = Matcher(METRIC_NAME, MatchOp.EQUAL, name)
            for block in self._recorded.select((matcher,), before_ms - reach_ms, before_ms - 1):
                by_offset: dict[int, list[int]] = {}
                for column, labels in enumerate(block.labels):
                    mark = self._mark_on(labels)
                    if mark is not None:
                        by_offset.setdefault(mark.offset_ms, []).append(column)
                for offset_ms, kept in by_offset.items():
                    self._take(block, kept, before_ms - offset_ms)

    def _take(self, block: Block, kept: list[int], before_ms: int) -> None:
        columns = Columns(block.labels[column] for column in kept)
        cells = np.ascontiguousarray(block.values[:, kept])
        for at_ms, values in zip(block.timestamps.tolist(), cells, strict=True):
            if at_ms < before_ms and not is_missing(values).all():
                self._own.append(Row(columns, at_ms, values.copy()))

    def hides(self, labels: Labels) -> bool:
        """Say whether a recorded series is one that the replayed rules write."""
        return self._mark_on(labels) is not None

    def _mark_on(self, labels: Labels) -> _Mark | None:
        """Return the mark on a series; of several the one that says most."""
        marks = (mark for mark in self._written.get(labels.get(METRIC_NAME), ()) if mark.is_on(labels))
        return max(marks, key=lambda mark: sum(map(bool, mark.labels.values())), default=None)

    def append(self, row: Row) -> int:
        """Keep what a replayed rule writes."""
        return self._own.append(row)

    def select(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int) -> Sequence[Block]:
        """Return the matching series' samples from `start_ms` to `end_ms`, or to now."""
        end_ms = min(end_ms, self.now_ms)
        blocks = list(self._recorded.select(matchers, start_ms, end_ms))
        if self._may_touch(tuple(matchers)):
            blocks = [seen for block in blocks if (seen := self._without_hidden(block)) is not None]
            blocks += self._own.select(matchers, start_ms, end_ms)
        return blocks

    def cells(
        self, matchers: Sequence[Matcher], start_ms: int, end_ms: int, pulse: Callable[[], None] | None = None
    ) -> int:
        """Return how many cells `select` would read."""
        end_ms = min(end_ms, self.now_ms)
        found = self._recorded.cells(matchers, start_ms, end_ms, pulse)
        return found + (self._own.cells(matchers, start_ms, end_ms, pulse) if self._may_touch(tuple(matchers)) else 0)

    def _may_touch(self, matchers: tuple[Matcher, ...]) -> bool:
        """Say whether series that the rules write may be meant: if not, no label needs a look."""
        known = self._touches.get(matchers)
        if known is None:
            names = [each for each in matchers if each.name == METRIC_NAME]
            known = any(all(each.matches(name) for each in names) for name in self._written)
            if len(self._touches) < _KEPT:
                self._touches[matchers] = known
        return known

    def _without_hidden(self, block: Block) -> Block | None:
        seen = self._seen.get(id(block.labels))
        if seen is None:
            kept = [column for column, labels in enumerate(block.labels) if not self.hides(labels)]
            everything = len(kept) == len(block.labels)
            labels = block.labels if everything else tuple(block.labels[column] for column in kept)
            seen = _Seen(block.labels, labels, None if everything else np.array(kept, np.intp))
            if len(self._seen) >= _KEPT:
                self._seen.clear()
            self._seen[id(block.labels)] = seen
        if seen.columns is None:
            return block
        if not len(seen.columns):
            return None
        natives = None if block.histograms is None else block.histograms[:, seen.columns]
        return Block(seen.labels, block.timestamps, block.values[:, seen.columns], block.dense, natives)


def _marks(groups: Iterable[Group], query_offset_ms: int) -> dict[str, list[_Mark]]:
    """Return, by metric name, the labels by which a series is known to be a replayed rule's; of an alert, its name alone."""
    marks: dict[str, list[_Mark]] = {}
    for group in groups:
        offset_ms = query_offset_ms if group.query_offset_ms is None else group.query_offset_ms
        for rule in group.rules:
            for fixed in written(group, rule):
                mark = _Mark({_ALERT_NAME: rule.name} if rule.is_alert else fixed, offset_ms)
                found = marks.setdefault(fixed[METRIC_NAME], [])
                if mark not in found:
                    found.append(mark)
    return marks
