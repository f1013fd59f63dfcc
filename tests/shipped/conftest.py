"""What several of these tests read: the shipped rules, and who is told of an alert according to amtool."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

Rule = Mapping[str, Any]


@pytest.fixture(scope="session")
def rules(root: Path) -> dict[str, list[Rule]]:
    """All rules by the file's name, in order."""
    found = {}
    for path in sorted((root / "rules").glob("*.yml")):
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        found[path.name] = [rule for group in document["groups"] for rule in group["rules"]]
    return found


@pytest.fixture(scope="session")
def alerts(rules: dict[str, list[Rule]]) -> dict[str, Rule]:
    """All alerting rules by name."""
    return {rule["alert"]: rule for each in rules.values() for rule in each if "alert" in rule}


@pytest.fixture(scope="session")
def routed(root: Path, peer: Callable[[str, str], str]) -> Callable[[Mapping[str, str]], list[str]]:
    """Give a function that asks the real amtool which receivers a set of labels reaches."""
    amtool = peer("amtool", "prometheus-alertmanager")
    file = root / "alertmanager" / "alertmanager.yml"

    def ask(labels: Mapping[str, str]) -> list[str]:
        pairs = [f"{name}={value}" for name, value in labels.items()]
        done = subprocess.run(
            [amtool, "config", "routes", "test", f"--config.file={file}", *pairs],
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip().split(",")

    return ask
