"""The rooms' doors: what they offer exists, and reading rule files loads nothing heavy."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize("room", ["agent.rules", "agent.gotemplate"])
def test_every_name_of_the_door_exists(room):
    module = __import__(room, fromlist=["__all__"])
    assert sorted(module.__all__) == sorted(set(module.__all__))
    for name in module.__all__:
        assert getattr(module, name) is not None
    with pytest.raises(AttributeError):
        _ = module.nothing_of_this_name


def test_reading_rules_loads_neither_numpy_nor_a_network_library(root):
    program = (
        "import sys; from agent.rules import load_rules, lint; lint(load_rules(['rules/*.yml']));"
        "print([name for name in ('numpy', 'aiohttp', 'slack_sdk', 'sqlite3', 'structlog') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout.strip() == "[]"
