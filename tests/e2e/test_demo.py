"""The demo tells everybody of the beginning and the end, from a clean start, without a terminal. Budget: 150 s."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240), pytest.mark.xdist_group("demo")]


def test_the_demo_ends_well_and_says_so_in_its_last_line(tmp_path):
    """Each of email, Slack and SMS got the firing and the end of an alert that became active after the fault, or it exits 1."""
    done = subprocess.run(
        [sys.executable, "-m", "agent", "demo", "--exit-after", "120", "--keep", str(tmp_path / "demo")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )

    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    last = done.stdout.splitlines()[-1]
    found = re.fullmatch(
        r"demo: (\d+) queries, people told of (\d+) alerts?, (\d+) of them resolved, email (\d+), slack (\d+), sms (\d+)",
        last,
    )
    assert found, last
    assert all(int(each) >= 1 for each in found.groups())
    log = (tmp_path / "demo" / "agent.log").read_text()
    assert "Traceback" not in log
    assert '"level": "error"' not in log
