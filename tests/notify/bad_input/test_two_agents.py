"""Two agents on one directory would tell everybody twice: the second is refused, with who and what to do."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import sys

import pytest

from agent.errors import AlreadyRunning, StorageError
from agent.journal import Journal, Put

HOLDER = """
import sys, time
from agent.journal import Journal, Put
journal = Journal.open(sys.argv[1])
journal.write(Put("k", "a", 1)).result()
print("ready", flush=True)
time.sleep(600)  # until it is killed
"""


@pytest.fixture
def holder(tmp_path):
    """Give a process that holds a database and does nothing, until it is killed."""
    path = tmp_path / "data" / "burnline.db"
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    yield path, process
    process.kill()
    process.wait()
    process.stdout.close()


def test_the_second_is_told_which_directory_which_process_and_what_to_do(holder):
    path, process = holder
    with pytest.raises(AlreadyRunning) as caught:
        Journal.open(path)
    assert str(caught.value) == (
        f"another agent uses {path.parent} (process {process.pid}); stop it, or give this one another --storage.path"
    )


def test_after_kill_9_of_the_first_the_second_starts_and_knows_what_the_first_wrote(holder):
    path, process = holder
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    journal = Journal.open(path)
    assert journal.records("k") == {"a": 1}
    with pytest.raises(AlreadyRunning, match=rf"\(process {os.getpid()}\)"):
        Journal.open(path)
    journal.close()


def test_a_disk_that_cannot_lock_is_no_other_agent(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(
        StorageError, match=r"cannot lock .*: No locks available; .* a file system with locks"
    ) as caught:
        Journal.open(tmp_path / "burnline.db")
    assert not isinstance(caught.value, AlreadyRunning)


def test_a_full_disk_that_takes_no_process_number_stops_nobody(tmp_path, monkeypatch):
    path = tmp_path / "burnline.db"
    path.with_suffix(".lock").symlink_to("/dev/full")
    journal = Journal.open(path)
    journal.write(Put("k", "a", 1)).result()
    journal.close()
