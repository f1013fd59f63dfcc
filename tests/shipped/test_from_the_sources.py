"""Each alert fires from what its source really writes: the sample service's instruments, the agent's own, the machine's
collectors on a made tree, and the text files that deploy/ leaves. Only the network and the clock are left out.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from prometheus_client import generate_latest

from agent.collect import RegistryCollector, SystemCollector, TextfileCollector, parse_exposition
from agent.model import STALE_NAN, Labels, Row, is_missing, is_stale
from agent.query import Engine, MemoryQueryable
from agent.rules import Evaluator, Settings, State, load_rules
from agent.telemetry import Telemetry
from sample_rag_app.metrics import Metrics

STEP_MS = 15_000
Samples = Iterable[tuple[Labels, float]]


class Watch:
    """One rule file over samples that are handed in, one round every 15 s of a hand-moved clock that starts now."""

    def __init__(self, rules: Path) -> None:
        self.at_ms = int(time.time()) * 1000
        self._memory = MemoryQueryable()
        engine = Engine(self._memory)
        self._evaluator = Evaluator(
            load_rules([rules]),
            query=lambda expr, at_ms: engine.instant(expr, at_ms).value,
            sink=self._keep,
            notify=lambda alerts, at_ms: None,
            settings=Settings(interval_ms=STEP_MS),
        )

    def _keep(self, row: Row) -> None:
        stale, missing = is_stale(row.values), is_missing(row.values)
        for column, value in enumerate(row.values.tolist()):
            if stale[column] or not missing[column]:
                kept = STALE_NAN if stale[column] else value
                self._memory.add(row.columns.labels[column], [row.timestamp_ms], [kept])

    def round(self, job: str, samples: Samples, *, up: bool = True) -> None:
        """Take one scrape over, evaluate, and move on by 15 s."""
        here = {"job": job, "instance": f"{job}:1"}
        self._memory.add(Labels({"__name__": "up", **here}), [self.at_ms], [float(up)])
        for labels, value in samples:
            self._memory.add(labels.merged(here), [self.at_ms], [value])
        for key in self._evaluator.keys:
            assert self._evaluator.evaluate(key, self.at_ms).failures == ()
        self.at_ms += STEP_MS

    def firing(self) -> set[str]:
        """The names of the alerts that fire."""
        rules = [rule for group in self._evaluator.status() for rule in group.rules]
        return {rule.name for rule in rules if rule.state is State.FIRING and rule.is_alert}


@pytest.fixture
def watch(root: Path) -> Callable[[str], Watch]:
    return lambda name: Watch(root / "rules" / f"{name}.yml")


def _page(app: Metrics) -> Samples:
    return [(labels, value) for labels, value, _ in parse_exposition(generate_latest(app.registry).decode()).samples]


def _errors(percent: int) -> Callable[[Metrics], None]:
    def fault(app: Metrics) -> None:
        app.queries.labels("success").inc(100 - percent)
        app.queries.labels("error").inc(percent)

    return fault


def _slow(seconds: float) -> Callable[[Metrics], None]:
    return lambda app: app.query_duration.labels("success").observe(seconds)


def _cold_cache(app: Metrics) -> None:
    app.cache_hits.inc(1)
    app.cache_misses.inc(9)


def _healthy(app: Metrics) -> None:
    app.queries.labels("success").inc(100)
    app.query_duration.labels("success").observe(0.2)
    app.query_duration.labels("cached").observe(0.01)
    app.cache_hits.inc(6)
    app.cache_misses.inc(4)
    app.dependency_up.labels("database").set(1)


@pytest.mark.parametrize(
    ("fault", "minutes", "alerts"),
    [
        (_errors(8), 7, {"HighErrorRate"}),
        (_errors(30), 6, {"HighErrorRate", "VeryHighErrorRate"}),
        (_slow(4), 16, {"HighLatency"}),
        (_slow(8), 16, {"HighLatency", "SlowResponseTime"}),
        (_cold_cache, 30, {"CacheHitCollapse"}),
        (lambda app: app.dependency_up.labels("database").set(0), 3, {"DependencyDown"}),
        (lambda app: None, 12, set()),
    ],
    ids=["8 in 100 fail", "30 in 100 fail", "4 s", "8 s", "cold cache", "no database", "no traffic"],
)
def test_the_services_own_metrics_make_exactly_the_alerts_of_a_fault_fire(watch, fault, minutes, alerts):
    service, app = watch("rag"), Metrics()
    for _ in range(8):
        _healthy(app)
        service.round("rag", _page(app))
    assert service.firing() == set()
    for _ in range(minutes * 4):
        fault(app)
        service.round("rag", _page(app))
    assert service.firing() == alerts


def test_a_service_that_stops_answering_is_down_and_one_that_restarts_is_deployed(watch):
    service, events, app = watch("service"), watch("events"), Metrics()
    started = service.at_ms / 1000 - 600
    old = [(Labels({"__name__": "process_start_time_seconds"}), started)]
    new = [(Labels({"__name__": "process_start_time_seconds"}), started + 645)]
    assert "process_start_time_seconds" in {labels.name for labels, _ in _page(app)}
    for samples, up in [(old, True)] * 2 + [([], False)] + [(new, True)] * 6:
        service.round("rag", samples, up=up)
        events.round("rag", samples, up=up)
    assert service.firing() == set()
    assert events.firing() == {"DeploymentCompleted"}
    for _ in range(9):
        service.round("rag", [], up=False)
    assert service.firing() == {"ServiceDown"}


def _each_fault_of_the_agent() -> dict[str, Callable[[Telemetry], object]]:
    return {
        "RuleFailing": lambda own: own.rule_failures.labels("rag").inc(),
        "DeliveryFailing": lambda own: own.channel_failing.labels("slack").set(1),
        "DeliveryAttemptsFailing": lambda own: own.notifications_failed.labels("slack", "serverError").inc(),
        "SamplesDropped": lambda own: own.samples_dropped.labels("memory").inc(50),
        "ChannelDisabled": lambda own: own.channel_disabled.labels("sms").set(1),
        "StorageNotDurable": lambda own: own.store_durable.set(0),
        "StoredSamplesDamaged": lambda own: own.store_damaged.set(1),
    }


@pytest.mark.parametrize("alert", sorted(_each_fault_of_the_agent()))
def test_the_agents_own_metrics_make_its_alerts_fire(watch, alert):
    agent, own = watch("burnline"), Telemetry()
    own.reload_successful.set(1)
    own.store_durable.set(1)
    agent.round("burnline", RegistryCollector(own.registry).read(agent.at_ms))
    assert agent.firing() == {"Watchdog"}
    for _ in range(12):
        _each_fault_of_the_agent()[alert](own)
        agent.round("burnline", RegistryCollector(own.registry).read(agent.at_ms))
    assert agent.firing() == {"Watchdog", alert}


def test_a_container_near_its_limits_is_told_of_by_its_own_numbers_and_not_the_hosts(watch, tmp_path: Path):
    host = watch("host")
    (tmp_path / "memory.max").write_text("1000000\n")
    (tmp_path / "memory.current").write_text("950000\n")
    (tmp_path / "memory.stat").write_text("anon 800000\ninactive_file 50000\n")
    (tmp_path / "cpu.max").write_text("50000 100000\n")
    fires = {}
    for number in range(70):
        # 0.45 of the 0.5 processors that the quota gives.
        (tmp_path / "cpu.stat").write_text(f"usage_usec {number * 15_000_000 * 45 // 100}\n")
        samples = SystemCollector(cgroup_root=tmp_path).read(host.at_ms)
        host.round("node", [(labels, value) for labels, value in samples if labels.name.startswith("container_")])
        fires[number] = host.firing()
    assert fires[15] == set()
    assert fires[21] == {"HighMemoryUsage"}
    assert fires[69] == {"HighMemoryUsage", "MemoryUsageElevated", "HighCpuUsage"}


def test_a_disk_without_room_is_told_of(watch, tmp_path: Path, monkeypatch):
    """Only the file system's answer is made up: its own size, and next to nothing left."""
    host, mount = watch("host"), str(tmp_path)
    partition = SimpleNamespace(device="/dev/full", mountpoint=mount, fstype="ext4", opts="rw")
    monkeypatch.setattr(psutil, "disk_partitions", lambda **_: [partition])
    real = os.statvfs(mount)
    full = os.statvfs_result((*real[:3], 1, 1, *real[5:10]))
    monkeypatch.setattr(os, "statvfs", lambda path: full)
    collector, began = SystemCollector(cgroup_root=tmp_path / "none"), host.at_ms
    for _ in range(24):
        host.round("node", collector.read(host.at_ms))
        assert "DiskAlmostFull" not in host.firing() or host.at_ms > began + 300_000
    assert "DiskAlmostFull" in host.firing()


