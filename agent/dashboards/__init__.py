"""Grafana dashboards made by code: `build` gives each file's text, `check` says which committed file is another.

The same input gives the same bytes, so that a difference is always somebody's change. Nothing here is live: no Grafana is
asked. The panel library is loaded only when something is built.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.doors import lazy

if TYPE_CHECKING:
    from agent.dashboards.building import build, check, write

__all__ = ["build", "check", "write"]

__getattr__ = lazy(
    __name__,
    {
        "building": (
            "build",
            "check",
            "write",
        ),
    },
)
