"""Which groups feed which, and the order that follows: one that reads what another records comes after it.

Pure functions of the files' text, used by the live rounds and by a replay alike. An order is never wrong, at most stricter
than it had to be; thousands of groups that record the same names with labels of their own, as SLOs do, are told apart by
these labels, so that the time taken grows with the rules and not with their square.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final

from agent.model import METRIC_NAME, MatchOp
from agent.rules.reading import Selector, reads, written
from agent.rules.spec import Group, GroupKey

_MOST_COMPARED: Final = 300_000
"""So many comparisons of selectors that name no metric with what rules write; what is beyond reads no rule's series."""


Writer = tuple[GroupKey, int]
"""A rule by its group and its place in it."""


class _Written:
    """The series of one metric that rules write: of each rule the labels that are sure, and which it is."""

    def __init__(self) -> None:
        self.entries: list[tuple[dict[str, str], Writer]] = []
        self._by_label: dict[str, dict[str | None, list[int]]] = {}

    def near(self, selector: Selector) -> Iterable[tuple[dict[str, str], Writer]]:
        """Return the entries that may fit, found by the equality matcher that leaves the fewest."""
        best: Collection[int] = range(len(self.entries))
        for matcher in selector.matchers if len(best) > 1 else ():
            if matcher.op is MatchOp.EQUAL and matcher.name != METRIC_NAME:
                index = self._index(matcher.name)
                found = [*index.get(matcher.value, ()), *index.get(None, ())]
                best = min(best, found, key=len)
        return (self.entries[number] for number in best)

    def _index(self, label: str) -> dict[str | None, list[int]]:
        """Return the entries by what is sure of a label; None: nothing is."""
        index = self._by_label.get(label)
        if index is None:
            index = self._by_label[label] = {}
            for number, (labels, _) in enumerate(self.entries):
                index.setdefault(labels.get(label), []).append(number)
        return index


class Writers:
    """Who writes what, of all rules of some groups."""

    def __init__(self, groups: Iterable[Group]) -> None:
        self._by_name: dict[str, _Written] = {}
        for group in groups:
            for number, rule in enumerate(group.rules):
                for labels in written(group, rule):
                    of_name = self._by_name.setdefault(labels[METRIC_NAME], _Written())
                    of_name.entries.append((labels, (group.key, number)))

    def feeding(self, selector: Selector) -> Iterator[Writer]:
        """Give the rules whose series a selector may select."""
        for name in (selector.name,) if selector.name else self._by_name:
            if name in self._by_name and not selector.refuses({METRIC_NAME: name}):
                near = self._by_name[name].near(selector)
                yield from (writer for labels, writer in near if not selector.refuses(labels))


def feeders(groups: Sequence[Group]) -> dict[GroupKey, tuple[GroupKey, ...]]:
    """Return, of each group, the other groups whose series its rules may read, in the order given."""
    places = {group.key: place for place, group in enumerate(groups)}
    writers = Writers(groups)
    asked: dict[Selector, frozenset[GroupKey]] = {}
    found, compared = {}, 0
    for group in groups:
        fed: set[GroupKey] = set()
        for rule in group.rules:
            for selector in reads(rule.expr).selectors:
                if selector not in asked:
                    compared += 0 if selector.name else len(places)
                    known = selector.name or compared <= _MOST_COMPARED
                    asked[selector] = frozenset(key for key, _ in writers.feeding(selector)) if known else frozenset()
                fed |= asked[selector]
        found[group.key] = tuple(sorted(fed - {group.key}, key=places.__getitem__))
    return found


def in_order(
    groups: Iterable[Group], fed_by: Mapping[GroupKey, Sequence[GroupKey]] | None = None
) -> tuple[GroupKey, ...]:
    """Return the groups so that one that reads what another writes comes after it; `fed_by` is what `feeders` found.

    Otherwise they stay in the order given, as do groups that read each other in a circle. This is the order of groups
    that are evaluated at the same instant, live and in a replay.
    """
    groups = tuple(groups)
    fed_by = feeders(groups) if fed_by is None else fed_by
    order: list[GroupKey] = []
    places = {group.key: place for place, group in enumerate(groups)}
    for circle in _circles(fed_by):
        order += sorted(circle, key=places.__getitem__)
    return tuple(order)


def _circles(fed_by: Mapping[GroupKey, Sequence[GroupKey]]) -> Iterator[list[GroupKey]]:
    """Give the strongly connected components, feeders first (R. Tarjan, 1972, without recursion)."""
    low: dict[GroupKey, int] = {}
    path: list[GroupKey] = []
    done: set[GroupKey] = set()
    for root in fed_by:
        if root in low:
            continue
        low[root] = len(low)
        path.append(root)
        way = [(root, low[root], iter(fed_by[root]))]
        while way:
            key, number, rest = way[-1]
            fresh = next((each for each in rest if each not in done and _lowered(low, key, each)), None)
            if fresh is not None:
                low[fresh] = len(low)
                path.append(fresh)
                way.append((fresh, low[fresh], iter(fed_by[fresh])))
                continue
            way.pop()
            if way:
                low[way[-1][0]] = min(low[way[-1][0]], low[key])
            if low[key] == number:
                circle: list[GroupKey] = []
                while key not in done:
                    circle.append(path.pop())
                    done.add(circle[-1])
                yield circle


def _lowered(low: dict[GroupKey, int], key: GroupKey, other: GroupKey) -> bool:
    """Say whether `other` was never seen; where it was, it is on the path, and `key` is in a circle with it."""
    if other not in low:
        return True
    low[key] = min(low[key], low[other])
    return False
