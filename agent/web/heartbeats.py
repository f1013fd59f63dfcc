"""The addresses for heartbeats: others send theirs here, and everybody may ask how all of them stand. Parse, call, answer.

`app` fulfils the Protocol `HeartbeatHandles`. A name that nobody knows and a wrong token get the same answer, and a browser that
another site sends here gets none.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec
from aiohttp import web

from agent.web.envelope import ApiError, ErrorType, failure, success

if TYPE_CHECKING:
    from agent.web.surroundings import Handler

MOST_BODY_BYTES: Final = 256 * 1024
MOST_WORDS_BYTES: Final = 4_096


class TooOften(Exception):
    """Raised where a heartbeat comes too often; `after_ms` says when the next is welcome."""

    def __init__(self, after_ms: int, text: str) -> None:
        self.after_ms = after_ms
        super().__init__(text)


class Posted(msgspec.Struct):
    """One alert of a webhook's body, as an Alertmanager posts it."""

    status: str = ""
    labels: dict[str, str] = {}


class Webhook(msgspec.Struct):
    """A webhook's body, as far as a heartbeat asks about it."""

    alerts: list[Posted]


class HeartbeatHandles(Protocol):
    """The agent, as those see it who owe it a heartbeat."""

    async def beat(
        self, name: str, token: str, word: str, message: str, firing: Sequence[Mapping[str, str]] | None
    ) -> str:
        """Take a heartbeat (`ok`, `start` or `fail`) and say in words what became of it.

        `firing` are the labels of the firing alerts, where an Alertmanager posted. Raises PermissionError where the name or the
        token is wrong, TooOften.
        """
        ...

    def heartbeats(self) -> Mapping[str, Any]:
        """Return how all heartbeats stand, those sent and those received."""
        ...


HEARTBEATS: Final = web.AppKey("heartbeats", HeartbeatHandles)


async def beat(request: web.Request) -> web.Response:
    """Take a heartbeat; its body, if any, is what it says, or an Alertmanager's webhook."""
    if request.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
        raise ApiError(ErrorType.FORBIDDEN, "refused a heartbeat: it comes from another site's page")
    name, word = request.match_info["name"], request.match_info.get("word", "ok")
    body = await _body(request)
    webhook = _webhook(body)
    firing = [each.labels for each in webhook.alerts if each.status == "firing"] if webhook else None
    message = "" if webhook else body[:MOST_WORDS_BYTES].decode("utf-8", "replace")
    try:
        said = await request.config_dict[HEARTBEATS].beat(name, _token(request), word, message, firing)
    except PermissionError as error:
        raise ApiError(ErrorType.FORBIDDEN, str(error)) from error
    except TooOften as error:
        answer = failure(ApiError(ErrorType.UNAVAILABLE, str(error), status=429))
        answer.headers["Retry-After"] = str(math.ceil(error.after_ms / 1000))
        return answer
    return success({"heartbeat": name, "said": said})


async def heartbeats(request: web.Request) -> web.Response:
    """Tell how all heartbeats stand."""
    return success(request.config_dict[HEARTBEATS].heartbeats())


def _token(request: web.Request) -> str:
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else request.query.get("token", "")


async def _body(request: web.Request) -> bytes:
    body = b""
    while chunk := await request.content.read(MOST_BODY_BYTES + 1 - len(body)):
        body += chunk
        if len(body) > MOST_BODY_BYTES:
            text = f"reading a heartbeat: its body is longer than {MOST_BODY_BYTES} bytes; a few words are enough"
            raise ApiError(ErrorType.BAD_DATA, text, status=413)
    return body


def _webhook(body: bytes) -> Webhook | None:
    if not body.lstrip().startswith(b"{"):
        return None
    try:
        return msgspec.json.decode(body, type=Webhook)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


_ONE: Final = "/api/v1/heartbeat/{name}"
_WORD: Final = "/api/v1/heartbeat/{name}/{word:start|fail}"
ROUTES: Final[tuple[tuple[str, str, Handler], ...]] = (
    ("GET", "/api/v1/heartbeats", heartbeats),
    ("GET", _ONE, beat),
    ("POST", _ONE, beat),
    ("GET", _WORD, beat),
    ("POST", _WORD, beat),
)
