"""Routes that answer "why was I (not) told?": about an alert, and about a person."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from aiohttp import web

from agent.errors import ParseError
from agent.model import METRIC_NAME
from agent.web import explaining
from agent.web.envelope import ApiError, ErrorType, invalid, success
from agent.web.explaining.asking import Explainer, Question
from agent.web.parameters import duration_ms, optional_time, read_parameters
from agent.web.room import handles_of

if TYPE_CHECKING:
    from agent.model import Matcher
    from agent.web.parameters import Parameters
    from agent.web.surroundings import Handler

EXPLAINER: Final = web.AppKey("explainer", Explainer)
USUAL_MS: Final = 24 * 3_600_000
"""How far back a person's account goes where nobody says."""
_ID: Final = re.compile(r"[0-9a-f]{10}(?:[0-9a-f]{6}|(?:-\d+)?(?:-[0-9a-f]{6})*)")
_MOST_NAME: Final = 200


async def alert(request: web.Request) -> web.Response:
    """Explain one alert, by `id` or `match[]`; several that are meant are listed."""
    parameters, explainer = await read_parameters(request), request.config_dict[EXPLAINER]
    id_, texts = parameters.first("id"), parameters.all("match[]")
    if bool(id_) == bool(texts):
        message = (
            "say which alert is meant: id (a fingerprint, a message's or an incident's id), or match[] with a selector"
        )
        raise ApiError(ErrorType.BAD_DATA, message)
    if id_ and not _ID.fullmatch(id_):
        raise invalid("id", "it is no fingerprint (16 hexadecimal digits) and no id of a message or of an incident")
    if len(texts) > 1:
        raise invalid("match[]", 'one selector says it all: {alertname="X", job="y"}')
    now_ms = explainer.now_ms()
    at_ms = optional_time(parameters, "at")
    question = Question(
        id=id_,
        matchers=_matchers(texts[0], request) if texts else (),
        at_ms=None if at_ms is None or at_ms >= now_ms else at_ms,
        since_ms=_since(parameters, at_ms or now_ms),
    )
    found = await explainer.explain(question)
    return success(explaining.explanation_json(found))


async def person(request: web.Request) -> web.Response:
    """Tell everything that was for somebody, and what was not, since an instant."""
    parameters, explainer = await read_parameters(request), request.config_dict[EXPLAINER]
    name = parameters.first("name").strip()
    if not name or len(name) > _MOST_NAME:
        raise invalid("name", "say who: the name from escalation.yml")
    now_ms, at_ms = explainer.now_ms(), optional_time(parameters, "at")
    end_ms = now_ms if at_ms is None else min(at_ms, now_ms)
    since_ms = _since(parameters, end_ms)
    found = await explainer.explain_person(name, end_ms - USUAL_MS if since_ms is None else since_ms, at_ms)
    return success(explaining.person_json(found))


def _since(parameters: Parameters, end_ms: int) -> int | None:
    """Read `since`: a duration before the end, or an instant."""
    text = parameters.first("since")
    if not text:
        return None
    if re.fullmatch(r"(?:\d+(?:ms|[smhdwy]))+", text):
        try:
            return max(0, end_ms - duration_ms(text))
        except ValueError as error:
            raise invalid("since", str(error)) from error
    return optional_time(parameters, "since")


def _matchers(text: str, request: web.Request) -> Sequence[Matcher]:
    try:
        found = handles_of(request).parse_selector(text)
    except ParseError as error:
        raise invalid("match[]", error) from error
    if all(each.matches("") for each in found):
        raise invalid("match[]", "match[] must contain at least one non-empty matcher")
    return tuple(replace(each, name="alertname") if each.name == METRIC_NAME else each for each in found)


ROUTES: Final[tuple[tuple[str, str, Handler], ...]] = (
    ("GET", "/api/v1/explain/alert", alert),
    ("GET", "/api/v1/explain/person", person),
)
