"""The route by which a receiver is tried: a marked message to all whom it tells, or only what would be sent."""

from __future__ import annotations

from typing import Annotated

import msgspec
from aiohttp import web

from agent.web.envelope import ApiError, ErrorType, success
from agent.web.room import handles_of
from agent.web.views import NotifyTest


class TestBody(msgspec.Struct, forbid_unknown_fields=True):
    """What `burnline notify test` posts. Without a receiver and with `probe`, the providers are asked a harmless question."""

    __test__ = False

    receiver: Annotated[str, msgspec.Meta(max_length=500)] = ""
    sample: Annotated[str, msgspec.Meta(max_length=50)] = "firing"
    replay: Annotated[str, msgspec.Meta(max_length=200)] = ""
    dry_run: bool = False
    steps: bool = False
    probe: bool = False


async def notify_test(request: web.Request) -> web.Response:
    """Try a receiver; the body is JSON `{"receiver": "oncall", "sample": "firing", "dry_run": true}`."""
    try:
        body = msgspec.json.decode(await request.read(), type=TestBody)
    except msgspec.MsgspecError as error:
        text = f'cannot read what to try: {error}; send JSON like {{"receiver": "oncall", "sample": "firing"}}'
        raise ApiError(ErrorType.BAD_DATA, text) from error
    if not body.receiver and not body.probe:
        raise ApiError(ErrorType.BAD_DATA, "cannot try a receiver: `receiver` is empty; say which one")
    asked = NotifyTest(body.receiver, body.sample, body.replay, body.dry_run, body.steps)
    handles = handles_of(request)
    return success(await (handles.notify_probe() if body.probe else handles.notify_test(asked)))
