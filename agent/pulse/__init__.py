"""Dead man's switches, both ways: heartbeats that tell others that this agent works, and those that others owe it.

`Pulse.beat(at_ms)` pings addresses while all `Vital` parts work; `Expected.look(at_ms)` says whose heartbeat is missing. The
room knows no target, no rule and no route: what works is asked of a callable, and alerts are raised by one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.doors import lazy

if TYPE_CHECKING:
    from agent.pulse.expected import Expected, Kind, Owed, Standing, Word
    from agent.pulse.file import HeartbeatsSection, OwedSpec, SentSpec
    from agent.pulse.loading import Heartbeats, load_heartbeats
    from agent.pulse.pinging import Pinger
    from agent.pulse.sending import Pulse, Sent, SentView
    from agent.pulse.throttle import Throttle
    from agent.pulse.vitals import Progress, Vital, Watch


__all__ = [
    "Expected",
    "Heartbeats",
    "HeartbeatsSection",
    "Kind",
    "Owed",
    "OwedSpec",
    "Pinger",
    "Progress",
    "Pulse",
    "Sent",
    "SentSpec",
    "SentView",
    "Standing",
    "Throttle",
    "Vital",
    "Watch",
    "Word",
    "load_heartbeats",
]

__getattr__ = lazy(
    __name__,
    {
        "expected": ("Expected", "Kind", "Owed", "Standing", "Word"),
        "file": ("HeartbeatsSection", "OwedSpec", "SentSpec"),
        "loading": ("Heartbeats", "load_heartbeats"),
        "pinging": ("Pinger",),
        "sending": ("Pulse", "Sent", "SentView"),
        "throttle": ("Throttle",),
        "vitals": ("Progress", "Vital", "Watch"),
    },
)
