"""What a what-if found, as values: each time that somebody would have been told, what it cost, and how budgets ended."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from agent.slo import Severity
from agent.slo.budget import Key, Objective, Reading

FALSE_BELOW: Final = 0.01
"""The part of a period's budget that a page should have cost; one that cost less is called false."""


@dataclass(frozen=True, slots=True)
class Spell:
    """A stretch in which a page, or a ticket, was open, and what was bad from the first scrape of the trouble to its end.

    tier: the one that opened first. onset_ms: the first scrape of the trouble; None where it was open when the replay began.
    closed_ms: None where it was open when the replay ended. last_bad_ms: the last scrape whose own events were over the
    threshold of the tier that closed last. burned: a fraction of the period's budget.
    """

    severity: Severity
    tier: str
    onset_ms: int | None
    opened_ms: int
    closed_ms: int | None
    last_bad_ms: int | None
    bad: float
    total: float
    burned: float

    @property
    def detection_ms(self) -> int | None:
        """From the first scrape of the trouble to the tier that opened."""
        return None if self.onset_ms is None else self.opened_ms - self.onset_ms

    @property
    def reset_ms(self) -> int | None:
        """From the last scrape of the trouble to the end."""
        if self.closed_ms is None or self.last_bad_ms is None:
            return None
        return self.closed_ms - self.last_bad_ms

    def length_ms(self, until_ms: int) -> int:
        """Return for how long it was open; `until_ms` is when the replay ended."""
        return (self.closed_ms or until_ms) - self.opened_ms

    def overlaps(self, others: Iterable[Spell]) -> bool:
        """Say whether any of the others was open at the same time."""
        mine = self.closed_ms or _FOREVER
        return any(each.opened_ms <= mine and self.opened_ms <= (each.closed_ms or _FOREVER) for each in others)


_FOREVER: Final = 2**62


@dataclass(frozen=True, slots=True)
class BudgetAccount:
    """One budget of one version.

    held: spells that there would have been without a least number of events, and were not. no_data_ms, invalid_ms: for how long
    nothing was known, and the numbers could not be right; words: why, the last time.
    """

    key: Key
    objective: Objective
    reading: Reading
    spells: tuple[Spell, ...]
    held: tuple[Spell, ...]
    no_data_ms: int
    invalid_ms: int
    words: str

    def of(self, severity: Severity) -> tuple[Spell, ...]:
        """Return the spells of a severity, in order."""
        return tuple(each for each in self.spells if each.severity is severity)

    def false(self, below: float) -> tuple[Spell, ...]:
        """Return the pages that cost less of the budget than they should have."""
        return tuple(each for each in self.of(Severity.PAGE) if each.burned < below)


@dataclass(frozen=True, slots=True)
class VersionAccount:
    """All budgets of one version, in the order of its SLOs."""

    name: str
    budgets: tuple[BudgetAccount, ...]

    def of(self, severity: Severity) -> list[Spell]:
        """Return the spells of a severity of all budgets."""
        return [spell for each in self.budgets for spell in each.of(severity)]

    def false(self, below: float) -> list[Spell]:
        """Return the false pages of all budgets."""
        return [spell for each in self.budgets for spell in each.false(below)]

    @property
    def held(self) -> list[Spell]:
        """The spells of all budgets that few events held back."""
        return [spell for each in self.budgets for spell in each.held]


@dataclass(frozen=True, slots=True)
class SloReport:
    """A whole what-if: versions side by side, over [from_ms, until_ms], looked at every `step_ms`.

    interval_ms: how often targets were scraped; oldest_ms, newest_ms: the oldest and the newest
    sample of the indicators, None without any.
    """

    from_ms: int
    until_ms: int
    step_ms: int
    interval_ms: int
    oldest_ms: int | None
    versions: tuple[VersionAccount, ...]
    false_below: float = FALSE_BELOW
    notes: tuple[str, ...] = ()
    interrupted: bool = False
    newest_ms: int | None = None


def median(values: Sequence[int | None]) -> int | None:
    """Return the middle one of those that are known (of two the smaller), None where none is."""
    known = sorted(each for each in values if each is not None)
    return known[(len(known) - 1) // 2] if known else None
