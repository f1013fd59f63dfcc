"""How API v2 says no: a bare JSON string, as Alertmanager's own handlers do, or the object of its schema checks.

The object, `{"code": …, "message": …}`, is for what never reaches a handler there: unknown paths, methods, media types.
"""

from __future__ import annotations

import msgspec
from aiohttp import web

PREFIX = "/api/v2/"


class Failure(Exception):
    """End a request with this status and text; `checked` where Alertmanager's schema check would have said it."""

    def __init__(self, status: int, text: str, *, checked: bool = False) -> None:
        self.status = status
        self.text = text
        self.checked = checked
        super().__init__(text)


def schema_failure(status: int, text: str) -> Failure:
    """Return the failure of a check that Alertmanager makes before its handlers."""
    return Failure(status, text, checked=True)


def failure_answer(status: int, text: str, *, checked: bool = False) -> web.Response:
    """Return the answer that says what went wrong."""
    text = text.encode("utf-8", "replace").decode()
    body = {"code": status, "message": text} if checked else text
    return web.Response(body=msgspec.json.encode(body), status=status, content_type="application/json")
