"""Routes about PromQL: query, query_range, explain and query_exemplars evaluate; format_query and parse_query read."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Iterator
from itertools import groupby
from typing import Final

from aiohttp import web

from agent.model import Exemplar, format_float
from agent.web.answers import CHUNK_BYTES, chunks, limited
from agent.web.envelope import JSON, invalid, success
from agent.web.parameters import limit, optional_time, query_options, range_steps, read_parameters, time_parameter
from agent.web.room import handles_of
from agent.web.views import Matrix, QueryAnswer, Vector

_WORTH_GZIP: Final = 1_400
_FAST_GZIP: Final = 1
_LONG: Final = 200
"""More series than this, or points than ten times as many, are serialised in a worker thread."""


async def query(request: web.Request) -> web.StreamResponse:
    """Answer an instant query; `time` defaults to now."""
    parameters = await read_parameters(request)
    handles = handles_of(request)
    at_ms = time_parameter(parameters, "time", handles.now_ms())
    most = limit(parameters)
    answer = await handles.instant(parameters.first("query"), at_ms, query_options(parameters, request))
    return await _send(request, limited(answer, most))


async def query_range(request: web.Request) -> web.StreamResponse:
    """Answer a range query of at most 11,000 steps."""
    parameters = await read_parameters(request)
    start, end, step = range_steps(parameters)
    most = limit(parameters)
    answer = await handles_of(request).range(
        parameters.first("query"), start, end, step, query_options(parameters, request)
    )
    return await _send(request, limited(answer, most))


async def format_query(request: web.Request) -> web.Response:
    """Answer an expression as it is best read."""
    parameters = await read_parameters(request)
    return success(await handles_of(request).format_query(parameters.first("query")))


async def parse_query(request: web.Request) -> web.Response:
    """Answer an expression's nodes."""
    parameters = await read_parameters(request)
    return success(await handles_of(request).parse_query(parameters.first("query")))


async def explain(request: web.Request) -> web.StreamResponse:
    """Evaluate like query, or like query_range where a `start` is given, and answer with the plan and what it took."""
    parameters = await read_parameters(request)
    handles = handles_of(request)
    if parameters.first("start"):
        start, end, step = range_steps(parameters)
    else:
        start = end = time_parameter(parameters, "time", handles.now_ms())
        step = 0
    options = query_options(parameters, request)
    return success(await handles.explain(parameters.first("query"), start, end, step, options))


async def query_exemplars(request: web.Request) -> web.StreamResponse:
    """Answer the exemplars of the series that an expression reads, series by series."""
    parameters = await read_parameters(request)
    start, end = optional_time(parameters, "start"), optional_time(parameters, "end")
    if start is not None and end is not None and end < start:
        raise invalid("end", "end timestamp must not be before start timestamp")
    found = await handles_of(request).exemplars(parameters.first("query"), start, end)
    return success(
        [
            {"seriesLabels": dict(series), "exemplars": [_exemplar(each) for each in exemplars]}
            for series, exemplars in groupby(found, key=lambda each: each.series)
        ]
    )


def _exemplar(exemplar: Exemplar) -> dict[str, object]:
    at_ms = exemplar.timestamp_ms
    seconds = at_ms // 1000 if at_ms % 1000 == 0 else at_ms / 1000
    return {"labels": dict(exemplar.labels), "value": format_float(exemplar.value), "timestamp": seconds}


async def _send(request: web.Request, answer: QueryAnswer) -> web.StreamResponse:
    """Send a short answer whole and a long one in chunks, each made in a worker thread."""
    pieces = chunks(answer)
    if not _is_long(answer):
        return _whole(request, b"".join(pieces))
    first = await asyncio.to_thread(next, pieces)
    if len(first) < CHUNK_BYTES:  # only a last chunk is smaller
        return await asyncio.to_thread(_whole, request, first)
    return await _stream(request, first, pieces)


def _is_long(answer: QueryAnswer) -> bool:
    match answer.result:
        case Matrix(series):
            return len(series) > _LONG or sum(len(each.timestamps) for each in series) > 10 * _LONG
        case Vector(labels):
            return len(labels) > _LONG
        case _:
            return False


def _whole(request: web.Request, body: bytes) -> web.Response:
    headers = {"Vary": "Accept-Encoding"}
    if len(body) >= _WORTH_GZIP and _wants_gzip(request):
        headers["Content-Encoding"] = "gzip"
        packer = _packer()
        body = packer.compress(body) + packer.flush()
    return web.Response(body=body, content_type=JSON, headers=headers)


async def _stream(request: web.Request, first: bytes, rest: Iterator[bytes]) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Vary": "Accept-Encoding", "Content-Type": JSON})
    packer = _packer() if _wants_gzip(request) else None
    if packer is not None:
        response.headers["Content-Encoding"] = "gzip"
    await response.prepare(request)
    chunk: bytes | None = first
    while chunk is not None:
        await response.write(await asyncio.to_thread(packer.compress, chunk) if packer is not None else chunk)
        chunk = await asyncio.to_thread(next, rest, None)
    if packer is not None:
        await response.write(packer.flush())
    await response.write_eof()
    return response


def _packer() -> zlib._Compress:
    return zlib.compressobj(_FAST_GZIP, zlib.DEFLATED, 16 + zlib.MAX_WBITS)


def _wants_gzip(request: web.Request) -> bool:
    for offer in request.headers.get("Accept-Encoding", "").split(","):
        coding, _, weight = offer.partition(";")
        if coding.strip().lower() in ("gzip", "*"):
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
