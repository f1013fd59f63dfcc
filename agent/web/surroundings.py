"""What surrounds every route: request ids, timing, refusals of foreign pages, errors as envelopes, headers.

The order of the middlewares is the order of `MIDDLEWARES`, outermost first.
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from aiohttp import web
from structlog.contextvars import bind_contextvars, get_contextvars

from agent.errors import BurnlineError
from agent.web.alertmanager.failures import PREFIX as ALERTMANAGER_PREFIX
from agent.web.alertmanager.failures import Failure, failure_answer
from agent.web.envelope import ApiError, ErrorType, failure, from_burnline
from agent.web.origins import may_read, refusal
from agent.web.room import room_of

_log = structlog.get_logger(__name__)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_API: Final = "/api/"
_READ_ONLY_POSTS: Final = frozenset({"query", "query_range", "query_exemplars", "labels", "series"})
BY_ITS_LINK: Final = "/a/{token}"
"""Pages whose address entitles whoever has it: no other page can know it, and it stays out of the log."""
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_GRAFANA_HEADERS: Final = {
    "dashboard": "X-Dashboard-Uid",
    "panel": "X-Panel-Id",
    "org": "X-Grafana-Org-Id",
}
_LONGEST_LOGGED: Final = 64


@web.middleware
async def observed(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give the request an id, time it, and log it at debug with where in Grafana it comes from."""
    offered = request.headers.get("X-Request-Id", "")
    # Bound until the connection's next request, since the headers are added after the last middleware returned.
    bind_contextvars(request_id=offered if _REQUEST_ID.fullmatch(offered) else uuid.uuid4().hex[:16])
    started = time.perf_counter()
    response = await handler(request)
    seconds = time.perf_counter() - started
    room_of(request).telemetry.request_duration.labels(_route_name(request)).observe(seconds)
    origin = {
        key: request.headers[header][:_LONGEST_LOGGED]
        for key, header in _GRAFANA_HEADERS.items()
        if header in request.headers
    }
    _log.debug(
        "request",
        method=request.method,
        path=_shown_path(request),
        status=response.status,
        seconds=round(seconds, 6),
        **origin,
    )
    return response


def _request_id() -> str:
    return str(get_contextvars().get("request_id", ""))


def _shown_path(request: web.Request) -> str:
    """Return the path as others may see it."""
    name = _route_name(request)
    return name if name == BY_ITS_LINK else request.path


def _route_name(request: web.Request) -> str:
    """Return the route's pattern, so that the number of label values stays that of the routes."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "unknown"


@web.middleware
async def explained(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn every error into an answer: an envelope under /api/, plain words elsewhere."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return _http_error(request, error)
    except Failure as error:
        return failure_answer(error.status, error.text, checked=error.checked)
    except ApiError as error:
        return _failure(request, error)
    except BurnlineError as error:
        return _failure(request, from_burnline(error))
    except Exception:  # noqa: BLE001  # the border: whatever a handle raises, the client gets an answer and the log the reason
        _log.exception("request failed", method=request.method, path=_shown_path(request))
        text = f"internal error while answering {_shown_path(request)}; the log has it under request id {_request_id()}"
        return _failure(request, ApiError(ErrorType.INTERNAL, text))


def _failure(request: web.Request, error: ApiError, *, checked: bool = False) -> web.Response:
    if request.path.startswith(ALERTMANAGER_PREFIX):
        return failure_answer(error.status, error.text, checked=checked)
    if _is_api(request):
        return failure(error)
    return web.Response(text=error.text + "\n", status=error.status)


def _http_error(request: web.Request, error: web.HTTPException) -> web.Response:
    kind = ErrorType.BAD_DATA
    match error:
        case web.HTTPNotFound():
            kind, text = ErrorType.NOT_FOUND, f"404 page not found: {request.path}"
        case web.HTTPMethodNotAllowed():
            allowed = ", ".join(sorted(error.allowed_methods))
            text = f"method {error.method} not allowed on {request.path}; use {allowed}"
        case web.HTTPRequestEntityTooLarge():
            text = f"the body of {request.method} {request.path} is longer than {request.client_max_size} bytes"
        case _:
            text = error.text or error.reason
    response = _failure(request, ApiError(kind, text, status=error.status), checked=True)
    if isinstance(error, web.HTTPMethodNotAllowed):
        response.headers["Allow"] = ", ".join(sorted(error.allowed_methods))
    return response


@web.middleware
async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse changes that a foreign page asks for, answer preflights, and hold queries until the agent is ready."""
    room = room_of(request)
    if request.method == "OPTIONS" and _is_api(request):
        return web.Response(status=204)
    entitled = _route_name(request) == BY_ITS_LINK  # it sends no referrer, so its own form comes with `Origin: null`
    if request.method not in ("GET", "HEAD") and not _only_reads(request) and not entitled:
        headers = request.headers
        why = refusal(headers.get("Origin"), headers.get("Sec-Fetch-Site", ""), request.host, room.external_url)
        if why:
            raise ApiError(ErrorType.FORBIDDEN, f"refused {request.method} {request.path}: {why}")
    waiting = room.handles.waiting_for() if _is_api(request) else ""
    if waiting:
        raise ApiError(ErrorType.UNAVAILABLE, f"Service Unavailable: Burnline is not ready: {waiting}")
    return await handler(request)


def _is_api(request: web.Request) -> bool:
    return _API in request.path


def _only_reads(request: web.Request) -> bool:
    return _is_api(request) and request.path.rpartition("/")[2] in _READ_ONLY_POSTS


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Add what every answer carries; runs for errors and streams too."""
    headers = response.headers
    headers["Server"] = "Burnline"
    headers["X-Content-Type-Options"] = "nosniff"
    # Not no-referrer but where a page says so itself: browsers would send our own forms with Origin: null.
    headers.setdefault("Referrer-Policy", "same-origin")
    headers.setdefault("X-Request-Id", _request_id())
    origin = request.headers.get("Origin")
    if not _is_api(request):
        return
    headers["Cache-Control"] = "no-store"
    headers.add("Vary", "Origin")
    if origin and may_read(origin, room_of(request).external_url):
        headers["Access-Control-Allow-Origin"] = origin
        headers["Access-Control-Allow-Methods"] = "GET, POST, OPTIONS"
        headers["Access-Control-Allow-Headers"] = "Accept, Authorization, Content-Type, Origin"
        headers["Access-Control-Expose-Headers"] = "Date"


MIDDLEWARES: Final = (observed, explained, guarded)
