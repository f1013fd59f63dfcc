"""Two replays of one stretch, side by side: what a change of rules would have changed, in words and alert by alert.

Alerts belong together by name and, as far as both sides have them, by labels; their spells where they overlap in time.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from agent.model import METRIC_NAME, Labels
from agent.replay.account import Report, RuleAccount, Spell, counted

_APART_MS: Final = 60_000
"""Firing spells that are no further apart than this are about the same."""


@dataclass(frozen=True, slots=True)
class Pair:
    """The same outage as both rules saw it; None on the side that did not fire."""

    name: str
    before: Spell | None
    after: Spell | None

    @property
    def at_ms(self) -> int:
        """When it fired first, on either side."""
        return min(each.fired_ms for each in (self.before, self.after) if each and each.fired_ms is not None)

    @property
    def later_ms(self) -> int:
        """By how much later (earlier: negative) the changed rule fires; 0 where only one side does."""
        if self.before is None or self.after is None:
            return 0
        assert self.before.fired_ms is not None
        assert self.after.fired_ms is not None
        return self.after.fired_ms - self.before.fired_ms


@dataclass(frozen=True, slots=True)
class AlertChange:
    """What changed for all rules of one name."""

    name: str
    before: tuple[RuleAccount, ...]
    after: tuple[RuleAccount, ...]
    pairs: tuple[Pair, ...]

    @property
    def is_same(self) -> bool:
        """Say whether nothing is different: neither when it fires, nor for how long, nor who is told."""
        return (
            all(pair.before and pair.after and not pair.later_ms for pair in self.pairs)
            and all(pair.before and pair.after and pair.before.ended_ms == pair.after.ended_ms for pair in self.pairs)
            and _tellings(self.before) == _tellings(self.after)
        )


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two reports and what differs between them."""

    before: Report
    after: Report
    changes: tuple[AlertChange, ...]

    @property
    def differing(self) -> tuple[AlertChange, ...]:
        """The alerts for which something is different."""
        return tuple(change for change in self.changes if not change.is_same)


def compared(before: Report, after: Report) -> Comparison:
    """Return what is different when `after`'s rules stand for `before`'s."""
    names = list(dict.fromkeys(account.name for report in (before, after) for account in report.rules))
    changes = []
    for name in names:
        old = tuple(each for each in before.rules if each.name == name)
        new = tuple(each for each in after.rules if each.name == name)
        changes.append(AlertChange(name, old, new, tuple(_pairs(name, _fired(old), _fired(new)))))
    return Comparison(before, after, tuple(changes))


def _fired(accounts: Iterable[RuleAccount]) -> list[Spell]:
    found = [spell for account in accounts for spell in account.fired]
    return sorted(found, key=lambda spell: (spell.fired_ms or 0, spell.labels.pairs))


def _pairs(name: str, before: list[Spell], after: list[Spell]) -> list[Pair]:
    left, pairs = list(after), []
    for old in before:
        same = [new for new in left if _overlap(old, new) and _are_alike(old.labels, new.labels)]
        new = min(same, key=lambda each: abs((each.fired_ms or 0) - (old.fired_ms or 0)), default=None)
        if new is not None:
            left.remove(new)
        pairs.append(Pair(name, old, new))
    pairs += [Pair(name, None, new) for new in left]
    return sorted(pairs, key=lambda pair: pair.at_ms)


def _overlap(one: Spell, other: Spell) -> bool:
    far = 2**62
    return one.began_ms <= (other.ended_ms or far) + _APART_MS and other.began_ms <= (one.ended_ms or far) + _APART_MS


def _are_alike(one: Labels, other: Labels) -> bool:
    """Say whether labels that both have agree, but for the severity, which a change may well change."""
    both = (set(one) & set(other)) - {METRIC_NAME, "severity"}
    return all(one.get(name) == other.get(name) for name in both)


def _tellings(accounts: Iterable[RuleAccount]) -> dict[str, int]:
    return counted(told for account in accounts for told in account.told)
