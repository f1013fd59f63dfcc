"""What every route of the application can reach: the agent's handles, its metrics, and where it is known as."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from aiohttp import web

from agent.telemetry import Telemetry
from agent.web.handles import Handles


@dataclass(frozen=True, slots=True)
class Room:
    """One application's surroundings. `external_url` is where browsers reach it, "" where nobody said."""

    handles: Handles
    telemetry: Telemetry
    external_url: str = ""


ROOM: Final = web.AppKey("room", Room)


def room_of(request: web.Request) -> Room:
    """Return the surroundings of the application that serves `request`."""
    return request.config_dict[ROOM]


def handles_of(request: web.Request) -> Handles:
    """Return the agent behind the application that serves `request`."""
    return room_of(request).handles
