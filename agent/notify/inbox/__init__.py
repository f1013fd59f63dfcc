"""The local inbox: where messages go when there are no accounts, and the fake that the tests send to.

It listens on loopback unless told otherwise, keeps a bounded number of messages in memory and forgets them at the end.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agent.notify.inbox.arrivals import Arrival
    from agent.notify.inbox.faults import Fault, FaultKind
    from agent.notify.inbox.inbox import Inbox

__all__ = ["Arrival", "Fault", "FaultKind", "Inbox"]

_HOMES = {"Arrival": "arrivals", "Fault": "faults", "FaultKind": "faults", "Inbox": "inbox"}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
