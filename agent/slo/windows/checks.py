"""What makes a tier useless for one SLO or one Prometheus: it can never fire, or its windows hold no samples.

Problems refuse an SLO; remarks are said beside it. Each says what would help.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from agent.model import format_duration
from agent.slo.model import Severity, Slo
from agent.slo.windows.tiers import Tier, Windows

_LEAST_SCRAPES: Final = 4
"""What a rate needs so that one failed scrape leaves no gap."""
_USUAL_SCRAPE_MS: Final = 15_000
_SUGGESTED_RATIO: Final = 0.5
"""The error ratio at which a suggested tier fires: far from all and far from the objective."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What is known of whoever evaluates the rules; None where nothing is."""

    scrape_interval_ms: int | None = None
    retention_ms: int | None = None


def problems_of(slo: Slo, windows: Windows, limits: Limits | None = None) -> list[str]:
    """Return why the SLO's enabled alerts cannot work with these windows, in words with advice; none where they can."""
    limits = limits or Limits()
    problems: list[str] = []
    problems += _unreachable(slo, windows)
    for tier in _enabled(slo, windows):
        problems += _unseen(tier, limits)
    if limits.retention_ms is not None and windows.period_ms > limits.retention_ms:
        problems.append(
            f"its period of {format_duration(windows.period_ms)} is longer than samples are kept "
            f"({format_duration(limits.retention_ms)}): the rest would count as if it had no errors; keep samples longer"
        )
    return problems


def remarks_on(slo: Slo, windows: Windows) -> list[str]:
    """Return what is odd about the windows and still works."""
    kept = [
        f"{tier.name} fires at a burn rate of {windows.factor(tier):.3g}: a budget that burns slower than 1 lasts "
        "beyond its period, so this tells of promises that are kept"
        for tier in _enabled(slo, windows)
        if windows.factor(tier) < 0.9
    ]
    return [*kept, *_smaller_than_a_scrape(slo, windows)]


def _smaller_than_a_scrape(slo: Slo, windows: Windows) -> Iterator[str]:
    """Say that an outage would use up the whole budget before anything can be seen of it."""
    whole_ms = windows.period_ms * slo.budget
    if whole_ms < _USUAL_SCRAPE_MS:
        yield (
            f"an objective of {slo.objective:.12g} % lets {whole_ms / 1_000:.3g} s of {format_duration(windows.period_ms)} be "
            f"bad, less than is between two scrapes: an outage has used all of it before anybody can know; is it one 9 too many?"
        )


def _enabled(slo: Slo, windows: Windows) -> Iterator[Tier]:
    for tier in windows.tiers:
        alert = slo.alerting.page if tier.severity is Severity.PAGE else slo.alerting.ticket
        if not alert.disabled:
            yield tier


def reachable(windows: Windows, budget: float) -> Windows | None:
    """Return the same windows with shares that an SLO of this budget can burn, None where no burn rate would tell anything.

    The fastest tier then fires when half of all events are bad; the others keep their order between it and 1, on a
    logarithmic scale.
    """
    fastest, wanted = max(map(windows.factor, windows.tiers)), _SUGGESTED_RATIO / budget
    if wanted <= 1 or fastest <= 1:
        return None
    flatter = min(math.log(wanted) / math.log(fastest), 1.0)
    tiers = (
        replace(tier, budget_percent=tier.budget_percent * min(windows.factor(tier) ** (flatter - 1), 1.0))
        for tier in windows.tiers
    )
    return replace(windows, tiers=tuple(tiers))


def _unreachable(slo: Slo, windows: Windows) -> Iterator[str]:
    never = [tier for tier in _enabled(slo, windows) if windows.factor(tier) * slo.budget >= 1]
    if not never:
        return
    waiting = " and ".join(f"{tier.name} (waits for {windows.factor(tier):.3g} times)" for tier in never)
    said = (
        f"with an objective of {slo.objective:g} % a budget burns at most {1 / slo.budget:.3g} times as fast as it may, "
        f"when every event is bad: {waiting} can never fire"
    )
    better = reachable(windows, slo.budget)
    if better is None:
        yield f"{said}; no burn rate tells a bad hour of such an objective from a good one: disable these alerts, or raise it"
        return
    shares = ", ".join(f"{tier.name} {tier.budget_percent:.2g}" for tier in better.tiers)
    yield f"{said}; tiers that can, as errorBudgetPercent in a file of --windows: {shares}; or disable these alerts"


def _unseen(tier: Tier, limits: Limits) -> Iterator[str]:
    scrape = limits.scrape_interval_ms
    if scrape is not None and tier.short_ms < _LEAST_SCRAPES * scrape:
        yield (
            f"the short window of {tier.name} ({format_duration(tier.short_ms)}) holds fewer than {_LEAST_SCRAPES} scrapes "
            f"of {format_duration(scrape)}: scrape more often, or give it a longer one in a file of --windows"
        )
    if limits.retention_ms is not None and tier.long_ms > limits.retention_ms:
        yield (
            f"the long window of {tier.name} ({format_duration(tier.long_ms)}) is longer than samples are kept "
            f"({format_duration(limits.retention_ms)}): keep them longer, or give it a shorter one in a file of --windows"
        )
