"""A small HTTP server on loopback: a test says by a function what it answers, whoever asks for whatever by whatever method.

It runs in threads of this process and is gone at the end of the block. Who tests what happens on the wire writes its own.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

TEXT = "text/plain; version=0.0.4"


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody asks; `path` has the query as it came."""

    path: str
    headers: Message
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        """The body as a form, one value for each name."""
        return dict(parse_qsl(self.body.decode()))


@dataclass(frozen=True, slots=True)
class Answer:
    """What it is told."""

    body: bytes
    status: int = 200
    type: str = TEXT


def as_json(value: Any, status: int = 200) -> Answer:
    """Return an answer that holds a value as JSON."""
    return Answer(json.dumps(value).encode(), status, "application/json")


@contextmanager
def serving(answer: Callable[[Request], Answer | str], *, protocol: str = "HTTP/1.0") -> Iterator[int]:
    """Answer everything that comes by `answer`, a text as a page of metrics; give the port. HTTP/1.1 keeps connections."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = protocol

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            given = answer(Request(self.path, self.headers, body))
            told = Answer(given.encode()) if isinstance(given, str) else given
            self.send_response(told.status)
            self.send_header("Content-Type", told.type)
            self.send_header("Content-Length", str(len(told.body)))
            self.end_headers()
            self.wfile.write(told.body)

        do_POST = do_GET  # noqa: N815 -- the server looks for a method of this name

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()
