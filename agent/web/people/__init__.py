"""What concerns people over HTTP: who is on call, who has what, and the pages that links in messages open.

`app` fulfils the Protocol `People` with values of this door; the routes are in `routes`. It parses, calls, serialises.
"""

from __future__ import annotations

from agent.web.people.answers import on_call_json
from agent.web.people.values import (
    IncidentView,
    LinkState,
    LinkView,
    Meant,
    OnCallView,
    People,
    ShiftView,
    TakenView,
    ToldView,
)

__all__ = [
    "IncidentView",
    "LinkState",
    "LinkView",
    "Meant",
    "OnCallView",
    "People",
    "ShiftView",
    "TakenView",
    "ToldView",
    "on_call_json",
]
