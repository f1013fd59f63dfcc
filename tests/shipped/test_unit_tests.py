"""promtool accepts the rules, their unit tests pass there and here, and notice there and here when a rule is changed."""

from __future__ import annotations

import re
import subprocess
import time
from functools import partial
from pathlib import Path

import pytest
import yaml

from agent.app import Bench
from agent.replay import run_tests

pytestmark = pytest.mark.peers
FILES = ("backup", "burnline", "events", "host", "outage", "rag", "service")


@pytest.fixture
def promtool(peer) -> str:
    return peer("promtool", "prometheus")


def test_promtool_accepts_every_rule_file(root: Path, promtool):
    files = sorted(str(path) for path in (root / "rules").glob("*.yml"))
    done = subprocess.run([promtool, "check", "rules", *files], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("SUCCESS") == len(files) == len(FILES)


@pytest.mark.parametrize("name", FILES)
def test_the_unit_tests_of_a_rule_file_pass(root: Path, promtool, name):
    done = subprocess.run(
        [promtool, "test", "rules", str(root / "rules" / "tests" / f"{name}.yml")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not(root: Path, alerts):
    fires: set[str] = set()
    silent: set[str] = set()
    for path in (root / "rules" / "tests").glob("*.yml"):
        for test in yaml.safe_load(path.read_text(encoding="utf-8"))["tests"]:
            for case in test.get("alert_rule_test", ()):
                (fires if case["exp_alerts"] else silent).add(case["alertname"])
    assert fires == set(alerts)
    assert silent == set(alerts) - {"Watchdog"}, "only the watchdog has no quiet case: it always fires"


def _mutants(rule: dict) -> list[tuple[str, dict]]:
    """Return the rule with one thing wrong at a time."""
    made = [("never fires", {**rule, "expr": f"({rule['expr']}) and vector(0) > 1"})]
    if "for" in rule:
        made.append(("does not wait", {key: value for key, value in rule.items() if key != "for"}))
    if "keep_firing_for" in rule and rule["alert"] == "VeryHighErrorRate":
        made.append(("lets go at once", {key: value for key, value in rule.items() if key != "keep_firing_for"}))
    threshold = re.search(r"([<>]) ([\d.* ]+)$", rule["expr"])
    # What should not happen at all has no "just below".
    if threshold and threshold[2] != "0":
        looser = f"{threshold[1]} ({threshold[2]}) * {0.95 if threshold[1] == '>' else 2}"
        made.append(("has a looser limit", {**rule, "expr": rule["expr"][: threshold.start()] + looser}))
        tighter = f"{threshold[1]} ({threshold[2]}) * {1.4 if threshold[1] == '>' else 0.2}"
        made.append(("has a stricter limit", {**rule, "expr": rule["expr"][: threshold.start()] + tighter}))
    return made


def _is_about(test: dict, alert: str) -> bool:
    return any(case["alertname"] == alert for case in test.get("alert_rule_test", ()))


def _by_promtool(promtool: str, path: Path) -> bool:
    done = subprocess.run([promtool, "test", "rules", str(path)], capture_output=True, check=False)
    return done.returncode == 0


def _by_burnline(bench: Bench, path: Path) -> bool:
    return run_tests(path, bench, stopwatch=time.perf_counter).passed


@pytest.mark.parametrize("name", FILES)
def test_the_unit_tests_of_a_rule_file_pass_in_burnline_too(root: Path, name):
    assert _by_burnline(Bench(), root / "rules" / "tests" / f"{name}.yml")


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("judge", ["promtool", "burnline"])
def test_the_unit_tests_notice_every_change_of_a_rule(root: Path, request, tmp_path: Path, name, judge):
    """Those that name the alert do, and need no others for it."""
    passes = (
        partial(_by_promtool, request.getfixturevalue("promtool"))
        if judge == "promtool"
        else partial(_by_burnline, Bench())
    )
    document = yaml.safe_load((root / "rules" / f"{name}.yml").read_text(encoding="utf-8"))
    tests = tmp_path / "tests" / f"{name}.yml"
    tests.parent.mkdir()
    everything = yaml.safe_load((root / "rules" / "tests" / f"{name}.yml").read_text(encoding="utf-8"))
    rules = document["groups"][0]["rules"]
    survivors = []
    for number, rule in enumerate(rules):
        if "alert" not in rule:
            continue
        about = [test for test in everything["tests"] if _is_about(test, rule["alert"])]
        tests.write_text(yaml.safe_dump({**everything, "tests": about}), encoding="utf-8")
        for change, mutant in _mutants(rule):
            document["groups"][0]["rules"] = [*rules[:number], mutant, *rules[number + 1 :]]
            (tmp_path / f"{name}.yml").write_text(yaml.safe_dump(document), encoding="utf-8")
            if passes(tests):
                survivors.append(f"{rule['alert']} {change}")
    assert not survivors, "; ".join(survivors)
