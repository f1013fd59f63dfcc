"""`burnline run --target` with nothing but a command line, as a new user has it. Budget: 45 s.

One agent beside a real sample service and its load, in an empty directory; the other verbs and promtool ask it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

from tests.peers.processes import api, free_port, get, running, with_us
from tests.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("run")]

BURNLINE = [sys.executable, "-m", "agent"]


def burnline(folder, *arguments: str, check: bool = False) -> subprocess.CompletedProcess:
    """Run a verb in a folder, without any variable of ours."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BURNLINE_")}
    command = [*BURNLINE, *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=30, check=check)


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """A sample service that is asked twenty questions a second; give its port."""
    folder, port = tmp_path_factory.mktemp("service"), free_port()
    command = [sys.executable, "-m", "sample_rag_app", "--listen-address", f"127.0.0.1:{port}"]
    with running(command, port, "/health/ready", folder / "service.log"):
        load = [sys.executable, "-m", "sample_rag_app.load", "--url", f"http://127.0.0.1:{port}", "--rate", "20"]
        with (folder / "load.log").open("wb") as log:
            asking = subprocess.Popen(with_us(load), stdout=log, stderr=log)
        yield port
        asking.terminate()
        asking.wait(15)


@pytest.fixture(scope="module")
def agent(service, tmp_path_factory):
    """An agent with no file at all; give (port, folder, process)."""
    folder, port = tmp_path_factory.mktemp("empty"), free_port()
    command = [*BURNLINE, "run", "--target", f"localhost:{service}", "--web.listen-address", f"127.0.0.1:{port}"]
    with running(command, port, "/-/ready", folder.parent / "agent.log", cwd=folder) as process:
        yield port, folder, process


def test_it_is_healthy_and_watches_the_service_the_machine_and_itself(agent):
    port, folder, _ = agent
    assert get(port, "/-/healthy") == (200, b"Burnline is healthy.\n")
    assert sorted(path.name for path in folder.iterdir()) == ["data"], "what it keeps is all that it writes"

    def health() -> dict:
        return {each["labels"]["job"]: each["health"] for each in _targets(port)}

    until(lambda: health() == {"rag": "up", "node": "up", "burnline": "up"})
    rules = json.loads(get(port, "/api/v1/rules")[1])["data"]["groups"]
    names = {rule["name"] for group in rules for rule in group["rules"]}
    assert {"ServiceDown", "DiskAlmostFull", "Watchdog"} <= names
    assert "error_rate" not in names, "rules about a RAG service are for who asks for them"


def _targets(port: int) -> list[dict]:
    return json.loads(get(port, "/api/v1/targets")[1])["data"]["activeTargets"]


def test_query_answers_in_the_terminal_and_as_json(agent):
    port, folder, _ = agent
    url = f"http://127.0.0.1:{port}"
    until(lambda: _value(port, "sum(rag_queries_total)") is not None)
    shown = burnline(folder, "query", "--url", url, "sum(rag_queries_total)", check=True)
    assert float(shown.stdout.split()[-1]) > 0
    answer = json.loads(burnline(folder, "query", "--json", "--url", url, 'up{job="rag"}', check=True).stdout)
    assert answer["result"][0]["value"][1] == "1"
    bad = burnline(folder, "query", "--url", url, "sum(")
    assert bad.returncode == 1
    assert "1:5: parse error" in bad.stderr
    assert "Traceback" not in bad.stderr


def _value(port: int, query: str) -> float | None:
    result = api(port, "query", query=query)["data"]["result"]
    return float(result[0]["value"][1]) if result else None


@pytest.mark.peers
def test_promtool_is_answered(agent, peer):
    """The issue's own question. Two scrapes 15 s apart are what a rate over a minute needs."""
    port, _, _ = agent
    promtool = peer("promtool", "prometheus")
    until(lambda: _value(port, "rate(rag_queries_total[1m])") is not None)
    command = [promtool, "query", "instant", f"http://127.0.0.1:{port}", "rate(rag_queries_total[1m])"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20)
    rates = [float(line.split("=> ")[1].split(" @")[0]) for line in done.stdout.splitlines()]
    assert sum(rates) > 1


def test_check_with_nothing_to_check_says_so(agent):
    _, folder, _ = agent
    done = burnline(folder, "check")
    assert done.returncode == 1
    assert done.stderr == "burnline: nothing to check: name files, or run it where a burnline.yml is\n"


def test_a_second_agent_on_the_same_port_is_one_line_and_code_1(agent, service, tmp_path):
    port, _, _ = agent
    done = burnline(tmp_path, "run", "--target", f"localhost:{service}", "--web.listen-address", f"127.0.0.1:{port}")
    assert done.returncode == 1
    assert done.stderr == (
        f"burnline: cannot listen on 127.0.0.1:{port}: Address already in use; choose another --web.listen-address\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_second_agent_on_the_same_data_is_one_line_and_code_1(agent, service):
    _, folder, _ = agent
    done = burnline(folder, "run", "--target", f"localhost:{service}", "--web.listen-address", "127.0.0.1:0")
    assert done.returncode == 1
    assert "another agent uses" in done.stderr
    assert done.stderr.count("\n") == 1


def test_sighup_reloads_a_bad_file_is_said_and_sigterm_ends_with_0(service, tmp_path):
    port = free_port()
    rules = tmp_path / "rules.yml"
    good = "groups: [{name: g, rules: [{record: twice, expr: up * 2}]}]\n"
    rules.write_text(good)
    (tmp_path / "burnline.yml").write_text(
        f"""
global: {{scrape_interval: 500ms, scrape_timeout: 500ms}}
scrape_configs: [{{job_name: rag, static_configs: [{{targets: ["127.0.0.1:{service}"]}}]}}]
system: {{enabled: false}}
rule_files: [rules.yml]
web: {{listen_address: "127.0.0.1:{port}"}}
"""
    )
    log = tmp_path / "agent.log"
    with running([*BURNLINE, "run"], port, "/-/ready", log, cwd=tmp_path) as process:
        until(lambda: _value(port, 'twice{job="rag"}') == 2)
        rules.write_text("groups: [{name: g, rules: [{record: twice, expr: up * }]}]\n")
        process.send_signal(signal.SIGHUP)
        until(lambda: f"{rules}:1:" in log.read_text())
        until(lambda: _value(port, "burnline_config_last_reload_successful") == 0)
        assert _value(port, 'twice{job="rag"}') == 2
        rules.write_text(good.replace("twice", "thrice").replace("2", "3"))
        process.send_signal(signal.SIGHUP)
        until(lambda: _value(port, 'thrice{job="rag"}') == 3)
        until(lambda: _value(port, "twice") is None)  # what it recorded is ended two rounds later
        until(lambda: _value(port, "burnline_config_last_reload_successful") == 1)
        process.terminate()
        assert process.wait(10) == 0
    assert "Traceback" not in log.read_text()


def test_a_sighup_while_the_agent_still_starts_ends_nothing_and_is_obeyed_afterwards(service, tmp_path):
    program = """
import os, signal, sys
import agent.app.serving as serving
from agent.cli.main import burnline
read = serving.load_config
def load(*given):
    os.kill(os.getpid(), signal.SIGHUP)
    return read(*given)
serving.load_config = load
burnline(["run", *sys.argv[1:]])
"""
    port, log = free_port(), tmp_path / "agent.log"
    flags = ["--target", f"localhost:{service}", "--web.listen-address", f"127.0.0.1:{port}"]
    with running([sys.executable, "-c", program, *flags], port, "/-/ready", log, cwd=tmp_path):
        until(lambda: log.read_text().count("configuration taken over") == 2)
