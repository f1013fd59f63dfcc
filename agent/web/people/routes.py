"""The routes: who is on call, as JSON and as a calendar; open incidents; taking them over and giving them back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any, Final

import msgspec
from aiohttp import web

from agent.errors import InvalidInput
from agent.model import Matcher, parse_duration
from agent.web.acks import MOST_COMMENT, MOST_NAME
from agent.web.envelope import ApiError, ErrorType, success
from agent.web.parameters import Parameters, read_parameters, time_parameter
from agent.web.people import link_page
from agent.web.people.answers import incident_json, on_call_json, taken_json
from agent.web.people.link_page import AGENT
from agent.web.people.values import Meant, TakenView
from agent.web.surroundings import BY_ITS_LINK

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
WEEKS: Final = 8


class DeedBody(msgspec.Struct, forbid_unknown_fields=True):
    """What `burnline ack` and `burnline unack` post: whom and what, by one of the three."""

    by: Annotated[str, msgspec.Meta(min_length=1, max_length=MOST_NAME)]
    comment: Annotated[str, msgspec.Meta(max_length=MOST_COMMENT)] = ""
    fingerprint: str = ""
    incident: str = ""
    matchers: tuple[str, ...] = ()
    duration: str = msgspec.field(default="", name="for")


async def on_call(request: web.Request) -> web.Response:
    """Tell who is on call at `time` (now without it), for `team` or all, and the shifts of `weeks` (8)."""
    parameters = await read_parameters(request)
    agent = request.config_dict[AGENT]
    at_ms = time_parameter(parameters, "time", agent.now_ms())
    found = agent.on_call(at_ms, parameters.first("team"), _weeks(parameters))
    return success({"teams": [on_call_json(each) for each in found]})


async def calendar(request: web.Request) -> web.Response:
    """Serve the shifts, of a team or of `person` or all, as a calendar to subscribe to."""
    parameters = await read_parameters(request)
    team = request.match_info.get("team", "") or parameters.first("team")
    text = request.config_dict[AGENT].calendar(team, parameters.first("person"), _weeks(parameters))
    headers = {"Content-Type": "text/calendar; charset=utf-8", "Cache-Control": "max-age=600"}
    headers["Content-Disposition"] = 'inline; filename="oncall.ics"'
    return web.Response(body=text.encode(), headers=headers)


async def incidents(request: web.Request) -> web.Response:
    """List the open incidents, the oldest first."""
    return success({"incidents": [incident_json(each) for each in request.config_dict[AGENT].incidents()]})


async def acknowledge(request: web.Request) -> web.Response:
    """Take incidents over; 404 where none is meant."""
    body, meant = await _deed(request)
    done = await request.config_dict[AGENT].acknowledge(meant, body.by.strip(), body.comment.strip(), _for(body))
    return success({"acknowledged": _some(done, request.config_dict[AGENT].why_none(meant))})


async def unacknowledge(request: web.Request) -> web.Response:
    """Give incidents back: their chains start over; 404 where nobody has any that is meant."""
    body, meant = await _deed(request)
    done = await request.config_dict[AGENT].give_back(meant, body.by.strip(), body.comment.strip())
    return success(
        {"givenBack": _some(done, "nobody has an open incident that is meant; `burnline ack` alone lists them")}
    )


ROUTES: Final[tuple[tuple[str, str, Handler], ...]] = (
    ("GET", "/api/v1/oncall", on_call),
    ("GET", "/api/v1/oncall.ics", calendar),
    ("GET", "/api/v1/oncall/{team}.ics", calendar),
    ("GET", "/api/v1/incidents", incidents),
    ("POST", "/api/v1/incidents/ack", acknowledge),
    ("POST", "/api/v1/incidents/unack", unacknowledge),
    ("GET", BY_ITS_LINK, link_page.show),
    ("POST", BY_ITS_LINK, link_page.act),
)


def _weeks(parameters: Parameters) -> int:
    text = parameters.first("weeks")
    if text and not (text.isascii() and text.isdigit() and len(text) <= 4):
        raise ApiError(ErrorType.BAD_DATA, f'invalid parameter "weeks": not a number of weeks: "{text[:40]}"')
    return int(text) if text else WEEKS


async def _deed(request: web.Request) -> tuple[DeedBody, Meant]:
    try:
        body = msgspec.json.decode(await request.read(), type=DeedBody)
    except msgspec.MsgspecError as error:
        text = f'cannot read what is to be done: {error}; send JSON like {{"by": "ana", "incident": "0a1b2c3d4e"}}'
        raise ApiError(ErrorType.BAD_DATA, text) from error
    if not body.by.strip():
        raise ApiError(ErrorType.BAD_DATA, "`by` is empty; say who takes the alert")
    if sum(map(bool, (body.fingerprint, body.incident, body.matchers))) != 1:
        raise ApiError(ErrorType.BAD_DATA, "say what is meant by one of fingerprint, incident and matchers")
    matchers: list[Matcher] = []
    for text in body.matchers:
        try:
            matchers += request.config_dict[AGENT].parse_filter(text)
        except ValueError as error:
            raise ApiError(ErrorType.BAD_DATA, f"cannot read the matcher {text}: {error}") from error
    return body, Meant(body.fingerprint, body.incident, tuple(matchers))


def _for(body: DeedBody) -> int:
    try:
        found = parse_duration(body.duration) if body.duration else 0
    except ValueError as error:
        raise InvalidInput(str(error)) from error
    if found > link_page.LONGEST_MS:
        message = (
            f"cannot acknowledge for {body.duration}: a week at most, since an acknowledgement holds messages back"
        )
        raise InvalidInput(message)
    return found


def _some(done: Sequence[TakenView], otherwise: str) -> list[dict[str, Any]]:
    if not done:
        raise ApiError(ErrorType.NOT_FOUND, otherwise)
    return [taken_json(each) for each in done]
