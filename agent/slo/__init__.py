"""Service level objectives: what they promise, how much of their budget is left, and the rules that page when it burns.

Readers (sloth, its Kubernetes form, OpenSLO) make one model; the compiler makes Prometheus rules of it; the budget engine
counts good and bad events exactly. It knows no clock, no store and no network.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.doors import lazy
from agent.slo.model import (
    Alert,
    Alerting,
    Budgeting,
    BudgetStep,
    Calendar,
    Composite,
    Events,
    Exclusion,
    Good,
    Indicator,
    Occurrences,
    Part,
    Plugin,
    RatioTimeslices,
    Raw,
    Rolling,
    Severity,
    Slo,
    Source,
    Timeslices,
    Window,
    Written,
)

if TYPE_CHECKING:
    from agent.slo.cron import Cron, parse_cron
    from agent.slo.loading import SloSet, load_slos, read_slos
    from agent.slo.queries import with_window


__all__ = [
    "Alert",
    "Alerting",
    "BudgetStep",
    "Budgeting",
    "Calendar",
    "Composite",
    "Cron",
    "Events",
    "Exclusion",
    "Good",
    "Indicator",
    "Occurrences",
    "Part",
    "Plugin",
    "RatioTimeslices",
    "Raw",
    "Rolling",
    "Severity",
    "Slo",
    "SloSet",
    "Source",
    "Timeslices",
    "Window",
    "Written",
    "load_slos",
    "parse_cron",
    "read_slos",
    "with_window",
]

__getattr__ = lazy(
    __name__,
    {
        "cron": ("Cron", "parse_cron"),
        "loading": ("SloSet", "load_slos", "read_slos"),
        "queries": ("with_window",),
    },
)
