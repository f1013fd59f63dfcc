"""The room's door: exactly these names, and no web framework loaded before it is needed."""

from __future__ import annotations

import subprocess
import sys

import agent.web


def test_every_name_of_the_door_opens():
    assert agent.web.__all__ == sorted(agent.web.__all__, key=lambda name: (name.islower(), name))
    for name in agent.web.__all__:
        assert getattr(agent.web, name).__name__ == name


def test_the_door_and_its_views_load_no_aiohttp_jinja_or_numpy():
    code = (
        "import sys, agent.web; agent.web.AlertView; agent.web.Handles; "
        "print(*{'aiohttp', 'jinja2', 'numpy', 'markdown_it'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
