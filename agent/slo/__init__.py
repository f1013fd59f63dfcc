"""Service level objectives: what they promise, how much of their budget is left, and the rules that page when it burns.

Readers (sloth, its Kubernetes form, OpenSLO) make one model; the compiler makes Prometheus rules of it; the budget engine
counts good and bad events exactly. It knows no clock, no store and no network.
"""

from __future__ import annotations

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

__all__ = [
    "Alert",
    "Alerting",
    "BudgetStep",
    "Budgeting",
    "Calendar",
    "Composite",
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
    "Source",
    "Timeslices",
    "Window",
    "Written",
]
