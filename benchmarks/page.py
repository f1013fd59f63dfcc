"""How long until somebody is paged: from the moment at which a service goes bad to the request that a provider gets.

Both sides scrape the same services, each of which goes bad and recovers at random moments, and tell a webhook; group_wait is 0.
Each service has rules of its own; one group more reads all of them, and ours evaluates such a group when the last has landed.
Prometheus evaluates as often as it scrapes and hands its alerts to an Alertmanager; ours does all of it in one process. First
with short intervals, to see what is lost after the bad sample is there; then with 15 s, as services are watched.
"""

from __future__ import annotations

import json
import random
import tempfile
import threading
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np

from benchmarks.configurations import for_ours, for_peer
from benchmarks.measurement import Measurement
from benchmarks.programs import Program, agent, free_port, peer, prometheus, started

_SIDES = ("ours", "theirs")
_OWN, _ALL = "Bad", "AnyBad"


def arguments(parser: ArgumentParser) -> None:
    """Declare what can be asked for."""
    parser.add_argument("--targets", type=int, default=12, help="services that go bad and recover (%(default)s)")
    parser.add_argument("--seconds", type=float, default=180.0, help="of measuring with scrapes of 15 s (%(default)s)")
    parser.add_argument(
        "--short", type=float, default=60.0, help="seconds of measuring with scrapes of 1 s (%(default)s)"
    )
    parser.add_argument("--seed", type=int, default=1, help="of the moments (%(default)s)")


@dataclass
class Course:
    """When one target is bad: spells of (from, until), in seconds of time.time; and what each side saw of it."""

    spells: list[tuple[float, float]]
    served: dict[str, list[float]] = field(default_factory=lambda: {side: [] for side in _SIDES})
    paged: dict[tuple[str, str], list[float]] = field(
        default_factory=lambda: {(side, alert): [] for side in _SIDES for alert in (_OWN, _ALL)}
    )

    def bad(self, now: float) -> bool:
        """Say whether the target is bad at a moment."""
        return any(start <= now < end for start, end in self.spells)

    def delays(self, side: str, alert: str = _OWN) -> Iterator[tuple[float, float]]:
        """Give for each spell that was told of: seconds from its beginning, and from its first bad sample, to the page."""
        for start, end in self.spells:
            seen = next((at for at in self.served[side] if start <= at < end), None)
            told = next((at for at in self.paged[side, alert] if start <= at), None)
            if seen is not None and told is not None:
                yield told - start, told - seen


def measure(asked: Namespace) -> list[Measurement]:
    """Measure with scrapes of 1 s and of 15 s."""
    short = _run(asked, interval=1, seconds=asked.short, spell=(4.0, 8.0))
    usual = _run(asked, interval=15, seconds=asked.seconds, spell=(45.0, 60.0))
    return [_after_the_sample(asked, short), _end_to_end(asked, usual)]


def _after_the_sample(asked: Namespace, courses: list[Course]) -> Measurement:
    found = {side: [each for course in courses for _, each in course.delays(side)] for side in _SIDES}
    return Measurement(
        name="bad sample to page, p99",
        what=f"from the scrape's answer with the first bad sample to the webhook's request; {asked.targets} services, "
        "scraped each second, group_wait 0",
        unit="s",
        ours=float(np.percentile(found["ours"], 99)),
        theirs=float(np.percentile(found["theirs"], 99)),
        peer="Prometheus + Alertmanager",
        ours_how=f"{len(found['ours'])} pages",
        theirs_how=f"evaluated each second; {len(found['theirs'])} pages",
        floor=0.25,
        aim=0.1,
        absolute=True,
        details={f"p50, {side}": float(np.percentile(found[side], 50)) for side in _SIDES},
    )


def _end_to_end(asked: Namespace, courses: list[Course]) -> Measurement:
    found = {side: [each for course in courses for each, _ in course.delays(side)] for side in _SIDES}
    return Measurement(
        name="service goes bad to page, p50",
        what=f"from a random moment to the webhook's request; {asked.targets} services, scraped each 15 s, group_wait 0",
        unit="s",
        ours=float(np.percentile(found["ours"], 50)),
        theirs=float(np.percentile(found["theirs"], 50)),
        peer="Prometheus + Alertmanager",
        ours_how=f"{len(found['ours'])} pages",
        theirs_how=f"evaluated each 15 s; {len(found['theirs'])} pages",
        floor=1.0,
        aim=0.6,
        details={
            f"{name}, {side}": float(figure(figures))
            for side in _SIDES
            for name, figure, figures in (
                ("mean", np.mean, found[side]),
                ("slowest", np.max, found[side]),
                ("p50 of a group that reads all services", np.median, _all(courses, side)),
            )
        },
    )


