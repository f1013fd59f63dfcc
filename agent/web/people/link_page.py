"""The page behind a link in a message. Opening it changes nothing, because mail scanners open links; its button acts.

The link itself is what entitles: there is no login and no cookie, and a form from elsewhere could not know the link. So it
must not leak: no referrer, nothing cached, nothing indexed, no path in the log. Guessing is slowed down, per client.
"""

from __future__ import annotations

from typing import Final

from aiohttp import web

from agent.errors import InvalidInput
from agent.model import parse_duration
from agent.web.acks import MOST_COMMENT, MOST_NAME
from agent.web.page import as_html, render
from agent.web.parameters import read_parameters
from agent.web.people.throttle import Throttle
from agent.web.people.values import LinkState, LinkView, People

AGENT: Final = web.AppKey("people", People)
GUESSES: Final = web.AppKey("guesses", Throttle)
DEEDS: Final = web.AppKey("deeds", Throttle)
LONGEST_MS: Final = 7 * 24 * 3_600_000
_STATUS: Final = {LinkState.EXPIRED: 410, LinkState.FORGOTTEN: 410}
_HIDDEN: Final = {"Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex, nofollow"}


def throttles() -> tuple[Throttle, Throttle]:
    """Return how many links that are none a client may try, and how often a link may be used: 20 in ten minutes, 30 in one.

    A genuine link always opens: behind a proxy all clients are one, and whoever guesses must not lock out who is on call.
    """
    return Throttle(20, 600_000), Throttle(30, 60_000)


async def show(request: web.Request) -> web.Response:
    """Show what the link is about and the button, or why there is none."""
    return _shown(request, "")


async def act(request: web.Request) -> web.Response:
    """Do what the link grants and come back to its page, which then says so; what stands against it is said there."""
    agent, token = request.config_dict[AGENT], request.match_info["token"]
    at_ms, deeds = agent.now_ms(), request.config_dict[DEEDS]
    try:
        view = agent.link(token)
    except InvalidInput:
        return _shown(request, "")
    if deeds.full(token, at_ms):
        return _too_many(request, "This link was used many times within a minute. Wait a little.", 60)
    deeds.count(token, at_ms)
    parameters = await read_parameters(request)
    by, comment = parameters.first("by").strip(), parameters.first("comment").strip()
    if len(by) > MOST_NAME or len(comment) > MOST_COMMENT:
        return _shown(request, "That name or note is too long.", 400)
    try:
        for_ms = _duration(parameters.first("for"))
        if not view.by and not by:
            return _shown(request, "Say who takes it: your name, in a few words.", 400)
        await agent.follow(token, view.by or by, comment, for_ms)
    except InvalidInput as error:
        return _shown(request, str(error), 409)
    headers = {"Location": token, "Cache-Control": "no-store", **_HIDDEN}
    return web.Response(status=303, headers=headers)


def _duration(text: str) -> int:
    """Return a form's duration in ms, 0 without one; raise InvalidInput."""
    try:
        found = parse_duration(text) if text else 0
    except ValueError as error:
        raise InvalidInput(str(error)) from error
    if found > LONGEST_MS:
        message = "at most a week can be asked for"
        raise InvalidInput(message)
    return found


def _shown(request: web.Request, problem: str, status: int = 200) -> web.Response:
    agent, client, guesses = request.config_dict[AGENT], request.remote or "", request.config_dict[GUESSES]
    try:
        view = agent.link(request.match_info["token"])
    except InvalidInput:
        if guesses.full(client, agent.now_ms()):
            return _too_many(request, "Too many links that are none came from your address. Wait a few minutes.", 600)
        guesses.count(client, agent.now_ms())
        return _page(request, None, "", 404)
    return _page(request, view, problem, status if problem else _STATUS.get(view.state, 200))


def _too_many(request: web.Request, problem: str, wait_s: int) -> web.Response:
    response = _page(request, None, problem, 429)
    response.headers["Retry-After"] = str(wait_s)
    return response


def _page(request: web.Request, view: LinkView | None, problem: str, status: int) -> web.Response:
    now_ms = request.config_dict[AGENT].now_ms()
    text = render("link.html.j2", root="../", now_ms=now_ms, link=view, problem=problem)
    response = as_html(text, status)
    response.headers.update(_HIDDEN)
    return response
