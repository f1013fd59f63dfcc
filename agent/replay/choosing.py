"""Which rules are replayed: some by name, with all that they read; other intervals; and how long before the beginning to start.

A replay starts before the stretch that is asked about, so that what is pending, firing or recorded at its beginning is so.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Final

from agent.errors import InvalidInput
from agent.rules import Group, GroupKey, Rule, RuleSet, Selector, Writers, reads
from agent.schema import suggest

LOOKBACK_MS: Final = 300_000
RUN_IN_MS: Final = 86_400_000
"""A replay starts at most this long before what is asked about; longer windows over recorded series read what was recorded."""

Writer = tuple[GroupKey, int]
_DEEPEST: Final = 50
"""Recordings of recordings: a longer chain does not start any earlier."""


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
    by_key, writers = {group.key: group for group in rules.groups}, Writers(rules.groups)
    waiting = list(kept)
    while waiting:
        key, number = waiting.pop()
        for selector in reads(by_key[key].rules[number].expr).selectors:
            fresh = set(writers.feeding(selector)) - kept
            kept |= fresh
            waiting += fresh
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
    by_key, writers = {group.key: group for group in rules.groups}, Writers(rules.groups)
    warm: dict[Writer, int] = {}
    asked: dict[Selector, int] = {}

    def before(rule: Rule, under_way: frozenset[Writer]) -> int:
        return max((reached(selector, under_way) for selector in reads(rule.expr).selectors), default=0)

    def reached(selector: Selector, under_way: frozenset[Writer]) -> int:
        if selector not in asked:
            longest = 0
            for writer in writers.feeding(selector):
                rule = by_key[writer[0]].rules[writer[1]]
                if rule.is_alert or writer in under_way or len(under_way) > _DEEPEST:
                    continue
                if writer not in warm:
                    warm[writer] = before(rule, under_way | {writer})
                reach = selector.window_ms + max(0, selector.offset_ms) + LOOKBACK_MS
                longest = max(longest, reach + warm[writer])
            asked[selector] = longest
        return asked[selector]

    needed = [
        before(rule, frozenset()) + (rule.for_ms or 0) + (rule.keep_firing_for_ms or 0) + LOOKBACK_MS
        for _, rule in rules.rules
    ]
    return min(RUN_IN_MS, max(needed, default=0))
