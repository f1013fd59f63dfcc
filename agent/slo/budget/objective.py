"""What the engine keeps for an SLO: how it is counted, when somebody is told, and what of it has a budget of its own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from agent.errors import InvalidInput
from agent.model import Labels
from agent.slo.budget.exclusions import check
from agent.slo.budget.periods import longest_ms
from agent.slo.model import Occurrences, RatioTimeslices, Severity, Slo, Timeslices
from agent.slo.shapes import Counted, Sampled, Shape, shape
from agent.slo.windows import Windows


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
