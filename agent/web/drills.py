"""The addresses for drills: begin one, see how it goes, and how earlier ones went. Parse, call, answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Protocol

import msgspec
from aiohttp import web

from agent.web.envelope import ApiError, ErrorType, success

if TYPE_CHECKING:
    from agent.web.surroundings import Handler

_Name = Annotated[str, msgspec.Meta(max_length=500)]


@dataclass(frozen=True, slots=True)
class DrillWanted:
    """What a drill is to try. With the name of one that comes by itself, what is not said here is as there; None: not said."""

    name: str = ""
    labels: Mapping[str, str] | None = None
    receiver: str | None = None
    expect: Literal["delivery", "ack"] | None = None
    within_ms: int | None = None
    escalate: bool | None = None
    by: str = ""


class DrillBody(msgspec.Struct, forbid_unknown_fields=True):
    """What `burnline drill` posts."""

    name: _Name = ""
    labels: dict[_Name, _Name] | None = None
    receiver: _Name | None = None
    expect: Literal["delivery", "ack"] | None = None
    within_ms: Annotated[int, msgspec.Meta(ge=10_000, le=86_400_000)] | None = None
    escalate: bool | None = None
    by: _Name = ""


class DrillHandles(Protocol):
    """The agent, as whoever tries it sees it. Verbs raise InvalidInput."""

    def begin(self, wanted: DrillWanted) -> Mapping[str, Any]:
        """Begin a drill and return how it stands."""
        ...

    def drill(self, drill_id: str) -> Mapping[str, Any] | None:
        """Return how a drill stands now, or None where there is none of this id."""
        ...

    def drills(self) -> Mapping[str, Any]:
        """Return the drills that come by themselves, and those that were."""
        ...


DRILLS: Final = web.AppKey("drills", DrillHandles)


async def begin(request: web.Request) -> web.Response:
    """Begin a drill; the body is JSON `{"labels": {"severity": "critical"}, "expect": "ack", "within_ms": 600000}`."""
    try:
        body = msgspec.json.decode(await request.read() or b"{}", type=DrillBody)
    except msgspec.MsgspecError as error:
        text = f'cannot read the drill: {error}; send JSON like {{"labels": {{"severity": "critical"}}}}'
        raise ApiError(ErrorType.BAD_DATA, text) from error
    return success(request.config_dict[DRILLS].begin(DrillWanted(**msgspec.structs.asdict(body))))


async def drill(request: web.Request) -> web.Response:
    """Tell how one drill stands."""
    wanted = request.match_info["id"]
    found = request.config_dict[DRILLS].drill(wanted)
    if found is None:
        text = f"no drill {wanted} is remembered; GET /api/v1/drills lists them"
        raise ApiError(ErrorType.NOT_FOUND, text)
    return success(found)


async def drills(request: web.Request) -> web.Response:
    """Tell of all drills."""
    return success(request.config_dict[DRILLS].drills())


ROUTES: Final[tuple[tuple[str, str, Handler], ...]] = (
    ("POST", "/api/v1/drills", begin),
    ("GET", "/api/v1/drills", drills),
    ("GET", "/api/v1/drills/{id}", drill),
)