def test_text_files_of_the_shipped_scripts_make_their_alerts_fire(root: Path, watch, tmp_path: Path):
    def run(script: str, *arguments: str) -> None:
        environment = {"PATH": "/usr/bin:/bin", "TEXTFILE_DIRECTORY": str(tmp_path / "textfile")}
        subprocess.run(["/bin/sh", str(root / "deploy" / script), *arguments], check=True, env=environment)

    (tmp_path / "data").mkdir()
    run("backup.sh", str(tmp_path / "data"), str(tmp_path / "data.tgz"))
    run("announce-deployment.sh", "rag", "1.4.2")
    run("maintenance.sh", "begin")
    collector = TextfileCollector(tmp_path / "textfile")
    events, backup = watch("events"), watch("backup")
    events.round("node", collector.read(events.at_ms))
    backup.round("node", collector.read(backup.at_ms))
    assert events.firing() == {"DeploymentCompleted", "MaintenanceActive"}
    assert backup.firing() == set()

    backup.at_ms += 26 * 3_600_000
    for _ in range(24):
        backup.round("node", collector.read(backup.at_ms))
    assert backup.firing() == {"BackupFailed"}

    (tmp_path / "textfile" / "backup_data.prom").unlink()
    for _ in range(90):
        backup.round("node", collector.read(backup.at_ms))
    assert "BackupReportMissing" in backup.firing()
