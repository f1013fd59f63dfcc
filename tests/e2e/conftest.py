"""What an end-to-end test starts ends with it, also where it fails halfway."""

from __future__ import annotations

import psutil
import pytest


@pytest.fixture(autouse=True)
def nothing_left_running():
    """Kill the programs that the test has started and not ended; those of fixtures for many tests go on."""
    before = set(psutil.Process().children())
    yield
    left = set(psutil.Process().children()) - before
    for process in left:
        process.kill()
    psutil.wait_procs(left, timeout=10)
