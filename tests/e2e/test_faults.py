"""The sample service's own faults make its alerts fire: real pages, the shipped rules, sixty times faster. Budget: 45 s.

Errors and latency are the demo's; here a dependency is lost and the cache with it, then both come back, and at last it is killed.
"""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
from functools import partial

import pytest

from agent.demo.overlay import divided, write_overlay
from tests.peers.processes import free_port, get, running, with_us
from tests.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("faults")]
SPEED = 60
TOKEN = "a-token-for-this-test"


def change_faults(port: int, method: str, faults: dict | None = None) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    connection.request(method, "/admin/faults", json.dumps(faults) if faults else None, headers)
    answer = connection.getresponse()
    assert answer.status in (200, 204), answer.read()
    connection.close()


def alerts(port: int, state: str = "firing") -> set[str]:
    active = json.loads(get(port, "/api/v1/alerts")[1])["data"]["alerts"]
    return {each["labels"]["alertname"] for each in active if each["state"] == state}


@pytest.fixture
def service(tmp_path):
    port = free_port()
    command = [sys.executable, "-m", "sample_rag_app", "--listen-address", f"127.0.0.1:{port}"]
    environment = {**os.environ, "RAG_ADMIN_TOKEN": TOKEN}
    with running(command, port, "/health/ready", tmp_path / "service.log", env=environment) as process:
        load = [sys.executable, "-m", "sample_rag_app.load", "--url", f"http://127.0.0.1:{port}", "--rate", "20"]
        with (tmp_path / "load.log").open("wb") as log:
            asking = subprocess.Popen(with_us(load), stdout=log, stderr=log)
        yield port, process
        asking.terminate()
        asking.wait(15)


def test_a_lost_cache_is_told_of_and_a_stopped_service_is_down(root, service, tmp_path):
    (service, process), port, folder = service, free_port(), tmp_path / "agent"
    names = ("rag.yml", "service.yml")
    write_overlay({root / "rules" / name: folder / "rules" / name for name in names}, partial(divided, by=SPEED))
    (folder / "burnline.yml").write_text(
        f"""
global: {{scrape_interval: {divided("15s", SPEED)}, scrape_timeout: {divided("15s", SPEED)}}}
scrape_configs: [{{job_name: rag, static_configs: [{{targets: ["127.0.0.1:{service}"]}}]}}]
system: {{enabled: false}}
rule_files: ["rules/*.yml"]
web: {{listen_address: "127.0.0.1:{port}"}}
"""
    )
    log = tmp_path / "agent.log"
    with running([sys.executable, "-m", "agent", "run"], port, "/-/ready", log, cwd=folder):
        until(lambda: b'"value":[' in get(port, "/api/v1/query?query=cache_hit_rate")[1].replace(b" ", b""))
        until(lambda: alerts(port) == set())

        change_faults(service, "POST", {"dependency_down": ["cache"], "duration_seconds": 60})
        until(lambda: "DependencyDown" in alerts(port))
        until(lambda: {"DependencyDown", "CacheHitCollapse"} <= alerts(port))
        assert alerts(port) == {"DependencyDown", "CacheHitCollapse"}

        change_faults(service, "DELETE")
        until(lambda: alerts(port) == set())

        process.kill()
        until(lambda: "ServiceDown" in alerts(port))
    assert "Traceback" not in log.read_text()
