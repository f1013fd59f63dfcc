"""A real Prometheus 2.42 with Burnline as its Alertmanager: what it fires is told, and what it resolves is told as over.

Budget: 30 s. Its rule watches a metric of a page that the test serves.
"""

from __future__ import annotations

import json

import pytest

from tests.peers.alertmanagers import our_alertmanager
from tests.peers.processes import free_port, running
from tests.serving import Request, serving
from tests.waiting import until

pytestmark = [pytest.mark.peers, pytest.mark.xdist_group("peers")]

PROMETHEUS = """
global: {{scrape_interval: 200ms, evaluation_interval: 200ms, external_labels: {{dc: eu, severity: ignored}}}}
rule_files: [rules.yml]
scrape_configs: [{{job_name: rag, static_configs: [{{targets: ["127.0.0.1:{target}"]}}]}}]
alerting:
  alertmanagers: [{{static_configs: [{{targets: ["127.0.0.1:{us}"]}}]}}]
"""
RULES = """
groups:
- name: g
  rules:
  - alert: Broken
    expr: broken > 0
    labels: {severity: critical, empty: ""}
    annotations: {summary: "it is {{ $value }}"}
"""
ROUTES = """
route: {receiver: hook, group_by: [alertname], group_wait: 0s, group_interval: 500ms, repeat_interval: 1h}
receivers: [{name: hook, webhook_configs: [{url: "http://127.0.0.1:%d/hook"}]}]
"""


class Page:
    """A target with one metric, which is also the webhook that hears of its alert."""

    def __init__(self) -> None:
        self.broken = 1
        self.heard: list[dict] = []

    def answer(self, request: Request) -> str:
        if request.path == "/hook":
            self.heard.append(json.loads(request.body))
        return f"broken {self.broken}\n"


def test_what_prometheus_fires_and_resolves_is_told(peer, tmp_path):
    program, page = peer("prometheus", "prometheus"), Page()
    folder = tmp_path / "prometheus"
    folder.mkdir()
    with (
        serving(page.answer) as target,
        our_alertmanager(tmp_path / "ours", ROUTES % target, compat="default") as ours,
    ):
        (folder / "prometheus.yml").write_text(PROMETHEUS.format(target=target, us=ours.port))
        (folder / "rules.yml").write_text(RULES)
        port = free_port()
        command = [program, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
        command += [f"--web.listen-address=127.0.0.1:{port}", "--web.external-url=http://prometheus.example.org/p"]
        with running(command, port, "/p/-/ready", folder / "log.txt"):
            shown = until(lambda: ours.get("alerts"))[0]
            firing = until(lambda: page.heard)[0]
            page.broken = 0
            resolved = until(lambda: [each for each in page.heard if each["status"] == "resolved"])[0]
            until(lambda: not ours.get("alerts"))

    labels = {
        "alertname": "Broken",
        "dc": "eu",
        "severity": "critical",
        "instance": shown["labels"]["instance"],
        "job": "rag",
    }
    assert shown["labels"] == labels
    assert shown["generatorURL"].startswith("http://prometheus.example.org/p/graph?g0.expr=broken")
    assert shown["annotations"] == {"summary": "it is 1"}
    assert (firing["alerts"][0]["labels"], firing["alerts"][0]["status"]) == (labels, "firing")
    assert resolved["alerts"][0]["startsAt"] == firing["alerts"][0]["startsAt"]
    assert len(page.heard) == 2
