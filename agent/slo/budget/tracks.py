"""Which row of numbers in the ring is whose: one for each SLO or group of one, which a group keeps as long as it is remembered.

An SLO has budgets of so many groups at a time; what comes beyond shares one. A group in which nothing happened for long retires:
its place is free, its numbers stay, and it has its own again when something happens. Nothing here looks at numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from agent.model import Labels
from agent.slo.budget.objective import Key, Objective, Unit

OTHER: Final = "other"
"""The group of what is beyond the most groups that an SLO may have."""
MOST_GROUPS: Final = 100
MOST_RETIRED: Final = 500
"""Groups of an SLO that retired and are remembered: of two deploys a day those of eight months. Each takes about 8 kB more."""
_KEPT_OF_MOST: Final = 4 / 5
"""When there are more, so many of the most stay: to forget, all sums are written anew, so it is done for a hundred at once."""


@dataclass(frozen=True, slots=True)
class Track:
    """One row of numbers in the ring."""

    key: Key
    unit: Unit
    born_ms: int
    """From when on anything is known of it."""
    retired_ms: int = 0
    """Since when it has no place among the most groups of its SLO; 0: it has one."""

    @property
    def shared(self) -> bool:
        """Whether it is that of all groups beyond the most."""
        return bool(self.key.group) and {*self.key.group.values()} == {OTHER}


class Tracks:
    """Every track by its number: its key and unit. A group beyond an SLO's most becomes OTHER.

    `version` moves whenever there are others, or others of them have a place.
    """

    def __init__(
        self, objectives: Sequence[Objective], most_groups: int = MOST_GROUPS, most_retired: int = MOST_RETIRED
    ) -> None:
        self.all: list[Track] = []
        self.now_ms = 0
        self.version = 0
        self._objectives = objectives
        self._most, self._most_retired = most_groups, most_retired
        self._numbers: dict[tuple[Key, Unit], int] = {}
        self._groups: dict[str, list[int]] = {}
        self._places: dict[str, set[int]] = {}
        """Of each SLO the groups that take one of its places, by their numbers."""
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
            if not (track.retired_ms or track.shared):
                self._places.setdefault(track.key.slo, set()).add(number)
        self.version += 1
        return number

    def begin(self, at_ms: int) -> None:
        """Say when the first row of all was: from then on something is known of the tracks that there are."""
        self.all = [replace(each, born_ms=each.born_ms or at_ms) for each in self.all]

    def find(self, key: Key, unit: Unit) -> int | None:
        """Return the number of a track, None where there is none."""
        return self._numbers.get((key, unit))

    def groups(self, slo: str) -> Sequence[int]:
        """Return the tracks into which an SLO's events or time go, one per group, those that retired among them."""
        return self._groups.get(slo, ())

    @property
    def retired(self) -> list[int]:
        """The tracks into which the events or time of the groups go that retired."""
        return [each for groups in self._groups.values() for each in groups if self.all[each].retired_ms]

    def known(self, objective: int, group: Labels) -> bool:
        """Say whether a group has a track of its own."""
        return (Key(self._objectives[objective].slo.id, group), self._objectives[objective].unit) in self._numbers

    def of(self, objective: int, group: Labels, *, alive: bool = False) -> int:
        """Return the track into which a group's events go, with one for its slices beside it, both new where it is.

        alive: something happened in it, so that one that retired takes a place again, or shares OTHER where there is none.
        """
        slo, unit = self._objectives[objective].slo, self._objectives[objective].unit
        key = Key(slo.id, group)
        found = self._numbers.get((key, unit))
        if found is not None and not (alive and self.all[found].retired_ms):
            return found
        if len(self._places.get(slo.id, ())) >= self._most:
            key = Key(slo.id, Labels(dict.fromkeys(slo.group_by, OTHER)))
            found = self._numbers.get((key, unit))
        if found is None:
            found = self.add(Track(key, unit, self.now_ms))
            if self._objectives[objective].slice_ms:
                self.add(Track(key, Unit.SLICES, self.now_ms))
        elif alive and self.all[found].retired_ms:
            self._retire(found, 0)
        return found

    def retire(self, numbers: Iterable[int], at_ms: int) -> None:
        """Take their places from groups, by the tracks into which their events or time go."""
        for number in numbers:
            self._retire(number, at_ms)

    def remembered(self) -> list[int]:
        """Return the tracks (rising) without those of the groups that retired first, where an SLO has too many."""
        gone: set[Key] = set()
        for groups in self._groups.values():
            retired = sorted((self.all[each].retired_ms, each) for each in groups if self.all[each].retired_ms)
            if len(retired) > self._most_retired:
                beyond = len(retired) - int(self._most_retired * _KEPT_OF_MOST)
                gone |= {self.all[each].key for _, each in retired[:beyond]}
        return [number for number, each in enumerate(self.all) if each.key not in gone]

    def keep_only(self, numbers: Sequence[int]) -> None:
        """Forget all but these (rising); their places among them are their numbers from now on."""
        kept = [self.all[each] for each in numbers]
        self.all, self._numbers, self._groups, self._places = [], {}, {}, {}
        for each in kept:
            self.add(each)

    def _retire(self, number: int, at_ms: int) -> None:
        key = self.all[number].key
        for unit in Unit:
            place = self._numbers.get((key, unit))
            if place is not None:
                self.all[place] = replace(self.all[place], retired_ms=at_ms)
        places = self._places.setdefault(key.slo, set())
        if at_ms:
            places.discard(number)
        elif not self.all[number].shared:
            places.add(number)
        self.version += 1
