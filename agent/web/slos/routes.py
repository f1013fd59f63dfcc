"""The addresses of objectives. What answers is loaded when somebody first asks, since many agents have none."""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    from aiohttp import web

    from agent.web.surroundings import Handler


def _later(module: str, name: str) -> Handler:
    """Return a handler that is looked up when it is asked: in a thread, as loading must not hold up the event loop."""

    async def handler(request: web.Request) -> web.StreamResponse:
        found = await asyncio.to_thread(import_module, f"agent.web.slos.{module}")
        return await cast("Handler", getattr(found, name))(request)

    return handler


ROUTES: Final[tuple[tuple[str, str, Handler], ...]] = (
    ("GET", "/api/v1/slos", _later("answering", "status")),
    ("GET", "/api/v1/slos/gate", _later("answering", "gate")),
    ("POST", "/api/v1/slos/gate/override", _later("answering", "override")),
    ("GET", "/api/v1/slos/report", _later("answering", "report")),
    ("GET", "/api/v1/slos/replay", _later("answering", "replay")),
    ("GET", "/slos", _later("page", "all_slos")),
    ("GET", "/slos/{id}", _later("page", "one_slo")),
)