def _all(courses: list[Course], side: str) -> list[float]:
    return [each for course in courses for each, _ in course.delays(side, _ALL)]


def _rules(targets: int) -> str:
    """Return a group for each service, and one that reads them all."""
    labels = {"severity": "critical"}
    groups = [
        {
            "name": f"service-{number}",
            "rules": [{"alert": _OWN, "expr": f'bad{{job="{number}"}} > 0', "labels": labels}],
        }
        for number in range(targets)
    ]
    return json.dumps(
        {"groups": [*groups, {"name": "all", "rules": [{"alert": _ALL, "expr": "bad > 0", "labels": labels}]}]}
    )


def _run(asked: Namespace, *, interval: int, seconds: float, spell: tuple[float, float]) -> list[Course]:
    """Let both sides watch the same targets at the same time."""
    courses = [Course([]) for _ in range(asked.targets)]
    with tempfile.TemporaryDirectory(prefix="bench-") as name, ExitStack() as stack:
        folder = Path(name)
        (folder / "rules.json").write_text(_rules(asked.targets))
        port = stack.enter_context(_served(courses))
        for side, start in (("ours", _ours), ("theirs", _theirs)):
            stack.enter_context(start(folder / side, port, len(courses), interval, folder / "rules.json"))
        began = time.time() + 2 * interval
        moments = random.Random(asked.seed)
        for course in courses:
            at = began + moments.uniform(0, spell[1])
            while at + spell[0] < began + seconds:
                until = at + moments.uniform(*spell)
                course.spells.append((at, until))
                at = until + moments.uniform(*spell)
        time.sleep(began + seconds - time.time())
    return courses


@contextmanager
def _ours(folder: Path, port: int, targets: int, interval: int, rules: Path) -> Iterator[Program]:
    folder.mkdir()
    (folder / "alertmanager.yml").write_text(_routes(port, "ours"))
    settings = _scraping(port, "ours", targets, interval) | {
        "notify": {"config_file": str(folder / "alertmanager.yml")}
    }
    with agent(folder, for_ours(settings, rule_files=[str(rules)])) as program:
        yield program


@contextmanager
def _theirs(folder: Path, port: int, targets: int, interval: int, rules: Path) -> Iterator[Program]:
    folder.mkdir()
    routes, listening = folder / "alertmanager.yml", free_port()
    routes.write_text(_routes(port, "theirs"))
    command = [peer("prometheus-alertmanager"), "--config.file", str(routes), "--storage.path", str(folder / "am")]
    command += ["--web.listen-address", f"127.0.0.1:{listening}", "--cluster.listen-address=", "--log.level", "warn"]
    managers = {"alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{listening}"]}]}]}
    settings = _scraping(port, "theirs", targets, interval) | {"alerting": managers}
    config = for_peer(settings, rule_files=[str(rules)], evaluation=f"{interval}s")
    with (
        started("Alertmanager", command, listening, "/-/ready", folder / "am.log"),
        prometheus(folder, config) as program,
    ):
        yield program


def _routes(port: int, side: str) -> str:
    waits = {"group_wait": "0s", "group_interval": "1s", "repeat_interval": "4h"}
    hook = {"name": "hook", "webhook_configs": [{"url": f"http://127.0.0.1:{port}/{side}"}]}
    return json.dumps({"route": {"receiver": "hook", "group_by": ["alertname", "job"], **waits}, "receivers": [hook]})


def _scraping(port: int, side: str, targets: int, interval: int) -> dict[str, object]:
    jobs = [
        {
            "job_name": str(number),
            "metrics_path": f"/{side}/{number}",
            "static_configs": [{"targets": [f"127.0.0.1:{port}"]}],
        }
        for number in range(targets)
    ]
    return {"global": {"scrape_interval": f"{interval}s", "scrape_timeout": f"{interval}s"}, "scrape_configs": jobs}


@contextmanager
def _served(courses: list[Course]) -> Iterator[int]:
    """Serve each target's page to each side, and take both sides' pages, until the block ends; give the port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(courses))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _handler(courses: list[Course]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            _, side, number = self.path.split("/")
            course, now = courses[int(number)], time.time()
            bad = course.bad(now)
            self._answer(f"# TYPE bad gauge\nbad {int(bad)}\n".encode(), "text/plain; version=0.0.4; charset=utf-8")
            if bad:
                course.served[side].append(now)

        def do_POST(self) -> None:
            now, side = time.time(), self.path.strip("/")
            said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            for each in said["alerts"]:
                if each["status"] == "firing":
                    courses[int(each["labels"]["job"])].paged[side, each["labels"]["alertname"]].append(now)
            self._answer(b"{}", "application/json")

        def _answer(self, body: bytes, kind: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler
