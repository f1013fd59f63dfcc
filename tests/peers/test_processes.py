"""A program that a test starts never outlives it, however the test ends."""

from __future__ import annotations

import subprocess
import sys

import psutil
import pytest

from tests.peers.processes import with_us

STARTS_ANOTHER = """
import subprocess, sys, time
from tests.peers.processes import with_us
print(subprocess.Popen(with_us([sys.executable, "-c", "import time; time.sleep(600)"])).pid, flush=True)
time.sleep(600)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the signal of a parent's end is Linux' own")
def test_a_program_ends_with_a_test_that_is_killed(root):
    with subprocess.Popen([sys.executable, "-c", STARTS_ANOTHER], cwd=root, stdout=subprocess.PIPE, text=True) as test:
        program = psutil.Process(int(test.stdout.readline()))
        assert program.is_running()
        test.kill()
        program.wait(10)


def test_the_program_is_the_one_that_was_asked_for_with_its_arguments_and_its_exit_code():
    done = subprocess.run(
        with_us([sys.executable, "-c", "import sys; print(sys.argv[1:]); sys.exit(3)", "a b", "-c"]),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.stdout.strip(), done.returncode) == ("['a b', '-c']", 3)
