"""Groups that are evaluated when the targets that they read have been scraped: who is waited for, and how long.

`Rounds` is told which targets each group reads, what has landed and what time it is; it answers which groups are due at
which instant. It holds no clock, no task and no rule; `targets_read` says which targets those are.

A group's period is the shortest scrape interval among its targets; round k is [k · period, (k + 1) · period). It is due once
in a round, when the last of its targets' slots in that round has landed, at the newest timestamp that landed in it. A target
that never lands is waited for until the next round's instant would come: a scrape that hangs has failed by then.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final, NamedTuple

from agent.rules.reading import Selector, reads
from agent.rules.schedule import Cadence
from agent.rules.spec import Group, GroupKey

_LEAP: Final = 3
"""So many periods after a deadline it is no delay."""


class Due(NamedTuple):
    """Groups to evaluate at an instant. `late`: targets that did not land in time; `missed`: rounds passed over before it."""

    keys: tuple[GroupKey, ...]
    at_ms: int
    late: tuple[str, ...] = ()
    missed: int = 0


class Gathering:
    """Groups that read the same targets, and which of those have not landed in the round that is waited for."""

    __slots__ = (
        "_cadences",
        "_expects",
        "_first",
        "_from",
        "_last",
        "_leapt",
        "_missing",
        "_newest_ms",
        "_number",
        "_planned_ms",
        "due_ms",
        "keys",
        "period_ms",
    )
    _newest_ms: int | None
    """The newest timestamp that landed in the round, None where none did."""
    due_ms: int | None
    """The instant at which its groups were last due."""

    def __init__(
        self, cadences: Mapping[str, Cadence], known: Mapping[str, int], last: Mapping[str, int], now_ms: int
    ) -> None:
        self.keys: tuple[GroupKey, ...] = ()
        self.period_ms = min(each.interval_ms for each in cadences.values())
        self._cadences, self._from, self._last = cadences, known, last
        self.restart(now_ms)

    def restart(self, now_ms: int) -> None:
        """Begin anew at an instant: with the round before it, which may still wait for its last target."""
        self._first, self.due_ms, self._leapt = True, None, 0
        self._begin(now_ms // self.period_ms - 1)

    @property
    def deadline_ms(self) -> int:
        """When the round is over, whoever has landed."""
        return self._planned_ms + self.period_ms

    def landed(self, target: str, at_ms: int) -> list[Due]:
        """Take note of a scrape with this timestamp; return what is due by it."""
        start = self._number * self.period_ms
        if at_ms < start:
            return []
        if at_ms < start + self.period_ms and (self._newest_ms is None or at_ms > self._newest_ms):
            self._newest_ms = at_ms
        slot = self._missing.get(target)
        if slot is None or at_ms < slot:
            return []
        del self._missing[target]
        return [] if self._missing else self.complete()

    def complete(self) -> list[Due]:
        """Return what is due because nobody is waited for, and go on to the first round in which somebody is."""
        found, missed = [], 0
        while not self._missing:
            if self._newest_ms is not None:
                found.append(self._due(self._newest_ms, (), missed))
                missed = 0
                self._next()
                continue
            # What lies before everybody's newest scrape is over: one step, however far the clock leapt.
            number = max(self._number + 1, min(self._last.get(each, 0) for each in self._cadences) // self.period_ms)
            missed += number - self._number if self._expects and not self._first else 0
            self._first = False
            self._begin(number)
        return found

    def overdue(self, now_ms: int) -> list[Due]:
        """Return what is due at `now_ms` although somebody is waited for; of several rounds that passed, the newest."""
        missed = 0
        if self.deadline_ms + _LEAP * self.period_ms <= now_ms:
            # The machine slept, or its clock was set forward: nobody can have landed since, and an evaluation before anybody
            # has would find nothing, and every alert over.
            self._leap(now_ms)
        while self.deadline_ms + self.period_ms <= now_ms:
            missed += 1
            self._begin(self._number + 1)
        if self.deadline_ms > now_ms:
            return self.complete()
        at_ms = self._planned_ms if self._newest_ms is None else self._newest_ms
        due = self._due(at_ms, tuple(sorted(self._missing)), missed)
        self._next()
        return [due, *self.complete()]

    def _leap(self, now_ms: int) -> None:
        """Go on to the first round that has still to come; those that passed are told with what is due next."""
        number = now_ms // self.period_ms
        self._leapt += number - self._number
        self._begin(number)
        if self._planned_ms <= now_ms:
            self._leapt += 1
            self._begin(number + 1)

    def _due(self, at_ms: int, late: tuple[str, ...], missed: int) -> Due:
        self.due_ms, missed, self._leapt = at_ms, missed + self._leapt, 0
        return Due(self.keys, at_ms, late, missed)

    def _next(self) -> None:
        self._first = False
        self._begin(self._number + 1)

    def _begin(self, number: int) -> None:
        start, end = number * self.period_ms, (number + 1) * self.period_ms
        missing: dict[str, int] = {}
        planned, newest = -1, -1
        for target, cadence in self._cadences.items():
            landed = self._last.get(target, -1)
            if start <= landed < end and landed > newest:
                newest = landed
            slot = cadence.newest_slot(start, end)
            if slot is not None and slot >= self._from.get(target, 0):
                planned = max(planned, slot)
                if landed < slot:
                    missing[target] = slot
        self._number, self._missing, self._expects = number, missing, planned >= 0
        self._planned_ms = end - 1 if planned < 0 else planned
        self._newest_ms = None if newest < 0 else newest


class Rounds:
    """All groups that wait for scrapes. Groups that read the same targets wait together, so that a landing costs little."""

    def __init__(self) -> None:
        self._cadences: dict[str, Cadence] = {}
        self._last: dict[str, int] = {}
        self._from: dict[str, int] = {}
        """Since when a target is known: slots before that are not waited for."""
        self._gatherings: dict[frozenset[str], Gathering] = {}
        self._by_target: dict[str, list[Gathering]] = {}
        self._periods: dict[GroupKey, int] = {}

    @property
    def periods_ms(self) -> Mapping[GroupKey, int]:
        """The groups that wait for scrapes, and how often each is due."""
        return self._periods

    def assign(
        self, targets: Mapping[GroupKey, Collection[str]], cadences: Mapping[str, Cadence], now_ms: int
    ) -> list[Due]:
        """Say anew which targets each group reads; a target without a cadence does not count, nor a group without targets.

        Groups whose targets stay the same stay in their round. Returns what is due at once.
        """
        same = {name for name, cadence in cadences.items() if self._cadences.get(name) == cadence}
        self._cadences = dict(cadences)
        for times in (self._last, self._from):
            for name in times.keys() - cadences.keys():
                del times[name]
        self._from.update({name: min(self._from.get(name, now_ms), now_ms) for name in cadences})
        together: dict[frozenset[str], list[GroupKey]] = {}
        for key, names in targets.items():
            known = frozenset(name for name in names if name in cadences)
            if known:
                together.setdefault(known, []).append(key)
        before, due = self._gatherings, []
        self._gatherings, self._by_target, self._periods = {}, {}, {}
        for names, keys in together.items():
            gathering = before.get(names) if names <= same else None
            if gathering is None:
                gathering = Gathering({name: cadences[name] for name in names}, self._from, self._last, now_ms)
            elif gathering.due_ms is not None:
                fresh = tuple(key for key in keys if key not in gathering.keys)
                due += [Due(fresh, gathering.due_ms)] if fresh else []
            gathering.keys = tuple(keys)
            due += gathering.complete()
            self._gatherings[names] = gathering
            self._periods.update(dict.fromkeys(keys, gathering.period_ms))
            for name in names:
                self._by_target.setdefault(name, []).append(gathering)
        return due

    def landed(self, target: str, at_ms: int) -> list[Due]:
        """Take note that a target's scrape with this timestamp is in the store; return what is due by it."""
        cadence = self._cadences.get(target)
        if cadence is not None:
            newest = max(self._last.get(target, 0), self._from[target])
            if at_ms + 2 * cadence.interval_ms < newest:
                self._set_back(at_ms)
        self._last[target] = at_ms
        return [due for each in self._by_target.get(target, ()) for due in each.landed(target, at_ms)]

    def overdue(self, now_ms: int) -> list[Due]:
        """Return what is due although not all has landed, because its time is over."""
        return [due for each in self._gatherings.values() for due in each.overdue(now_ms)]

    def next_deadline(self) -> int | None:
        """Return when `overdue` has something to say unless more lands, None where nobody waits."""
        return min((each.deadline_ms for each in self._gatherings.values()), default=None)

    def _set_back(self, now_ms: int) -> None:
        """Follow a clock that was set back: what landed in its future is forgotten."""
        self._last.clear()
        self._from.update(dict.fromkeys(self._from, now_ms))
        for gathering in self._gatherings.values():
            gathering.restart(now_ms)
            gathering.complete()


def targets_read(
    groups: Sequence[Group],
    fed_by: Mapping[GroupKey, Sequence[GroupKey]],
    ask: Callable[[Selector], frozenset[str]],
) -> dict[GroupKey, frozenset[str]]:
    """Return the targets that each of `groups` reads: those whose series its selectors match, by `ask`, and all those of the
    groups that feed it (`feeders`), for it comes after them.
    """
    asked: dict[Selector, frozenset[str]] = {}
    found: dict[GroupKey, frozenset[str]] = {}
    for group in groups:
        own: set[str] = set()
        for rule in group.rules:
            for selector in reads(rule.expr).selectors:
                if selector not in asked:
                    asked[selector] = ask(selector)
                own |= asked[selector]
        found[group.key] = frozenset(own)
    moved = True
    while moved:
        moved = False
        for key, before in found.items():
            after = before.union(*(found[each] for each in fed_by.get(key, ()) if each in found))
            if len(after) > len(before):
                found[key], moved = after, True
    return found
