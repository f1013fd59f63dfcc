"""What the engine keeps for an SLO: how it is counted, when somebody is told, and what of it has a track of its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from agent.errors import InvalidInput
from agent.model import Labels
from agent.slo.budget.exclusions import check
from agent.slo.budget.periods import longest_ms
from agent.slo.model import Occurrences, RatioTimeslices, Severity, Slo, Timeslices
from agent.slo.shapes import Counted, Sampled, Shape, shape
from agent.slo.windows import Windows

OTHER: Final = "other"
"""The group of what is beyond the most groups that an SLO may have."""
MOST_GROUPS: Final = 100


class Unit(StrEnum):
    """What a track's numbers are."""

    EVENTS = "events"
    TIME = "time"
    """Milliseconds, weighed by a ratio that was asked for."""
    SLICES = "slices"
    """Millionths of slices."""


@dataclass(frozen=True, slots=True)
class Burn:
    """A tier: told when the budget burns `factor` times too fast over `long_ms` and, still, over `short_ms`."""

    severity: Severity
    name: str
    short_ms: int
    long_ms: int
    factor: float


def burns_of(windows: Windows) -> tuple[Burn, ...]:
    """Return the tiers of a period as the engine compares with them."""
    return tuple(
        Burn(each.severity, each.name, each.short_ms, each.long_ms, windows.factor(each)) for each in windows.tiers
    )


@dataclass(frozen=True, slots=True)
class Objective:
    """An SLO as the engine runs it."""

    slo: Slo
    shape: Shape
    burns: tuple[Burn, ...]
    period_ms: int
    """The longest that its period can be."""

    @classmethod
    def of(cls, slo: Slo, burns: Iterable[Burn], default_period_ms: int) -> Objective:
        """Return the SLO as it is run; raise InvalidInput where it cannot be, ParseError where a query is not PromQL."""
        found = shape(slo.indicator)
        if found is None:
            message = f"cannot keep a budget for {slo.id}: its indicator is a plugin or other SLOs; give it queries"
            raise InvalidInput(message)
        if not 0 < slo.objective < 100:
            message = f"cannot keep a budget for {slo.id}: an objective of {slo.objective:g} % is not between 0 and 100"
            raise InvalidInput(message)
        for each in slo.exclusions:
            check(each)
        return cls(slo, found, tuple(burns), longest_ms(slo.window, default_period_ms))

    @property
    def unit(self) -> Unit:
        """What is counted as it comes in."""
        return Unit.EVENTS if isinstance(self.shape, Counted) else Unit.TIME

    @property
    def budget_unit(self) -> Unit:
        """What the budget counts."""
        return self.unit if isinstance(self.slo.budgeting, Occurrences) else Unit.SLICES

    @property
    def slice_ms(self) -> int:
        """The length of its slices; 0 where it counts events."""
        match self.slo.budgeting:
            case Timeslices(slice_ms=slice_ms) | RatioTimeslices(slice_ms=slice_ms):
                return slice_ms
            case _:
                return 0

    @property
    def counted(self) -> Counted | None:
        """The terms that are counted, where it is."""
        return self.shape if isinstance(self.shape, Counted) else None

    def groups(self, group: Labels) -> bool:
        """Say whether it has groups by such labels: those that were kept may be of an earlier `group_by`."""
        return {name for name, _ in group.pairs} <= {*self.slo.group_by}

    @property
    def sampled(self) -> Sampled | None:
        """The query that is asked, where it is."""
        return self.shape if isinstance(self.shape, Sampled) else None


@dataclass(frozen=True, slots=True)
class Key:
    """What has a budget: an SLO, or one group of it."""

    slo: str
    group: Labels = field(default_factory=Labels)

    def __str__(self) -> str:
        return f"{self.slo}{self.group}" if self.group else self.slo


@dataclass(frozen=True, slots=True)
class Track:
    """One row of numbers in the ring."""

    key: Key
    unit: Unit
    born_ms: int
    """From when on anything is known of it."""


class Tracks:
    """Every track by its number, which is given once: its key and unit. A group beyond an SLO's most becomes OTHER."""

    def __init__(self, objectives: Sequence[Objective], most_groups: int = MOST_GROUPS) -> None:
        self.all: list[Track] = []
        self.now_ms = 0
        self._objectives = objectives
        self._most = most_groups
        self._numbers: dict[tuple[Key, Unit], int] = {}
        self._groups: dict[str, list[int]] = {}
        self._of = {each.slo.id: each for each in objectives}

    def __len__(self) -> int:
        return len(self.all)

    def add(self, track: Track) -> int:
        """Add a track as it was kept."""
        number = self._numbers[track.key, track.unit] = len(self.all)
        self.all.append(track)
        objective = self._of.get(track.key.slo)
        if objective is not None and track.unit is objective.unit and objective.groups(track.key.group):
            self._groups.setdefault(track.key.slo, []).append(number)
        return number

    def begin(self, at_ms: int) -> None:
        """Say when the first row of all was: from then on something is known of the tracks that there are."""
        self.all = [replace(each, born_ms=each.born_ms or at_ms) for each in self.all]

    def find(self, key: Key, unit: Unit) -> int | None:
        """Return the number of a track, None where there is none."""
        return self._numbers.get((key, unit))

    def groups(self, slo: str) -> Sequence[int]:
        """Return the tracks into which an SLO's events or time go, one per group."""
        return self._groups.get(slo, ())

    def of(self, objective: int, group: Labels) -> int:
        """Return the track into which a group's events go, with one for its slices beside it, both new where it is."""
        slo = self._objectives[objective].slo
        unit = self._objectives[objective].unit
        key = Key(slo.id, group)
        if (key, unit) not in self._numbers and len(self.groups(slo.id)) >= self._most:
            key = Key(slo.id, Labels(dict.fromkeys(slo.group_by, OTHER)))
        found = self._numbers.get((key, unit))
        if found is None:
            found = self.add(Track(key, unit, self.now_ms))
            if self._objectives[objective].slice_ms:
                self.add(Track(key, Unit.SLICES, self.now_ms))
        return found
