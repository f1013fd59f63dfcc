"""The agent's HTTP side: Prometheus' API v1, health and reload, and the pages for people. It parses, calls, serialises.

It knows no engine: `app` fulfils the Protocol `Handles` and passes it to `create_app`. `FakeHandles` is an agent made of
plain values, for tests of anything that talks to the API.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agent.web.application import create_app
    from agent.web.fake import FakeHandles
    from agent.web.handles import Handles
    from agent.web.views import (
        Acknowledgement,
        AlertDetail,
        AlertState,
        AlertView,
        BuildInfo,
        ChannelView,
        Delivery,
        Matrix,
        MetricMetadata,
        NextStep,
        Overview,
        QueryAnswer,
        QueryOptions,
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

_ELSEWHERE = {"create_app": "application", "FakeHandles": "fake", "Handles": "handles"}

__all__ = [
    "Acknowledgement",
    "AlertDetail",
    "AlertState",
    "AlertView",
    "BuildInfo",
    "ChannelView",
    "Delivery",
    "FakeHandles",
    "Handles",
    "Matrix",
    "MetricMetadata",
    "NextStep",
    "Overview",
    "QueryAnswer",
    "QueryOptions",
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
    "create_app",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module(f"agent.web.{_ELSEWHERE.get(name, 'views')}"), name)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
