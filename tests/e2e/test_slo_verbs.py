"""`burnline slo status` and `burnline slo gate` before a real agent, as a pipeline asks them. Budget: 30 s."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import pytest

from tests.peers.processes import free_port, get, running
from tests.serving import serving

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("slo-verbs")]

BURNLINE = [sys.executable, "-m", "agent"]
SLOS = """\
version: prometheus/v1
service: rag
slos:
  - name: answers
    objective: 99
    description: Answers come without an error.
    sli:
      events:
        error_query: sum(rate(answers_total{outcome="error"}[{{.window}}]))
        total_query: sum(rate(answers_total[{{.window}}]))
    alerting: {name: AnswersBurn}
  - name: broken
    objective: 99.99
    sli:
      events:
        error_query: sum(rate(lookups_total{outcome="error"}[{{.window}}]))
        total_query: sum(rate(lookups_total[{{.window}}]))
    alerting: {page_alert: {disable: true}, ticket_alert: {disable: true}}
    burnline:
      slo_period: 1d
      budget_policy: [{below: 25%, action: Freeze deploys.}]
"""


class Service:
    """A service whose answers are good and whose lookups all fail, 100 of each a second."""

    def __init__(self):
        self.began = time.monotonic()

    def page(self, _):
        many = int(100 * (time.monotonic() - self.began))
        return f'answers_total{{outcome="ok"}} {many}\nlookups_total{{outcome="error"}} {many}\n'


@pytest.fixture(scope="module")
def target():
    """Serve that service; give its port."""
    with serving(Service().page) as port:
        yield port


@pytest.fixture(scope="module")
def agent(tmp_path_factory, target):
    """An agent with two objectives beside that service; give its port."""
    folder, port = tmp_path_factory.mktemp("slos"), free_port()
    (folder / "slos.yml").write_text(SLOS)
    (folder / "burnline.yml").write_text(
        "global: {scrape_interval: 1s}\n"
        f'scrape_configs: [{{job_name: rag, static_configs: [{{targets: ["127.0.0.1:{target}"]}}]}}]\n'
        "slo_files: [slos.yml]\n"
    )
    command = [*BURNLINE, "run", "--web.listen-address", f"127.0.0.1:{port}"]
    with running(command, port, "/-/ready", folder / "agent.log", cwd=folder):
        yield port


def slo(port: int, *words: str) -> subprocess.CompletedProcess:
    """Run a verb, without any variable of ours."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BURNLINE_")}
    command = [*BURNLINE, "slo", *words, "--url", f"http://127.0.0.1:{port}"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)


def until_shut(port: int) -> subprocess.CompletedProcess:
    """Ask until so long an outage was seen that no clean day could make up for it: some 9 s of this budget."""
    deadline = time.monotonic() + 40
    while (done := slo(port, "gate", "rag-broken")).returncode != 1:
        assert time.monotonic() < deadline, done.stdout
        time.sleep(0.5)  # the service and the agent live in real time
    return done


def test_a_pipeline_is_stopped_told_why_and_let_through_by_name(agent):
    stopped = until_shut(agent)
    assert "at best" in stopped.stdout
    assert "stop: rag-broken: policy below 25 %: Freeze deploys." in stopped.stdout
    assert slo(agent, "gate", "all").returncode == 1
    assert slo(agent, "gate", "rag-answers").returncode == 2, "a few seconds prove nothing"
    assert slo(agent, "gate", "rag-broke").returncode == 2

    passed = slo(agent, "gate", "rag-broken", "--override", "rollback of 4.2", "--by", "ana")
    assert (passed.returncode, "overridden by ana" in passed.stdout) == (0, True)
    found = json.loads(slo(agent, "status", "rag-broken", "--json").stdout)["slos"][0]
    assert [(each["by"], each["reason"], each["verdict"]) for each in found["overrides"]] == [
        ("ana", "rollback of 4.2", "stop")
    ]
    status, page = get(agent, "/slos/rag-broken")
    assert (status, b"rollback of 4.2" in page) == (200, True)


def test_the_table_has_every_objective_and_pretends_nothing_of_young_ones(agent):
    done = slo(agent, "status")

    assert done.returncode == 0, done.stderr
    assert "rag-answers" in done.stdout
    assert "s of 30 days seen" in done.stdout
    assert "\x1b" not in done.stdout
