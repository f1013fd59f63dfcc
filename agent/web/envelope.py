"""The envelope of Prometheus' HTTP API: how a success and a failure look, and which error is which status.

Source: Prometheus' documentation of the HTTP API, and its web/api/v1 for the codes that the page leaves out.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Any, Final

import msgspec
from aiohttp import web

from agent.errors import BurnlineError, ExecutionError, InvalidInput, NotNow, ParseError, QueryLimit

TRUNCATED: Final = "results truncated due to limit"
_MOST_NOTES: Final = 10
JSON: Final = "application/json"


class ErrorType(Enum):
    """Prometheus' word for a failure, and its status."""

    BAD_DATA = ("bad_data", 400)
    FORBIDDEN = ("forbidden", 403)
    NOT_FOUND = ("not_found", 404)
    EXECUTION = ("execution", 422)
    CANCELED = ("canceled", 499)
    INTERNAL = ("internal", 500)
    UNAVAILABLE = ("unavailable", 503)
    TIMEOUT = ("timeout", 503)

    def __init__(self, word: str, status: int) -> None:
        self.word = word
        self.status = status


class ApiError(Exception):
    """End a request with an envelope of this type and text; `status` replaces the type's own, `after_s` becomes Retry-After."""

    def __init__(self, kind: ErrorType, text: str, *, status: int | None = None, after_s: int | None = None) -> None:
        self.kind = kind
        self.text = text
        self.after_s = after_s
        self.status = kind.status if status is None else status
        super().__init__(text)


def invalid(parameter: str, reason: object) -> ApiError:
    """Return the error for one wrong parameter, worded as Prometheus words it."""
    return ApiError(ErrorType.BAD_DATA, f'invalid parameter "{parameter}": {reason}')


def from_burnline(error: BurnlineError) -> ApiError:
    """Map one of our errors to its type and status."""
    match error:
        case ParseError():
            return invalid("query", error)
        case NotNow():
            return ApiError(ErrorType.UNAVAILABLE, str(error), after_s=error.after_s)
        case QueryLimit(timeout=True):
            kind = ErrorType.TIMEOUT
        case ExecutionError() | QueryLimit():
            kind = ErrorType.EXECUTION
        case InvalidInput():
            kind = ErrorType.BAD_DATA
        case _:
            kind = ErrorType.INTERNAL
    return ApiError(kind, str(error))


def failure(error: ApiError) -> web.Response:
    """Return the answer that says what went wrong."""
    body = {"status": "error", "errorType": error.kind.word, "error": _encodable(error.text)}
    headers = None if error.after_s is None else {"Retry-After": f"{error.after_s}"}
    return web.Response(body=msgspec.json.encode(body), status=error.status, content_type=JSON, headers=headers)


def success(data: Any, warnings: Sequence[str] = (), infos: Sequence[str] = ()) -> web.Response:
    """Return the answer that holds `data`, anything msgspec can write."""
    body = {"status": "success", "data": data}
    for key, notes in (("warnings", warnings), ("infos", infos)):
        if notes:
            body[key] = at_most_ten(notes, key)
    return web.Response(body=msgspec.json.encode(body), content_type=JSON)


def at_most_ten(notes: Sequence[str], kind: str) -> list[str]:
    """Return the first ten of `notes`; where there are more, say how many."""
    shown = [_encodable(note) for note in notes[:_MOST_NOTES]]
    if len(notes) > _MOST_NOTES:
        shown.append(f"{len(notes) - _MOST_NOTES} more {kind.removesuffix('s')} annotations omitted")
    return shown


def truncated(items: Sequence[Any], limit: int) -> tuple[Sequence[Any], list[str]]:
    """Return the first `limit` items (0: all) and the warning that says so where something was left out."""
    if 0 < limit < len(items):
        return items[:limit], [TRUNCATED]
    return items, []


def _encodable(text: str) -> str:
    """Replace what UTF-8 cannot carry: a query may echo a client's broken escapes."""
    return text.encode("utf-8", "replace").decode()
