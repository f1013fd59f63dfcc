"""A scenario played to a real Prometheus: what it wrote, when it evaluated, what it told its Alertmanager.

The whole of the input is written before it happens, with timestamps of the next seconds. So an evaluation sees exactly the
samples up to its instant, whenever the machine gets round to it: nothing depends on a race between scrape and evaluation.
"""

from __future__ import annotations

import json
import signal
import subprocess
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from agent.model import Labels, is_stale
from tests.peers import remote
from tests.peers.processes import api, free_port, get, running
from tests.peers.remote import Points
from tests.peers.rules.scenarios import FOR_GRACE_MS, LOOKBACK_MS, OUTAGE_TOLERANCE_MS, PACE_MS, Scenario, free_phases
from tests.serving import Request, serving
from tests.waiting import until

RESEND_DELAY_MS = 2_251
"""Four of them are no multiple of an interval: the end of a firing alert is never an instant of its group."""
LEAD_MS = 1_500
"""From writing the input to its first sample."""


HURRY_MS = 700
"""What is handed over so long before a process ends may not be posted any more."""


@dataclass(frozen=True)
class Restart:
    """Stop Prometheus this long after the first sample, by this signal, and start it again after `down_ms`."""

    after_ms: int
    stop: signal.Signals
    down_ms: int


RESTARTS = (Restart(11_000, signal.SIGTERM, 500), Restart(19_000, signal.SIGKILL, 7_500))
"""The second is down for longer than the outage tolerance."""


@dataclass
class Played:
    """What Prometheus did. `instants` are per group; `starts` and `stops` are those of its processes."""

    inputs: dict[Labels, Points] = field(default_factory=dict)
    outputs: dict[Labels, Points] = field(default_factory=dict)
    instants: dict[str, list[int]] = field(default_factory=dict)
    torn: dict[str, int] = field(default_factory=dict)
    """The evaluation, per group, that a stop of the process cut in two: from there on nothing can be compared."""
    sent: list[dict[str, Any]] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    stops: list[int] = field(default_factory=list)
    listening: list[int] = field(default_factory=list)
    """When each process knew its Alertmanager; before that it drops alerts."""
    until_ms: int = 0

    def heard(self, at_ms: int) -> bool:
        """Say whether what was handed over at an instant reached the Alertmanager for certain."""
        stops = [*self.stops, self.until_ms]
        return any(since < at_ms < stop - HURRY_MS for since, stop in zip(self.listening, stops, strict=True))


class Late(AssertionError):
    """The machine was too slow for what a scenario is about; another play may do."""


class Player:
    """A Prometheus of a scenario, with its folder, that can be stopped and started."""

    def __init__(self, prometheus: str, scenario: Scenario, folder: Path) -> None:
        self._scenario, self._folder = scenario, folder
        self._played = Played()
        self._manager = ExitStack()
        manager = self._manager.enter_context(serving(self._take))
        self.port = free_port()
        (folder / "rules.yml").write_text(scenario.text)
        targets = [{"static_configs": [{"targets": [f"127.0.0.1:{manager}"]}]}]
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

    def _take(self, request: Request) -> str:
        """Take what Prometheus tells its Alertmanager."""
        self._played.sent.extend(json.loads(request.body))
        return ""

    def play(self, seconds: float, restarts: tuple[Restart, ...] = ()) -> Played:
        """Play the scenario; this takes `seconds` and a little more."""
        played = self._played
        try:
            process = self._start()
            phases = free_phases(self._first_beats())
            start_ms = (now_ms() + LEAD_MS) // PACE_MS * PACE_MS
            played.inputs = self._scenario.series(start_ms, phases)
            remote.write(self.port, played.inputs.items())
            for restart in restarts:
                self._run_until(start_ms + restart.after_ms)
                played.stops.append(now_ms())
                process.send_signal(restart.stop)
                process.wait(20)
                self._running.close()
                wait_until(now_ms() + restart.down_ms)
                process = self._start()
            played.until_ms = start_ms + int(seconds * 1000)
            self._run_until(played.until_ms + 1_000)
            self._collect()
        finally:
            self._running.close()
            self._manager.close()
        return played

    def _start(self) -> subprocess.Popen[bytes]:
        self._played.starts.append(now_ms())
        log = self._folder / f"prometheus-{len(self._played.starts)}.log"
        return self._running.enter_context(running(self._command, self.port, "/-/ready", log))

    def _run_until(self, at_ms: int) -> None:
        """Let Prometheus run; note when it finds its Alertmanager, about five seconds after its start."""
        while now_ms() < at_ms:
            if json.loads(get(self.port, "/api/v1/alertmanagers")[1])["data"]["activeAlertmanagers"]:
                self._played.listening.append(now_ms())
                return wait_until(at_ms)
            wait_until(min(at_ms, now_ms() + 200))
        raise Late("Prometheus did not find its Alertmanager before it was stopped")

    def _first_beats(self) -> list[int]:
        """Wait until each group was evaluated once; return when."""
        groups = len(self._scenario.groups)

        def beats() -> list[Any]:
            found = api(self.port, "query", query="max by (group) (last_over_time(beat[1m]))")["data"]["result"]
            return found if len(found) == groups else []

        return [round(float(each["value"][1]) * 1000) for each in until(beats)]

    def _collect(self) -> None:
        played = self._played
        complete: dict[str, set[int]] = {}
        for labels, points in remote.read(self.port, played.starts[0] - 60_000, played.until_ms).items():
            if labels.name == "beat":
                played.instants[labels["group"]] = _live(points)
            elif labels.name == "beat_end":
                complete[labels["group"]] = set(_live(points))
            elif labels not in played.inputs:
                played.outputs[labels] = points
        missing = {group["name"] for group in self._scenario.groups} - played.instants.keys()
        assert not missing, f"Prometheus never evaluated {missing}"
        for group, instants in played.instants.items():
            torn = [instant for instant in instants if instant not in complete.get(group, ())]
            if torn:
                played.torn[group] = torn[0]


def _live(points: Points) -> list[int]:
    return [stamp for stamp, value in points if not is_stale(value)]


def now_ms() -> int:
    """Return the wall clock's time, by which Prometheus evaluates."""
    return time.time_ns() // 1_000_000


def wait_until(at_ms: int) -> None:
    """Wait for an instant: Prometheus has no clock that could be moved by hand."""
    time.sleep(max(0, at_ms - now_ms()) / 1000)
