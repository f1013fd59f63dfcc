"""What the compiler is told beside the SLO: the period of those that name none, the windows, labels, the dialect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from agent.slo.model import Calendar, Rolling, Slo
from agent.slo.windows import Catalog, Limits

DAY_MS: Final = 86_400_000
DEFAULT_PERIOD_MS: Final = 30 * DAY_MS
_UNIT_DAYS: Final = {"day": 1, "week": 7, "month": 30, "quarter": 90, "year": 365}


class Dialect(StrEnum):
    """Whose rules are made: ours, or those that sloth would have made."""

    BURNLINE = "burnline"
    SLOTH = "sloth"


@dataclass(frozen=True, slots=True)
class Setting:
    """How to compile; `version` is what `sloth_slo_info` says of the program that did it."""

    dialect: Dialect = Dialect.BURNLINE
    period_ms: int = DEFAULT_PERIOD_MS
    catalog: Catalog = field(default_factory=Catalog)
    extra_labels: Mapping[str, str] = field(default_factory=dict)
    version: str = "burnline"
    limits: Limits = field(default_factory=Limits)
    recordings: bool = True
    alerts: bool = True
    engine: bool = False
    """Whether the alerts read what the budget engine records: beside every ratio it records the one that is certain."""

    def period_of(self, slo: Slo) -> int:
        """Return the period that burn rates are relative to; of a calendar window its usual length, 30 days for a month."""
        match slo.window:
            case Calendar(unit=unit, count=count):
                return _UNIT_DAYS[unit] * count * DAY_MS
            case Rolling(period_ms=int(period_ms)):
                return period_ms
            case _:
                return self.period_ms

    def labels_of(self, slo: Slo) -> dict[str, str]:
        """Return the labels of each recorded series, the SLO's own identity last: nothing may take its place."""
        return {**slo.labels, **self.extra_labels, **slo.identity}
