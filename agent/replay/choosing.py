"""Which rules are replayed: some by name, with all that they read; other intervals; and how long before the beginning to start.

A replay starts before the stretch that is asked about, so that what is pending, firing or recorded at its beginning is so.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Final

from agent.errors import InvalidInput
from agent.rules import Group, GroupKey, RuleSet, may_feed, reads
from agent.schema import suggest

LOOKBACK_MS: Final = 300_000
RUN_IN_MS: Final = 86_400_000
"""A replay starts at most this long before what is asked about; longer windows over recorded series read what was recorded."""


def chosen(rules: RuleSet, names: Collection[str] = (), groups: Collection[str] = ()) -> RuleSet:
    """Return the rules and groups of these names (all where none is given), and the rules that those read.

    Raises InvalidInput where a name is nobody's.
    """
    if not names and not groups:
        return rules
    _check(names, {rule.name for _, rule in rules.rules}, "rule")
    _check(groups, {str(group.name) for group in rules.groups}, "group")
    kept = {
        (group.key, number)
        for group in rules.groups
        for number, rule in enumerate(group.rules)
        if (not names or rule.name in names) and (not groups or str(group.name) in groups)
    }
    by_key = {group.key: group for group in rules.groups}
    waiting = list(kept)
    while waiting:
        key, number = waiting.pop()
        for selector in reads(by_key[key].rules[number].expr).selectors:
            for group in rules.groups:
                for place, rule in enumerate(group.rules):
                    if (group.key, place) not in kept and may_feed(group, selector, rule):
                        kept.add((group.key, place))
                        waiting.append((group.key, place))
    return RuleSet(
        tuple(part for group in rules.groups if (part := _part(group, kept)).rules),
        rules.files,
    )


def _check(names: Iterable[str], known: Collection[str], kind: str) -> None:
    for name in names:
        if name not in known:
            message = f'no {kind} "{name}" in these files{suggest(name, list(known))}'
            raise InvalidInput(message)


def _part(group: Group, kept: Collection[tuple[GroupKey, int]]) -> Group:
    rules = tuple(rule for number, rule in enumerate(group.rules) if (group.key, number) in kept)
    return _changed(group, replace(group, rules=rules))


def _changed(group: Group, made: Group) -> Group:
    object.__setattr__(made, "file", group.file)  # not yet shared with anybody
    return made


def with_interval(rules: RuleSet, interval_ms: int) -> RuleSet:
    """Return the rules with this interval for every group."""
    return RuleSet(
        tuple(_changed(group, replace(group, interval_ms=interval_ms)) for group in rules.groups), rules.files
    )


def reach_ms(rules: RuleSet) -> int:
    """Return how far back the expressions look at most."""
    return LOOKBACK_MS + max(
        (
            selector.window_ms + max(0, selector.offset_ms)
            for _, rule in rules.rules
            for selector in reads(rule.expr).selectors
        ),
        default=0,
    )


def run_in_ms(rules: RuleSet) -> int:
    """Return how long before the stretch the replay must start: the windows over what rules record, then `for` and the like."""
    recording = [(group, rule) for group, rule in rules.rules if not rule.is_alert]
    warm: dict[int, int] = {}

    def before(expression: str, seen: frozenset[int]) -> int:
        longest = 0
        for selector in reads(expression).selectors:
            for group, rule in recording:
                if id(rule) in seen or not may_feed(group, selector, rule):
                    continue
                if id(rule) not in warm:
                    warm[id(rule)] = before(rule.expr, seen | {id(rule)})
                longest = max(longest, selector.window_ms + max(0, selector.offset_ms) + LOOKBACK_MS + warm[id(rule)])
        return longest

    needed = [
        before(rule.expr, frozenset()) + (rule.for_ms or 0) + (rule.keep_firing_for_ms or 0) + LOOKBACK_MS
        for _, rule in rules.rules
    ]
    return min(RUN_IN_MS, max(needed, default=0))
