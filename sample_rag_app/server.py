"""The HTTP side: parse, call the service, serialise; one middleware counts every request and words every error.

Faults are injected only behind a bearer token; without a configured token that endpoint does not exist.
"""

from __future__ import annotations

import asyncio
import hmac
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from typing import Any, Final

import msgspec
import structlog
from aiohttp import web
from prometheus_client.exposition import choose_encoder

from sample_rag_app import pages
from sample_rag_app.clients import ANONYMOUS, NOBODY
from sample_rag_app.clock import Clock
from sample_rag_app.errors import ClientError, InternalError, InvalidRequest, ServiceError
from sample_rag_app.faults import FAULT_NAMES
from sample_rag_app.requests import FaultsBody, QueryBody, decode, decode_documents
from sample_rag_app.service import RagService
from sample_rag_app.settings import VERSION, Settings

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
SERVICE: Final = web.AppKey("service", RagService)
UNMATCHED: Final = "unmatched"
CLIENT_ENDPOINTS: Final = ("/api/query", "/api/documents")


@dataclass(slots=True)
class _Seen:
    """What is known of the request being served: its id, and its client's label once the body was read."""

    request_id: str
    client: str


_seen: ContextVar[_Seen] = ContextVar("seen")
_log = structlog.get_logger("sample_rag_app")


def create_app(settings: Settings, clock: Clock | None = None) -> web.Application:
    """Build the application; raises OSError when the documents cannot be read.

    Run it with `handler_cancellation=True`, so that a client that hangs up ends its query and is counted as such.
    """
    app = web.Application(middlewares=[_account], client_max_size=settings.max_body_bytes)
    service = app[SERVICE] = RagService(settings, clock)
    app.add_routes(
        [
            web.get("/", _front),
            web.post("/api/query", _query),
            web.post("/api/documents", _documents),
            web.get("/api/top-queries", _top_queries),
            web.get("/health", _health),
            web.get("/health/ready", _ready),
            web.get("/metrics", _metrics),
            web.get("/runbooks", _runbooks),
            web.get("/runbooks/{name}", _runbook),
            web.post("/admin/faults", _inject_faults),
            web.get("/admin/faults", _show_faults),
            web.delete("/admin/faults", _clear_faults),
        ]
    )
    _initialise_endpoints(app, service)
    app.cleanup_ctx.append(_watch_loop)
    app.on_cleanup.append(_close)
    return app


def _initialise_endpoints(app: web.Application, service: RagService) -> None:
    endpoints = {resource.canonical for resource in app.router.resources()} | {UNMATCHED}
    for endpoint in sorted(endpoints):
        service.metrics.response_time.labels(endpoint)
        service.metrics.requests.labels(ANONYMOUS if endpoint in CLIENT_ENDPOINTS else NOBODY, endpoint)


def observe_lag(service: RagService, asked_seconds: float, slept_seconds: float) -> None:
    """Record how much later than asked the event loop woke a sleeper."""
    service.metrics.loop_lag.observe(max(0.0, slept_seconds - asked_seconds))


async def _watch_loop(app: web.Application) -> AsyncIterator[None]:
    service = app[SERVICE]
    interval = service.settings.lag_interval_seconds
    loop = asyncio.get_running_loop()

    async def watch() -> None:
        while True:
            before = loop.time()
            await asyncio.sleep(interval)
            observe_lag(service, interval, loop.time() - before)

    task = asyncio.create_task(watch(), name="event-loop-lag")
    yield
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def _close(app: web.Application) -> None:
    app[SERVICE].index.close()


@web.middleware
async def _account(request: web.Request, handler: Handler) -> web.StreamResponse:
    service = request.app[SERVICE]
    metrics = service.metrics
    endpoint = _endpoint(request)
    seen = _Seen(uuid.uuid4().hex, ANONYMOUS if endpoint in CLIENT_ENDPOINTS else NOBODY)
    _seen.set(seen)
    started = service.clock.elapsed()
    try:
        response = await handler(request)
    except asyncio.CancelledError:
        metrics.request_errors.labels("client_closed").inc()
        raise
    except web.HTTPException as error:
        response = _http_error(request, error)
    except ServiceError as error:
        response = _failure(request, error)
    except Exception:  # noqa: BLE001  the last net: whatever it is, the client gets JSON, the log the traceback
        _log.exception("request failed", endpoint=endpoint, request_id=_seen.get().request_id)
        response = _failure(request, InternalError("something inside failed; the log has the rest by this request_id"))
    finally:
        metrics.requests.labels(seen.client, endpoint).inc()
        metrics.response_time.labels(endpoint).observe(service.clock.elapsed() - started)
    response.headers["X-Request-ID"] = seen.request_id
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def _endpoint(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return UNMATCHED if resource is None else resource.canonical


def _failure(request: web.Request, error: ServiceError) -> web.Response:
    request.app[SERVICE].metrics.request_errors.labels(error.error_type).inc()
    if not isinstance(error, ClientError):
        _log.warning("request failed", error_type=error.error_type, why=str(error), request_id=_seen.get().request_id)
    response = _error(error.status, error.error_type, str(error))
    if error.retry_after_seconds is not None:
        response.headers["Retry-After"] = str(error.retry_after_seconds)
    if error.status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="faults"'
    return response


def _http_error(request: web.Request, error: web.HTTPException) -> web.Response:
    """Word aiohttp's own refusals (404, 405, 413) as JSON; a body that is too big is a client's fault like the others."""
    if error.status == 413:
        limit = request.app[SERVICE].settings.max_body_bytes
        return _failure(request, InvalidRequest(f"the body is larger than {limit} bytes; send less", 413))
    response = _error(error.status, "http", f"{error.reason}: {request.method} {request.path}")
    if "Allow" in error.headers:
        response.headers["Allow"] = error.headers["Allow"]
    return response


def _error(status: int, error_type: str, message: str) -> web.Response:
    return _json({"error": message, "error_type": error_type, "request_id": _seen.get().request_id}, status)


def _json(value: Any, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), status=status, content_type="application/json")


