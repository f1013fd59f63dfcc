"""Changed files are taken over by a real agent by themselves: a ConfigMap, an editor, a new file, a long reload. Budget: 40 s.

The configuration stands as the kubelet lays it: files are links through `..data`, which is renamed to lead elsewhere.
"""

from __future__ import annotations

import json
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.app.test_sources import config_map
from tests.e2e.test_run import BURNLINE
from tests.peers.processes import free_port, get, running
from tests.waiting import until

pytestmark = pytest.mark.e2e

RULES = "groups: [{name: g, rules: [{record: %s, expr: vector(1)}, {alert: Always, expr: vector(1)}]}]\n"
MANY = 4_000


@pytest.fixture
def agent(tmp_path):
    """An agent whose files are a ConfigMap, with a folder of further rules beside; give (port, folder, process, log)."""
    port, folder, log = free_port(), tmp_path / "config", tmp_path / "agent.log"
    folder.mkdir()
    (folder / "more").mkdir()
    text = f"""
global: {{scrape_interval: 500ms, scrape_timeout: 500ms}}
system: {{enabled: false}}
rule_files: [rules.yml, "more/*.yml"]
storage: {{path: {tmp_path / "data"}}}
web: {{listen_address: "127.0.0.1:{port}"}}
"""
    config_map(folder, "v1", burnline=text, rules=RULES % "first")
    command = [*BURNLINE, "run", "--config.file", str(folder / "burnline.yml"), "--log.format", "json"]
    with running(command, port, "/-/ready", log) as process:
        yield port, folder, process, log
        process.terminate()
        assert process.wait(15) == 0
    assert "Traceback" not in log.read_text()


def names(port: int) -> set[str]:
    groups = json.loads(get(port, "/api/v1/rules")[1])["data"]["groups"]
    return {rule["name"] for group in groups for rule in group["rules"]}


def alerts(port: int) -> dict[str, dict]:
    found = json.loads(get(port, "/api/v1/alerts")[1])["data"]["alerts"]
    return {each["labels"]["alertname"]: each for each in found}


def reloads(log) -> int:
    """How often files were taken over, the start included."""
    return log.read_text().count("configuration taken over")


def test_a_config_map_an_editor_and_new_files_are_taken_over_and_a_broken_one_is_told(agent):
    port, folder, _, log = agent
    until(lambda: "Always" in alerts(port))
    since = alerts(port)["Always"]["activeAt"]
    text = (folder / "burnline.yml").read_text()

    config_map(folder, "v2", burnline=text, rules=RULES % "second")
    until(lambda: "second" in names(port))
    assert alerts(port)["Always"]["activeAt"] == since, "the alert goes on"

    (folder / "more" / "new.yml").write_text("groups: [{name: n, rules: [{record: third, expr: vector(3)}]}]\n")
    until(lambda: "third" in names(port))
    (folder / "more" / ".new.yml.swp").write_text("groups: [{name: n, rules: [{record: fourth, expr: vector(4)}]}]\n")
    (folder / "more" / ".new.yml.swp").rename(folder / "more" / "new.yml")
    until(lambda: "fourth" in names(port))

    (folder / "more" / "new.yml").write_text("groups: [{name: n, rules: [{record: fifth, expr: vector( }]}]\n")
    told = until(lambda: alerts(port).get("ReloadFailed"))
    assert "more/new.yml:1:" in told["annotations"]["summary"]
    assert "could not parse expression" in told["annotations"]["summary"]
    assert "fourth" in names(port), "the old rules stay in force"
    (folder / "more" / "new.yml").unlink()
    until(lambda: "ReloadFailed" not in alerts(port))
    assert names(port) == {"second", "Always"}
    before = reloads(log)
    (folder / "more" / "notes.txt").write_text("no rules")
    (folder / "rules.yml").resolve().touch()
    time.sleep(2)  # nothing tells that nothing happens
    assert reloads(log) == before


def test_a_long_reload_and_a_storm_of_signals_hold_nothing_up(agent):
    """Rules go on being evaluated and health is answered while thousands of rules are read."""
    port, folder, process, log = agent
    rules = "".join(
        f"  - {{alert: A{number}, expr: 'rate(some_total{{n=\"{number}\"}}[5m]) > {number}', for: 5m, "
        f'annotations: {{summary: "{{{{ $labels.n }}}} is at {{{{ $value }}}}"}}}}\n'
        for number in range(MANY)
    )
    waits, evaluated = [], set()
    with ThreadPoolExecutor(1) as pool:
        done = []

        def ask() -> None:
            while not done:
                began = time.monotonic()
                assert get(port, "/-/healthy")[0] == 200
                waits.append(time.monotonic() - began)
                group = json.loads(get(port, "/api/v1/rules?rule_group[]=g")[1])["data"]["groups"][0]
                evaluated.add(group["lastEvaluation"])
                time.sleep(0.05)

        asking = pool.submit(ask)
        before = reloads(log)
        (folder / "more" / "many.yml").write_text(f"groups:\n- name: many\n  interval: 1h\n  rules:\n{rules}")
        for _ in range(200):
            process.send_signal(signal.SIGHUP)
        until(lambda: len(names(port)) > MANY)
        done.append(True)
        asking.result()
    assert max(waits) < 3, "on a machine that is busy with other tests"
    assert sorted(waits)[len(waits) // 2] < 0.3
    assert len(evaluated) > 2
    assert reloads(log) - before < 8
    assert get(port, "/-/ready")[0] == 200


def test_the_setting_turns_it_off(agent):
    port, folder, process, log = agent
    text = (folder / "burnline.yml").read_text() + "reload: {on_change: false}\n"
    config_map(folder, "v2", burnline=text, rules=RULES % "second")
    until(lambda: "second" in names(port))
    before = reloads(log)
    config_map(folder, "v3", burnline=text, rules=RULES % "third")
    time.sleep(2)  # nothing tells that nothing happens
    assert (reloads(log), "third" in names(port)) == (before, False)
    process.send_signal(signal.SIGHUP)
    until(lambda: "third" in names(port))
