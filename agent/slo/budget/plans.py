"""Which series of one target count for which budget: found once, when a series is first seen, and used for every page since."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agent.model import Labels, is_absent
from agent.slo.budget.chunks import BAD, TOTAL
from agent.slo.budget.counters import Increases
from agent.slo.shapes import Term


@dataclass(frozen=True, slots=True)
class Use:
    """One term of one SLO."""

    slo: int
    side: int
    term: Term


class Plan:
    """Of one target's columns: which count for which track. The four lists run in parallel."""

    def __init__(self) -> None:
        self.width = 0
        self.read = 0
        """By which call of `Meter.read` it was used last."""
        self.columns: list[int] = []
        self.uses: list[Use] = []
        self.tracks: list[int] = []
        self.results: list[Labels] = []
        self.heard_ms = 0
        """When the target was heard of, or failed, last."""
        self.failing_ms: int | None = None
        """Since when the target fails, and why."""
        self.why = ""
        self.bounds: dict[tuple[int, Term], tuple[set[int], set[int]]] = {}
        """Of a track and the bucket that it counts: its columns, and those of the bucket of everything beside them."""
        self.waiting: list[tuple[int, Use]] = []
        """Columns of groups that have no track, until they are on a page."""
        self._arrays: Arrays | None = None
        self._bad_alone: frozenset[tuple[int, Term]] | None = None

    def add(self, column: int, use: Use, track: int, result: Labels) -> None:
        """Let a column count for a track, as a series of a term's result."""
        self.columns.append(column)
        self.uses.append(use)
        self.tracks.append(track)
        self.results.append(result)
        self._arrays = self._bad_alone = None

    @property
    def bad_alone(self) -> frozenset[tuple[int, Term]]:
        """The bad events that this target has of a track, by terms, where it has none of all events."""
        if self._bad_alone is None:
            uses = list(zip(self.tracks, self.uses, strict=True))
            whole = {track for track, use in uses if use.side == TOTAL}
            self._bad_alone = frozenset(
                (track, use.term) for track, use in uses if use.side == BAD and track not in whole
            )
        return self._bad_alone

    @property
    def arrays(self) -> Arrays:
        """Return columns, tracks, signs, and which of them are of a total."""
        if self._arrays is None:
            self._arrays = (
                np.asarray(self.columns, dtype=np.intp),
                np.asarray(self.tracks, dtype=np.intp),
                np.asarray([each.term.sign for each in self.uses], dtype=np.float64),
                np.asarray([each.side == TOTAL for each in self.uses], dtype=bool),
            )
        return self._arrays


Arrays = tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64], NDArray[np.bool_]]


def bad_heard(of: Increases, plan: Plan) -> Iterator[tuple[tuple[int, Term], bool]]:
    """Give the bad events that a target has of a track on its page, by terms, and whether it has all events there, too."""
    there = [is_there(of, column) for column in plan.columns]
    both = list(zip(plan.tracks, plan.uses, there, strict=True))
    whole = {track for track, use, is_there in both if is_there and use.side == TOTAL}
    return (((track, use.term), track in whole) for track, use, is_there in both if is_there and use.side == BAD)


def any_there(values: NDArray[np.float64], columns: Iterable[int]) -> bool:
    """Say whether any of these columns is on a page."""
    return any(column < len(values) and not is_absent(values[column]) for column in columns)


def is_there(of: Increases, column: int) -> bool:
    """Say whether a column is on the page of a target that answered."""
    return of.values is not None and any_there(of.values, (column,))
