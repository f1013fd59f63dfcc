"""Samples in memory as tables: one scrape is one row. It knows no queries, no asyncio and no targets.

Names load on first use, so that what never touches samples imports no numpy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agent.store.store import Enforced, Store, StoreStats

__all__ = ["Enforced", "Store", "StoreStats"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module("agent.store.store"), name)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
