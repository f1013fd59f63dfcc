"""An alert as the rules hand it over and as the routing keeps it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from agent.model.labels import Labels

RESOLVED_REASON: Final = "burnline_resolved"
"""The annotation that says why an alert ended, where its condition did not simply cease."""

_fingerprint = lru_cache(maxsize=2**15)(Labels.fingerprint)
"""An alert is made anew at each evaluation and hand-over, from labels that stay: most of its cost would be this hash.

Of more alerts than are remembered, each is forgotten before it comes again: the bound is well above a storm of 10,000."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One problem, identified by its labels.

    Times are milliseconds since the epoch. `ends_at_ms` in the past or equal to now means resolved; 0 means open end.
    `value` is what the expression gave when the alert was last evaluated, None where it came from elsewhere. `kept`: its
    condition is over, and it fires for as long as `keep_firing_for` says.
    """

    labels: Labels
    annotations: Labels
    starts_at_ms: int
    ends_at_ms: int = 0
    generator_url: str = ""
    updated_at_ms: int = 0
    value: float | None = None
    kept: bool = False
    fingerprint: str = field(init=False, compare=False, default="")

    def __post_init__(self) -> None:
        object.__setattr__(self, "fingerprint", _fingerprint(self.labels))

    @property
    def name(self) -> str:
        """The alertname label."""
        return self.labels.get("alertname")

    def resolved_at(self, at_ms: int) -> bool:
        """Say whether the alert is over at `at_ms`."""
        return 0 < self.ends_at_ms <= at_ms
