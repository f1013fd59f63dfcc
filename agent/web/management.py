"""Routes for machines that look after the agent: health, readiness, reload and its own metrics."""

from __future__ import annotations

import structlog
from aiohttp import web

from agent.errors import BurnlineError
from agent.web.envelope import ApiError, ErrorType, failure, success
from agent.web.room import handles_of

_log = structlog.get_logger(__name__)


async def healthy(_request: web.Request) -> web.Response:
    """Answer at once that the process lives; asks nothing of the engines."""
    return web.Response(text="Burnline is healthy.\n")


async def ready(request: web.Request) -> web.Response:
    """Answer 200 once the agent can serve, else 503 with what it waits for."""
    waiting = handles_of(request).waiting_for()
    if waiting:
        return web.Response(text=f"Burnline is not ready: {waiting}.\n", status=503)
    return web.Response(text="Burnline is ready.\n")


async def reload(request: web.Request) -> web.Response:
    """Read the configuration anew; a bad one is refused with each problem's file, line and column.

    The answer is empty, as Prometheus'; who accepts JSON is told what changed.
    """
    json = "application/json" in request.headers.get("Accept", "")
    try:
        found = await handles_of(request).reload()
    except BurnlineError as error:
        _log.warning("reload refused", error=error.brief)
        if json:
            return failure(ApiError(ErrorType.INTERNAL, str(error)))
        return web.Response(text=f"failed to reload config: {error}\n", status=500)
    return success({"said": found.words, **found.changes}) if json else web.Response(text="")


async def metrics(request: web.Request) -> web.Response:
    """Serve the agent's own metrics, as text or OpenMetrics."""
    body, content_type = handles_of(request).metrics(request.headers.get("Accept", ""))
    return web.Response(body=body, headers={"Content-Type": content_type})
