"""How long a sample takes to become an alert: from the scrape that carries it to the alert in /api/v1/alerts.

Both sides scrape each `--interval` seconds. Prometheus evaluates as often, at offsets that its groups' names give; ours has no
evaluation interval and evaluates when the scrape has landed. The page's gauge rises and falls every other scrape.
"""

from __future__ import annotations

import json
import tempfile
import threading
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self

import numpy as np

from benchmarks.configurations import for_ours, for_peer
from benchmarks.measurement import Measurement
from benchmarks.programs import Program, agent, prometheus

_HELD = 2
"""Scrapes in a row that say the same, so that no evaluation can miss a rise."""
_POLL_SECONDS = 0.01


def arguments(parser: ArgumentParser) -> None:
    """Declare what can be asked for."""
    parser.add_argument("--interval", type=int, default=2, help="seconds of scrape and evaluation (%(default)s)")
    parser.add_argument("--groups", type=int, default=20, help="rule groups of one alert each (%(default)s)")
    parser.add_argument("--seconds", type=float, default=90.0, help="of measuring (%(default)s)")


class Page:
    """One side's page: a gauge that changes every other scrape, and when each rise was served (seconds of time.time)."""

    def __init__(self) -> None:
        self.rises: list[float] = []
        self._scrapes = 0

    def take(self) -> bytes:
        """Return the page of the next scrape."""
        phase = self._scrapes % (2 * _HELD)
        self._scrapes += 1
        if phase == _HELD:
            self.rises.append(time.time())
        return f"# TYPE fault gauge\nfault {int(phase >= _HELD)}\n".encode()


class Watch:
    """Asks one side for its alerts again and again, and notes when each began to fire."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"watch {program.name}")
        self.fired: list[tuple[str, float]] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        firing = self._firing()
        while not self._ended.wait(_POLL_SECONDS):
            found, now = self._firing(), time.time()
            self.fired += [(name, now) for name in found - firing]
            firing = found

    def _firing(self) -> set[str]:
        found = self._program.api("alerts")["alerts"]
        return {each["labels"]["alertname"] for each in found if each["state"] == "firing"}


def measure(asked: Namespace) -> list[Measurement]:
    """Let both sides scrape and evaluate at the same time, each its own page."""
    pages = {"ours": Page(), "theirs": Page()}
    with tempfile.TemporaryDirectory(prefix="bench-") as name, ExitStack() as stack:
        folder = Path(name)
        (folder / "rules.yml").write_text(_rules(asked.groups))
        port = stack.enter_context(_served(pages))
        sides = {"ours": (agent, for_ours, ""), "theirs": (prometheus, for_peer, f"{asked.interval}s")}
        rules, running = [str(folder / "rules.yml")], {}
        for side, (start, configuration, evaluation) in sides.items():
            settings = _scraping(port, side, asked.interval)
            config = configuration(settings, rule_files=rules, evaluation=evaluation)
            running[side] = stack.enter_context(start(folder / side, config))
        time.sleep(4 * _HELD * asked.interval)
        with Watch(running["ours"]) as ours, Watch(running["theirs"]) as theirs:
            time.sleep(asked.seconds)
    delays = {"ours": _delays(pages["ours"], ours.fired), "theirs": _delays(pages["theirs"], theirs.fired)}
    return [_line(asked, delays, share, floor, aim) for share, floor, aim in ((50, 0.3, 0.1), (99, 0.3, 0.1))]


def _line(asked: Namespace, delays: dict[str, list[float]], share: int, floor: float, aim: float) -> Measurement:
    ours, theirs = (float(np.percentile(delays[side], share)) for side in ("ours", "theirs"))
    return Measurement(
        name=f"sample to alert, p{share}",
        what=f"from the scrape to the alert that it makes; {asked.groups} groups, scraped each {asked.interval} s",
        unit="s",
        ours=ours,
        theirs=theirs,
        ours_how=f"evaluated when the scrape has landed; {len(delays['ours'])} alerts",
        theirs_how=f"evaluated each {asked.interval} s; {len(delays['theirs'])} alerts",
        floor=floor,
        aim=aim,
    )


def _delays(page: Page, fired: Sequence[tuple[str, float]]) -> list[float]:
    """Return the seconds from the newest rise of the page to each alert."""
    rises = np.array(page.rises)
    places = np.searchsorted(rises, [at for _, at in fired], side="right") - 1
    return [at - rises[place] for (_, at), place in zip(fired, places, strict=True) if place >= 0]


def _rules(groups: int) -> str:
    made = [
        {"name": f"group-{number}", "rules": [{"alert": f"Fault{number}", "expr": "fault > 0"}]}
        for number in range(groups)
    ]
    return json.dumps({"groups": made})


def _scraping(port: int, side: str, interval: int) -> dict[str, object]:
    job = {"job_name": "page", "metrics_path": f"/{side}", "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}
    return {"global": {"scrape_interval": f"{interval}s", "scrape_timeout": f"{interval}s"}, "scrape_configs": [job]}


@contextmanager
def _served(pages: dict[str, Page]) -> Iterator[int]:
    """Serve each page at /its name until the block ends; give the port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(lambda path: pages[path.removeprefix("/")].take()))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _handler(answer: Callable[[str], bytes]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = answer(self.path)
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler
