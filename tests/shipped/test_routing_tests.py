"""The shipped routing tests hold, reach every route and every step, and speak of receivers that amtool finds as well."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from agent.app import Bench
from agent.model import Labels
from agent.replay import run_routing_tests, untested
from agent.replay.routing_tests.running import read_routing_tests
from agent.replay.routing_tests.stage import Stage

FILES = sorted((Path(__file__).resolve().parents[2] / "alertmanager" / "tests").glob("*.yml"))

SAYS_THE_SAME = ["route to team", "notify 0 of log"]
"""What changes nothing when it is taken away: the root route goes to the team as well, and a bare receiver to the log."""


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_whoever_is_to_be_told_is_told(path):
    outcome = run_routing_tests(path, bench=Bench())
    assert outcome.tests
    assert [*outcome.problems, *(str(failure) for test in outcome.tests for failure in test.failures)] == []


def test_every_route_and_every_step_of_escalation_is_reached():
    assert untested(run_routing_tests(path) for path in FILES) == []


@pytest.mark.peers
def test_amtool_routes_the_alerts_of_the_tests_as_we_do(routed):
    seen: set[Labels] = set()
    for path in FILES:
        stage = Stage(read_routing_tests(path), path)
        for test in stage.file.routing_tests:
            for spec in test.alerts:
                labels = stage.alerts.make(spec, 1, 2, 1).labels
                if labels not in seen:
                    seen.add(labels)
                    assert routed(labels) == [route.receiver for route in stage.routing(()).match(labels)]
    assert len(seen) > 15


def changes(root: Path) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Give the two files, read, each time with one thing taken away, and its name."""

    def fresh() -> tuple[dict[str, Any], dict[str, Any]]:
        return tuple(yaml.safe_load((root / f"{name}.yml").read_text()) for name in ("alertmanager", "escalation"))

    routes, people = fresh()
    for number, rule in enumerate(routes["inhibit_rules"]):
        changed, _ = fresh()
        del changed["inhibit_rules"][number]
        yield f"inhibition by {rule['source_matchers'][0]}", changed, people
    for number, route in enumerate(routes["route"]["routes"]):
        changed, _ = fresh()
        del changed["route"]["routes"][number]
        yield f"route to {route['receiver']}", changed, people
    for name, plan in people["receivers"].items():
        for part in ("notify", "escalate"):
            for number in range(len(plan.get(part, ()))):
                _, changed = fresh()
                del changed["receivers"][name][part][number]
                yield f"{part} {number} of {name}", routes, changed
    for name in people["troubles"]:
        _, changed = fresh()
        del changed["troubles"][name]
        yield f"the trouble {name}", routes, changed
    _, changed = fresh()
    del changed["people"]["ana"]["quiet_hours"]
    yield "quiet hours of ana", routes, changed


def test_whatever_is_taken_away_from_the_routing_fails_a_test(tmp_path):
    root = FILES[0].parent.parent
    (tmp_path / "tests").mkdir()
    for path in FILES:
        if path.stem != "from-samples":
            text = path.read_text().replace("../../rules", str(root.parent / "rules"))
            (tmp_path / "tests" / path.name).write_text(text)
    unseen = []
    for what, routes, people in changes(root):
        (tmp_path / "alertmanager.yml").write_text(yaml.safe_dump(routes))
        (tmp_path / "escalation.yml").write_text(yaml.safe_dump(people))
        outcomes = (run_routing_tests(path) for path in sorted((tmp_path / "tests").glob("*.yml")))
        if all(outcome.passed for outcome in outcomes):
            unseen.append(what)
    assert unseen == SAYS_THE_SAME
