"""A real Prometheus that holds a day of samples: a replay over its API is the replay over our own folder of that day."""

from __future__ import annotations

import json
import subprocess

import pytest
from click.testing import CliRunner

from agent.cli.main import burnline
from agent.model import format_float, is_missing
from agent.store import Store
from tests.peers.processes import free_port, running
from tests.replay.recorded import BEGIN, HOUR, RULES, record

pytestmark = pytest.mark.peers
HOURS = 20


def openmetrics(folder):
    """Return the values of a folder as OpenMetrics: where series ended is not said there."""
    lines = []
    for block in Store.look_into(folder / "samples", max_memory_bytes=2**27).select((), 0, 2**60):
        missing = is_missing(block.values)
        for column, labels in enumerate(block.labels):
            name = labels.get("__name__").removesuffix("_total")
            pairs = ",".join(f'{key}="{value}"' for key, value in labels.pairs if key != "__name__")
            lines.append(f"# TYPE {name} {'counter' if labels.get('__name__').endswith('_total') else 'gauge'}")
            lines += [
                f"{labels.get('__name__')}{{{pairs}}} {format_float(float(block.values[row, column]))} {at_ms / 1000:.3f}"
                for row, at_ms in enumerate(block.timestamps.tolist())
                if not missing[row, column]
            ]
    return "\n".join([*lines, "# EOF", ""])


def replayed(*words):
    """Return the alerts of a report."""
    command = ["replay", *words, "--from", f"{HOURS}h", "--until", str((BEGIN + HOURS * HOUR) // 1000), "--json"]
    result = CliRunner().invoke(burnline, command)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)["alerts"]


def test_a_replay_over_prometheus_is_one_over_our_folder(peer, tmp_path, monkeypatch):
    """Spells to the instant, with their last values; the ends of series are found although the API does not tell them."""
    monkeypatch.chdir(tmp_path)
    record(tmp_path / "ours", hours=HOURS)
    (tmp_path / "rules.yml").write_text(RULES)
    (tmp_path / "day.txt").write_text(openmetrics(tmp_path / "ours"))
    (tmp_path / "prometheus.yml").write_text("{}")
    blocks = tmp_path / "theirs"
    promtool, prometheus = peer("promtool", "prometheus"), peer("prometheus", "prometheus")
    making = [promtool, "tsdb", "create-blocks-from", "openmetrics", "--quiet", "day.txt", str(blocks)]
    subprocess.run(making, check=True, capture_output=True)
    port = free_port()
    command = [
        prometheus,
        "--config.file=prometheus.yml",
        f"--storage.tsdb.path={blocks}",
        "--storage.tsdb.retention.time=100y",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with running(command, port, "/-/ready", tmp_path / "prometheus.log"):
        theirs = replayed("rules.yml", "--url", f"http://127.0.0.1:{port}")
    ours = replayed("rules.yml", "--storage.path", "ours")
    assert theirs == ours
    assert sum(each["fired"] for each in ours) == 4
