"""A storm: 10,000 alerts at once, from their hand-over to the messages that are to be sent, ours and Alertmanager's CPU.

Ours: handed to the dispatcher, routed, grouped, decided, and the messages on the disk as rows of the outbox. Alertmanager:
the same alerts posted to its API, until its webhook has heard of all of them. Both with the same routes, inhibition and groups.
"""

from __future__ import annotations

import asyncio
import http.client
import http.server
import json
import multiprocessing
import tempfile
import threading
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.footprint import spare_what_stays
from agent.journal import Journal
from agent.model import Alert, Labels, Matcher, MatchOp, format_rfc3339
from agent.notify import Dispatcher, FakeReceiver, load_routing
from benchmarks.measurement import Measurement
from benchmarks.programs import free_port, peer, started

SHAPES: Mapping[str, str] = {"100 groups": "[service]", "one group": "[]", "a group each": "['...']"}
"""What the alerts are grouped by."""
ROUTES = """
route:
  receiver: hook
  group_by: {by}
  group_wait: 1s
  group_interval: 5m
  repeat_interval: 4h
  routes:
    - matchers: ['severity="info"', 'team="nobody"']
      receiver: other
    - matchers: ['team=~"search|ads"', 'severity="critical"']
      receiver: hook
receivers:
  - name: hook
    webhook_configs: [{{url: "{url}"}}]
  - name: other
inhibit_rules:
  - source_matchers: ['severity="critical"']
    target_matchers: ['severity="warning"']
    equal: [service, instance]
"""


def arguments(parser: ArgumentParser) -> None:
    """Declare what can be asked for."""
    parser.add_argument("--alerts", type=int, default=10_000, help="(%(default)s)")


def measure(asked: Namespace) -> list[Measurement]:
    """Let the storm come in each shape, ours in a process of its own that keeps house as the agent does."""
    return [_measured(shape, by, asked.alerts) for shape, by in SHAPES.items()]


def _measured(shape: str, by: str, alerts: int) -> Measurement:
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            ours = pool.apply(storm, (Path(name), by, alerts))
        theirs, told = _theirs(Path(name), by, alerts)
    bounds = {"floor": 2.0, "aim": 0.5, "absolute": True} if shape == "100 groups" else {}
    return Measurement(
        name=f"a storm, {shape}",
        what=f"{alerts:,} alerts at once, from the hand-over to {ours.rows:,} messages that are to be sent",
        unit="CPU s",
        ours=ours.cpu_seconds,
        theirs=theirs,
        peer="Alertmanager",
        ours_how=f"the event loop held for at most {1000 * ours.longest_stretch:.0f} ms",
        theirs_how=f"until its webhook had {told:,} alerts in messages",
        details={"seconds of ours": ours.seconds, "loop held, ms": 1000 * ours.longest_stretch},
        **bounds,
    )


@dataclass(frozen=True)
class Storm:
    """What a storm took: CPU of all threads, the longest that one callback held the loop in CPU, wall time, messages."""

    cpu_seconds: float
    longest_stretch: float
    seconds: float
    rows: int


def storm(folder: Path, by: str, number: int) -> Storm:
    """Let alerts come at once, and return what that took until the messages were on the disk."""
    routes = folder / "alertmanager.yml"
    routes.write_text(ROUTES.format(by=by, url="http://127.0.0.1:1/"))
    journal = Journal.open(folder / "burnline.db")
    at_ms = 1_767_600_000_000
    dispatcher = Dispatcher(load_routing(routes, None), journal, {"webhook": FakeReceiver({})}, at_ms)
    made = dispatcher.silences.create(
        (Matcher("service", MatchOp.EQUAL, "s99"),), at_ms, at_ms + 3_600_000, "ana", "deploy", at_ms
    )
    made[1].result()
    alerts = [Alert(Labels(labels), Labels(annotations), at_ms) for labels, annotations in storm_of(number)]
    spare_what_stays()
    try:
        return asyncio.run(_weathered(dispatcher, journal, alerts, at_ms))
    finally:
        journal.close()


