"""A scenario played to a real Prometheus: what it wrote, when it evaluated, what it told its Alertmanager.

The whole of the input is written before it happens, with timestamps of the next seconds. So an evaluation sees exactly the
samples up to its instant, whenever the machine gets round to it: nothing depends on a race between scrape and evaluation.
"""

from __future__ import annotations

import json
import signal
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

from agent.model import Labels, is_stale
from tests.peers import remote
from tests.peers.processes import api, free_port, get, running
from tests.peers.remote import Points
from tests.peers.rules.scenarios import FOR_GRACE_MS, LOOKBACK_MS, OUTAGE_TOLERANCE_MS, PACE_MS, Scenario, free_phases

RESEND_DELAY_MS = 2_251
"""Four of them are no multiple of an interval: the end of a firing alert is never an instant of its group."""
LEAD_MS = 1_500
"""From writing the input to its first sample."""


@dataclass(frozen=True)
class Restart:
    """Stop Prometheus this long after the first sample, by this signal, and start it again after `down_ms`."""

    after_ms: int
    stop: signal.Signals
    down_ms: int


RESTARTS = (Restart(7_000, signal.SIGTERM, 500), Restart(14_000, signal.SIGKILL, 7_500))
"""The second is down for longer than the outage tolerance."""


@dataclass
class Played:
    """What Prometheus did. `instants` are per group; `starts` are the instants from which a process ran."""

    inputs: dict[Labels, Points] = field(default_factory=dict)
    outputs: dict[Labels, Points] = field(default_factory=dict)
    instants: dict[str, list[int]] = field(default_factory=dict)
    starts: list[int] = field(default_factory=list)
    sent: list[dict[str, Any]] = field(default_factory=list)
    listening_ms: int = 0
    """When Prometheus first knew its Alertmanager."""
    until_ms: int = 0


class Alertmanager:
    """Take what Prometheus tells its Alertmanager."""

    def __init__(self) -> None:
        self.alerts: list[dict[str, Any]] = []
        taken = self.alerts

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                taken.extend(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


class Player:
    """A Prometheus of a scenario, with its folder, that can be stopped and started."""

    def __init__(self, prometheus: str, scenario: Scenario, folder: Path) -> None:
        self._scenario, self._folder = scenario, folder
        self._manager = Alertmanager()
        self.port = free_port()
        (folder / "rules.yml").write_text(scenario.text)
        targets = [{"static_configs": [{"targets": [f"127.0.0.1:{self._manager.port}"]}]}]
        configuration = {"rule_files": ["rules.yml"], "alerting": {"alertmanagers": targets}}
        (folder / "prometheus.yml").write_text(yaml.safe_dump(configuration))
        self._command = [
            prometheus,
            f"--config.file={folder}/prometheus.yml",
            f"--storage.tsdb.path={folder}/tsdb",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--web.enable-remote-write-receiver",
            f"--query.lookback-delta={LOOKBACK_MS}ms",
            f"--rules.alert.for-grace-period={FOR_GRACE_MS}ms",
            f"--rules.alert.for-outage-tolerance={OUTAGE_TOLERANCE_MS}ms",
            f"--rules.alert.resend-delay={RESEND_DELAY_MS}ms",
        ]
        self._running = ExitStack()
        self._played = Played(sent=self._manager.alerts)

    def play(self, seconds: float, restarts: tuple[Restart, ...] = ()) -> Played:
        """Play the scenario; this takes `seconds` and a little more."""
        played = self._played
        try:
            process = self._start(played)
            phases = free_phases(self._first_beats())
            self._wait_for_alertmanager()
            start_ms = (now_ms() + LEAD_MS) // PACE_MS * PACE_MS
            played.inputs = self._scenario.series(start_ms, phases)
            remote.write(self.port, played.inputs.items())
            for restart in restarts:
                wait_until(start_ms + restart.after_ms)
                process.send_signal(restart.stop)
                process.wait(20)
                self._running.close()
                wait_until(now_ms() + restart.down_ms)
                process = self._start(played)
            played.until_ms = start_ms + int(seconds * 1000)
            wait_until(played.until_ms + 1_000)
            self._collect(played)
        finally:
            self._running.close()
            self._manager.close()
        return played

    def _start(self, played: Played) -> Any:
        played.starts.append(now_ms())
        log = self._folder / f"prometheus-{len(played.starts)}.log"
        return self._running.enter_context(running(self._command, self.port, "/-/ready", log))

    def _first_beats(self) -> list[int]:
        """Wait until each group was evaluated once; return when."""
        groups = len(self._scenario.groups)
        deadline = time.monotonic() + 10
        while True:
            beats = api(self.port, "query", query="max by (group) (last_over_time(beat[1m]))")["data"]["result"]
            if len(beats) == groups:
                return [round(float(each["value"][1]) * 1000) for each in beats]
            assert time.monotonic() < deadline, f"{len(beats)} of {groups} groups were evaluated within ten seconds"
            time.sleep(0.1)  # Prometheus evaluates in real time

    def _wait_for_alertmanager(self) -> None:
        """Wait until Prometheus knows its Alertmanager: until then, about five seconds, it drops alerts."""
        deadline = time.monotonic() + 15
        while not json.loads(get(self.port, "/api/v1/alertmanagers")[1])["data"]["activeAlertmanagers"]:
            assert time.monotonic() < deadline, "Prometheus did not find its Alertmanager within 15 seconds"
            time.sleep(0.2)  # Prometheus looks for it in real time
        self._played.listening_ms = now_ms()

    def _collect(self, played: Played) -> None:
        for labels, points in remote.read(self.port, played.starts[0] - 60_000, played.until_ms).items():
            if labels.name == "beat":
                played.instants[labels["group"]] = [stamp for stamp, value in points if not is_stale(value)]
            elif labels not in played.inputs:
                played.outputs[labels] = points
        missing = {group["name"] for group in self._scenario.groups} - played.instants.keys()
        assert not missing, f"Prometheus never evaluated {missing}"


def now_ms() -> int:
    """Return the wall clock's time, by which Prometheus evaluates."""
    return time.time_ns() // 1_000_000


def wait_until(at_ms: int) -> None:
    """Wait for an instant: Prometheus has no clock that could be moved by hand."""
    time.sleep(max(0, at_ms - now_ms()) / 1000)
