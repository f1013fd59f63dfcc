"""What objectives would have told, and what budgets were, from recorded samples: the same engine, fed with the past.

History gives the rows that live scrapes would have given; a past budget fills a new one, and a what-if plays SLOs over it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.doors import lazy

if TYPE_CHECKING:
    from agent.replay.slos.history import History, Step
    from agent.replay.slos.prior import Past, past_of
    from agent.replay.slos.records import Records, selectors
    from agent.replay.slos.stretches import interval_of

__all__ = ["History", "Past", "Records", "Step", "interval_of", "past_of", "selectors"]

__getattr__ = lazy(
    __name__,
    {
        "history": ("History", "Step"),
        "prior": ("Past", "past_of"),
        "records": ("Records", "selectors"),
        "stretches": ("interval_of",),
    },
)
