"""The two addresses that Twilio calls: what became of a message, and what somebody texted back. Parse, call, answer.

`app` fulfils the Protocol `TwilioHandles`. Nothing is read beyond a few kilobytes, and nothing is believed unsigned.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import parse_qsl

from aiohttp import web

from agent.web.envelope import ApiError, ErrorType

if TYPE_CHECKING:
    from agent.web.surroundings import Handler

MOST_BODY_BYTES: Final = 16_384
MOST_FIELDS: Final = 100
_SIGNATURE: Final = "X-Twilio-Signature"

Form = list[tuple[str, str]]


class TwilioHandles(Protocol):
    """The agent, as Twilio sees it. Both raise PermissionError where the signature is not Twilio's."""

    def fate(self, form: Form, signature: str, query: str) -> None:
        """Take note of what became of a message; raise InvalidInput where the form names none."""
        ...

    def reply(self, form: Form, signature: str, query: str) -> str:
        """Do what a text message asks for; return the answer as TwiML."""
        ...


TWILIO: Final = web.AppKey("twilio", TwilioHandles)


async def status(request: web.Request) -> web.Response:
    """Take the fate of a message; an empty answer says that it was heard."""
    agent = request.config_dict[TWILIO]
    try:
        agent.fate(await _form(request), request.headers.get(_SIGNATURE, ""), request.query_string)
    except PermissionError as error:
        raise ApiError(ErrorType.FORBIDDEN, str(error)) from error
    return web.Response(status=204)


async def reply(request: web.Request) -> web.Response:
    """Take what somebody texted, and answer with what to text back."""
    agent = request.config_dict[TWILIO]
    try:
        said = agent.reply(await _form(request), request.headers.get(_SIGNATURE, ""), request.query_string)
    except PermissionError as error:
        raise ApiError(ErrorType.FORBIDDEN, str(error)) from error
    return web.Response(text=said, content_type="text/xml")


async def _form(request: web.Request) -> Form:
    """Return the form's fields in their order; raise ApiError where it is too long or none."""
    body = b""
    while chunk := await request.content.read(MOST_BODY_BYTES + 1 - len(body)):
        body += chunk
        if len(body) > MOST_BODY_BYTES:
            text = f"reading a form from Twilio: it is longer than {MOST_BODY_BYTES} bytes, which none of Twilio's is"
            raise ApiError(ErrorType.BAD_DATA, text, status=413)
    try:
        return parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError as error:
        text = "reading a form from Twilio: it is no urlencoded form of at most a hundred fields in UTF-8"
        raise ApiError(ErrorType.BAD_DATA, text) from error


ROUTES: Final[tuple[tuple[str, str, Handler], ...]] = (
    ("POST", "/api/v1/twilio/status", status),
    ("POST", "/api/v1/twilio/reply", reply),
)
