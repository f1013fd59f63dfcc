"""Service level objectives over HTTP: how they stand, a gate for deploys, the pages /slos. It parses, calls and serialises.

The values are msgspec structs, for the same types are what the API writes and what the command line reads back from it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.doors import lazy

if TYPE_CHECKING:
    from agent.web.slos.handles import SloHandles
    from agent.web.slos.values import (
        BudgetView,
        GateAnswer,
        GateAsked,
        GateView,
        OverrideView,
        ReplayAsked,
        ReportAnswer,
        ReportAsked,
        ShareView,
        SloView,
        StandingView,
        StepView,
        TierView,
        WindowView,
    )
    from agent.web.slos.words import (
        allowance,
        bar,
        blame,
        burn,
        busy,
        group,
        idle_of,
        left,
        left_of,
        notes,
        notes_of_all,
        outage,
        overall,
        promised,
        seen,
        sli,
        tone,
        until_gone,
        urgency,
    )

__all__ = [
    "BudgetView",
    "GateAnswer",
    "GateAsked",
    "GateView",
    "OverrideView",
    "ReplayAsked",
    "ReportAnswer",
    "ReportAsked",
    "ShareView",
    "SloHandles",
    "SloView",
    "StandingView",
    "StepView",
    "TierView",
    "WindowView",
    "allowance",
    "bar",
    "blame",
    "burn",
    "busy",
    "group",
    "idle_of",
    "left",
    "left_of",
    "notes",
    "notes_of_all",
    "outage",
    "overall",
    "promised",
    "seen",
    "sli",
    "tone",
    "until_gone",
    "urgency",
]

__getattr__ = lazy(
    __name__,
    {
        "handles": ("SloHandles",),
        "values": (
            "BudgetView",
            "GateAnswer",
            "GateAsked",
            "GateView",
            "OverrideView",
            "ReplayAsked",
            "ReportAnswer",
            "ReportAsked",
            "ShareView",
            "SloView",
            "StandingView",
            "StepView",
            "TierView",
            "WindowView",
        ),
        "words": (
            "allowance",
            "bar",
            "blame",
            "burn",
            "busy",
            "group",
            "idle_of",
            "left",
            "left_of",
            "notes",
            "notes_of_all",
            "outage",
            "overall",
            "promised",
            "seen",
            "sli",
            "tone",
            "until_gone",
            "urgency",
        ),
    },
)