def _html(text: str, status: int = 200) -> web.Response:
    return web.Response(text=text, status=status, content_type="text/html")


def _asker(request: web.Request) -> str:
    """Return what tells people without a session apart: the address they come from; only its digest is kept."""
    return request.remote or ANONYMOUS


async def _query(request: web.Request) -> web.Response:
    service = request.app[SERVICE]
    body = decode(await request.read(), QueryBody)
    question = body.text(service.settings.max_question_characters)
    _seen.get().client = service.client_label(body.client_id)
    service.admit(_seen.get().client)
    answered = await service.ask(
        question, session_id=body.session_id, asker=f"{_asker(request)} {body.client_id or ANONYMOUS}"
    )
    return _json(
        {
            "success": True,
            "answer": answered.answer.text,
            "kind": answered.answer.kind,
            "sources": [asdict(source) for source in answered.answer.sources],
            "cached": answered.cached,
            "processing_time": round(answered.seconds, 6),
            "request_id": _seen.get().request_id,
        }
    )


async def _documents(request: web.Request) -> web.Response:
    service = request.app[SERVICE]
    bodies = decode_documents(await request.read())
    service.admit(_seen.get().client)
    documents = [body.document(service.clock.unix()) for body in bodies]
    names = [document.name for document in documents]
    if len(set(names)) < len(names):
        raise InvalidRequest("two of the documents have the same name; give each a name or a title of its own", 409)
    await service.add_documents(documents)
    added = [{"document": document.name, "passages": len(document.passages)} for document in documents]
    return _json(
        {"processed_count": len(added), "documents": added, "index_version": service.index.version}, status=201
    )


async def _top_queries(request: web.Request) -> web.Response:
    queries = request.app[SERVICE].top_queries.top()
    return _json(
        {"note": "counts are since the start and too high by at most error", "queries": [asdict(q) for q in queries]}
    )


async def _health(request: web.Request) -> web.Response:
    uptime = request.app[SERVICE].uptime_seconds()
    return _json({"status": "healthy", "version": VERSION, "uptime": round(uptime, 3)})


async def _ready(request: web.Request) -> web.Response:
    checks = request.app[SERVICE].checks()
    ready = all(checks.values())
    return _json({"status": "ready" if ready else "not_ready", "checks": checks}, 200 if ready else 503)


async def _metrics(request: web.Request) -> web.Response:
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    page = encode(request.app[SERVICE].metrics.registry)
    return web.Response(body=page, headers={"Content-Type": content_type})


async def _front(_: web.Request) -> web.Response:
    return _html(pages.front_page())


async def _runbooks(request: web.Request) -> web.Response:
    return _html(pages.list_page(request.app[SERVICE].index.documents()))


async def _runbook(request: web.Request) -> web.Response:
    name = request.match_info["name"].removesuffix(".md")
    document = request.app[SERVICE].index.get(name)
    if document is None or not document.shipped:
        return _html(pages.missing_page(name), status=404)
    return _html(pages.runbook_page(document))


def _require_admin(request: web.Request) -> RagService:
    service = request.app[SERVICE]
    token = service.settings.admin_token
    if not token:
        raise InvalidRequest("fault injection is off; start the service with an admin token to have it", 404)
    given = request.headers.get("Authorization", "")
    if not hmac.compare_digest(given.encode("utf-8", "surrogateescape"), f"Bearer {token}".encode()):
        raise InvalidRequest("this needs the header Authorization: Bearer <admin token>", 401)
    return service


def _faults_view(service: RagService) -> web.Response:
    at_ms = service.clock.now_ms()
    faults = service.faults.current(at_ms)
    active = [name for name in FAULT_NAMES if faults.active(name)]
    return _json({**asdict(faults), "active": active, "remaining_seconds": service.faults.remaining_seconds(at_ms)})


async def _inject_faults(request: web.Request) -> web.Response:
    service = _require_admin(request)
    body = decode(await request.read(), FaultsBody)
    service.faults.inject(body.faults(), service.clock.now_ms() + int(body.duration_seconds * 1000))
    _log.warning("faults injected", **msgspec.to_builtins(body))
    return _faults_view(service)


async def _show_faults(request: web.Request) -> web.Response:
    return _faults_view(_require_admin(request))


async def _clear_faults(request: web.Request) -> web.Response:
    service = _require_admin(request)
    service.faults.clear()
    _log.warning("faults cleared")
    return _faults_view(service)
