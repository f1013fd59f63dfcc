"""Burn-rate windows: which error ratios over which windows page, as data for common periods and by a formula for all others.

The format of the data is sloth's `AlertWindows`. What can never fire, or never in the right order, is refused here.
"""

from __future__ import annotations

from agent.slo.windows.catalog import Catalog, read_windows
from agent.slo.windows.checks import Limits, problems_of, reachable, remarks_on
from agent.slo.windows.tiers import SHORTEST_PERIOD_MS, Tier, Windows, by_formula

__all__ = [
    "SHORTEST_PERIOD_MS",
    "Catalog",
    "Limits",
    "Tier",
    "Windows",
    "by_formula",
    "problems_of",
    "reachable",
    "read_windows",
    "remarks_on",
]
