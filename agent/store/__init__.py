"""Samples as tables, in memory and on the disk: one scrape is one row. It knows no queries, no asyncio and no targets.

Names load on first use, so that what never touches samples imports no numpy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.doors import lazy

if TYPE_CHECKING:
    from agent.store.figures import Enforced, StoreStats
    from agent.store.store import Store

__all__ = ["Enforced", "Store", "StoreStats"]

__getattr__ = lazy(
    __name__,
    {
        "figures": (
            "Enforced",
            "StoreStats",
        ),
        "store": ("Store",),
    },
)
