"""The shipped routing tests hold, reach every route and every step, and speak of receivers that amtool finds as well."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.app import Bench
from agent.model import Labels
from agent.replay import run_routing_tests, untested
from agent.replay.routing_tests.running import read_routing_tests
from agent.replay.routing_tests.story import Stage

FILES = sorted((Path(__file__).resolve().parents[2] / "alertmanager" / "tests").glob("*.yml"))


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
