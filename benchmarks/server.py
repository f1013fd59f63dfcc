"""Serves pages to whoever scrapes: a process of its own, so that its work is counted for neither side.

Each target has a page; the next one is made right after the last was sent, so that a scraper never waits for it.
"""

from __future__ import annotations

import argparse
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from benchmarks.pages import Page


class Shelf:
    """One target's page, made ahead."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._lock = threading.Lock()
        self._next = page.text()

    def take(self) -> bytes:
        """Return the page that is ready."""
        with self._lock:
            return self._next

    def turn(self) -> None:
        """Make the next one."""
        with self._lock:
            self._next = self._page.text()


def server(port: int, shelves: list[Shelf]) -> ThreadingHTTPServer:
    """Return a server of /metrics/N (N = 0: also /metrics); it does not run yet."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            last = self.path.rpartition("/")[2]
            shelf = shelves[int(last)] if last.isdigit() else shelves[0] if last == "metrics" else None
            body = shelf.take() if shelf else b"ready"
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            if shelf:
                shelf.turn()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    made = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    made.daemon_threads = True
    return made


def main() -> None:
    """Serve until terminated."""
    parser = argparse.ArgumentParser(prog="benchmarks.server", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--series", type=int, default=50_000, help="over all targets")
    parser.add_argument("--targets", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=1.0, help="between two scrapes: how far values move")
    wanted = parser.parse_args()
    each = wanted.series // wanted.targets
    shelves = [Shelf(Page(each, seed=seed + 1, seconds=wanted.seconds)) for seed in range(wanted.targets)]
    server(wanted.port, shelves).serve_forever()


if __name__ == "__main__":
    main()
