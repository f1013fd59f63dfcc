"""Which groups of rules may be replayed ahead, a day at a time, and which only instant by instant, together.

Ahead is fast: one range evaluation for a whole stretch. It is honest where everything that an expression reads of the replayed
rules' own series is written by a group, or a rule of its group, that was there before it. In doubt, together.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import Final

from agent.errors import ParseError
from agent.rules import Group, GroupKey, Rule, Selector, Writers, in_order, reads, written

_ACTION: Final = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_ASKS: Final = re.compile(r"\bquery\b")
_LITERAL: Final = re.compile(r'\bquery\s+("(?:[^"\\]|\\.)*"|`[^`]*`)')
_ANYTHING: Final = Selector(())


@dataclass(frozen=True, slots=True)
class Unit:
    """Groups that are replayed as one: a single one `ahead`, or several (or one that reads itself) instant by instant."""

    groups: tuple[Group, ...]
    ahead: bool


def units(groups: Sequence[Group], offsets_ms: Mapping[GroupKey, int], *, step_by_step: bool = False) -> list[Unit]:
    """Return the units, in the order of `in_order`. `offsets_ms`: each group's query offset."""
    by_key = {group.key: group for group in groups}
    ordered = [by_key[key] for key in in_order(groups)]
    if step_by_step:
        return [Unit(tuple(ordered), ahead=False)] if ordered else []
    bound = sorted(set(_bound(ordered, [offsets_ms[group.key] for group in ordered])))
    found: list[Unit] = []
    place = 0
    while place < len(ordered):
        last, together = place, False
        for first, end in bound:
            if place <= first <= last:
                last, together = max(last, end), True
        found.append(Unit(tuple(ordered[place : last + 1]), ahead=not together))
        place = last + 1
    return found


def _bound(ordered: Sequence[Group], offsets_ms: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Give (first, last) of each run of groups that must go together."""
    feeding = _Feeding(ordered)
    yield from _writing_the_same(ordered)
    for place, group in enumerate(ordered):
        for number, rule in enumerate(group.rules):
            for selector in reads(rule.expr).selectors:
                for other, its in feeding.of(selector):
                    fed_by = ordered[other].rules[its]
                    late = offsets_ms[other] > offsets_ms[place] + selector.offset_ms
                    if other > place or (other < place and late):
                        yield min(place, other), max(place, other)
                    elif other == place and (fed_by.is_alert or its >= number):
                        yield place, place
            for selector in asked_by_templates(group, rule):
                for other, its in feeding.of(selector):
                    late = offsets_ms[other] > selector.offset_ms
                    if other > place or (other < place and late):
                        yield min(place, other), max(place, other)
                    elif other == place and (late or its > number):
                        yield place, place


def _writing_the_same(ordered: Sequence[Group]) -> Iterator[tuple[int, int]]:
    """Give the runs of groups in which two rules may record the same series at the same instant: which one stays is a race.

    Two groups with intervals of their own have offsets of their own, too.
    """
    by_name: dict[str, list[tuple[int, dict[str, str]]]] = {}
    for place, group in enumerate(ordered):
        for rule in group.rules:
            if not rule.is_alert:
                by_name.setdefault(rule.name, []).extend((place, fixed) for fixed in written(group, rule))
    for rules in by_name.values():
        shapes = {frozenset(fixed) for _, fixed in rules}
        for one, other in combinations_with_replacement(sorted(shapes, key=sorted), 2):
            shared = sorted(one & other)
            places: dict[tuple[str, ...], list[int]] = {}
            for place, fixed in rules:
                if fixed.keys() in (one, other):
                    places.setdefault(tuple(fixed[name] for name in shared), []).append(place)
            for together in places.values():
                waiting = [place for place in together if not ordered[place].interval_ms]
                if len(waiting) > 1:
                    yield min(waiting), max(waiting)
                yield from ((place, place) for place, count in Counter(together).items() if count > 1)


class _Feeding:
    """Which rules may feed a selector, by the places of their groups; each selector is looked up once."""

    def __init__(self, ordered: Sequence[Group]) -> None:
        self._places = {group.key: place for place, group in enumerate(ordered)}
        self._writers = Writers(ordered)
        self._known: dict[Selector, tuple[tuple[int, int], ...]] = {}

    def of(self, selector: Selector) -> tuple[tuple[int, int], ...]:
        """Return (place of the group, number of the rule) of each."""
        found = self._known.get(selector)
        if found is None:
            writers = self._writers.feeding(selector)
            found = self._known[selector] = tuple((self._places[key], number) for key, number in writers)
        return found


def asked_by_templates(group: Group, rule: Rule) -> tuple[Selector, ...]:
    """Return what the templates of a rule may read by `query`: anything, where the question is put together."""
    if not rule.is_alert:
        return ()
    texts = (*group.labels_of(rule).values(), *map(str, rule.annotations.values()))
    found: list[Selector] = []
    for action in (each for text in texts if "query" in text for each in _ACTION.findall(text)):
        literals = _LITERAL.findall(action)
        if len(literals) < len(_ASKS.findall(action)):
            return (_ANYTHING,)
        for literal in literals:
            try:
                found += reads(literal[1:-1] if literal[0] == "`" else json.loads(literal)).selectors
            except (ParseError, ValueError):
                return (_ANYTHING,)
    return tuple(found)
