"""Alertmanager's HTTP API v2, for amtool, Grafana, karma and any Prometheus: parse, call, serialise.

`app` fulfils the Protocol `Alertmanager` with values of this door; the routes are in `routes`. Source: Alertmanager's
api/v2/openapi.yaml, and for what that leaves open the answers of a real 0.25, which tests/peers compares.
"""

from __future__ import annotations

from agent.web.alertmanager.values import (
    Alertmanager,
    AlertView,
    GroupView,
    ReceiverView,
    SilenceView,
    StatusView,
    Wanted,
)

__all__ = [
    "AlertView",
    "Alertmanager",
    "GroupView",
    "ReceiverView",
    "SilenceView",
    "StatusView",
    "Wanted",
]
