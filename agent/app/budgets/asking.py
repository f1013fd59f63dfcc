"""Asks a Prometheus-compatible API over HTTP from a thread: bounded in time and size, few tries, no secret in what it says."""

from __future__ import annotations

import base64
import http.client
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from agent.config import BackfillSection
from agent.errors import BurnlineError, InvalidInput, TooMuch

MOST_BYTES: Final = 64 * 2**20
"""An answer larger than this is refused; whoever asked then asks for half of it."""
TRIES: Final = 3
_BETWEEN_SECONDS: Final = 1.0


class Asking:
    """Posts forms to the API that a backfill is set to read. `sleep` passes the time between tries."""

    def __init__(self, section: BackfillSection, *, sleep: Callable[[float], None] = time.sleep) -> None:
        parts = urlsplit(section.source)
        self._kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._host, self._port, self._prefix = parts.hostname or "", parts.port, parts.path.rstrip("/")
        self._section, self._sleep = section, sleep

    def __call__(self, path: str, form: Mapping[str, Any], /) -> Any:
        """Return the `data` of an answer; raise TooMuch where less may be answered, BurnlineError where there is none."""
        why = ""
        for number in range(TRIES):
            if number:
                self._sleep(_BETWEEN_SECONDS * number)
            try:
                status, body = self._answer(path, urlencode(form).encode())
            except (OSError, http.client.HTTPException) as error:
                why = getattr(error, "strerror", "") or str(error) or type(error).__name__
                continue
            if status < 500 or status in TooMuch.STATUSES:
                return _data(status, body, self._section.source)
            why = f"it answered {status}"
        message = f"cannot ask {self._section.source}: {why}, {TRIES} times"
        raise BurnlineError(message)

    def _answer(self, path: str, body: bytes) -> tuple[int, bytes]:
        connection = self._kind(self._host, self._port, timeout=self._section.timeout / 1000)
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        if authorization := _authorization(self._section):
            headers["Authorization"] = authorization
        try:
            connection.request("POST", self._prefix + path, body, headers)
            answer = connection.getresponse()
            read = answer.read(MOST_BYTES + 1)
        finally:
            connection.close()
        if len(read) > MOST_BYTES:
            return 413, b"{}"
        return answer.status, read


def _data(status: int, body: bytes, source: str) -> Any:
    try:
        answer = json.loads(body)
    except ValueError as error:
        message = f"{source} answered {status} and no JSON; is that a server of Prometheus' API?"
        raise BurnlineError(message) from error
    if status < 400 and isinstance(answer, dict):
        return answer.get("data", answer)
    too_large = f"an answer of more than {MOST_BYTES >> 20} MB"
    reason = answer.get("error") if isinstance(answer, dict) else None
    message = f"{source} refused: {reason or (too_large if status == 413 else f'it answered {status}')}"
    raise (TooMuch if status in TooMuch.STATUSES else BurnlineError)(message)


def _authorization(section: BackfillSection) -> str:
    """Return the header; secrets are read at each request, so that a rotated file is taken up."""
    if (basic := section.basic_auth) is not None:
        password = basic.password.reveal() if basic.password else _secret(basic.password_file)
        return "Basic " + base64.b64encode(f"{basic.username}:{password}".encode()).decode()
    if (other := section.authorization) is not None:
        credentials = other.credentials.reveal() if other.credentials else _secret(other.credentials_file)
        return f"{other.type.strip()} {credentials}"
    return ""


def _secret(path: str) -> str:
    if not path:
        return ""
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        message = f"cannot read the secret of slo.backfill in {path}: {reason}"
        raise InvalidInput(message) from error
