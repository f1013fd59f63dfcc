"""Ask a running agent over HTTP: one request, JSON in, JSON out (or text), errors in words."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import urlencode, urlsplit

from agent.errors import BurnlineError, TooMuch

T = TypeVar("T")
FILES = "; --config.file alertmanager/alertmanager.yml reads files in its place"
"""What verbs that can do without an agent say where there is none."""


def call(
    url: str,
    path: str,
    form: Mapping[str, Any] | None = None,
    *,
    as_json: bool = False,
    method: str = "POST",
    timeout: float = 60,
    text: str | None = None,
    token: str = "",
    instead: str = "",
) -> Any:
    """Send a form, JSON, or `text` as it is; return the answer's JSON `data` (or the whole JSON where it has none).

    An empty answer is None. Raises BurnlineError where the agent is not there, saying what would do `instead`, or with what the
    agent answered: TooMuch where less may be answered.
    """
    body, kind_of_body = _body(form, text, as_json=as_json)
    headers = {"Content-Type": kind_of_body, "Accept": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    status, answer = _answer(url, method, path, body if method == "POST" else None, headers, timeout, instead)
    if not answer.strip() and status < 400:
        return None
    try:
        data = json.loads(answer)
    except ValueError as error:
        message = f"{url}{path} answered {status} and no JSON; is that a Burnline agent?"
        raise BurnlineError(message) from error
    if status >= 400:
        reason = data.get("error", data.get("message", data)) if isinstance(data, dict) else data
        message = f"{url} refused: {reason}"
        raise (TooMuch if status in TooMuch.STATUSES else BurnlineError)(message)
    return data.get("data", data) if isinstance(data, dict) else data


def read_as(kind: type[T], data: Any, url: str, what: str) -> T:
    """Return what `call` gave as a value that says `what`; raise BurnlineError where it is none: somebody else answers there."""
    import msgspec  # few verbs need it

    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        message = f"{url} answered, but not {what}: {error}; is that a Burnline agent of this version?"
        raise BurnlineError(message) from error


def _body(form: Mapping[str, Any] | None, text: str | None, *, as_json: bool) -> tuple[bytes, str]:
    if text is not None:
        return text.encode(errors="replace"), "text/plain; charset=utf-8"
    if as_json:
        return json.dumps(form).encode(), "application/json"
    return urlencode(form or {}).encode(), "application/x-www-form-urlencoded"


def read_text(url: str, path: str, *, timeout: float = 60) -> str:
    """Return what a GET of `url` + `path` answers, which is no JSON; raise BurnlineError as `call` does."""
    status, text = _answer(url, "GET", path, None, {"Accept": "*/*"}, timeout)
    if status < 400:
        return text.decode(errors="replace")
    try:
        reason = json.loads(text)["error"]
    except (ValueError, KeyError, TypeError):
        reason = f"{path} answered {status}"
    message = f"{url} refused: {reason}"
    raise BurnlineError(message)


def _answer(
    url: str, method: str, path: str, body: bytes | None, headers: Mapping[str, str], timeout: float, instead: str = ""
) -> tuple[int, bytes]:
    parts = urlsplit(url if "//" in url else f"http://{url}")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        message = f'not the URL of an agent: "{url}"; write it like http://127.0.0.1:9477'
        raise BurnlineError(message)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname, parts.port, timeout=timeout)
    try:
        connection.request(method, parts.path.rstrip("/") + path, body, dict(headers))
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException) as error:
        why = getattr(error, "strerror", "") or str(error) or type(error).__name__
        message = f"cannot reach the agent at {url}: {why}; is it running? (burnline run, --url{instead})"
        raise BurnlineError(message) from error
    finally:
        connection.close()
