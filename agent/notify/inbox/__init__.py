"""The local inbox: where messages go when there are no accounts, and the fake that the tests send to.

It listens on loopback unless told otherwise, keeps a bounded number of messages in memory and forgets them at the end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.doors import lazy

if TYPE_CHECKING:
    from agent.notify.inbox.arrivals import Arrival
    from agent.notify.inbox.faults import Fault, FaultKind
    from agent.notify.inbox.inbox import Inbox

__all__ = ["Arrival", "Fault", "FaultKind", "Inbox"]

__getattr__ = lazy(
    __name__,
    {
        "arrivals": ("Arrival",),
        "faults": (
            "Fault",
            "FaultKind",
        ),
        "inbox": ("Inbox",),
    },
)
