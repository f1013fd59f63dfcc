"""The pages of objectives, for people: /slos says how all stand, /slos/ID everything of one. Without scripts, as all pages."""

from __future__ import annotations

import asyncio
from typing import Final

from aiohttp import web

from agent.errors import InvalidInput
from agent.web.page import as_html, render
from agent.web.room import handles_of
from agent.web.slos import words
from agent.web.slos.board import SLOS

HOUR_MS: Final = 3_600_000
MOST_GROUPS: Final = 100


async def all_slos(request: web.Request) -> web.Response:
    """Show how all objectives stand, the worst first."""
    standing = await request.config_dict[SLOS].status()
    text = await asyncio.to_thread(
        render,
        "slos.html.j2",
        root="",
        now_ms=handles_of(request).now_ms(),
        standing=standing,
        verdict=words.overall(standing),
        words=words,
        hour=HOUR_MS,
    )
    return as_html(text)


async def one_slo(request: web.Request) -> web.Response:
    """Show one objective; an unknown id still leads on to those that there are."""
    now_ms, slo_id = handles_of(request).now_ms(), request.match_info["id"]
    try:
        standing = await request.config_dict[SLOS].status((slo_id,))
    except InvalidInput as error:
        problem = str(error)
    else:
        found = next((each for each in standing.slos if each.id == slo_id), None)
        if found is not None:
            text = await asyncio.to_thread(
                render,
                "slo.html.j2",
                root="../",
                now_ms=now_ms,
                slo=found,
                at_ms=standing.at_ms,
                words=words,
                hour=HOUR_MS,
                most=MOST_GROUPS,
            )
            return as_html(text)
        problem = f'no SLO is called "{slo_id}"'
    return as_html(render("unknown_slo.html.j2", root="../", now_ms=now_ms, problem=problem), 404)
