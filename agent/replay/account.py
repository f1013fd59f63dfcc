"""What came of a replay, rule by rule: each alert's spells, and from them how often, how long, and who was told.

Pure values; the words and pictures made of them are elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from agent.model import Labels
from agent.replay.told import Told, Withheld
from agent.rules import GroupKey, State, Transition

FLAP_MS: Final = 900_000
"""An alert that fires again within this long of its end flaps."""


class RuleId(NamedTuple):
    """A rule by its group and its place in it."""

    group: GroupKey
    number: int


@dataclass(slots=True)
class Spell:
    """One life of one alert: from when its condition held (`began_ms`) to its end; what has not happened is None.

    `kept` are the (begin, end) in which it fired on although its condition did not hold.
    """

    labels: Labels
    began_ms: int
    fired_ms: int | None = None
    ended_ms: int | None = None
    value: float | None = None
    why: str = ""
    kept: list[tuple[int, int]] = field(default_factory=list)

    def firing_ms(self, from_ms: int, until_ms: int) -> int:
        """Return how long it fired within a stretch of time."""
        if self.fired_ms is None:
            return 0
        return max(0, min(until_ms, self.ended_ms or until_ms) - max(from_ms, self.fired_ms))


@dataclass(frozen=True, slots=True)
class Failing:
    """How often a rule failed, and what it said last."""

    times: int
    message: str
    last_ms: int


@dataclass(frozen=True, slots=True)
class RuleAccount:
    """What came of one alerting rule between two instants. `told` are the messages with a firing alert of it."""

    rule: RuleId
    name: str
    expression: str
    for_ms: int
    keep_firing_for_ms: int
    severity: str
    from_ms: int
    until_ms: int
    spells: tuple[Spell, ...]
    told: tuple[Told, ...]
    transitions: tuple[Transition, ...] = ()
    """Every change of the rule's alerts from `from_ms` on, as it happened."""

    @property
    def fired(self) -> tuple[Spell, ...]:
        """The spells that fired."""
        return tuple(spell for spell in self.spells if spell.fired_ms is not None)

    @property
    def never_fired(self) -> tuple[Spell, ...]:
        """The spells that were over before `for` had passed."""
        return tuple(spell for spell in self.spells if spell.fired_ms is None and spell.ended_ms is not None)

    @property
    def longest_ms(self) -> int:
        """How long the longest one fired."""
        return max((spell.firing_ms(self.from_ms, self.until_ms) for spell in self.spells), default=0)

    @property
    def firing_ms(self) -> int:
        """How long all of them fired together."""
        return sum(spell.firing_ms(self.from_ms, self.until_ms) for spell in self.spells)

    @property
    def flaps(self) -> int:
        """How often an alert fired again within FLAP_MS of its end."""
        ended: dict[Labels, int] = {}
        count = 0
        for spell in sorted(self.fired, key=lambda each: each.fired_ms or 0):
            before = ended.get(spell.labels)
            if before is not None and spell.fired_ms is not None and spell.fired_ms - before <= FLAP_MS:
                count += 1
            if spell.ended_ms is not None:
                ended[spell.labels] = spell.ended_ms
        return count

    @property
    def tellings(self) -> Mapping[str, int]:
        """How often each receiver was told, however many messages one telling took."""
        return counted(self.told)


class Telling(NamedTuple):
    """One occasion on which a receiver was told something: its messages by all channels, to all of its people."""

    at_ms: int
    receiver: str
    incident: str
    step: int


def telling_of(told: Told) -> Telling:
    """Return the occasion that a message belongs to."""
    return Telling(told.at_ms, told.receiver, told.notification.incident, told.step)


def counted(told: Iterable[Told]) -> dict[str, int]:
    """Return how often each receiver was told."""
    counts: dict[str, int] = {}
    for telling in sorted({telling_of(each) for each in told}):
        counts[telling.receiver] = counts.get(telling.receiver, 0) + 1
    return counts


@dataclass(frozen=True, slots=True)
class Report:
    """What a replay found between `from_ms` and `until_ms`; shorter than asked where it was `interrupted`.

    `told` and `withheld` are None where there was no routing. `due` and `made` count evaluations; the others were known to
    change nothing. `failing` are the rules that failed at some instant, by name.
    """

    from_ms: int
    until_ms: int
    rules: tuple[RuleAccount, ...]
    failing: tuple[tuple[str, Failing], ...] = ()
    told: tuple[Told, ...] | None = None
    withheld: tuple[Withheld, ...] | None = None
    due: int = 0
    made: int = 0
    interrupted: bool = False
    notes: tuple[str, ...] = ()

    @property
    def firing_told(self) -> tuple[Told, ...]:
        """The messages about something that fires."""
        return tuple(each for each in self.told or () if each.firing)

    @property
    def tellings(self) -> int:
        """On how many occasions somebody was told that something fires."""
        return len({telling_of(each) for each in self.firing_told})


def spells_of(transitions: Iterable[Transition], from_ms: int) -> Iterator[Spell]:
    """Give one rule's spells, in the order of their beginnings; those that were over before `from_ms` are left out."""
    under_way: dict[Labels, Spell] = {}
    found: list[Spell] = []
    for each in transitions:
        spell = under_way.get(each.labels)
        if spell is None and each.after is not State.INACTIVE:
            spell = under_way[each.labels] = Spell(each.labels, each.at_ms)
            found.append(spell)
        if spell is None:
            continue
        spell.value, spell.why = each.value, each.why
        if each.after is State.FIRING and spell.fired_ms is None:
            spell.fired_ms = each.at_ms
        elif each.after is State.INACTIVE:
            spell.ended_ms = each.at_ms
            del under_way[each.labels]
    yield from (spell for spell in found if spell.ended_ms is None or spell.ended_ms >= from_ms)


def with_kept(spells: Sequence[Spell], kept: Iterable[tuple[Labels, int, int]]) -> None:
    """Note in the spells when their alerts fired on without their condition: (labels, begin, end)."""
    by_labels: dict[Labels, list[Spell]] = {}
    for spell in spells:
        by_labels.setdefault(spell.labels, []).append(spell)
    for labels, since_ms, until_ms in kept:
        for spell in by_labels.get(labels, ()):
            if spell.began_ms <= since_ms and (spell.ended_ms is None or since_ms <= spell.ended_ms):
                spell.kept.append((since_ms, until_ms))
