"""The same evaluator and the same router on a virtual clock: what would have happened, and who would have been told.

A `Rehearsal` drives the real dispatcher without a network and without waiting. It knows neither the store nor a clock:
samples and instants are given to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.doors import lazy

if TYPE_CHECKING:
    from agent.replay.rehearsal import Rehearsal
    from agent.replay.routing_files import rehearsed_routing
    from agent.replay.told import Told, Withheld

__all__ = [
    "Rehearsal",
    "Told",
    "Withheld",
    "rehearsed_routing",
]

__getattr__ = lazy(
    __name__,
    {
        "rehearsal": ("Rehearsal",),
        "routing_files": ("rehearsed_routing",),
        "told": (
            "Told",
            "Withheld",
        ),
    },
)
