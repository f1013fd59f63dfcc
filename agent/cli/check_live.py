"""Ask a Prometheus-compatible server about rules: some questions at a time, each within a time, with a progress bar."""

from __future__ import annotations

import base64
import http.client
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import quote, unquote, urlencode, urlsplit

from agent.errors import BurnlineError, InvalidInput, QueryError

T = TypeVar("T")
R = TypeVar("R")

AT_ONCE: Final = 8
"""Questions that are asked at a time."""
TIMEOUT_SECONDS: Final = 15.0
MAX_ANSWER: Final = 64 * 2**20
_REFUSALS: Final = (400, 422, 503)
"""What the API answers to a query that it will not or cannot answer; its reason is in the body."""


class LiveServer:
    """The HTTP API of an agent or a Prometheus. Connections are kept until it is closed.

    `token_file` holds a bearer token. Unless `quiet`, a terminal shows how far the questions are.
    """

    def __init__(self, url: str, token_file: Path | None = None, *, quiet: bool = True) -> None:
        parts = urlsplit(url if "//" in url else f"http://{url}")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            message = f'--live: not the URL of a server: "{url}"; write it like http://127.0.0.1:9477'
            raise InvalidInput(message)
        self._kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._host, self._port, self._path = parts.hostname, parts.port, parts.path.rstrip("/")
        self._shown = f"{parts.scheme}://{self._host}" + (f":{self._port}" if self._port else "") + self._path
        self._headers = {"Accept": "application/json"}
        if token_file is not None:
            self._headers["Authorization"] = f"Bearer {_secret(token_file)}"
        elif parts.username is not None:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            self._headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        self._idle: list[http.client.HTTPConnection] = []
        self._quiet = quiet or not sys.stderr.isatty()

    def close(self) -> None:
        """Close the connections."""
        while self._idle:
            self._idle.pop().close()

    def count(self, expression: str) -> int:
        """Return how many series an expression gives now."""
        found = self._ask("/api/v1/query", {"query": f"count(\n{expression}\n)"})["result"]
        return int(float(found[0]["value"][1])) if found else 0

    def labels_of(self, expression: str) -> Sequence[str]:
        """Return the label names of one series that an expression gives now."""
        found = self._ask("/api/v1/query", {"query": f"topk(1, {expression})"})["result"]
        return list(found[0]["metric"]) if found else []

    def names(self) -> Sequence[str]:
        """Return the names of all metrics that were ever seen."""
        return list(self._ask("/api/v1/label/__name__/values"))

    def label_names(self, selector: str) -> Sequence[str]:
        """Return the label names of the series of a selector."""
        return list(self._ask(f"/api/v1/labels?{urlencode({'match[]': selector})}"))

    def values(self, label: str, selector: str) -> Sequence[str]:
        """Return the values of a label among the series of a selector."""
        path = f"/api/v1/label/{quote(label, safe='')}/values?{urlencode({'match[]': selector})}"
        return list(self._ask(path))

    def types(self) -> Mapping[str, str]:
        """Return the type of each metric by name, none where the targets disagree."""
        found = self._ask("/api/v1/metadata")
        types = {name: {each.get("type", "") for each in entries} for name, entries in found.items()}
        return {name: kinds.pop() for name, kinds in types.items() if len(kinds) == 1}

    def spread(self, what: str, ask: Callable[[T], R], questions: Sequence[T]) -> list[R]:
        """Ask `AT_ONCE` questions at a time, give the answers in their order; the first that fails ends all."""
        if not questions:
            return []
        with ThreadPoolExecutor(AT_ONCE) as pool:
            try:
                answers = pool.map(ask, questions)
                return list(answers) if self._quiet else _shown(what, answers, len(questions))
            except BaseException:  # Ctrl-C too: what was not asked yet need not be; it is raised again
                pool.shutdown(cancel_futures=True)
                raise

    def _ask(self, path: str, form: Mapping[str, str] | None = None) -> Any:
        try:
            status, body = self._exchange(path, form)
        except (OSError, http.client.HTTPException) as error:
            why = getattr(error, "strerror", "") or str(error) or type(error).__name__
            message = f"cannot ask {self._shown}: {why}; is it running, and is the address of --live right?"
            raise BurnlineError(message) from error
        try:
            answer = json.loads(body)
        except ValueError as error:
            message = f"{self._shown}{path.partition('?')[0]} answered {status} and no JSON; is it a Prometheus API?"
            raise BurnlineError(message) from error
        if isinstance(answer, dict) and answer.get("status") == "success":
            return answer["data"]
        reason = answer.get("error", "") if isinstance(answer, dict) else ""
        if status in _REFUSALS and reason:
            raise QueryError(reason)
        message = f"{self._shown}{path.partition('?')[0]} answered {status}: {reason or 'no reason given'}"
        raise BurnlineError(message)

    def _exchange(self, path: str, form: Mapping[str, str] | None) -> tuple[int, bytes]:
        """Ask on an idle connection, and once more on a new one where the server had closed that."""
        try:
            return self._once(self._idle.pop(), path, form)
        except (IndexError, ConnectionError, http.client.RemoteDisconnected):
            pass  # another thread has the last one, or it is dead
        return self._once(self._kind(self._host, self._port, timeout=TIMEOUT_SECONDS), path, form)

    def _once(
        self, connection: http.client.HTTPConnection, path: str, form: Mapping[str, str] | None
    ) -> tuple[int, bytes]:
        """Ask; the connection is idle again where all went well, closed where not."""
        try:
            if form is None:
                connection.request("GET", self._path + path, headers=self._headers)
            else:
                kind = {"Content-Type": "application/x-www-form-urlencoded"}
                connection.request("POST", self._path + path, urlencode(form), {**self._headers, **kind})
            answer = connection.getresponse()
            body = answer.read(MAX_ANSWER + 1)
            if len(body) > MAX_ANSWER:
                message = f"the answer is larger than {MAX_ANSWER >> 20} MB"
                raise http.client.HTTPException(message)
        except BaseException:  # whatever broke off the exchange, the connection is in its middle; it is raised again
            connection.close()
            raise
        self._idle.append(connection)
        return answer.status, body


def _secret(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"--live-token-file: cannot read {path}: {error}") from error


def _shown(what: str, answers: Any, total: int) -> list[Any]:
    from rich.progress import track

    from agent.cli.screen import Screen

    console = Screen(stderr=True)
    return list(track(answers, f"asking about {what}", total, console=console, transient=True))
