"""The Dockerfile builds in two stages and leaves an image without root, without tools and with all that the wheel needs."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def stages(root: Path) -> list[str]:
    """The text of each stage, its FROM line first."""
    text = (root / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    return [part for part in re.split(r"(?m)^(?=FROM )", text) if part.startswith("FROM ")]


def test_what_is_built_with_is_left_behind(stages):
    assert len(stages) == 2
    assert stages[1].startswith("FROM python:3.12-slim\n")
    assert "pip install" in stages[0]
    assert "pip" not in stages[1]
    assert "COPY --from=build /opt/burnline /opt/burnline" in stages[1]


def test_the_process_is_not_root_and_its_home_is_its_only_place_to_write(stages):
    users = re.findall(r"(?m)^USER (\S+)$", stages[1])
    assert users == ["10001:10001"]
    assert re.findall(r"(?m)^VOLUME (\S+)$", stages[1]) == ["/var/lib/burnline"]
    assert "PYTHONDONTWRITEBYTECODE=1" in stages[1]


def test_health_is_asked_by_python(stages):
    (check,) = re.findall(r"(?m)^HEALTHCHECK .*$", stages[1])
    assert '"python"' in check
    assert "/-/healthy" in stages[1]
    assert not re.search(r"curl|wget", stages[0] + stages[1].replace("# No curl in a slim image", ""))


def test_everything_that_the_wheel_holds_is_copied_and_not_ignored(root: Path, stages):
    build = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]["targets"][
        "wheel"
    ]
    needed = {*build["packages"], *build["force-include"]}
    copied = {words.split()[0] for words in re.findall(r"(?m)^COPY (?!--)(.*)$", stages[0])}
    ignored = (root / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert needed <= copied
    assert {f"!{name}" for name in needed} <= set(ignored)
    assert "*" in ignored, "all that is not named stays out of the builder: state, secrets, the environment"


def test_versions_are_those_of_the_constraints(stages):
    installs = re.findall(r"pip install[^&\n]*", stages[0])
    assert len(installs) == 2
    assert all("-c constraints.txt" in each for each in installs)