async def _weathered(dispatcher: Dispatcher, journal: Journal, alerts: list[Alert], at_ms: int) -> Storm:
    began, wall = time.process_time(), time.perf_counter()
    with _watching() as stretches:
        await asyncio.sleep(0)
        written = dispatcher.put(alerts, at_ms)
        await asyncio.sleep(0)
        await dispatcher.decide(at_ms)
        await asyncio.wrap_future(written)
        await dispatcher.decide(at_ms + 1000)
        await asyncio.wrap_future(dispatcher.outbox.flush())
        await asyncio.to_thread(journal.record, "none", "none")
    took = time.process_time() - began
    return Storm(took, max(stretches), time.perf_counter() - wall, len(dispatcher.outbox.rows()))


@contextmanager
def _watching() -> Iterator[list[float]]:
    """Note how long each callback holds the event loop, in CPU seconds of its thread: others on the machine do not count."""
    stretches: list[float] = []
    run = asyncio.events.Handle._run

    def watched(handle: asyncio.events.Handle) -> None:
        began = time.thread_time()
        run(handle)
        stretches.append(time.thread_time() - began)

    asyncio.events.Handle._run = watched  # type: ignore[method-assign]
    try:
        yield stretches
    finally:
        asyncio.events.Handle._run = run  # type: ignore[method-assign]


def storm_of(number: int) -> list[tuple[dict[str, str], dict[str, str]]]:
    """Return the labels and annotations of a storm: a third each critical, warning and info, over 100 services."""
    return [
        (
            {
                "alertname": f"Alert{each % 50}",
                "service": f"s{each % 100}",
                "instance": f"10.0.{each // 250}.{each % 250}:9100",
                "job": "node",
                "severity": ("warning", "critical", "info")[each % 3],
                "team": ("search", "web")[each % 2],
            },
            {"summary": "something is wrong with it", "runbook_url": "https://runbooks.example.org/it"},
        )
        for each in range(number)
    ]


def _theirs(folder: Path, by: str, number: int) -> tuple[float, int]:
    """Return Alertmanager's CPU seconds for the same storm, and how many alerts its messages had."""
    told, counting = [0], threading.Lock()
    done = threading.Event()
    expected = number - number // 100

    class Hook(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            with counting:
                told[0] += body.count(b'"fingerprint"')
            if told[0] >= expected:
                done.set()
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            """Say nothing: ten thousand lines help nobody."""

    class Server(http.server.ThreadingHTTPServer):
        request_queue_size = 4096

    server = Server(("127.0.0.1", 0), Hook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    file, port = folder / "theirs.yml", free_port()
    file.write_text(ROUTES.format(by=by, url=f"http://127.0.0.1:{server.server_port}/"))
    command = [peer("prometheus-alertmanager"), f"--config.file={file}", f"--storage.path={folder / 'theirs'}"]
    command += [f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address=", "--log.level=error"]
    try:
        with started("Alertmanager", command, port, "/-/ready", folder / "theirs.log") as program:
            _post(port, "silences", _silence())
            before = program.cpu_seconds()
            now = format_rfc3339(time.time_ns() // 1_000_000)
            _post(port, "alerts", [{"labels": a, "annotations": b, "startsAt": now} for a, b in storm_of(number)])
            if not done.wait(120):
                message = f"Alertmanager told of {told[0]} alerts of {expected} within two minutes"
                raise RuntimeError(message)
            return program.cpu_seconds() - before, told[0]
    finally:
        server.shutdown()
        server.server_close()


def _silence() -> dict[str, Any]:
    now_ms = time.time_ns() // 1_000_000
    return {
        "matchers": [{"name": "service", "value": "s99", "isRegex": False}],
        "startsAt": format_rfc3339(now_ms),
        "endsAt": format_rfc3339(now_ms + 3_600_000),
        "createdBy": "ana",
        "comment": "deploy",
    }


def _post(port: int, what: str, body: Any) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("POST", f"/api/v2/{what}", json.dumps(body), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    said = answer.read()
    connection.close()
    if answer.status != 200:
        message = f"POST {what} to Alertmanager: {answer.status} {said[:300]!r}"
        raise RuntimeError(message)
