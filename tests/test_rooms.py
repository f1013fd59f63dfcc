"""A room is entered through its door: nobody imports what is behind it, and every door names exactly what it offers."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = sorted(path.parent.name for path in (ROOT / "agent").glob("*/__init__.py"))
DOORS = {f"agent.{room}" for room in ROOMS} | {f"agent.notify.{name}" for name in ("inbox", "messages", "receivers")}
DOORS |= {
    "agent.replay.slos",
    "agent.slo.budget",
    "agent.slo.report",
    "agent.web.alertmanager",
    "agent.web.explaining",
    "agent.web.slos",
}


def imports(path: Path):
    """Yield (line, module) of every `from agent.… import …` of a file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("agent."):
            yield node.lineno, node.module


def test_nobody_imports_what_is_behind_a_door():
    behind = []
    for path in sorted((ROOT / "agent").rglob("*.py")):
        room = path.relative_to(ROOT / "agent").parts[0]
        for line, module in imports(path):
            entered = module.split(".")[1]
            if entered in ROOMS and entered != room and module not in DOORS:
                behind.append(f"{path.relative_to(ROOT)}:{line}: {module}")
    assert behind == []


@pytest.mark.parametrize("room", ROOMS)
def test_a_door_names_what_is_there_and_says_what_the_room_is(room):
    door = importlib.import_module(f"agent.{room}")

    assert door.__doc__
    assert len(door.__all__) == len(set(door.__all__))
    assert all(getattr(door, name) is not None for name in door.__all__)


def test_no_module_has_a_name_that_says_nothing():
    empty = re.compile(r"(utils?|helpers?|common|managers?|misc)\.py")

    assert [path for path in (ROOT / "agent").rglob("*.py") if empty.fullmatch(path.name)] == []
