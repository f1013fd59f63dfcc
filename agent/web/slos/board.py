"""The application's key for what fulfils `SloHandles`."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from agent.web.slos.handles import SloHandles

SLOS: Final = web.AppKey("slos", SloHandles)
