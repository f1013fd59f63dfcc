"""The routes of API v2. A question asks the agent and writes the answer in a thread; a change waits until it is on the disk."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final, TypeVar

import msgspec
from aiohttp import web

from agent.errors import InvalidInput
from agent.web.alertmanager.answers import alert_json, group_json, receiver_json, silence_json, status_json
from agent.web.alertmanager.asked import read_filter, read_wanted
from agent.web.alertmanager.bodies import plain, read_alerts, read_body, read_silence
from agent.web.alertmanager.failures import Failure, schema_failure
from agent.web.alertmanager.values import Alertmanager

AGENT: Final = web.AppKey("alertmanager", Alertmanager)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_MOST_FAULTS: Final = 20
T = TypeVar("T")


def _agent(request: web.Request) -> Alertmanager:
    return request.config_dict[AGENT]


async def status(request: web.Request) -> web.Response:
    """Tell the version, the routing file without its secrets, and that there is no cluster."""
    return _json(status_json(await asyncio.to_thread(_agent(request).status)))


async def receivers(request: web.Request) -> web.Response:
    """List the receivers."""
    agent = _agent(request)
    matchers = read_filter(request.query, agent, "receiver_matchers")
    return _json([receiver_json(each) for each in agent.receivers(matchers)])


async def alerts(request: web.Request) -> web.Response:
    """List the alerts that are not over."""
    agent = _agent(request)
    return await _list(agent.alerts(read_wanted(request.query, agent)), alert_json)


async def groups(request: web.Request) -> web.Response:
    """List the alerts by the groups in which they are told."""
    agent = _agent(request)
    return await _list(agent.groups(read_wanted(request.query, agent)), group_json)


async def post_alerts(request: web.Request) -> web.Response:
    """Take alerts in: 200 once all are on the disk, 400 with a line for each that is wrong while the others are taken."""
    read, faults = read_alerts(await read_body(request))
    refused = await _agent(request).put([alert for _, alert in read])
    faults += [(read[number][0], why) for number, why in refused]
    if faults:
        lines = [f"alert {number}: {plain(why)}" for number, why in sorted(faults)[:_MOST_FAULTS]]
        if len(faults) > _MOST_FAULTS:
            lines.append(f"and {len(faults) - _MOST_FAULTS:,} more")
        raise Failure(400, "\n".join(lines))
    return web.Response()


async def silences(request: web.Request) -> web.Response:
    """List the silences."""
    agent = _agent(request)
    return await _list(agent.silences(read_filter(request.query, agent)), silence_json)


async def silence(request: web.Request) -> web.Response:
    """Show one silence; 404 without words where there is none, as Alertmanager answers."""
    found = _agent(request).silence(_id(request))
    return _json(silence_json(found)) if found else web.Response(status=404)


async def post_silence(request: web.Request) -> web.Response:
    """Make a silence, or change the one of the posted id; the answer is its id, a new one where it had to be replaced."""
    wanted = read_silence(await read_body(request))
    try:
        made = await _agent(request).put_silence(wanted)
    except InvalidInput as error:
        raise Failure(400, str(error)) from error
    if made is None:
        raise Failure(404, "silence not found")
    return _json({"silenceID": made})


async def delete_silence(request: web.Request) -> web.Response:
    """End a silence; one that has ended stays as it is."""
    return web.Response(status=200 if await _agent(request).expire_silence(_id(request)) else 404)


def _id(request: web.Request) -> str:
    text = request.match_info["id"]
    if not _UUID.fullmatch(text):
        raise schema_failure(422, f'silenceID in path must be of type uuid: "{text[:64]}"')
    return text.lower()


def _json(value: Any) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), content_type="application/json")


async def _list(items: Iterable[T], shown: Callable[[T], Any]) -> web.Response:
    """Answer a list; ten thousand alerts are written in a thread, so that others do not wait for it."""
    return await asyncio.to_thread(lambda: _json([shown(each) for each in items]))


ROUTES: Final[tuple[tuple[str, str, Handler], ...]] = (
    ("GET", "/api/v2/status", status),
    ("GET", "/api/v2/receivers", receivers),
    ("GET", "/api/v2/alerts", alerts),
    ("POST", "/api/v2/alerts", post_alerts),
    ("GET", "/api/v2/alerts/groups", groups),
    ("GET", "/api/v2/silences", silences),
    ("POST", "/api/v2/silences", post_silence),
    ("GET", "/api/v2/silence/{id}", silence),
    ("DELETE", "/api/v2/silence/{id}", delete_silence),
)
