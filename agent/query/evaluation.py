"""One query under way: its steps, its limits, what it noticed, and the caches it may use. No clock: time is a hook.

`Query` is shared by everything that one query evaluates; an `Evaluation` is the query at certain steps (a subquery
evaluates the same query at other steps).
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from agent.errors import ExecutionError
from agent.model import Block, Labels
from agent.query import ast
from agent.query.annotations import Annotations
from agent.query.frame import EMPTY, Ints, SeriesSet, builds, derived_so_far
from agent.query.limits import Allowance, Limits
from agent.query.parse_durations import evaluate_duration
from agent.query.queryable import Queryable

if TYPE_CHECKING:
    from agent.query.evaluate import Value
    from agent.query.plan import Plan, Step
    from agent.query.rolling import Rolling
    from agent.query.selecting import Ranges


_Key = tuple[int, ...]
_GENERATIONS: Final = 4
"""Sets that are kept for one selector: a short range may leave out tables that a long one shows."""


class SeriesSets:
    """Series sets by the identity of the label tuples they stand for.

    It holds the tuples themselves, so an identity cannot be reused while it is a key. A set goes when its selector has since
    selected several others, or, the least recently used first, when there are too many sets or too many series in them.
    When more than `kept_bytes` have been derived from sets, all are let go of and made again as they are needed: that is
    rare, for what is asked again and again is derived once; only new expressions and new series derive more. Threads may
    share it.
    """

    __slots__ = ("_kept", "_kept_bytes", "_kept_series", "_lock", "_of_selector", "_series", "_sets", "_since")

    def __init__(self, kept: int = 8192, kept_series: int = 2_000_000, kept_bytes: int = 256 * 2**20) -> None:
        self._kept = kept
        self._kept_bytes = kept_bytes
        self._since = derived_so_far.size
        self._kept_series = kept_series
        self._lock = Lock()
        self._sets: OrderedDict[_Key, tuple[tuple[tuple[Labels, ...], ...], SeriesSet]] = OrderedDict()
        self._of_selector: OrderedDict[Hashable, deque[_Key]] = OrderedDict()
        self._series = 0

    def of(self, blocks: Sequence[Block], selector: Hashable = None) -> SeriesSet:
        """Return the set of all series of `blocks`, in order; `selector` is what selected them."""
        if not blocks:
            return EMPTY
        tuples = tuple(block.labels for block in blocks)
        key = tuple(map(id, tuples))
        with self._lock:
            if derived_so_far.size - self._since > self._kept_bytes:
                self._let_go()
            found = self._sets.get(key)
            if found is not None:
                self._sets.move_to_end(key)
                return found[1]
        builds.count += 1
        made = SeriesSet(tuples[0] if len(tuples) == 1 else tuple(each for labels in tuples for each in labels))
        with self._lock:
            return self._keep(key, tuples, made, selector)

    def _let_go(self) -> None:
        self._sets.clear()
        self._of_selector.clear()
        self._series = 0
        self._since = derived_so_far.size

    def _keep(
        self, key: _Key, tuples: tuple[tuple[Labels, ...], ...], made: SeriesSet, selector: Hashable
    ) -> SeriesSet:
        if selector is not None:
            recent = self._of_selector.setdefault(selector, deque())
            if key not in recent:
                recent.append(key)
            if len(recent) > _GENERATIONS:
                self._forget(recent.popleft())
            if len(self._of_selector) > self._kept:
                self._of_selector.popitem(last=False)
        if key not in self._sets:
            self._sets[key] = (tuples, made)
            self._series += len(made)
        while len(self._sets) > self._kept or (self._series > self._kept_series and len(self._sets) > 1):
            self._forget(next(iter(self._sets)))
        return self._sets[key][1]

    def _forget(self, key: _Key) -> None:
        gone = self._sets.pop(key, None)
        self._series -= 0 if gone is None else len(gone[1])


_FARTHEST_MS: Final = 1 << 61
"""Where @ may look at the farthest, so that a range or a lookback added to it stays an int64."""


class Watch(Protocol):
    """Told of each step that is computed, before and after; what a step computes on the way comes in between."""

    def begins(self, step: Step) -> None:
        """Take note that `step` is about to be computed."""
        ...

    def ends(self, step: Step, value: Value | Ranges) -> None:
        """Take note that `step` gave `value`."""
        ...


@dataclass(slots=True)
class Query:
    """What one query shares between all its nodes. `start_ms`, `end_ms`, `step_ms` are those that were asked for."""

    queryable: Queryable
    sets: SeriesSets
    start_ms: int
    end_ms: int
    step_ms: int
    limits: Limits
    delayed: bool
    plan: Plan
    allowance: Allowance
    rolling: Rolling | None = None
    watch: Watch | None = None
    held: dict[Step, Value | Ranges] = field(default_factory=dict)
    """Values, by step, that hold at every instant."""
    annotations: Annotations = field(init=False)

    def __post_init__(self) -> None:
        self.annotations = Annotations(self.plan.echoes)

    @property
    def lookback_ms(self) -> int:
        """How old a sample may be to count as current."""
        return self.limits.lookback_ms

    @property
    def subquery_step_ms(self) -> int:
        """The step of a subquery that names none."""
        return self.limits.subquery_step_ms

    def touch(self, cells: int) -> None:
        """Count cells that are about to be made; raise QueryLimit beyond a limit, or when time is up."""
        self.allowance.touch(cells)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The query at `steps` (int64 milliseconds, rising)."""

    query: Query
    steps: Ints
    held: dict[Step, Value | Ranges] = field(default_factory=dict, compare=False, repr=False)
    """Values of steps that are needed again."""

    @property
    def delayed(self) -> bool:
        """Whether names are removed at the very end."""
        return self.query.delayed

    @property
    def annotations(self) -> Annotations:
        """Where to note what was noticed."""
        return self.query.annotations

    @property
    def single(self) -> bool:
        """Whether this is an instant query (and no subquery of it)."""
        return self.query.start_ms == self.query.end_ms

    def at(self, steps: Ints) -> Evaluation:
        """Return the same query at other steps."""
        return Evaluation(self.query, steps)

    def duration(self, duration: ast.Duration, *, positive: bool = True) -> int:
        """Return milliseconds, now that the query's step and range are known; raise QueryError where there are none."""
        if isinstance(duration, int):
            return duration
        try:
            found = evaluate_duration(duration, self.query.step_ms, self.query.end_ms - self.query.start_ms)
        except ValueError as error:
            message = f"{duration.pos}: {error}"
            raise ExecutionError(message) from error
        if positive and found <= 0:
            message = f"{duration.pos}: duration must be greater than 0"
            raise ExecutionError(message)
        return found

    def times(self, at: int | str | None, offset: ast.Duration) -> Ints:
        """Return where a selector with `@ at` and `offset` looks, for each step."""
        shift = self.duration(offset, positive=False)
        if at is None:
            return self.steps - shift if shift else self.steps
        fixed = {"start": self.query.start_ms, "end": self.query.end_ms}.get(at) if isinstance(at, str) else at
        assert fixed is not None
        return np.full(len(self.steps), max(-_FARTHEST_MS, min(_FARTHEST_MS, fixed - shift)), np.int64)
