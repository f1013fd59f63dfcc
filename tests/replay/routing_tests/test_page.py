"""The page about routing tests names every key, and its example runs."""

from __future__ import annotations

import dataclasses
import re

import pytest

from agent.replay import run_routing_tests
from agent.replay.routing_tests import spec


@pytest.fixture
def page(root) -> str:
    return (root / "docs" / "routing-tests.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "kind",
    [
        spec.RoutingTestFile,
        spec.RoutingTest,
        spec.AlertSpec,
        spec.AckSpec,
        spec.SilenceSpec,
        spec.OutageSpec,
        spec.MessageSpec,
        spec.HeldSpec,
    ],
)
def test_every_key_is_on_the_page(page, kind):
    names = {field.name for field in dataclasses.fields(kind)} - {"place"}
    assert names <= set(re.findall(r"`(\w+)`", page))


def test_the_example_of_the_page_passes(page, root, tmp_path):
    (example,) = re.findall(r"```yaml routing-test\n(.*?)```", page, re.DOTALL)
    path = tmp_path / "example.yml"
    path.write_text(
        example.replace("../../rules", str(root / "rules")).replace("../alert", f"{root}/alertmanager/alert")
    )
    report = run_routing_tests(path)
    assert report.passed and report.tests
