"""Routes about the routing: the tree that is in force with the people behind it, and whom an alert would reach."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from agent.model import Labels
from agent.web.envelope import ApiError, ErrorType, invalid, success
from agent.web.room import handles_of

MOST_LABELS: Final = 100


async def routes(request: web.Request) -> web.Response:
    """Tell the routing tree, and whom each receiver tells now and later."""
    return success(await handles_of(request).routes())


async def providers(request: web.Request) -> web.Response:
    """Tell which providers take messages, which are given a rest, and how many messages wait."""
    return success(handles_of(request).providers())


async def route_test(request: web.Request) -> web.Response:
    """Say which routes an alert with the labels `label=name=value` would take now, and who would be told when."""
    texts = request.query.getall("label", [])
    if not texts:
        raise ApiError(
            ErrorType.BAD_DATA, "say which alert is meant: ?label=alertname=HighErrorRate&label=severity=critical"
        )
    if len(texts) > MOST_LABELS:
        raise invalid("label", f"an alert with {len(texts)} labels is too much; at most {MOST_LABELS} are taken")
    pairs = [text.partition("=") for text in texts]
    for (name, separator, _), text in zip(pairs, texts, strict=True):
        if not separator or not name:
            raise invalid("label", f'not a label: "{text}"; write it like severity=critical')
    return success(await handles_of(request).route_test(Labels((name, value) for name, _, value in pairs)))
