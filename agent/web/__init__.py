"""The agent's HTTP side: Prometheus' API v1, health and reload, and the pages for people. It parses, calls, serialises.

It knows no engine: `app` fulfils the Protocol `Handles` and passes it to `create_app`. `FakeHandles` is an agent made of
plain values, for tests of anything that talks to the API.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.doors import lazy

if TYPE_CHECKING:
    from agent.web.application import create_app
    from agent.web.drills import DrillHandles, DrillWanted
    from agent.web.fake import FakeHandles
    from agent.web.handles import Handles
    from agent.web.heartbeats import HeartbeatHandles, TooOften
    from agent.web.history import history_json
    from agent.web.states import alert_details_json
    from agent.web.views import (
        Acknowledgement,
        AlertDetail,
        AlertState,
        AlertView,
        BuildInfo,
        ChannelView,
        Delivery,
        HistoryLine,
        HistoryPage,
        HistoryQuestion,
        Matrix,
        MetricMetadata,
        NextStep,
        NotifyTest,
        Overview,
        QueryAnswer,
        QueryOptions,
        ReloadAnswer,
        RuleGroupView,
        RuleHealth,
        RuleView,
        Scalar,
        Series,
        StorageView,
        TargetHealth,
        TargetView,
        Text,
        Transition,
        Vector,
    )
    from agent.web.words import span


__all__ = [
    "Acknowledgement",
    "AlertDetail",
    "AlertState",
    "AlertView",
    "BuildInfo",
    "ChannelView",
    "Delivery",
    "DrillHandles",
    "DrillWanted",
    "FakeHandles",
    "Handles",
    "HeartbeatHandles",
    "HistoryLine",
    "HistoryPage",
    "HistoryQuestion",
    "Matrix",
    "MetricMetadata",
    "NextStep",
    "NotifyTest",
    "Overview",
    "PlanAnswer",
    "PlanNode",
    "QueryAnswer",
    "QueryOptions",
    "ReloadAnswer",
    "RuleGroupView",
    "RuleHealth",
    "RuleView",
    "Scalar",
    "Series",
    "StorageView",
    "TargetHealth",
    "TargetView",
    "Text",
    "TooOften",
    "Transition",
    "Vector",
    "alert_details_json",
    "create_app",
    "history_json",
    "span",
]

__getattr__ = lazy(
    __name__,
    {
        "words": ("span",),
        "application": ("create_app",),
        "drills": ("DrillHandles", "DrillWanted"),
        "fake": ("FakeHandles",),
        "handles": ("Handles",),
        "heartbeats": ("HeartbeatHandles", "TooOften"),
        "history": ("history_json",),
        "states": ("alert_details_json",),
        "views": (
            "Acknowledgement",
            "AlertDetail",
            "AlertState",
            "AlertView",
            "BuildInfo",
            "ChannelView",
            "Delivery",
            "HistoryLine",
            "HistoryPage",
            "HistoryQuestion",
            "Matrix",
            "MetricMetadata",
            "NextStep",
            "Overview",
            "PlanAnswer",
            "PlanNode",
            "QueryAnswer",
            "QueryOptions",
            "NotifyTest",
            "ReloadAnswer",
            "RuleGroupView",
            "RuleHealth",
            "RuleView",
            "Scalar",
            "Series",
            "StorageView",
            "TargetHealth",
            "TargetView",
            "Text",
            "Transition",
            "Vector",
        ),
    },
)
