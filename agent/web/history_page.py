"""The page of what was: the changes of all alerts or of one rule's, by day, newest first. Without scripts, as all pages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Final
from urllib.parse import urlencode

from aiohttp import web

from agent.web.history import read_question
from agent.web.page import as_html, render
from agent.web.parameters import read_parameters
from agent.web.room import handles_of
from agent.web.views import HistoryLine

_CHOICES: Final = (("", "all"), ("firing", "fired"), ("resolved", "resolved"), ("pending", "pending"))


async def history_page(request: web.Request) -> web.Response:
    """Show changes of alerts' states; the address takes what the API takes."""
    handles, parameters = handles_of(request), await read_parameters(request)
    page = await handles.alert_history(read_question(parameters, handles))
    rule, state = parameters.first("rule"), parameters.first("state")
    text = render(
        "history.html.j2",
        root="",
        now_ms=handles.now_ms(),
        days=by_day(page.lines),
        rule=rule,
        chosen=state,
        choices=_CHOICES,
        address=_addresses(rule, state),
        older_than=parameters.first("next_token"),
        next_token=page.next_token,
    )
    return as_html(text)


def by_day(lines: Sequence[HistoryLine]) -> list[tuple[str, list[HistoryLine]]]:
    """Return the lines of each day (UTC) under its date, in their order."""

    def day(line: HistoryLine) -> str:
        moment = datetime.fromtimestamp(line.at_ms / 1000, UTC)
        return f"{moment:%A}, {moment.day} {moment:%B %Y}"

    return [(name, list(found)) for name, found in groupby(lines, key=day)]


def _addresses(rule: str, state: str) -> Callable[..., str]:
    """Return what gives the address of this page with another rule, state or token; the token is never kept."""

    def address(rule: str = rule, state: str = state, token: str = "") -> str:
        given = {"rule": rule, "state": state, "next_token": token}
        return "history?" + urlencode({name: value for name, value in given.items() if value})

    return address
