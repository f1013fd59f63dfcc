"""Wiring: the one place that knows all rooms, and joins them by passing callables. It decides nothing itself."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agent.app.agent import Agent
    from agent.app.loops import Clock, wall_clock
    from agent.app.serving import serve

_HOMES = {"Agent": "agent", "Clock": "loops", "serve": "serving", "wall_clock": "loops"}

__all__ = ["Agent", "Clock", "serve", "wall_clock"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"agent.app.{_HOMES[name]}"), name)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
